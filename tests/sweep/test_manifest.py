"""A sweep's manifest: what was typed comes back, an older one is read, anything else is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnexp.errors import NnexpError
from nnexp.sweep.manifest import MANIFEST, Composition, Manifest, PlannedJob, differences, read_manifest, write_manifest
from tests.command import nnexp, sweeps

WHOLE = Manifest(
    made="2026-11-25T12:00:00+00:00",
    directory="outputs/sweeps/a",
    overrides=("loss=mse,mae", "epochs=2"),
    varied=("seed=0,1",),
    swept=("seed", "loss"),
    launcher=("hydra/launcher=joblib",),
    options=("--config-dir", "own"),
    versions={"nnexp": "0.1.0"},
    compositions=(Composition(("loss=mse",), {"seed": 0}),),
    jobs=(PlannedJob(("seed=0", "loss=mse", "epochs=2"), "finished"),),
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Every field comes back as it was."""
    write_manifest(tmp_path, WHOLE)
    assert read_manifest(tmp_path) == WHOLE


def test_there_may_be_none(tmp_path: Path) -> None:
    """A directory without one is no sweep's."""
    assert read_manifest(tmp_path) is None


def older(overrides: list[str], alone: list[str], *jobs: str) -> dict[str, Any]:
    """A manifest as nnexp wrote it when it held the command."""
    return {
        "made": "2026-11-20T12:00:00+00:00",
        "command": ["--experimental-rerun", "evil.pickle", "-m", "seed=0,1"],
        "directory": "outputs/sweeps/a",
        "overrides": overrides,
        "swept": ["seed"],
        "alone": alone,
        "versions": {"nnexp": "0.1.0"},
        "compositions": [{"chosen": [], "config": {"seed": 0}}],
        "grid": True,
        "jobs": [{"overrides": job.split(), "state": "waiting"} for job in jobs],
    }


@pytest.mark.parametrize(
    ("given", "typed", "varied", "options"),
    [
        (older(["seed=0,1", "epochs=2"], [], "seed=0 epochs=2"), ("seed=0,1", "epochs=2"), (), ()),
        (
            older(
                ["sweep=mine", "epochs=2", "seed=0,1"],
                ["--config-dir", "own", "hydra.mode=RUN", "hydra.sweeper.params=null"],
                "seed=0 sweep=mine epochs=2",
            ),
            ("sweep=mine", "epochs=2"),
            ("seed=0,1",),
            ("--config-dir", "own"),
        ),
        (older(["epochs=2"], ["--config-dir", "own"], "epochs=2"), ("epochs=2",), (), ("--config-dir", "own")),
    ],
    ids=["all typed", "varied by a file", "files and all typed"],
)
def test_an_older_one(
    given: dict[str, Any], typed: tuple[str, ...], varied: tuple[str, ...], options: tuple[str, ...], tmp_path: Path
) -> None:
    """What was typed is told from what a file varies by the jobs; the command counts for nothing."""
    (tmp_path / MANIFEST).write_text(json.dumps(given))
    found = read_manifest(tmp_path)
    assert found is not None
    assert (found.overrides, found.varied, found.options) == (typed, varied, options)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = [*WHOLE.__dataclass_fields__, "command", "alone"]


@given(JSON | st.dictionaries(st.sampled_from(KEYS), JSON))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_json_is_read_or_refused(tmp_path: Path, content: Any) -> None:
    """Whatever stands there: a manifest of the right types, or a message that names the file."""
    (tmp_path / MANIFEST).write_text(json.dumps(content))
    try:
        found = read_manifest(tmp_path)
    except NnexpError as error:
        assert MANIFEST in str(error)  # noqa: PT017 (either may be)
        return
    assert found is not None
    assert all(isinstance(each, str) for each in (*found.overrides, *found.swept, *found.options, found.directory))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff", '{"jobs": 5}', "null"])
