"""The runs that MLflow does not have completely: those that train, those that died, those whose store failed at their end.

Each has a small file in ``outputs/.open/`` from before it is created in MLflow until everything of it is there. Whether a run
is alive is told by its journal's lock. So any later command finds what a killed process left behind, tells MLflow how it
ended, and delivers the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nnexp.basics.locks import lock
from nnexp.basics.origin import allowed
from nnexp.basics.removing import remove
from nnexp.basics.secrets import masked
from nnexp.basics.store_address import StoreAddress, same_store
from nnexp.errors import NnexpError, first_line
from nnexp.journal.journal import JOURNAL, Busy, Ending, Journal, identity
from nnexp.journal.outbox import Entry
from nnexp.journal.recorded_run import RecordedRun
from nnexp.journal.result import write_result
from nnexp.tracking.client import quiet, reason
from nnexp.tracking.delivery import PROGRESS, Delivery, run_id_of
from nnexp.tracking.store import Store

AddFiles = Callable[[Path], object]
"""Called with a run's directory before its files are delivered, to add what is missing there."""


def add_nothing(directory: Path) -> None:
    """Add nothing to a run's directory."""


def added(add_files: AddFiles, directory: Path) -> str:
    """Have missing files added; why that did not work, or nothing. A run without them is a run all the same."""
    try:
        add_files(directory)
    except NnexpError as error:
        return f"files are missing in {directory}: {first_line(error)}"
    except Exception as error:  # noqa: BLE001 - it may be anything's fault
        return f"files are missing in {directory} ({type(error).__name__}: {first_line(error)})"
    return ""


def flush(
    found: Iterable[Entry], store: Store, outputs: Path, add_files: AddFiles = add_nothing
) -> Iterator[tuple[Entry, str, bool]]:
    """Deliver the runs that wait for ``store``: each with what became of it in words, and whether it is done.

    Runs that are alive, and those of other stores, are left out.
    """
    for entry in found:
        if not same_store(entry.uri, store.uri):
            continue

        def connect(experiment: str = entry.experiment) -> Store:
            if experiment == store.experiment:
                return store
            return Store.connect(store.uri, experiment, outputs, artifacts=store.places.typed)

        try:
            words = flush_run(entry, connect, add_files)
        except Busy:
            continue
        except Exception as error:  # noqa: BLE001 - whatever the store's client raises, the next run may be luckier
            why = str(error) if isinstance(error, NnexpError) else reason(error, store.uri)
            yield entry, f"the run in {entry.directory} waits: {why}", False
        else:
            if words:
                yield entry, words, True


def flush_all(
    found: Iterable[Entry],
    uri: str | None,
    outputs: Path,
    add_files: AddFiles = add_nothing,
    *,
    artifacts: str | None = None,
) -> Iterator[tuple[Entry, str, bool]]:
    """Deliver every run that waits for a store that may be used: the embedded one, that at ``uri``, the environment's.

    ``uri`` and ``artifacts`` are what was typed. What is said of each is what ``flush`` says.
    """
    by_store: dict[str, list[Entry]] = {}
    for entry in found:
        by_store.setdefault(entry.uri, []).append(entry)
    for address, group in by_store.items():
        try:
            # A sweep may have been ended before the database of its directory was made, which is then made now.
            known_there = any(run_id_of(each.directory) for each in group)
            unmasked = usable(address, uri, outputs, missing=not known_there)
            store = Store.connect(unmasked, group[0].experiment, outputs, artifacts=artifacts)
        except NnexpError as error:
            for entry in group:
                yield entry, f"the run in {entry.directory} waits: {str(error).splitlines()[0]}", False
        else:
            yield from flush(group, store, outputs, add_files)


def usable(address: str, uri: str | None, outputs: Path, *, missing: bool = False) -> str:
    """The whole address of a store that a note names, if it may be used; ``uri`` is what was typed.

    Raises NnexpError where only the note names it, and where its database was removed, unless it may be ``missing``.
    """
    unmasked = allowed(address, uri, outputs, "python -m nnexp sync")
    file = StoreAddress.parse(unmasked).file
    if file and not missing and not Path(file).exists():
        raise NnexpError(f"The database {file} is gone. Put it back to deliver to it.")
    return unmasked


