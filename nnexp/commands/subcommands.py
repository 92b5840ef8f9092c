"""The subcommands: words such as ``plugins``, ``ui``, ``predict RUN TABLE``, ``sync``; ``COMMANDS`` has all of them."""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from nnexp.basics.files import Unreadable, outputs_here, replacing
from nnexp.errors import NnexpError, command, counted, did_you_mean, listed, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from nnexp.tracking.store import Store


FILE_OPTIONS = ("--config-path", "--config-name", "--config-dir")
"""Options that say which files a sweep is composed of."""
LAST_PORT = 65_535
"""Ports have 16 bits (RFC 9293)."""


class Parser(argparse.ArgumentParser):
    """argparse with nnexp's way of refusing: one message, exit code 1."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        raise NnexpError(f"{message}. {self.format_usage().strip()}")


def main(words: Sequence[str]) -> None:
    """Run one subcommand; ``words[0]`` is its name."""
    name, *rest = words
    if name not in COMMANDS:
        raise NnexpError(
            f"No command '{name}'.{did_you_mean(name, COMMANDS)} Commands: {listed(COMMANDS)}. "
            "A run is started with key=value: python -m nnexp loss=mae optimizer=sgd"
        )
    COMMANDS[name](rest)


def plugins(words: Sequence[str]) -> None:
    """List what can be chosen: every plugin with its parameters, formula and distribution, the presets, what is broken."""
    parser = Parser("python -m nnexp plugins", description=plugins.__doc__)
    parser.add_argument("what", nargs="?", default="", help="KIND, such as loss; KIND.NAME or NAME, such as loss.mae")
    parser.add_argument("--json", action="store_true", help="for programs: the same facts as one JSON object")
    given = parser.parse_args(words)
    from nnexp.commands import catalogue

    catalogue.show(given.what, as_json=given.json)


def new(words: Sequence[str]) -> None:
    """Write a complete distribution, ./nnexp-NAME, with a plugin that works and its tests, to put your own formula in."""
    parser = Parser("python -m nnexp new", description=new.__doc__)
    parser.add_argument("kind", help="activation, loss, ...: python -m nnexp plugins lists the kinds")
    parser.add_argument("name", help="what will be typed to choose it, such as huber")
    given = parser.parse_args(words)
    from nnexp.commands import scaffold

    scaffold.new(given.kind, given.name, Path.cwd())


def ui(words: Sequence[str]) -> None:
    """Serve MLflow's pages on this machine and print the link that lands on the runs."""
    parser = Parser("python -m nnexp ui", description=ui.__doc__)
    parser.add_argument("--port", type=int, default=5000, help="5000, or the next free one")
    add_store(parser)
    given = parser.parse_args(words)
    from nnexp.tracking.links import CHARTS, link_suffix
    from nnexp.tracking.ui import serve

    if not 1 <= given.port <= LAST_PORT:
        raise NnexpError(f"--port {given.port}: ports go from 1 to {LAST_PORT}. Type --port 5000, or leave it out.")
    store = open_store(given)
    serve(store.uri, outputs_here(), given.port, link_suffix(store.experiment_id) + CHARTS)


def predict(words: Sequence[str]) -> None:
    """Answer for new rows with a run's model: labels or values in original units, and probabilities."""
    parser = Parser("python -m nnexp predict", description=predict.__doc__)
    parser.add_argument("run", help="a run's directory, an MLflow run id or name, or a file that save() wrote")
    parser.set_defaults(typed="predict {} TABLE")
    parser.add_argument("table", help="a .csv, .tsv, .txt or .parquet file with the training table's feature columns")
    parser.add_argument("-o", "--output", help="a .csv or .parquet file; without it the answers are printed as csv")
    parser.add_argument("--separator", default=",", help="between the cells of a text file")
    add_store(parser)
    given = parser.parse_args(words)
    from nnexp.experiment.model import load
    from nnexp.tables.reading import read_table

    with model_directory(given) as (directory, _):
        model = load(directory)
    text = [feature.name for feature in model.features if feature.categories]
    table = read_table(given.table, given.separator, text=text, option="--separator ")
    answers = model.predict_table(table, source=given.table)
    if not given.output:
        try:
            if sys.stdout.isatty():  # a model from a stranger may call a class what a terminal takes for a command
                print(printable(answers.to_csv(index=False)), end="")  # noqa: T201
            else:
                answers.to_csv(sys.stdout, index=False)
        except BrokenPipeError:  # the reader has seen enough, as with `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    write(answers, Path(given.output))
    print(f"{counted(len(answers), 'row')}: {given.output}")  # noqa: T201


