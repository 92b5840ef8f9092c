"""One run: its metrics are buffered and delivered within a time budget, the rest at its end."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from nnexp.errors import NnexpError
from nnexp.tracking.client import PATIENT, QUICK, masked, quiet, reason, worded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mlflow import MlflowClient
    from mlflow.entities import Metric

Status = Literal["FINISHED", "FAILED", "KILLED"]

SHARE = 0.03
"""The share of the time since the run's start that may go into delivering its metrics while it trains."""

PAUSE = 1.0
"""Seconds between two deliveries, at least."""

BATCH = 1000
"""Metric points per call: MLflow's limit."""

POINT_SECONDS = 0.0002
"""What delivering a point is taken to cost until it has been measured."""


class Point(NamedTuple):
    """One value of one metric; ``timestamp`` in milliseconds since 1970."""

    key: str
    value: float
    timestamp: int
    step: int


class TrackedRun:
    """One run in an MLflow store. Made by ``Store.start`` and ``Store.reopen``.

    ``record`` is cheap and never fails: a store that breaks down in the middle does not stop the training. What could
    not be delivered by then is delivered by ``finish``, which says so where that fails too.
    """

    def __init__(
        self, client: MlflowClient, uri: str, run_id: str, *, call_seconds: float = 0.01, directory: Path | None = None
    ) -> None:
        """``call_seconds``: what a call to this store costs before the first metric point of it is written."""
        self.run_id = run_id
        self.directory = directory
        self.error: Exception | None = None
        """The first failed delivery, if any."""
        self.delivering = 0.0
        """Seconds spent in deliveries so far."""
        self._client = client
        self._uri = uri
        self._points: list[Point] = []
        self._began = time.perf_counter()
        self._delivered_at = self._began
        self._call_seconds = call_seconds
        self._point_seconds = POINT_SECONDS

    def record(self, step: int, metrics: Mapping[str, float], timestamp_ms: int) -> None:
        """Keep one value per metric for ``step``; now and then, within the budget, deliver what has gathered."""
        self._points += [Point(key, float(value), timestamp_ms, step) for key, value in metrics.items()]
        now = time.perf_counter()
        if now - self._delivered_at >= PAUSE:
            affordable = self._affordable(now)
            if affordable > 0:
                self._deliver_some(affordable)

    def summary(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep metrics of the whole run (a test score). They are delivered by ``finish``."""
        now = int(time.time() * 1000)
        self._points += [Point(key, float(value), now, step) for key, value in metrics.items()]

    def tag(self, key: str, value: str) -> None:
        """Set a tag at once. Raises ``NnexpError``."""
        with worded(f"set the tag {key} of run {self.run_id[:8]}", self._uri):
            self._client.set_tag(self.run_id, key, value)

    def artifact(self, path: Path) -> None:
        """Copy a file or a directory to the run's artifacts at once. Raises ``NnexpError``."""
        with worded(f"store '{path.name}' with run {self.run_id[:8]}", self._uri):
            self._client.log_artifact(self.run_id, str(path))

    def finish(self, status: Status, reason: str = "") -> None:
        """Deliver what is left, note the reason in the tag ``nnexp.reason``, and close the run.

        Raises ``NnexpError`` where the metrics or the status could not be delivered. The points that are left stay
        here, so it can be called again.
        """
        failure: Exception | None = None
        try:
            with quiet():
                while self._points:
                    self._deliver(BATCH)
                if reason:
                    self._client.set_tag(self.run_id, "nnexp.reason", reason)
        except Exception as error:  # noqa: BLE001 - whatever fails, the run is to be closed
            failure = error
        try:
            # A store that has just failed gets one more attempt, no second wait.
            with quiet(QUICK if failure else PATIENT, firmly=failure is not None):
                self._client.set_terminated(self.run_id, status)
        except Exception as error:  # noqa: BLE001 - told below
            failure = failure or error
        if failure is not None:
            raise self._undelivered(failure) from failure

    def log_model(self, directory: Path, requirements: Sequence[str]) -> str:
        """Store the model whose ``weights.npz`` and ``model.json`` lie in ``directory``; its MLflow id.

        It loads as ``runs:/<run_id>/model``. ``requirements`` are the packages it needs, as pip writes them; nnexp
        itself is added. Raises ``NnexpError``.
        """
        from nnexp.tracking.serving import write_mlflow_model

        with worded(f"store the model of run {self.run_id[:8]}", self._uri), tempfile.TemporaryDirectory() as folder:
            from mlflow.entities import LoggedModelOutput

            run = self._client.get_run(self.run_id)
            model = self._client.create_logged_model(
                run.info.experiment_id, "model", source_run_id=self.run_id, params=run.data.params
            )
            try:
                write_mlflow_model(Path(folder, "model"), directory, requirements, model, self.run_id)
                self._client.log_model_artifacts(model.model_id, str(Path(folder, "model")))
                self._client.log_outputs(self.run_id, [LoggedModelOutput(model.model_id, step=0)])
            except BaseException:
                self._client.finalize_logged_model(model.model_id, "FAILED")
                raise
            self._client.finalize_logged_model(model.model_id, "READY")
            return str(model.model_id)

    def _affordable(self, now: float) -> int:
        """Say how many points fit into what is left of the budget, after one call's fixed cost."""
        left = SHARE * (now - self._began) - self.delivering - self._call_seconds
        return min(int(left / self._point_seconds), BATCH, len(self._points))

    def _deliver_some(self, n: int) -> None:
        """Deliver ``n`` points, remembering a failure instead of raising it.

        The time a failed call took counts too, so that a store that hangs is tried again later and later.
        """
        began = time.perf_counter()
        try:
            with quiet(QUICK, firmly=True):
                self._deliver(n)
            cost = time.perf_counter() - began
            self._call_seconds = min(self._call_seconds, cost)
            self._point_seconds = max(cost - self._call_seconds, cost / 2) / n
        except Exception as error:  # noqa: BLE001 - a store that breaks down must not stop the training
            self.error = self.error or error
        self._delivered_at = time.perf_counter()
        self.delivering += self._delivered_at - began

    def _deliver(self, n: int) -> None:
        """Send the oldest ``n`` points. They leave the buffer only once they are stored.

        Sending a point twice does no harm: the store drops a point that equals one it has.
        """
        self._client.log_batch(self.run_id, metrics=list(_entities(self._points[:n])))
        del self._points[:n]

    def _undelivered(self, error: Exception) -> NnexpError:
        what = f"{len(self._points)} of its metric points" if self._points else "its final status"
        kept = f" Everything else of it lies in {self.directory}." if self.directory else ""
        return NnexpError(
            f"The run {self.run_id[:8]} has ended, but {what} could not be delivered to {masked(self._uri)}: "
            f"{reason(error, self._uri)}.{kept}"
        )


def _entities(points: Iterable[Point]) -> Iterator[Metric]:
    from mlflow.entities import Metric

    return (Metric(*point) for point in points)
