"""``resume SWEEP``: what is unfinished of a sweep is finished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nnexp.basics.files import outputs_here, relative
from nnexp.commands.run import carry_out
from nnexp.commands.sweep_end import end_sweep
from nnexp.composition.command import Command
from nnexp.composition.passwords import quoted
from nnexp.errors import NnexpError
from nnexp.journal.journal import refuse_links
from nnexp.sweep import ledger, states
from nnexp.sweep.manifest import CHANGED
from nnexp.sweep.recorder import deliver_rest
from nnexp.sweep.resume import Resumed, again, began_elsewhere, changed_search, recorded_tracking
from nnexp.sweep.session import Session, opened
from nnexp.sweep.states import key_of
from nnexp.terminal.console import say


def resume_sweep(
    directory: Path, words: Sequence[str], options: Mapping[str, str], typed: Mapping[str, str | None], *, failed: bool
) -> None:
    """Finish the sweep in ``directory``: what was interrupted and what has not begun, and with ``failed`` what failed, too.

    The sweep is composed again from what its manifest says it began with, and from what is typed now: ``words`` of
    hydra.launcher, ``options`` that name files, and ``typed``, the store's address and the place of artifacts. Each job looks
    into its own directory and does what is left. Raises NnexpError where the sweep has changed, is at work, or cannot be
    resumed.
    """
    with opened(Session()) as session:
        go_on(session, directory.absolute(), words, options, typed, failed=failed)


def go_on(  # noqa: PLR0913 (what was typed)
    session: Session,
    directory: Path,
    words: Sequence[str],
    options: Mapping[str, str],
    typed: Mapping[str, str | None],
    *,
    failed: bool,
) -> None:
    """The same in an open session."""
    sweep, outputs = session.sweep, outputs_here()
    sweep.lock = states.Lock(directory)
    found = ledger.read(directory)
    files = [word for option, value in options.items() for word in (option, value)]
    for folder in (directory, *(job.directory for job in found.jobs)):
        refuse_links(folder)
    changes = [word for word in words if key_of(word) in CHANGED]
    words = [word for word in words if word not in changes]
    recorded = changed_search(found.manifest, again(found, files), changes, relative(str(directory)))
    sweep.tracking = recorded_tracking(found.manifest, directory, typed)
    deliver_rest(sweep, directory, outputs)
    found = ledger.read(directory)
    if alive := found.of("running"):
        raise NnexpError(
            f"A worker that is left of the sweep still trains job #{alive[0].number}. Wait for it, or end it."
        )
    ledger.show_problems(found)
    sweep.resumed = Resumed(directory, found.manifest, retry=failed)
    if failed and found.manifest.search:
        raise NnexpError(
            "A trial that failed is an answer to the search, so it is not tried again. Leave --failed out."
        )
    halving = bool(found.manifest.search.get("halving"))  # what is to go on follows from all that there is
    if not changes and not halving and not found.of(*states.LEFT, *(states.BAD if failed else ())):
        say(f"Nothing is left to do{'' if failed or not found.of(*states.BAD) else ' but what failed: --failed'}.")
        if problem := end_sweep(session, directory, outputs, None):
            raise problem
        return
    began_elsewhere(found, words, changes)
    chosen = {"uri": sweep.tracking.uri, "artifacts": sweep.tracking.artifacts}
    store = [f"tracking.{key}={quoted(value)}" for key, value in chosen.items() if value]
    session.command = Command(recorded=tuple(recorded), sweep_directory=relative(str(directory)))
    carry_out([*files, "-m", *words, *store], session)