def write(answers: pd.DataFrame, path: Path) -> None:
    """Write a table in one step, as its suffix says."""
    writers: dict[str, Callable[[BinaryIO], object]] = {
        ".csv": lambda to: answers.to_csv(to, index=False, mode="wb"),
        ".parquet": lambda to: answers.to_parquet(to, index=False),
    }
    if path.suffix not in writers:
        better = f" Type -o {path.with_suffix('.csv')}" if path.name else ""
        raise NnexpError(f"-o {path}: the name must end in .csv or .parquet.{better}")
    if path.exists() and not path.is_file():
        raise NnexpError(f"-o {path} is no file that could be replaced. Choose another name.")
    if printable(str(path)) != str(path):
        raise NnexpError(f"-o {printable(str(path))}: a name has no control characters. Choose another name.")
    try:
        with replacing(path, forced=True, in_own_folder=False) as file:
            writers[path.suffix](file)
    except OSError as error:
        raise NnexpError(
            f"Cannot write '{path}': {error.strerror or error}. Choose another place with -o FILE."
        ) from None


def log_model(words: Sequence[str]) -> None:
    """Add a run's model to its record in MLflow, where it loads as runs:/RUN_ID/model."""
    parser = Parser("python -m nnexp log-model", description=log_model.__doc__)
    parser.add_argument("run", help="a run's directory, or an MLflow run id or name")
    parser.set_defaults(typed="log-model {}")
    add_store(parser)
    given = parser.parse_args(words)
    from nnexp.journal.result import read_result

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
        there = store.has_model(store.find(run_id).info.run_id)
        if not there:
            store.log_model(run_id, directory, requirements)
    print(f"{'was there' if there else 'stored   '} runs:/{run_id}/model")  # noqa: T201


def resume(words: Sequence[str]) -> None:
    """Go on with a run or a sweep that was interrupted, or with epochs=N to more epochs with a run that finished."""
    parser = Parser("python -m nnexp resume", description=resume.__doc__)
    parser.add_argument("run", help="a run's directory, an MLflow run id or name, or a sweep's directory")
    parser.add_argument(
        "override", nargs="*", help="epochs=N: train a run on to N epochs in all; of a sweep hydra/launcher=NAME"
    )
    parser.add_argument("--failed", action="store_true", help="of a sweep: begin the jobs anew that failed or diverged")
    for option in FILE_OPTIONS:
        parser.add_argument(option, help="of a sweep: as in the command that began it")
    add_store(parser)
    given = parser.parse_intermixed_args(words)
    directory = Path(given.run)
    if (directory / "manifest.json").exists():
        resume_sweep(directory, given)
    else:
        resume_run(directory, given)


def resume_sweep(directory: Path, given: argparse.Namespace) -> None:
    """Finish what is unfinished of a sweep."""
    for each in given.override:
        if not each.startswith(("hydra/launcher=", "hydra.launcher.")):
            raise NnexpError(
                f"A resumed sweep is the same sweep: nothing of it can change but hydra/launcher. Got {each}. One of its runs "
                f"can be extended: {command('resume', directory / '0', 'epochs=N')}"
            )
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra hands errors to us instead of printing them
    from nnexp.commands import run as app

    chosen = {option: getattr(given, option.strip("-").replace("-", "_")) for option in FILE_OPTIONS}
    files = {option: value for option, value in chosen.items() if value}
    store = {"uri": given.uri, "artifacts": given.artifacts}
    app.resume(directory, given.override, files, store, failed=given.failed)


def resume_run(directory: Path, given: argparse.Namespace) -> None:
    """Go on with one run."""
    from nnexp.journal.journal import identity, refuse_links
    from nnexp.run.start import resume as go_on
    from nnexp.terminal.console import Console

    epochs = None
    if given.failed:
        raise NnexpError(f"--failed is for a sweep, and '{given.run}' is none. Leave it out.")
    for each in given.override:
        key, _, value = each.partition("=")
        if key != "epochs" or not value.isdecimal():
            raise NnexpError(
                f"A resumed run is the same run: of its configuration only epochs=N can change, to more of them. Got {each}. "
                "Start a new run to change anything else."
            )
        if epochs is not None:
            raise NnexpError(f"epochs is given twice: {epochs} and {value}. Type one of them.")
        epochs = int(value)
    if not directory.exists():
        store = open_store(given)
        tags = store.find(given.run).data.tags
        directory = outputs_here().parent / tags.get("nnexp.directory", given.run)
        if not directory.exists() or identity(directory) != tags.get("nnexp.journal"):
            raise NnexpError(f"The directory of the run '{given.run}', {directory}, is not here.")
    if not (directory / "journal.jsonl").exists():
        raise NnexpError(nothing_to_resume(directory))
    refuse_links(directory)
    file = logging.FileHandler(directory / "nnexp.log", delay=True)  # nothing is written where there is no run
    logging.basicConfig(handlers=[file], format="[%(asctime)s][%(name)s][%(levelname)s] - %(message)s", level="INFO")
    go_on(directory, outputs_here(), epochs, given.uri, Console(), artifacts=given.artifacts)


