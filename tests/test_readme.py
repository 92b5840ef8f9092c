"""The README's commands run, and what it shows is what they print."""

from __future__ import annotations

import random
import re
import shlex
from pathlib import Path

from tests.command import ROOT, python, runs, sweeps, with_pictures

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```console\n\$ python -m nnexp (.*)\n((?:.*\n)*?)```", README)


FOLDED = re.compile(r"^<details><summary>.*</summary>\n(?:.*\n)*?</details>\n", re.MULTILINE)
"""What a reader has to unfold."""
HEADINGS = [
    "One run",
    "A sweep",
    "A table of your own",
    "Write a plugin",
    "Why you would use it",
    "Public API and its stability",
    "Recipes",
]


def masked(text: str) -> list[str]:
    """The lines with every number and run id masked, since they depend on the machine, and spaces squeezed.

    Without a sweep's progress, of which a terminal keeps nothing.
    """
    text = re.sub(r"^ *\d+/\d+ jobs .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\b[0-9a-f]{32}\b", "ID", text)
    text = re.sub(r"_[0-9a-f]{6}\b", "_HEX", text)
    text = re.sub(r"\d[\d,]*(\.\d+)?(e[+-]\d+)?", "N", text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def make_tables(place: Path) -> None:
    """The two tables that the README speaks of."""
    draw = random.Random(1)  # noqa: S311
    lines = ["area,rooms,district,price"]
    for _ in range(300):
        area = draw.randint(40, 180)
        rooms = max(1, area // 30 + draw.randint(-1, 1))
        district = draw.choice(["harbour", "hills", "old town"])
        extra = {"harbour": 80, "hills": 30, "old town": 50}[district]
        price = round(1000 * (2.1 * area + 15 * rooms + extra + draw.gauss(0, 12)))
        lines.append(f"{area},{rooms},{district},{price}")
    (place / "houses.csv").write_text("\n".join(lines) + "\n")
    (place / "new.csv").write_text("district,area,rooms\nhills,90,3\nharbour,55,2\n")


def test_shown_output_is_real(tmp_path: Path) -> None:
    """Every command of the README prints what the README shows, numbers and names of runs apart."""
    make_tables(tmp_path)
    assert len(BLOCKS) == 5
    for command, shown in BLOCKS:
        words = shlex.split(command)
        words = [str(runs(tmp_path)[-1].relative_to(tmp_path)) if w.startswith("outputs/runs/") else w for w in words]
        words = [
            str(sweeps(tmp_path)[0].relative_to(tmp_path)) if w.startswith("outputs/sweeps/") else w for w in words
        ]
        ended = with_pictures(*words, cwd=tmp_path)
        assert ended.code == 0, ended.err
        # Of lines that only differ in numbers, such as a ranking's, the order may differ, too.
        assert sorted(masked(ended.out)) == sorted(masked(shown)), command


def test_it_is_short() -> None:
    """What lies open has fewer than 200 lines and begins with the two commands; what is folded is closed again."""
    opened = FOLDED.sub("", README)
    assert len(opened.splitlines()) < 200
    assert "details>" not in opened
    assert re.findall(r"^## (.*)$", README, re.MULTILINE) == HEADINGS
    assert opened.index("make run") < opened.index("make test") < opened.index("![") < opened.index("## One run")


def test_files_that_it_links_are_there() -> None:
    """Every link that is no address leads to a file or a directory of the project."""
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_library_example(tmp_path: Path) -> None:
    """The Python example runs as it stands."""
    (code,) = re.findall(r"```python\n(from sklearn(?:.*\n)*?)```", README)
    ended = python("-c", code, cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert (tmp_path / "wine.npz").exists()


def test_every_option_is_named() -> None:
    """The README's tables name every built-in option and every key."""
    from nnexp.basics.fields import hyperparameters
    from nnexp.discovery.installed import entries
    from nnexp.experiment.plan import SECTIONS, Settings
    from nnexp.plugin import KINDS

    for kind in KINDS:
        for name in entries()[kind]:
            assert f"`{name}`" in README
    for item in hyperparameters(Settings):
        names = (
            [f"{item.name}.{each.name}" for each in hyperparameters(SECTIONS[item.name])]
            if item.name in SECTIONS
            else [item.name]
        )
        assert all(f"`{name}`" in README for name in names)
