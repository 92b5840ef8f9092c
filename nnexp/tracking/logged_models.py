"""The models of runs in MLflow: stored once, whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nnexp.tracking.client import worded
from nnexp.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, Run


def has_model(store: Store, run_id: str) -> bool:
    """Tell whether a whole model is stored with the run. Raises whatever the client raises."""
    there = store.client.get_run(run_id)
    linked = linked_models(there)
    return bool(linked) and any(model.model_id in linked and is_ready(model) for model in _models(store, there))


def log_model(store: Store, run_id: str, directory: Path, requirements: Sequence[str]) -> str:
    """Store the model whose ``weights.npz`` and ``model.json`` lie in ``directory``; its MLflow id.

    It loads as ``runs:/<run_id>/model``. ``requirements`` are the packages it needs, as pip writes them; nnexp
    itself is added. Raises ``NnexpError``.
    """
    from nnexp.tracking.models import write_mlflow_model

    with worded(f"store the model of run {run_id[:8]}", store.uri), tempfile.TemporaryDirectory() as folder:
        from mlflow.entities import LoggedModelOutput

        run = store.client.get_run(run_id)
        if finished := _clear_away(store, run):
            return finished
        model = store.client.create_logged_model(
            run.info.experiment_id, "model", source_run_id=run_id, params=run.data.params
        )
        try:
            made = Path(folder, "model")
            write_mlflow_model(made, directory, requirements, model, run_id)
            files = [path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()]
            store.put_files(model.artifact_location, made, files)
            store.client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        except BaseException:
            store.client.finalize_logged_model(model.model_id, "FAILED")
            raise
        store.client.finalize_logged_model(model.model_id, "READY")
        return str(model.model_id)


def _models(store: Store, run: Run) -> Sequence[LoggedModel]:
    """What MLflow has of the models that were stored, or were about to be, with a run."""
    where = f"source_run_id = '{run.info.run_id}'"
    return list(store.client.search_logged_models([run.info.experiment_id], where))


def _clear_away(store: Store, run: Run) -> str:
    """Remove what a process that was killed left of a run's model; where only the last word was missing, say that: its id.

    Its files are complete once it is linked with the run.
    """
    for model in _models(store, run):
        if is_ready(model):
            continue
        if model.model_id in linked_models(run) and str(model.status) == "PENDING":
            store.client.finalize_logged_model(model.model_id, "READY")
            return str(model.model_id)
        store.client.delete_logged_model(model.model_id)
    return ""


def linked_models(run: Run) -> set[str]:
    """The ids of the models that belong to a run, whether their record is complete or not."""
    return {model.model_id for model in run.outputs.model_outputs} if run.outputs else set()


def is_ready(model: LoggedModel) -> bool:
    """Whether MLflow was told that the model is there completely."""
    return str(model.status) == "READY"