def nothing_to_resume(directory: Path, most: int = 5) -> str:
    """The message for a directory that is neither a run's nor a sweep's: what there is below it."""
    levels = ("*", "*/*", "*/*/*")
    sweeps = [path.parent for level in levels for path in directory.glob(f"{level}/manifest.json")]
    runs = [path.parent for level in levels for path in directory.glob(f"{level}/journal.jsonl")]
    found = [*sweeps, *(each for each in runs if each.parent not in sweeps)]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    if not found:
        return (
            f"'{directory}' is no run's directory: it has no journal.jsonl that tells what to train. Runs are in "
            "outputs/runs/, sweeps in outputs/sweeps/."
        )
    shown = "\n  ".join(map(str, found[:most]))
    return f"'{directory}' is no run. Type {command('resume', found[0])}\nThe newest in it:\n  {shown}"


def sync(words: Sequence[str]) -> None:
    """Deliver to MLflow what runs could not: those that were killed, and those whose store failed them."""
    parser = Parser("python -m nnexp sync", description=sync.__doc__)
    add_place(parser, "the address of a store that runs wait for, if it was typed for them, too")
    given = parser.parse_args(words)
    from nnexp.basics.secrets import without_secrets
    from nnexp.run.drawing import draw_missing
    from nnexp.tracking.pending import notes, settle_everywhere

    outputs = outputs_here()
    waiting, problems = notes(outputs)
    found = list(settle_everywhere(waiting, given.uri, outputs, draw_missing, artifacts=given.artifacts))
    for what in (*(what for _, what, _ in found), *problems):
        print(printable(without_secrets(what)))  # noqa: T201
    left = sum(not done for _, _, done in found)
    if left:
        raise NnexpError(f"{left} of {len(found)} runs wait; the reasons are above.")
    if problems:
        raise NnexpError(f"{counted(len(problems), 'note')} in outputs/.open cannot be followed; see above.")
    if not found:
        print("Nothing waits: MLflow has all of every run that has ended.")  # noqa: T201


def check(words: Sequence[str]) -> None:
    """Examine a plugin: gradients, dtypes, bounds, documentation and all else that nnexp expects. Exit code 1 if it fails."""
    parser = Parser("python -m nnexp check", description=check.__doc__)
    parser.add_argument(
        "plugin", help="NAME or KIND.NAME of an installed one, module:Class or FILE.py:Class of any other"
    )
    parser.add_argument(
        "values", nargs="*", default=[], metavar="FIELD=VALUE", help="values for its fields, such as delta=2"
    )
    given = parser.parse_args(words)
    from nnexp.testing.command import check as examine

    if not examine(given.plugin, given.values):
        sys.exit(1)


def add_store(parser: argparse.ArgumentParser) -> None:
    """The options that say which store."""
    add_place(parser, "MLflow's tracking URI (default: MLFLOW_TRACKING_URI, or outputs/mlflow.db)")
    parser.add_argument("--experiment", default="nnexp", help="MLflow's experiment (default: nnexp)")


def add_place(parser: argparse.ArgumentParser, uri: str) -> None:
    """The options that say where the store is, and where files may go."""
    parser.add_argument("--uri", default=None, help=uri)
    parser.add_argument(
        "--artifacts", default=None, help="a folder or address of artifacts, beside outputs/artifacts and the server's"
    )


def open_store(given: argparse.Namespace) -> Store:
    """The store and the experiment that the options name, if they are there, with what waited for it."""
    from nnexp.run.drawing import draw_missing
    from nnexp.tracking.pending import entries, settle
    from nnexp.tracking.store import Store

    if not (given.uri or os.environ.get("MLFLOW_TRACKING_URI") or (outputs_here() / "mlflow.db").exists()):
        raise NnexpError(
            f"No runs here: there is no {outputs_here() / 'mlflow.db'}. Go to the directory in which the runs were started, "
            "name the store with --uri, or start a run: python -m nnexp loss=mae optimizer=sgd"
        )
    store = Store.connect(given.uri, given.experiment, outputs_here(), artifacts=given.artifacts, existing=True)
    for _, what, done in settle(entries(outputs_here()), store, outputs_here(), draw_missing):
        if done:
            print(printable(f"nnexp: {what}"), file=sys.stderr)  # noqa: T201
    return store


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


def finished_below(directory: Path) -> Iterator[Path]:
    """The directories of finished runs in ``directory``, up to three levels down (outputs/sweeps/NAME/0), newest first."""
    from nnexp.journal.result import RESULT, read_result

    found = [path for level in ("*", "*/*", "*/*/*") for path in directory.glob(f"{level}/{RESULT}")]
    for path in sorted(found, key=lambda path: path.lstat().st_mtime, reverse=True):
        with suppress(Unreadable):  # it cannot be told as one that finished
            if read_result(path.parent).status == "FINISHED":
                yield path.parent


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
    store = open_store(given)
    run_id = store.find(given.run).info.run_id
    with tempfile.TemporaryDirectory() as folder:
        for name in (WEIGHTS, DESCRIPTION):
            store.download(run_id, name, Path(folder))
        yield Path(folder), run_id


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "plugins": plugins,
    "new": new,
    "check": check,
    "ui": ui,
    "predict": predict,
    "log-model": log_model,
    "resume": resume,
    "sync": sync,
}
