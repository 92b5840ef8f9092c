"""What nnexp promises of a run's record, with each kind of store: embedded, a server with PostgreSQL, PostgreSQL itself."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nnexp.journal.journal import JOURNAL, read
from nnexp.tracking.database import embedded_uri
from nnexp.tracking.delivery import run_id_of
from tests.command import nnexp, result, runs, sweeping, sweeps
from tests.servers import PASSWORD, QUOTED, Postgres, Server, serving
from tests.test_cli_durability import LONG, begun, epochs, in_mlflow

STEPS = ("dataset=digits", "epochs=300", "checkpoint.epochs=7", "log_every=1")


@dataclass(frozen=True)
class Kept:
    """A directory whose runs go to one store."""

    place: Path
    address: str
    """Empty for the embedded database."""

    @property
    def uri(self) -> str:
        """The store's whole address."""
        return self.address or f"sqlite:///{self.place}/outputs/mlflow.db"

    @property
    def chosen(self) -> Sequence[str]:
        """What a run types to choose the store, whose experiment another directory's run may have made."""
        return [f"tracking.uri={self.address}", f"tracking.artifacts={self.place.parent}"] if self.address else []

    @property
    def option(self) -> Sequence[str]:
        """What every other command types."""
        return ["--uri", self.address, "--artifacts", str(self.place.parent)] if self.address else []

    def client(self) -> Any:
        """MLflow's client."""
        from mlflow import MlflowClient

        return MlflowClient(self.uri)

    def told(self, directory: Path) -> tuple[str, dict[str, str], dict[int, tuple[int, float]]]:
        """The status, the tags and each epoch's (time, training cost) in MLflow."""
        return in_mlflow(self.place, directory, self.uri)


