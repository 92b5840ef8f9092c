"""Random words for ``python -m nnexp``: whatever they are, it ends soon, says so clearly and touches nothing it did not make.

``python -m tests.fuzz [--number 2000] [--seed 0]``

The words follow from the seed. Most of them are what a user could have meant: real keys and options with odd values, misspelt
ones, Hydra's own keys and flags, sweeps, deletions, additions, interpolations. What goes wrong is printed with the command that
shows it again, and with the fewest of its words that do.
"""

from __future__ import annotations

import argparse
import random
import re
import shlex
import sys
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.forked import Answer, Forked, server
from tests.trees import added, harmed, tree
from tests.words import Words

SECONDS = 90
BEGUN = ("journal.jsonl", "manifest.json", "result.json")
"""Files that say that a run or a sweep had begun before it ended."""
UNFINISHED = re.compile(r".*\.(partial|tmp|new)|\.checkpoint\.npz")
TABLE = "x,y\n" + "".join(f"{number}.5,{'ab'[number % 2]}\n" for number in range(20))


class Failure(NamedTuple):
    """Words after which something was wrong."""

    kind: str
    words: Sequence[str]
    said: str

    def __str__(self) -> str:
        return f"{self.kind}\n  python -m nnexp {shown(self.words)}\n  {self.said}"


def shown(words: Sequence[str]) -> str:
    """Words as they are typed into bash again."""
    return " ".join(shlex.quote(word) if printable(word) else f"$'{escaped(word)}'" for word in words)


def printable(text: str) -> bool:
    """Whether a terminal only shows a text: no control, format or surrogate character is in it."""
    return not any(unicodedata.category(each)[0] == "C" and each not in "\n\t" for each in text)


def escaped(word: str) -> str:
    """A word between $' and '."""
    return "".join(each if 31 < ord(each) < 127 and each not in "'\\" else f"\\U{ord(each):08x}" for each in word)


def home(scratch: Path, number: int) -> Path:
    """A directory to run in, with files of the user's in it and beside it."""
    place = scratch / str(number) / "place"
    (place / "thesis").mkdir(parents=True)
    (place / "thesis" / "chapter.txt").write_text("three years of work")
    (place / "thesis" / "empty").mkdir()
    (place / "table.csv").write_text(TABLE)
    (place.parent / "beside.txt").write_text("somebody's")
    return place


def tried(forked: Forked, scratch: Path, number: int, words: Sequence[str]) -> Failure | None:
    """Run the words in a directory of their own; what is wrong with how that ended, if anything."""
    place = home(scratch, number)
    before = tree(place.parent)
    answer = forked.nnexp(words, place, SECONDS, HOME=str(place.parent))
    found = wrong(answer) or files(place, before)
    return Failure(found[0], words, found[1]) if found else None


def wrong(answer: Answer) -> tuple[str, str] | None:
    """What is wrong with how a command ended: the kind, and the line that shows it."""
    said = answer.out + answer.err
    unexpected, warned = re.search(r"unexpected (\w+): .*", said), re.search(r"^.*Warning: .*$", said, re.MULTILINE)
    odd = next((line for line in said.splitlines() if not printable(line)), "")
    blamed = unexpected[0] if unexpected else ""
    found = {
        f"no end within {SECONDS} s": answer.code is None and last(said),
        f"traceback: {without_values(last(answer.err))}": "Traceback (most recent call last)" in said
        and last(answer.err),
        without_values(blamed): blamed,
        "a bug of nnexp": "bug of nnexp" in said and last(answer.err),
        f"exit code {answer.code}": answer.code not in (0, 1) and last(said),
        "refused without a word of nnexp's": answer.code
        and not re.search("^nnexp: .", answer.err, re.MULTILINE)
        and last(said),
        "a warning of Python's": warned and warned[0],
        "control characters": odd and repr(odd),
    }
    return next(((kind, shows) for kind, shows in found.items() if isinstance(shows, str) and shows), None)


def without_values(line: str) -> str:
    """The beginning of a message, the same for all that differ in what was typed."""
    return re.sub("[^a-zA-Z ]+", "*", line)[:60]


def last(text: str) -> str:
    """The last line that is not empty, shortened."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "(nothing)")[:300]


def files(place: Path, before: dict[str, tuple[str, ...]] | object) -> tuple[str, str] | None:
    """What is wrong with the files that a command left."""
    assert isinstance(before, dict)
    after = tree(place.parent)
    if lost := harmed(before, after):
        return "removes or changes what it did not make", "; ".join(lost)
    new = added(before, after)
    if outside := [path for path in new if not path.startswith("place/")]:
        return "writes outside the directory", "; ".join(outside[:3])
    if half := [path for path in new if UNFINISHED.fullmatch(Path(path).name)]:
        return "leaves something half-written", "; ".join(half)
    if new and not any(path.endswith(BEGUN) for path in new):
        return "leaves something of a run that never began", "; ".join(new[:3])
    return None


def shrunk(forked: Forked, scratch: Path, failure: Failure) -> Failure:
    """The same failure by as few of its words as removing one after the other leads to."""
    least, number = failure, 0
    for word in failure.words:
        fewer = list(least.words)
        fewer.remove(word)
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            found = tried(forked, Path(folder), number, fewer)
        if found and found.kind == failure.kind:
            least = found
    return least


def fuzz(scratch: Path, number: int, seed: int, *, shrink: bool = True) -> list[Failure]:
    """Try so many lists of words; the first failure of each kind."""
    found: dict[str, Failure] = {}
    words = Words(random.Random(seed))  # noqa: S311 (nothing secret)
    forked = server()
    for each in range(number):
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            failure = tried(forked, Path(folder), each, words.line())
        if failure and failure.kind not in found:
            found[failure.kind] = shrunk(forked, scratch, failure) if shrink else failure
            print(found[failure.kind], flush=True)
    return list(found.values())


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__)
    parser.add_argument("--number", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        failures = fuzz(Path(folder), given.number, given.seed)
    print(f"{given.number} lists of words (seed {given.seed}): {len(failures)} kinds of failure")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
