"""A directory with a user's files, and commands that must leave them as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forked import Answer, Forked, server
from tests.trees import added, harmed, tree

QUICK = ("dataset=xor", "epochs=1", "tracking=none")
TABLE = "x1,x2,y\n" + "".join(f"{number}.5,{number % 7},{'ab'[number % 2]}\n" for number in range(40))


def thesis(folder: Path) -> None:
    """A folder of the user's: files, hidden ones, nested and empty folders, links, and names that nnexp uses, too."""
    for path in ("chapters/one", "chapters/empty", ".git/refs", "empty", "0", ".hydra"):
        (folder / path).mkdir(parents=True)
    for path in (
        "thesis.tex",
        ".hidden",
        "chapters/one/text.txt",
        ".git/HEAD",
        "data.npz",
        "cost.png",
        "0/x",
        "notes.partial",
    ):
        (folder / path).write_text(f"three years of work: {path}")
    (folder / "thesis.tex").chmod(0o400)
    (folder / "link").symlink_to("chapters/one/text.txt")
    (folder / "chapters" / "up").symlink_to("..")
    (folder / "lost").symlink_to("nowhere")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the user's files in it, and beside it."""
    here = tmp_path / "home" / "place"
    thesis(here / "thesis")
    thesis(here.parent / "beside")
    (here / "table.csv").write_text(TABLE)
    (here / "empty").mkdir()
    return here


@pytest.fixture(scope="module")
def forked() -> Forked:
    """What starts commands quickly."""
    return server()


def in_order(*words: str) -> list[str]:
    """The same words with flags in front: keys on both sides of one are refused for that alone."""
    return sorted(words, key=lambda word: not word.startswith("-"))


def untouched(
    forked: Forked, place: Path, *words: str, code: int | None = 1, seconds: float = 60
) -> tuple[Answer, list[str]]:
    """Run a command; assert how it ends, that nothing was harmed that was there, and nothing made beside the directory.

    Returns what it said and what it made.
    """
    before = tree(place.parent)
    answer = forked.nnexp(words, place, seconds)
    assert answer.code is not None, answer
    if code is not None:
        assert answer.code == code, answer
    after = tree(place.parent)
    assert harmed(before, after) == [], answer
    new = added(before, after)
    assert [each for each in new if not each.startswith("place/")] == [], answer
    return answer, new