@pytest.fixture(scope="module")
def kept(address: str, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A directory for each store."""
    made = Kept(tmp_path_factory.mktemp("kept"), address)
    if not address:
        embedded_uri(made.place / "outputs")
    return made


def test_a_finished_run_is_there_with_all_it_has_and_answers_for_its_key(kept: Kept) -> None:
    """Parameters, data, every point of every metric, files and model are in MLflow; the run is found again and reused."""
    words = ("dataset=wine", "epochs=9", "split.test=0.1", "reuse=true", *kept.chosen)
    done = nnexp(*words, cwd=kept.place)
    assert (done.code, done.err) == (0, "")
    directory = runs(kept.place)[-1]
    client, run_id = kept.client(), run_id_of(directory)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    journal = [record for record, _ in read(directory / JOURNAL)]
    assert run.data.params == journal[0]["opened"]["params"]
    assert [each.dataset.name for each in run.inputs.dataset_inputs] == ["wine"]
    expected: dict[str, list[Any]] = {}
    for record in journal:
        for name, value in record.get("metrics", {}).items():
            expected.setdefault(name, []).append((record.get("epoch", record.get("score")), record["time"], value))
    assert {"cost/train", "accuracy/validation", "accuracy/test"} <= expected.keys()
    assert len(expected["cost/train"]) == 9
    found = {name: client.get_metric_history(run_id, name) for name in run.data.metrics}
    assert {name: [(p.step, p.timestamp, p.value) for p in points] for name, points in found.items()} == expected
    files = {"config.yaml", "cost.png", "model.json", "weights.npz"}
    assert {each.path for each in client.list_artifacts(run_id)} == files
    for name in files:
        copy = Path(client.download_artifacts(run_id, name))
        assert copy.read_bytes() == (directory / name).read_bytes()
    assert len(run.outputs.model_outputs) == 1
    assert {path.name for path in kept.place.iterdir()} == {"outputs"}

    again = nnexp(*words, cwd=kept.place)
    assert f"reused   run {run_id}" in again.out
    assert (again.code, result(runs(kept.place)[-1])["metrics"]) == (0, result(directory)["metrics"])


def test_a_run_that_diverges_is_failed_with_its_reason(kept: Kept) -> None:
    """MLflow's status is FAILED, and the tag says why, as the terminal does."""
    done = nnexp("dataset=diabetes", "optimizer.learning_rate=300", *kept.chosen, cwd=kept.place)
    assert done.code == 1
    assert "diverged at epoch 1; learning_rate=300.0" in done.err
    status, tags, _ = kept.told(runs(kept.place)[-1])
    assert (status, tags["nnexp.reason"]) == ("FAILED", "diverged at epoch 1; learning_rate=300.0")


def test_ctrl_c_marks_the_run_within_two_seconds(kept: Kept) -> None:
    """The command is gone in two seconds, by when the run is KILLED; points for which there was no time come with sync.

    The best of three counts: whoever else uses the processors is not what is timed.
    """
    for _ in range(3):
        process = begun(kept.place, *LONG, *kept.chosen, until="epoch 50/")
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate()
        seconds = time.monotonic() - began
        if seconds < 2:
            break
    assert seconds < 2
    assert process.returncode == 130
    directory = runs(kept.place)[-1]
    status, tags, _ = kept.told(directory)
    assert (status, tags["nnexp.reason"]) == ("KILLED", "interrupted (Ctrl-C)")
    assert nnexp("sync", *kept.option, cwd=kept.place).code == 0
    assert kept.told(directory)[2] == epochs(directory)


def test_after_kill_9_sync_delivers_every_epoch_and_marks_the_run(kept: Kept) -> None:
    """What a killed process had trained is in MLflow after ``sync``, to the last epoch and bit; the run is KILLED."""
    process = begun(kept.place, *LONG, *kept.chosen)
    process.kill()
    process.communicate()
    directory = runs(kept.place)[-1]
    trained = epochs(directory)
    assert list(trained) == list(range(1, len(trained) + 1))
    assert len(trained) >= 100
    assert kept.told(directory)[0] == "RUNNING"
    done = nnexp("sync", *kept.option, cwd=kept.place)
    assert (done.code, done.err) == (0, "")
    why = f"its process was killed after epoch {len(trained)} of 1000000"
    assert done.out.endswith(f"is marked as KILLED: {why}\n")
    status, tags, found = kept.told(directory)
    assert (status, tags["nnexp.reason"], found) == ("KILLED", why, trained)
    assert result(directory)["reason"] == why
    done = nnexp("sync", *kept.option, cwd=kept.place)
    assert done.out == "Nothing waits: MLflow has all of every run that has ended.\n"


def test_a_resumed_run_is_one_run_in_mlflow(kept: Kept) -> None:
    """Killed, resumed by its MLflow id, which settles it, and extended: one run, each step once, FINISHED."""
    process = begun(kept.place, *STEPS, *kept.chosen)
    process.kill()
    process.communicate()
    directory = runs(kept.place)[-1]
    client = kept.client()
    experiments = [each.experiment_id for each in client.search_experiments()]
    where = f"tags.`nnexp.directory` = '{directory.relative_to(kept.place)}'"
    (run,) = client.search_runs(experiments, where)
    done = nnexp("resume", run.info.run_id[:10], *kept.option, cwd=kept.place)
    assert done.code == 0
    assert "is marked as KILLED: its process was killed after epoch" in done.err
    assert len(done.err.splitlines()) == 1
    for epochs_now in (300, 350):
        found = client.get_run(run.info.run_id)
        assert found.info.status == "FINISHED"
        assert "nnexp.reason" not in found.data.tags
        points = client.get_metric_history(run.info.run_id, "cost/train")
        assert [point.step for point in points] == list(range(1, epochs_now + 1))
        assert {p.step: (p.timestamp, p.value) for p in points} == epochs(directory)
        if epochs_now == 300:
            refused = nnexp("resume", str(directory), *kept.option, cwd=kept.place)
            assert "is finished: 300 of 300 epochs are trained. To train more, type" in refused.err
            done = nnexp("resume", str(directory), "epochs=350", *kept.option, cwd=kept.place)
            assert (done.code, done.err) == (0, "")
    assert (found.data.tags["nnexp.epochs"], found.data.params["epochs"]) == ("350", "300")
    assert len(client.search_runs(experiments, where)) == 1
    weights = Path(client.download_artifacts(run.info.run_id, "weights.npz"))
    assert weights.read_bytes() == (directory / "weights.npz").read_bytes()


def test_no_run_is_left_running_and_no_password_written_down(kept: Kept) -> None:
    """After all of this MLflow has no open run of the directory; neither it nor a file holds the store's password."""
    client = kept.client()
    every = client.search_runs([each.experiment_id for each in client.search_experiments()], max_results=1000)
    mine = {str(directory.relative_to(kept.place)) for directory in runs(kept.place)}
    states = [run.info.status for run in every if run.data.tags.get("nnexp.directory") in mine]
    assert set(states) == {"FINISHED", "FAILED", "KILLED"}
    told = [str(run.to_dictionary()) for run in every]
    files = [path for path in (kept.place / "outputs").rglob("*") if path.is_file()]
    written = [path.read_bytes().decode(errors="replace") for path in files]
    assert len(written) > 20
    assert not [text for text in told + written if PASSWORD in text or QUOTED in text]


SWEEP = ["dataset=digits", "seed=0,1,2", "epochs=150", "tracking.model=none"]


def training(place: Path, chosen: Sequence[str]) -> subprocess.Popen[str]:
    """The sweep under way: its first job is in the middle."""

    def reached(jobs: list[Path]) -> bool:
        return any(len(epochs(job)) >= 20 for job in jobs if (job / JOURNAL).exists())

    return sweeping(place, *SWEEP, *chosen, until=reached)


def assert_delivered(kept: Kept, directory: Path) -> None:
    """``sync`` delivers the three jobs of a sweep, each point once."""
    done = nnexp("sync", *kept.option, cwd=kept.place)
    assert (done.code, done.err) == (0, "")
    for job in range(3):
        status, _, found = kept.told(directory / str(job))
        assert (status, found, len(found)) == ("FINISHED", epochs(directory / str(job)), 150)
        assert run_id_of(directory / str(job))


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_a_server_that_is_killed_in_the_middle_of_a_sweep(
    backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Jobs that begin or end without the server train all the same; once it is back everything is there, once."""
    database = request.getfixturevalue("database_server").uri("killed") if backend == "postgresql" else ""
    place = tmp_path / "place"
    place.mkdir()
    with serving(tmp_path / "server", database=database) as server:
        kept = Kept(place, server.uri)
        process = training(place, kept.chosen)
        server.kill()
        out, err = process.communicate()
    assert process.returncode == 1
    assert "3 runs, best first" in out
    assert err.strip().endswith(
        "MLflow does not have all of this sweep yet. Nothing is lost; type python -m nnexp sync"
    )
    (directory,) = sweeps(place)
    refused = nnexp("sync", cwd=place)
    assert refused.code == 1
    assert "nnexp: 3 of 3 runs wait; the reasons are above." in refused.err
    with serving(tmp_path / "server", int(server.uri.rpartition(":")[2]), database):
        assert_delivered(kept, directory)


@pytest.mark.parametrize("through", ["server_on_postgresql", "in_postgresql"])
def test_a_database_server_that_is_killed_in_the_middle_of_a_sweep(
    through: str, database_server: Postgres, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The same where PostgreSQL dies, behind a tracking server that lives on and says that it cannot, and without one."""
    address = request.getfixturevalue(through)
    kept = Kept(tmp_path, address if isinstance(address, str) else address.uri)
    process = training(tmp_path, kept.chosen)
    try:
        database_server.kill()
        out, err = process.communicate()
        assert process.returncode == 1
        assert "3 runs, best first" in out
        assert "MLflow does not have all of this sweep yet. Nothing is lost; type python -m nnexp sync" in err
        assert "Traceback" not in err
        assert PASSWORD not in out + err
        assert QUOTED not in out + err
        refused = nnexp("sync", *kept.option, cwd=tmp_path)
        assert refused.code == 1
        assert "nnexp: 3 of 3 runs wait; the reasons are above." in refused.err
    finally:
        database_server.start()
    assert_delivered(kept, sweeps(tmp_path)[0])


def test_a_password_in_a_servers_address_is_written_nowhere(tmp_path: Path, server_on_postgresql: Server) -> None:
    """Neither journal, notes, log nor MLflow hold it, and the message names the command that asks for it."""
    uri = server_on_postgresql.uri.replace("http://", "http://me:geheim@")
    chosen = (f"tracking.uri={uri}", "tracking.experiment=by a password")
    assert nnexp("dataset=xor", "epochs=1", *chosen, cwd=tmp_path).code == 0
    (directory,) = runs(tmp_path)
    _, tags, _ = in_mlflow(tmp_path, directory, server_on_postgresql.uri)
    assert "geheim" not in str(tags)
    assert "geheim" not in (directory / JOURNAL).read_text() + (directory / "nnexp.log").read_text()
    process = begun(tmp_path, *LONG, *chosen)
    process.kill()
    process.communicate()
    assert "geheim" not in "".join(path.read_text() for path in (tmp_path / "outputs" / ".open").iterdir())
    refused = nnexp("sync", cwd=tmp_path)
    assert refused.code == 1
    assert "http://me:***@127.0.0.1" in refused.out
    assert nnexp("sync", "--uri", uri, cwd=tmp_path).code == 0
