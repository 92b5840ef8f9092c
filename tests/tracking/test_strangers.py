"""A run's directory that somebody sent: whatever it says, nothing beside it is read, uploaded or written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnexp.errors import NnexpError
from nnexp.experiment.checkpoint import load
from nnexp.journal.journal import JOURNAL
from nnexp.journal.outbox import entries
from nnexp.journal.recorded_run import RecordedRun
from nnexp.tracking.delivery import PROGRESS, Delivery
from nnexp.tracking.opening import Opening, Target
from nnexp.tracking.pending import flush
from nnexp.tracking.tracked_run import TrackedRun

if TYPE_CHECKING:
    from nnexp.tracking.store import Store

TOKEN = "0123456789abcdef"  # noqa: S105 - a journal's id
DATA = {"name": "d", "digest": "1", "source": "s", "features": [], "target": "t", "n_samples": 1, "n_features": 1}
PLACE: dict[str, Any] = {"overrides": [], "name": "", "sweep": "", "job": None}
OPENED: dict[str, Any] = {
    "name": "r",
    "params": {},
    "tags": {"nnexp.plugins": "nnexp 0.1.0"},
    "data": DATA,
    "epochs": 3,
    "again": {"config": {"epochs": 3}, "tracking": {"uri": None}, "checkpoint": {}, "place": PLACE},
    "id": TOKEN,
    "time": 1,
}
SECRET = "nobody's business"  # noqa: S105 - the content of files that are none of a run's


def sent(outputs: Path, *records: dict[str, Any], directory: str = "outputs/runs/sent", token: str = TOKEN) -> Path:
    """A run's directory in ``outputs`` that waits to be delivered, as a stranger may have written it."""
    run = outputs / "runs" / "sent"
    run.mkdir(parents=True)
    (run / JOURNAL).write_text("".join(f"{json.dumps(each)}\n" for each in ({"opened": OPENED}, *records)))
    (outputs / ".open").mkdir(exist_ok=True)
    (outputs / ".open" / token).write_text(json.dumps({"directory": directory, "uri": "", "experiment": "nnexp"}))
    return run


def content(folder: Path, *left_out: str) -> dict[str, bytes]:
    """Every file below ``folder``, but those of the database and the run's own directory."""
    found = (path for path in folder.rglob("*") if path.is_file() and "mlflow.db" not in path.name)
    names = {str(path.relative_to(folder)): path for path in found}
    return {name: path.read_bytes() for name, path in names.items() if not name.startswith(left_out)}


@pytest.mark.parametrize("name", ["..", ".", "../secret.txt", "/etc/hostname", "sub", "sub/x.txt", "", "link"])
def test_only_a_file_of_the_runs_own_directory_is_uploaded(name: str, store: Store, outputs: Path) -> None:
    """An artifact is named by a plain file's name; a folder, a path, and a link are left alone."""
    (outputs / "runs").mkdir()
    (outputs / "runs" / "secret.txt").write_text(SECRET)
    run = outputs / "run"
    run.mkdir()
    (run / "sub").mkdir()
    (run / "sub" / "x.txt").write_text(SECRET)
    (run / "link").symlink_to(outputs / "runs" / "secret.txt")
    records = [{"opened": OPENED}, {"artifact": name}, {"ended": "FINISHED", "reason": "", "time": 1}]
    (run / JOURNAL).write_text("".join(f"{json.dumps(each)}\n" for each in records))
    Delivery(store, run).all()
    assert not content(outputs / "artifacts") if (outputs / "artifacts").exists() else True


@pytest.mark.parametrize("place", ["..", "outputs/runs/mine", "/MINE", "outputs/runs/sent/../mine"])
def test_a_note_leads_to_its_own_run_only(place: str, store: Store, outputs: Path) -> None:
    """Another run's directory, wherever it is, is neither touched nor told about; the note is named."""
    mine = outputs / "runs" / "mine"
    sent(outputs, directory=str(mine) if place == "/MINE" else place)
    mine.mkdir()
    torn = json.dumps({"opened": OPENED | {"id": "f" * 16}}) + '\n{"torn'
    (mine / JOURNAL).write_text(torn)
    before = content(outputs)
    said = [(words, done) for _, words, done in flush(entries(outputs), store, outputs)]
    after = content(outputs)
    assert (mine / JOURNAL).read_text() == torn
    assert not store.client.search_runs([store.experiment_id])
    if place == "..":  # nothing of a run's: the note is dropped
        assert after == {name: text for name, text in before.items() if ".open" not in name}
    else:
        assert after == before
        assert "names a directory that is not its run's" in said[0][0]
        assert not said[0][1]