def flush_run(
    entry: Entry, connect: Callable[[], Store], add_files: AddFiles = add_nothing, *, hurried: bool = False
) -> str:
    """Deliver one run; says what became of it, nothing where another process was faster. Raises Busy where it is alive.

    How a killed run ended is noted in its directory before ``connect`` is called. Raises whatever that and the client raise.
    """
    if not identity(entry.directory):
        store = connect()
        with quiet():
            return _without_directory(entry, store)
    refuse_other(entry)
    journal = Journal(entry.directory)
    try:
        with held(entry) as there:
            return _told(entry, connect, add_files, journal, hurried=hurried) if there else ""
    finally:
        journal.close()


@contextmanager
def held(entry: Entry) -> Iterator[bool]:
    """Keep others from delivering a run; False where it is delivered already. Raises Busy where somebody else is at it."""
    try:
        file = entry.path.open("r+b")  # some file systems lock for one only what is open for writing
    except FileNotFoundError:
        yield False
        return
    with file:
        try:
            lock(file.fileno(), entry.path)
        except BlockingIOError:
            raise Busy(f"Another process is delivering the run in '{entry.directory}'.") from None
        yield entry.path.exists()


def refuse_other(entry: Entry) -> None:
    """Refuse a note that leads to another run's directory: the run named in it has the journal with the note's own name."""
    if identity(entry.directory) != entry.path.name:
        raise NnexpError(
            f"{entry.path} names a directory that is not its run's: {entry.directory}. Remove {entry.path}, or put the run back"
        )


def _told(entry: Entry, connect: Callable[[], Store], add_files: AddFiles, journal: Journal, *, hurried: bool) -> str:
    """Deliver one run, of which nobody else has the journal."""
    died = ended(journal, entry.directory)
    missing = added(add_files, entry.directory)
    store = connect()
    delivery = Delivery(store, entry.directory)
    with quiet():
        known_as = store.journal_of(delivery.run_id) if delivery.run_id else entry.path.name
        if not known_as:
            raise NnexpError(
                f"{masked(store.uri)} has no run {delivery.run_id}, which {entry.directory / PROGRESS} names: is it another "
                f"store than the run began with, or a new one? Put the old one back, or remove {PROGRESS} there to deliver the "
                "run anew"
            )
        if known_as != entry.path.name:
            raise NnexpError(
                f"{PROGRESS} in {entry.directory} names a run of MLflow's that is another's: {delivery.run_id}. Remove "
                f"{PROGRESS}"
            )
        if delivery.run_id and store.gone(delivery.run_id):
            words = f"run {delivery.run_id[:8]} was deleted in MLflow, and is left so"
        else:
            if hurried:
                delivery.mark()
            delivery.all()
            words = f"run {delivery.run_id[:8]} {died or 'is complete in MLflow now'}{missing and f'; {missing}'}"
    remove(entry.path)
    return words


def _without_directory(entry: Entry, store: Store) -> str:
    """Close the MLflow run of a directory that was removed before everything of it was delivered."""
    run_id = store.with_journal(entry.path.name)
    if run_id and entry.directory.exists():  # what MLflow knows was on the disk before, so it was no power failure
        raise NnexpError(
            f"{entry.directory / JOURNAL} is not there, or has no record of the run that MLflow has as {run_id[:8]}. Put it "
            f"back, or remove {entry.path} to give up what MLflow lacks of the run"
        )
    running = bool(run_id) and store.client.get_run(run_id).info.status == "RUNNING"
    if running:
        store.tag(run_id, "nnexp.reason", f"its directory {entry.directory} was removed before it was delivered")
        store.client.set_terminated(run_id, "KILLED")
    store.force()
    remove(entry.path)
    return f"run {run_id[:8]} was closed: its directory is gone" if running else ""


def end_dead(entry: Entry) -> None:
    """Note in a run's directory that its process was killed, if it was. Raises Busy where it is alive."""
    with suppress(FileNotFoundError):
        journal = Journal(entry.directory)
        try:
            ended(journal, entry.directory)
        finally:
            journal.close()


def ended(journal: Journal, directory: Path, why: str = "its process was killed") -> str:
    """Where the process was killed before it could say how the run ended, say so in its place; returns the words, or none.

    The caller holds the journal's lock. ``why`` is what the caller knows of it.
    """
    if Ending.read(directory).status not in ("open", "none"):
        return ""
    recorded = RecordedRun.read(directory)
    moment = recorded.epochs[-1]["time"] if recorded.epochs else int(time.time() * 1000)
    reason = f"{why} after epoch {recorded.last} of {recorded.wanted}"
    journal.sync()  # what comes before an end is on the disk when that is written
    journal.write({"ended": "KILLED", "reason": reason, "time": moment})
    write_result(directory, {"status": "KILLED", "reason": reason})
    return f"is marked as KILLED: {reason}"
