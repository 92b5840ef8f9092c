"""One MLflow experiment: where runs are started and found again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nnexp.errors import NnexpError, listed
from nnexp.journal.records import DataRecord
from nnexp.journal.result import is_score
from nnexp.tracking import sqlite
from nnexp.tracking.artifacts import Places, may_be_called
from nnexp.tracking.choice import alone_at_database_server, create_experiment, no_experiment, refused, usable_address
from nnexp.tracking.client import QUICK, new_client, quiet, worded
from nnexp.tracking.entities import LONGEST_TAG, MOST_ENTITIES, MOST_PARAMS, dataset_input, param, truncated

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Experiment, Metric, Run

JOURNAL_ID = "nnexp.journal"
"""The tag by which a run is found whose process was killed before it could note the run's id."""
RUNG = "nnexp.rung"
"""The tag that says to which rung of its search a run was trained, from 0."""

DOUBLE = re.compile("UniqueViolation|UNIQUE constraint|Duplicate entry")
"""What databases say of a row that another process has written first."""


class Finished(NamedTuple):
    """A finished run's numbers: every metric by epoch, and the scores of the whole run."""

    run_id: str
    name: str
    history: dict[str, list[float]]
    scores: dict[str, float]


class Store:
    """One MLflow experiment in one store. Made by ``Store.connect``."""

    def __init__(self, client: MlflowClient, uri: str, experiment: Experiment, places: Places) -> None:
        self.client = client
        self.uri = uri
        self.places = places
        self.experiment = experiment.name
        self.experiment_id: str = experiment.experiment_id
        self._file = places.store.file
        self._folders: dict[str, str] = {}
        """Run id -> where its artifacts go, of the runs that were created here and have none yet."""

    @classmethod
    def connect(
        cls, uri: str | None, experiment: str, outputs: Path, *, artifacts: str | None = None, existing: bool = False
    ) -> Store:
        """Open the experiment called ``experiment``, creating it (and a SQLite database) where missing.

        With ``existing`` nothing is created: what is missing is refused. ``uri`` None means the environment's
        MLFLOW_TRACKING_URI, and without that ``outputs``/mlflow.db; one that only a file names is not for here
        (``nnexp.basics.origin``). ``artifacts`` is where the user lets artifacts go beside ``outputs``/artifacts; an
        experiment that keeps them elsewhere is refused, but for looking at what is there. A server that does not answer is
        refused within about 5 s. Raises ``NnexpError``.
        """
        Places.refuse_no_place(artifacts)
        uri, chosen_by = usable_address(uri, outputs, existing=existing)
        places = Places.of(uri, outputs, artifacts)
        with alone_at_database_server(uri, chosen_by):
            try:
                client = new_client(uri)
                with quiet(QUICK, firmly=True):
                    found = client.get_experiment_by_name(experiment)
            except Exception as error:
                raise refused(uri, chosen_by, error) from error
        if existing and not found:
            raise no_experiment(client, experiment, uri)
        with worded(f"create the experiment '{experiment}'", uri):
            found = found or create_experiment(client, experiment, places.chosen())
        if found.lifecycle_stage != "active":
            raise NnexpError(
                f"The MLflow experiment '{experiment}' was deleted. Choose another name (tracking.experiment=...), "
                f"or restore it: mlflow experiments restore --experiment-id {found.experiment_id}"
            )
        if not existing:
            places.checked(found.artifact_location, experiment)
        return cls(client, uri, found, places)

    def start(
        self,
        name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        data: DataRecord | None = None,
        *,
        began: int | None = None,
        journal: str = "",
    ) -> str:
        """Create a run and return its id: its parameters (spelled as on the command line), tags and data are stored then.

        ``began`` is when it did, in milliseconds since 1970 (now), ``journal`` the id of its journal. Raises ``NnexpError``,
        and then leaves no run open.
        """
        with worded("start a run", self.uri):
            run_id = self.create(name, tags, began, journal)
            try:
                self.log(run_id, params)
                self.log_data(run_id, data)
            except BaseException:
                self.client.set_terminated(run_id, "FAILED")
                raise
        return run_id

    def create(self, name: str, tags: Mapping[str, str], began: int | None, journal: str) -> str:
        """Create a run with its tags and return its id. Raises whatever the client raises."""
        stored = {key: truncated(value, LONGEST_TAG) for key, value in tags.items()}
        if journal:
            stored[JOURNAL_ID] = journal
        info = self.client.create_run(self.experiment_id, began, stored, name).info
        self._folders[info.run_id] = info.artifact_uri
        return str(info.run_id)

    def log(
        self,
        run_id: str,
        params: Mapping[str, Any],
        points: Sequence[Metric] = (),
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Store parameters, metric points and a few tags in as few calls as MLflow takes; again, it changes nothing.

        Of many points in a SQLite store all but the newest are written as rows. Raises whatever the client raises, and
        sqlite3.Error.
        """
        told, others = sqlite.split(points) if self._file else (points, ())
        self._log(run_id, params, told, tags or {})
        if others and not sqlite.write(self._file, run_id, others):
            self._log(run_id, {}, others, {})

    def _log(self, run_id: str, params: Mapping[str, Any], points: Sequence[Metric], tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        left = [param(key, value) for key, value in params.items()]
        labels = [RunTag(key, truncated(value, LONGEST_TAG)) for key, value in tags.items()]
        while left or points or labels:
            room = MOST_ENTITIES - len(left[:MOST_PARAMS]) - len(labels)
            self.client.log_batch(run_id, points[:room], left[:MOST_PARAMS], labels)
            left, points, labels = left[MOST_PARAMS:], points[room:], []

    def log_data(self, run_id: str, data: DataRecord | None) -> None:
        """Store what a run's data are; doing so again changes nothing. Raises whatever the client raises."""
        if data is not None:
            self._log_data(run_id, dataset_input(data))

    def _log_data(self, run_id: str, data: DatasetInput) -> None:
        """Store a run's data. Where another process stores the same data at this moment, MLflow finds them the second time."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.log_inputs(run_id, [data])
        except MlflowException as error:
            if not DOUBLE.search(str(error)):
                raise
            self.client.log_inputs(run_id, [data])

    def log_files(self, run_id: str, directory: Path, names: Iterable[str]) -> None:
        """Store files of ``directory`` as a run's artifacts, over those of the same names.

        Into a folder of this machine they are copied: MLflow's client would do just that, after it has read the whole run.
        Raises NnexpError where they would go to a place that nobody chose, whatever the client raises, and OSError.
        """
        uri = self._folders.pop(run_id, "") or self.client.get_run(run_id).info.artifact_uri
        self.put_files(uri, directory, names)

    def put_files(self, location: str, directory: Path, names: Iterable[str]) -> None:
        """Put files of ``directory`` where MLflow keeps artifacts, if that is a place that somebody chose; else NnexpError."""
        place = self.places.checked(location, self.experiment)
        for name in names:
            place.put(directory, name)

    def force(self) -> None:
        """Wait until what was told is on the disk, where each call did not (``sqlite.wait_no_more``). Raises OSError."""
        if self._file:
            sqlite.force(self._file)

    def with_journal(self, journal: str) -> str:
        """Return the id of the run with this journal; empty where there is none."""
        found = self.runs(f"tags.`{JOURNAL_ID}` = '{journal}'", most=1)
        return str(found[0].info.run_id) if found else ""

    def tag(self, run_id: str, key: str, value: str) -> None:
        """Set a run's tag. Raises whatever the client raises."""
        self.client.set_tag(run_id, key, truncated(value, LONGEST_TAG))

    def finished(self, key: str) -> Finished | None:
        """Find the newest run of the experiment that finished with this ``nnexp.key``. Raises ``NnexpError``."""
        with worded("look for the same run", self.uri):
            found = self.runs(f"tags.`nnexp.key` = '{key}' AND attributes.status = 'FINISHED'", most=1)
            if not found:
                return None
            run_id, metrics = found[0].info.run_id, found[0].data.metrics
            history = {
                name: [point.value for point in sorted(self.client.get_metric_history(run_id, name), key=_step)]
                for name in metrics
                if not is_score(name)
            }
            scores = {name: value for name, value in metrics.items() if name.endswith("/test")}
            return Finished(run_id, found[0].info.run_name or "", history, scores) if history else None

    def finished_keys(self) -> dict[str, str]:
        """Return every ``nnexp.key`` of the experiment's finished runs, each with its newest run. Raises ``NnexpError``."""
        found: dict[str, str] = {}
        token = None
        with worded("list the finished runs", self.uri):
            while True:
                page = self.client.search_runs(
                    [self.experiment_id],
                    "attributes.status = 'FINISHED'",
                    max_results=1000,
                    order_by=["attributes.start_time ASC"],
                    page_token=token,
                )
                found |= {run.data.tags["nnexp.key"]: run.info.run_id for run in page if "nnexp.key" in run.data.tags}
                token = page.token
                if not token:
                    return found

    def reopen(self, run_id: str, epochs: int, key: str, rung: int | None = None) -> None:
        """Mark a run that had ended as running again, to so many epochs: a tag where its parameter says otherwise.

        Without a ``key`` it pauses there, and is not the whole run yet. ``rung`` is that of a search which ends there.
        """
        run = self.client.get_run(run_id)
        if "nnexp.reason" in run.data.tags:
            self.client.delete_tag(run_id, "nnexp.reason")
        if run.data.params.get("epochs") != str(epochs) or "nnexp.epochs" in run.data.tags:
            self.tag(run_id, "nnexp.epochs", str(epochs))
        if rung is not None:
            self.tag(run_id, RUNG, str(rung))
        if key:
            self.tag(run_id, "nnexp.key", key)
        self.client.update_run(run_id, status="RUNNING")

    def journal_of(self, run_id: str) -> str:
        """The id of the journal that a run was made from; empty where the run is not there. Raises what the client raises."""
        from mlflow.exceptions import MlflowException

        try:
            return str(self.client.get_run(run_id).data.tags.get(JOURNAL_ID, "none"))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return ""
            raise

    def gone(self, run_id: str) -> bool:
        """Tell whether a run of the store was deleted, as its user can take back. Raises whatever the client raises."""
        return bool(self.client.get_run(run_id).info.lifecycle_stage != "active")

    def download(self, run_id: str, artifact: str, directory: Path) -> Path:
        """Copy the run's ``artifact`` (such as "weights.npz") into ``directory``; says where it lies then."""
        with worded(f"fetch '{artifact}' of run {run_id[:8]}", self.uri):
            place = self.places.checked(self.client.get_run(run_id).info.artifact_uri, self.experiment)
            available = place.names()
            if artifact not in available or not may_be_called(artifact):
                fetched = [name for name in available if may_be_called(name)]
                raise NnexpError(f"Run {run_id[:8]} has no artifact '{artifact}'. It has: {listed(fetched)}")
            directory.mkdir(parents=True, exist_ok=True)
            place.get(artifact, directory)
            return directory / artifact

    def runs(self, condition: str = "", most: int = 100) -> list[Run]:
        """List the experiment's runs that fulfil MLflow's filter ``condition``, the newest first."""
        newest = ["attributes.start_time DESC"]
        return list(self.client.search_runs([self.experiment_id], condition, max_results=most, order_by=newest))


def _step(point: Metric) -> int:
    return int(point.step)