def test_a_torn_one_is_named_and_its_runs_are_not_lost(text: str, tmp_path: Path) -> None:
    """The message says what is wrong with the file, and how a run of it is resumed all the same."""
    (tmp_path / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(NnexpError, match=r"manifest.json is not what nnexp writes: .*resume .*/NUMBER"):
        read_manifest(tmp_path)


def test_what_differs() -> None:
    """Versions and overrides first, then the configuration; where the store is does not count."""
    assert list(differences(WHOLE, WHOLE)) == []
    newer = Manifest(versions={"nnexp": "0.2.0"}, overrides=WHOLE.overrides, varied=WHOLE.varied)
    assert list(differences(WHOLE, newer)) == ["nnexp: 0.1.0 -> 0.2.0"]
    elsewhere = Manifest(**{**vars(WHOLE), "overrides": (*WHOLE.overrides, "tracking.uri=sqlite:///x.db")})
    assert list(differences(WHOLE, elsewhere)) == []
    other = Manifest(**{**vars(WHOLE), "compositions": (Composition(("loss=mse",), {"seed": 1}),)})
    assert list(differences(WHOLE, other)) == ["seed: 0 -> 1"]


@pytest.mark.parametrize("then", [{}, {"pictures": []}, {"pictures": None}])
def test_no_pictures_were_said_otherwise_before(then: dict[str, Any]) -> None:
    """A sweep that was begun when that was ``[]``, or without the key, goes on; one that has some is another."""
    before = replace(WHOLE, compositions=(Composition(("loss=mse",), {"seed": 0, **then}),))
    now = replace(WHOLE, compositions=(Composition(("loss=mse",), {"seed": 0, "pictures": None}),))
    assert list(differences(before, now)) == []
    asked = replace(WHOLE, compositions=(Composition(("loss=mse",), {"seed": 0, "pictures": ["auto"]}),))
    assert list(differences(before, asked)) == ["pictures: [] -> ['auto']"]


def test_a_sweep_with_an_older_manifest_is_finished(tmp_path: Path) -> None:
    """The jobs that a preset varies and those that were typed, of a sweep begun when manifests held the command."""
    ended = nnexp("-m", "sweep=learning_rate", "dataset=xor", "epochs=1", "tracking=none", cwd=tmp_path)
    assert ended.code == 0, ended.err
    (directory,) = sweeps(tmp_path)
    manifest = json.loads((directory / MANIFEST).read_text())
    manifest["overrides"] += manifest.pop("varied")
    manifest |= {"command": ["--experimental-rerun=x"], "alone": ["hydra.mode=RUN", "hydra.sweeper.params=null"]}
    (directory / MANIFEST).write_text(json.dumps(manifest))
    for name in ("journal.jsonl", "result.json"):
        (directory / "3" / name).rename(tmp_path / name)
    ended = nnexp("resume", str(directory), cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "10 jobs: 10 finished" in ended.out
    assert (directory / "3" / "result.json").exists()


def test_a_sweep_goes_on_under_nnexps_launcher_unless_another_is_typed(tmp_path: Path) -> None:
    """What was typed of a launcher is shown, to be typed again; no file chooses it."""
    words = ("dataset=xor", "epochs=1", "tracking=none", "seed=0,1")
    assert nnexp("-m", *words, "hydra/launcher=basic", cwd=tmp_path).code == 0
    (directory,) = sweeps(tmp_path)
    (directory / "1" / "journal.jsonl").rename(tmp_path / "first.jsonl")
    (directory / "1" / "result.json").rename(tmp_path / "first.json")
    ended = nnexp("resume", str(directory), cwd=tmp_path)
    assert ended.code == 0, ended.err
    here = directory.relative_to(tmp_path)
    assert f"As it began: python -m nnexp resume {here} hydra/launcher=basic" in " ".join(ended.err.split())
    (directory / "1" / "journal.jsonl").rename(tmp_path / "second.jsonl")
    (directory / "1" / "result.json").rename(tmp_path / "second.json")
    ended = nnexp("resume", str(directory), "hydra/launcher=basic", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "began with" not in ended.err
