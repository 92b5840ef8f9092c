"""Where the model of a run lies that somebody names, and what to say where there is none."""

from __future__ import annotations

import argparse
import itertools
import shlex
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nnexp.basics.files import Unreadable, outputs_here
from nnexp.basics.origin import DATABASE
from nnexp.commands.parser import open_store
from nnexp.errors import NnexpError, closest, command
from nnexp.sweep.manifest import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nnexp.tracking.store import Store


def no_run(directory: Path, typed: str, most: int = 5) -> str:
    """The message for a directory that is no run's: the newest finished runs below it, and what to type for one of them."""
    newest = itertools.islice(finished_below(directory), most)
    found = [str(each) for each in newest]
    if not found:
        return (
            f"'{directory}' holds neither a run nor a model. Runs are in outputs/runs/, those of a sweep in "
            "outputs/sweeps/.../0, 1, ..."
        )
    what = "a sweep's directory" if Path(found[0]).parent == directory and Path(found[0]).name.isdigit() else "no run"
    shown = "\n  ".join(found)
    typed = f"python -m nnexp {typed.format(shlex.quote(found[0]))}"
    return f"'{directory}' is {what}. Type {typed}\nThe newest runs in it:\n  {shown}"


def no_sweep(directory: Path) -> str:
    """The message for a directory that is neither a run's nor a sweep's."""
    newest = next(finished_below(directory), None)
    if newest is None or newest.parent != directory or not newest.name.isdigit():
        return no_run(directory, "report {}")
    return (
        f"'{directory}' has runs and no {MANIFEST}, which tells what their sweep was, so there is no report of all of them. "
        f"Put it back, or type {command('results', directory)} for all runs, {command('report', newest)} for one of them"
    )


def finished_below(directory: Path) -> Iterator[Path]:
    """The directories of finished runs in ``directory``, up to three levels down (outputs/sweeps/NAME/0), newest first."""
    from nnexp.journal.result import RESULT, read_result

    found = [path for level in ("*", "*/*", "*/*/*") for path in directory.glob(f"{level}/{RESULT}")]
    for path in sorted(found, key=lambda path: path.lstat().st_mtime, reverse=True):
        with suppress(Unreadable):  # it cannot be told as one that finished
            if read_result(path.parent).status == "FINISHED":
                yield path.parent


def store_for(given: argparse.Namespace, most: int = 5) -> Store:
    """The store in which to look up RUN, which is no file here. Raises NnexpError, with the runs that are here."""
    from nnexp.tracking.choice import NoStore

    try:
        return open_store(given)
    except NoStore as error:
        newest = [str(each) for each in itertools.islice(finished_below(Path()), most)]
        if not newest:
            raise NnexpError(f"No run '{given.run}'. {error}") from None
        named = {each.rpartition("/")[2]: each for each in newest}
        near = closest(given.run, named)
        hint = f" Did you mean '{named[near]}'?" if near else ""
        shown = "\n  ".join(newest)
        raise NnexpError(
            f"No run '{given.run}': there is no such directory, and no {outputs_here() / DATABASE} that might know the "
            f"name.{hint} The newest here:\n  {shown}"
        ) from None


def directory_of(store: Store, run: str) -> Path:
    """The directory of MLflow's run with this id or name, if it is here and its own. Raises NnexpError."""
    from nnexp.journal.journal import identity
    from nnexp.tracking.lookup import find

    tags = find(store, run).data.tags
    directory = outputs_here().parent / tags.get("nnexp.directory", run)
    if not directory.exists() or identity(directory) != tags.get("nnexp.journal"):
        raise NnexpError(f"The directory of the run '{run}', {directory}, is not here.")
    return directory


@contextmanager
def model_directory(given: argparse.Namespace) -> Iterator[tuple[Path, str]]:
    """Where the model of RUN lies, and its MLflow run id if it has one. Files of a run named by its id are fetched."""
    from nnexp.experiment.model import DESCRIPTION, WEIGHTS
    from nnexp.journal.result import RESULT, read_result
    from nnexp.tracking.delivery import run_id_of

    path = Path(given.run)
    if path.exists():
        if path.name == WEIGHTS and (path.parent / DESCRIPTION).exists():
            typed = given.typed.format(shlex.quote(str(path.parent)))
            raise NnexpError(f"'{path}' holds a run's weights alone. Type python -m nnexp {typed}")
        if not path.is_dir():
            yield path, ""
            return
        if not (path / RESULT).exists() and not (path / DESCRIPTION).exists():
            raise NnexpError(no_run(path, given.typed))
        result = read_result(path)
        if result.status not in ("", "FINISHED"):
            raise NnexpError(
                f"The run in '{path}' did not finish ({result.reason}), so it has no model. Choose another run."
            )
        yield path, run_id_of(path)
        return
    if "/" in given.run or given.run.startswith("."):
        raise NnexpError(
            f"No run directory '{given.run}'. Runs are in outputs/runs/, those of a sweep in outputs/sweeps/.../0, 1, "
            "..."
        )
    from nnexp.tracking.lookup import find

    store = store_for(given)
    run_id = find(store, given.run).info.run_id
    with tempfile.TemporaryDirectory() as folder:
        for name in (WEIGHTS, DESCRIPTION):
            store.download(run_id, name, Path(folder))
        yield Path(folder), run_id
