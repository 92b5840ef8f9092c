"""Errors in a plugin's code: the place in the plugin's own files, and what its author has to write."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from nnexp.discovery.faults import Fault, SourceLine, fault
from nnexp.discovery.installed import Provider
from tests.command import nnexp
from tests.discovery.test_installed_plugins import HUBER, install

HEAD = "from dataclasses import dataclass, field\nfrom nnexp.plugin import Loss, param\n"
"""Two lines."""
BODY = "    def value(self, y_pred, y): return 0.0\n    def gradient(self, y_pred, y, out): out[...] = 0\n"

MISTAKES = {
    "thawed": (
        "@dataclass\nclass X(Loss):\n",
        "X is a dataclass that is not frozen (FILE, line 3). Write @dataclass(frozen=True)",
        3,
    ),
    "thawed_over_lines": (
        "def f(c): return c\n\n@dataclass(\n    eq=True,\n)\n@f\nclass X(Loss):\n",
        "X is a dataclass that is not frozen (FILE, line 5). Write @dataclass(frozen=True)",
        5,
    ),
    "no_type": (
        "@dataclass(frozen=True)\nclass X(Loss):\n    a: int = 1\n    delta = param(1.0, above=0)\n",
        "the field 'delta' of X has no type (FILE, line 6). Write delta: float = param(...)",
        6,
    ),
    "no_type_word": (
        "@dataclass(frozen=True)\nclass X(Loss):\n    mode = param('mean', choices=('mean', 'sum'))\n",
        "the field 'mode' of X has no type (FILE, line 5). Write mode: str = param(...)",
        5,
    ),
    "no_type_nor_default": (
        "@dataclass(frozen=True)\nclass X(Loss):\n    delta = param()\n",
        "the field 'delta' of X has no type (FILE, line 5). Write delta: float = param(...)",
        5,
    ),
    "list_default": (
        "@dataclass(frozen=True)\nclass X(Loss):\n    knots: tuple[float, ...] = param([0.1, 0.9])\n",
        (
            "the field 'knots' of X has a default that can change, such as a list (FILE, line 5). "
            "Write knots: tuple[...] = param((...))"
        ),
        5,
    ),
    "order_of_fields": (
        "@dataclass(frozen=True)\nclass X(Loss):\n    a: int = 1\n    b: int\n",
        "TypeError: non-default argument 'b' follows default argument",
        3,
    ),
    "library": ("import json\njson.loads('{')\nclass X:\n", None, 4),
    "syntax": ("x = (\nclass X:\n", "SyntaxError: ", 3),
    "no_message": ("assert False\nclass X:\n", "AssertionError: AssertionError (FILE, line 3)", 3),
}
"""What follows ``HEAD`` in a module, what is said of it, and the line."""


@pytest.mark.parametrize("name", MISTAKES)
def test_what_is_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commonest mistakes come with what to write; every error with the line of the plugin's file, not of a library's."""
    text, said, line = MISTAKES[name]
    module = f"faulty_{name}"
    (tmp_path / f"{module}.py").write_text(f"{HEAD}{text}{BODY}")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(Exception) as error:  # noqa: PT011 (each raises its own)
        importlib.import_module(module)
    found = fault(error.value, module)
    said = (
        said
        or "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1) (FILE, line 4)"
    )
    assert found.what.startswith(said.replace("FILE", f"{module}.py"))
    assert found.place == SourceLine(str(tmp_path / f"{module}.py"), line)


def test_an_error_from_elsewhere() -> None:
    """An error that came through no file of the plugin's has no place."""
    with pytest.raises(ModuleNotFoundError) as error:
        importlib.import_module("nowhere_to_be_found")
    said = "ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    assert fault(error.value, "nowhere_to_be_found") == Fault(said)


@pytest.mark.parametrize(
    ("source", "editable", "said"),
    [
        ("/src/x", True, "Correct /src/x/y.py, line 3, then type python -m nnexp check loss.z"),
        ("/src/x", False, "Correct it in /src/x, install it again: pip install /src/x, then type python -m nnexp check loss.z"),
        ("", False, "Upgrade it: pip install -U x, or remove it: pip uninstall x"),
    ],
)  # fmt: skip
def test_the_remedy(source: str, editable: bool, said: str) -> None:
    """Who has the sources is told the line to correct and how to examine it; anybody else to upgrade or remove."""
    who = Provider("x", "1", (), "pip uninstall x", "pip install -U x", source, editable)
    assert who.remedy_at(SourceLine("/src/x/y.py", 3), "loss.z") == said


def test_an_author_is_told_what_to_correct(tmp_path: Path) -> None:
    """In an editable install a run, the listing and check say the file, the line and what to write, not to upgrade."""
    site, source = tmp_path / "site", tmp_path / "my source"
    text = HUBER.replace("@dataclass(frozen=True)", "@dataclass")
    install(site, "nnexp-mine", {"nnexp.loss": "mine = my_mine:Huber"}, {"my_mine": text})
    record = {"url": source.as_uri(), "dir_info": {"editable": True}}
    (site / "nnexp_mine-1.2.dist-info" / "direct_url.json").write_text(json.dumps(record))
    reason = "Huber is a dataclass that is not frozen (my_mine.py, line 6). Write @dataclass(frozen=True)"
    remedy = f"Correct {site / 'my_mine.py'}, line 6, then type python -m nnexp check loss.mine"
    run = nnexp("loss=mine", "tracking=none", cwd=tmp_path, PYTHONPATH=str(site))
    assert run.code == 1
    assert run.err.startswith(
        f"nnexp: loss=mine of nnexp-mine 1.2: importing my_mine:Huber failed: {reason}. {remedy}."
    )
    (broken,) = json.loads(nnexp("plugins", "loss", "--json", cwd=tmp_path, PYTHONPATH=str(site)).out)["broken"]
    assert broken["remedy"] == remedy
    (site / "my_mine.py").write_text(HUBER.replace("def gradient", "def gradiant"))
    incomplete = nnexp("check", "loss.mine", cwd=tmp_path, PYTHONPATH=str(site))
    assert f"Huber lacks gradient. {remedy}" in incomplete.err
