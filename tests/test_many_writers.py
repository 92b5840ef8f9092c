"""Eight sweeps started at once on a store that does not exist yet: every run is there, every point once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnexp.journal.journal import JOURNAL, read
from tests.command import process
from tests.servers import postgres

SWEEPS, EPOCHS = 8, 3


@pytest.fixture(params=["embedded", "postgresql"])
def new(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """The address of a store that does not exist yet, or has no tables, and how many runs each sweep has."""
    if request.param == "embedded":
        yield f"sqlite:///{tmp_path}/outputs/mlflow.db", 20
    else:
        with postgres() as server:
            yield server.uri("new"), 3


def test_eight_sweeps_at_once(new: tuple[str, int], tmp_path: Path) -> None:
    """Every run of each sweep finishes; MLflow has the journals' points, each once, and no run besides; nothing waits."""
    uri, runs = new
    words = ["-m", "dataset=xor", f"epochs={EPOCHS}", f"seed=range({runs})", "tracking.experiment=at once"]
    words += [f"tracking.uri={uri}"] if runs < 20 else []  # the embedded database is the one that nobody names
    started = [process(*words, cwd=tmp_path, tables=False) for _ in range(SWEEPS)]
    ended = [(each.communicate(timeout=300), each.returncode) for each in started]
    assert [(err, code) for (_, err), code in ended] == [("", 0)] * SWEEPS
    assert not list((tmp_path / "outputs" / ".open").iterdir())

    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiments = client.search_experiments()
    assert sorted(each.name for each in experiments) == ["Default", "at once"]
    every = client.search_runs([each.experiment_id for each in experiments], max_results=1000)
    found = {run.data.tags["nnexp.directory"]: run for run in every}
    journals = {str(path.parent.relative_to(tmp_path)): path for path in (tmp_path / "outputs").rglob(JOURNAL)}
    assert len(every) == len(journals) == SWEEPS * runs
    assert found.keys() == journals.keys()
    assert Counter(run.info.status for run in every) == {"FINISHED": SWEEPS * runs}
    for directory, run in found.items():
        kept = [record for record, _ in read(journals[directory]) if "epoch" in record]
        assert len(kept) == EPOCHS
        for name in kept[0]["metrics"]:
            points = client.get_metric_history(run.info.run_id, name)
            in_store = [(each.step, each.timestamp, each.value) for each in points]
            assert in_store == [(each["epoch"], each["time"], each["metrics"][name]) for each in kept]
