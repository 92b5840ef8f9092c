"""A field of text gets what was typed, character by character, also in lists and sweeps; other fields get what Hydra reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from nnexp.composition.as_text import split, with_quotes
from nnexp.composition.words import texts

CSV = ["dataset=csv", "dataset.path=t.csv"]


def read(word: str, *, multirun: bool = False) -> list[object]:
    """The texts that Hydra reads in a word, once it has its quotes."""
    *_, given = with_quotes([*CSV, word], multirun=multirun)
    override = OverridesParser.create().parse_override(given)
    if isinstance(value := override.value(), list):
        return value
    return list(texts(override))


@pytest.mark.parametrize(
    "name",
    [
        "2020_01",
        "202001",
        "1.50",
        "1e3",
        "True",
        "true",
        "null",
        "001",
        "price (EUR)",
        "a:b",
        "x",
        "-1",
        "inf",
        "50%",
        "it's",
    ],
)
def test_a_name(name: str) -> None:
    """Whatever a column is called, it is what was typed: as the target, in a list and among others."""
    assert read(f"dataset.target={name}") == [name]
    assert read(f"dataset.drop=[{name},b]") == [name, "b"]
    assert read(f"dataset.target=b,{name}", multirun=True) == ["b", name]


@settings(deadline=None)
@given(st.one_of(st.integers().map(str), st.floats().map(str), st.text("0123456789_.eE+-ntrufalsi", min_size=1)))
def test_any_number(name: str) -> None:
    """Every spelling of a number, and what nearly is one."""
    assert read(f"dataset.target={name}") == [name]


@pytest.mark.parametrize(
    "word",
    [
        "epochs=10",
        "loss=mae",
        "optimizer.learning_rate=1e-3",
        "network.hidden=[3,4]",
        "dataset.target=${dataset.path}",
        "dataset.target=???",
        "dataset.target='2020'",
        'dataset.drop=["1",x]',
        "dataset.target=choice(1,2)",
        "dataset.target=",
        "tracking.uri=null",
        "~dataset.target",
        "hydra.run.dir=2020",
        "dataset.na=null",
    ],
)
def test_what_stays(word: str) -> None:
    """Numbers of other fields, references, quotes, functions, null where nothing is meant, and Hydra's keys are as they are."""
    assert with_quotes([*CSV, word], multirun=False)[-1] == word


def test_other_options() -> None:
    """A setting that holds text; a dataset whose field of that name holds a number; a key that is none."""
    assert with_quotes(["tracking.experiment=2024"], multirun=False) == ["tracking.experiment='2024'"]
    assert with_quotes(["dataset=moons", "dataset.noise=1_0"], multirun=False)[1] == "dataset.noise=1_0"
    assert with_quotes(["dataset=moons", "dataset.target=1"], multirun=False)[1] == "dataset.target=1"


def test_a_file_with_a_comma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is there is meant, where nothing is swept."""
    monkeypatch.chdir(tmp_path)
    word = "dataset.path=a,b.csv"
    assert with_quotes(["dataset=csv", word], multirun=False)[-1] == word
    (tmp_path / "a,b.csv").write_text("x,y\n1,2\n")
    assert with_quotes(["dataset=csv", word], multirun=False)[-1] == "dataset.path='a,b.csv'"
    assert with_quotes(["dataset=csv", word], multirun=True)[-1] == word


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        ("'a,b',c", ["'a,b'", "c"]),
        ("f(a,b),c", ["f(a,b)", "c"]),
        ("a,", ["a", ""]),
    ],
)
def test_split(text: str, parts: list[str]) -> None:
    """Commas in quotes and brackets part nothing."""
    assert split(text) == parts