@pytest.mark.parametrize("name", [JOURNAL, ".result.json.partial", ".delivery.json.partial", "nnexp.log"])
def test_a_link_in_a_runs_directory_is_refused(name: str, store: Store, outputs: Path, tmp_path: Path) -> None:
    """What a link leads to is neither emptied nor written to, and the message names it."""
    run = sent(outputs)
    target = tmp_path / "mine.txt"
    if name == JOURNAL:
        (run / JOURNAL).replace(target)
        target.write_text(target.read_text() + '{"torn')
    else:
        target.write_text(SECRET)
    (run / name).symlink_to(target)
    before = target.read_bytes()
    ((_, words, done),) = list(flush(entries(outputs), store, outputs))
    assert not done
    assert "symbolic link" in words
    assert name in words
    assert target.read_bytes() == before


def test_a_journal_does_not_tell_into_another_run(store: Store, outputs: Path) -> None:
    """A delivery.json that names a run of one's own is refused, and that run stays as it was."""
    (outputs / "own").mkdir()
    own = TrackedRun.start(Opening("own", {}, {}), outputs / "own", Target(store.uri, "nnexp", outputs, store))
    own.finish("FINISHED")
    run = sent(outputs, {"epoch": 1, "time": 1, "metrics": {"cost/train": 0.0}})
    (run / PROGRESS).write_text(json.dumps({"run": own.run_id, "bytes": 0}))
    ((_, words, done),) = list(flush(entries(outputs), store, outputs))
    assert not done
    assert "is another's" in words
    assert store.client.get_run(own.run_id).info.status == "FINISHED"


@pytest.mark.parametrize(
    "known", ["{", "[]", '{"run": "../../x", "bytes": 0}', '{"run": "", "bytes": -5}', '{"run": 5}']
)
def test_progress_that_nobody_made_counts_for_nothing(known: str, store: Store, outputs: Path) -> None:
    """A delivery.json with anything else than an id and a place leads to a delivery from the beginning."""
    run = sent(outputs, {"epoch": 1, "time": 1, "metrics": {"cost/train": 0.5}})
    (run / PROGRESS).write_text(known)
    ((_, words, done),) = list(flush(entries(outputs), store, outputs))
    assert done, words
    (made,) = store.client.search_runs([store.experiment_id])
    assert made.data.metrics == {"cost/train": 0.5}


@pytest.mark.parametrize("name", ["x", f".{TOKEN}.partial", "0" * 15 + "'"])
def test_a_note_has_a_journals_id_for_its_name(name: str, outputs: Path) -> None:
    """Any other file among the notes is none."""
    (outputs / ".open").mkdir()
    (outputs / ".open" / name).write_text('{"directory": "/etc", "uri": "", "experiment": "e"}')
    assert entries(outputs) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PARTS = [("id",), ("tags",), ("data",), ("epochs",), ("again",), *[("again", each) for each in OPENED["again"]]]


@given(st.sampled_from(PARTS), JSON, st.lists(st.dictionaries(st.sampled_from(["epoch", "metrics", "time"]), JSON)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_journal_is_read_or_refused(
    tmp_path: Path, part: tuple[str, ...], value: Any, records: list[dict[str, Any]]
) -> None:
    """Whatever stands in a journal in place of what nnexp writes: a message, never an error within nnexp."""
    opened = json.loads(json.dumps(OPENED))
    holder = opened
    for key in part[:-1]:
        holder = holder[key]
    holder[part[-1]] = value
    (tmp_path / JOURNAL).write_text("".join(f"{json.dumps(each)}\n" for each in [{"opened": opened}, *records]))
    try:
        recorded = RecordedRun.read(tmp_path)
    except NnexpError:
        return
    assert (recorded.token, recorded.last) == (TOKEN, len(recorded.epochs))


def test_a_checkpoint_with_objects_in_it_is_refused(tmp_path: Path) -> None:
    """Arrays of Python objects, which would be unpickled, are not read."""
    import numpy as np

    np.savez(tmp_path / "checkpoint.npz", facts=np.array("{}"), theta=np.array([print], dtype=object))
    with pytest.raises(NnexpError, match="cannot be read"):
        load(tmp_path / "checkpoint.npz", TOKEN)
