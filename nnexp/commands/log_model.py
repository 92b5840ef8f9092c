"""``log-model RUN``: a run's model, added to its record in MLflow."""

from __future__ import annotations

from collections.abc import Sequence

from nnexp.commands.named_run import model_directory
from nnexp.commands.parser import Parser, add_store, open_store
from nnexp.errors import NnexpError


def log_model(words: Sequence[str]) -> None:
    """Add a run's model to its record in MLflow, where it loads as runs:/RUN_ID/model."""
    parser = Parser("python -m nnexp log-model", description=log_model.__doc__)
    parser.add_argument("run", help="a run's directory, or an MLflow run id or name")
    parser.set_defaults(typed="log-model {}")
    add_store(parser)
    given = parser.parse_args(words)
    from nnexp.journal.result import read_result
    from nnexp.tracking.logged_models import has_model
    from nnexp.tracking.logged_models import log_model as store_model
    from nnexp.tracking.lookup import find

    with model_directory(given) as (directory, run_id):
        result = read_result(directory) if directory.is_dir() else None
        if not run_id and not (result and result.status):
            raise NnexpError(
                f"'{given.run}' is no run: a saved model, or any other file, has no record in MLflow. "
                "Name a run's directory: python -m nnexp log-model RUN"
            )
        if not run_id:
            raise NnexpError(
                f"'{given.run}' has no record in MLflow: it was run with tracking=none. Run it again with "
                "tracking=mlflow."
            )
        requirements = result.requirements if result else ()
        store = open_store(given)
        there = has_model(store, find(store, run_id).info.run_id)
        if not there:
            store_model(store, run_id, directory, requirements)
    print(f"{'was there' if there else 'stored   '} runs:/{run_id}/model")  # noqa: T201
