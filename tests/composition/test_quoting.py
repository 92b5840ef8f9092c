"""A value that a single run accepts is the same value in each job of a sweep, however it has to be quoted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.types import RunMode
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig

from nnexp.composition import quoting
from nnexp.composition.command import Command
from nnexp.composition.composed import plain, typed_words
from nnexp.composition.patches import patched
from nnexp.errors import NnexpError
from tests.command import nnexp, result, sweeps
from tests.composed import Watched, loader, store, sweep

__all__ = ["store"]

WORDS = [
    "~x",
    "a b",
    "a=b",
    "a,b",
    "{x}",
    "[x]",
    "null",
    "NULL",
    "true",
    "1",
    "1e3",
    "nan",
    "",
    " ",
    "$",
    "$x",
    "ä",
    "\\",
]
WORDS += [
    "a\\",
    "\\'",
    "'",
    '"',
    "'\"",
    "a\\,b",
    "choice(1,2)",
    "(x)",
    "x:y",
    "#",
    "a;b",
    "+x",
    "🙂",
    "${",
    "${seed}",
    "a\\\\'b",
]
texts = st.one_of(st.sampled_from(WORDS), st.text(max_size=6), st.text("\\'\"~,=[]{}$ ab", max_size=6))
FIXED = ["dataset=csv", "dataset.path=t.csv"]
LOADERS: list[tuple[Watched, DictConfig]] = []
"""The loader, once it is made, and the sweep that the jobs are of."""


@pytest.fixture(scope="module", autouse=True)
def installed() -> Iterator[None]:
    """Hydra as the command has it."""
    with patched(Command()):
        yield


def target(compose: Callable[[], Any]) -> Any:
    """The target that a composition has, or that it is refused."""
    try:
        return plain(compose())["dataset"]["target"]
    except NnexpError:
        return NnexpError


def jobs(*lines: str) -> list[list[str]]:
    """The jobs that Hydra's sweeper makes of overrides."""
    parsed = OverridesParser.create().parse_overrides([*FIXED, *lines])
    return [list(job) for job in BasicSweeper.split_arguments(parsed, None)[0]]


@settings(deadline=None, max_examples=60)
@given(texts, st.sampled_from(list(Quote)), st.sampled_from(["{}", "{},other", "choice({},other)", "str({})"]))
@example("~price", Quote.single, "{}")
@example("null", Quote.double, "choice({},other)")
@example("true", Quote.single, "str({})")
def test_a_job_has_the_value_of_the_single_run(text: str, quote: Quote, way: str) -> None:
    """Fixed, swept or from a function, the target is the single run's, or refused as there.

    The job is composed by the shortcut, which leads where Hydra's own composition does: ``test_composition``.
    """
    if not LOADERS:
        by = loader()
        LOADERS.append((by, sweep(by, *FIXED)))
    (by, master), typed = LOADERS[0], QuotedString(text, quote).with_quotes()
    alone = target(lambda: by.load_configuration("config", [*FIXED, f"dataset.target={typed}"], RunMode.RUN))
    job = jobs(f"dataset.target={way.format(typed)}")[0]
    assert target(lambda: by.load_sweep_config(master, job)) == alone


@settings(deadline=None)
@given(texts)
def test_a_text_reads_back(text: str) -> None:
    """What a text is written as is that text again, alone and in a list."""
    read = OverridesParser.create().parse_override
    assert read(f"x={quoting.as_typed(text)}").value() == text
    assert read(f"x={quoting.as_typed([text, 'b'])}").value() == [text, "b"]


def test_what_needs_no_quotes_has_none() -> None:
    """Names of runs stay readable: plain words are as they were typed."""
    for word in ("relu", "a b", "t.csv", "0x1", "a/b", "x_1"):
        assert quoting.as_typed(word) == quoting.written(word)


def test_a_reference_is_a_jobs_own() -> None:
    """What a sweep's words refer to is not looked up before there is a job, and a swept reference reads as it was typed."""
    assert jobs("dataset.noise=${split.validation},0.3")[0][-1] == "dataset.noise=${split.validation}"
    assert "seed=${epochs}" in typed_words(sweep(loader(), "epochs=1,2", "seed=${epochs}").hydra)


def test_a_sweep_on_such_a_column(tmp_path: Path) -> None:
    """The command: two targets that need quotes, and one that is fixed, each in the jobs of a sweep that train."""
    rows = "".join(f"{i},{i * 0.5},{i * i}.5\n" for i in range(30))
    (tmp_path / "t.csv").write_text(f"~price,null,a b\n{rows}")
    words = ["dataset=csv", "dataset.path=t.csv", "epochs=1", "tracking=none"]
    ended = nnexp("-m", *words, "dataset.target=choice('~price','null','a b')", cwd=tmp_path)
    assert ended.code == 0, ended.err + ended.out
    ended = nnexp("-m", *words, "dataset.target='~price'", "seed=0,1", cwd=tmp_path)
    assert ended.code == 0, ended.err + ended.out
    assert all(result(each)["status"] == "FINISHED" for path in sweeps(tmp_path) for each in path.glob("[0-9]"))
