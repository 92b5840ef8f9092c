"""``result.json``: how a run ended, in plain values, in its directory."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from nnexp.basics.files import Unreadable, read_json, replace_json
from nnexp.basics.secrets import without_credentials, without_secrets
from nnexp.errors import command
from nnexp.journal.journal import JOURNAL
from nnexp.journal.records import LARGEST, are_requirements, is_count, is_text

RESULT = "result.json"
UNREADABLE = f"{RESULT}.unreadable"
"""What a ``result.json`` that nnexp has not written is called from then on when it writes one."""
MOST_BYTES = 2**27
"""The most that is read: six million values of a history."""
RUN_ID = re.compile(r"[0-9a-f]{32}|")
"""How MLflow's id of a run looks; empty while there is none."""
STATUSES = ("FINISHED", "REUSED", "FAILED", "KILLED")
DONE = ("FINISHED", "REUSED")
"""Those with numbers."""


@dataclass(frozen=True)
class Result:
    """How a run ended, as ``result.json`` says; no ``status`` where there is none. The numbers are of a run that is done."""

    status: str = ""
    reason: str = ""
    """Why it did not finish."""
    kind: str = ""
    """``diverged`` or ``failed``, of a run that failed."""
    message: str = ""
    """The words that it ended with."""
    overrides: Sequence[str] = ()
    name: str = ""
    job: int | None = None
    title: str = ""
    loss: Mapping[str, Any] = field(default_factory=dict)
    objective: float = math.nan
    epochs: int = 0
    stopped: str = ""
    best_epoch: int = 0
    kept_epoch: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Of the kept epoch, and of the test samples."""
    scaled: bool = False
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Each metric by epoch."""
    training_seconds: float = 0.0
    notes: Sequence[str] = ()
    """What its user should know about how its data were read."""
    paused: int = 0
    """The epochs that it is to have in all, where it was paused before; else 0."""
    parameters: int = 0
    """Weights and biases; 0 where the file does not say."""
    remark: str = ""
    """What its user should know of its numbers, though it finished."""
    requirements: Sequence[str] = ()
    run_id: str = ""
    """MLflow's id of the run whose numbers these are, where they were reused."""


PAUSED = "paused at epoch"
"""How the reason of a run begins that has ended before its last epoch and may go on."""
TIME = "time/"
"""How the names of scores begin that say what took how long (``timing=true``); they are left out where numbers compare."""
QUOTED = ("reason", "message")
"""What may quote anything, such as what an address's driver said."""


def is_score(name: str) -> bool:
    """Whether a metric is of the whole run, and not of each epoch."""
    return name.endswith("/test") or name.startswith(TIME)


def write_result(directory: Path, result: Mapping[str, Any]) -> None:
    """Replace ``result.json`` in one step. No text in it has a secret, but for where it lies, which is as it is.

    It is on the disk before it has its name. A file of that name which nnexp has not written keeps its content under another.
    """
    cleaned = {
        key: without_secrets(str(value)) if key in QUOTED else value if key == "directory" else _without(value)
        for key, value in result.items()
    }
    try:
        read_result(directory)
    except Unreadable:
        set_aside(directory)
    replace_json(directory / RESULT, cleaned, forced=True)


def _without(value: Any) -> Any:
    """A plain value whose texts have no credentials of addresses in them."""
    match value:
        case str():
            return without_credentials(value)
        case Mapping():
            return {key: _without(inner) for key, inner in value.items()}
        case list() | tuple():
            return (
                value
                if not any(isinstance(each, str | Mapping | list | tuple) for each in value)
                else [*map(_without, value)]
            )
    return value


def set_aside(directory: Path) -> None:
    """Give a ``result.json`` that nnexp has not written a name that is free."""
    names = (f"{UNREADABLE}{number or ''}" for number in range(1000))
    free = next(name for name in names if not (directory / name).exists())
    (directory / RESULT).replace(directory / free)


def read_result(directory: Path) -> Result:
    """A run's ``result.json``; an empty one where there is none.

    Raises Unreadable for whatever nnexp does not write; the message names the file, and says why and what to do.
    """
    path = directory / RESULT
    try:
        found = read_json(path, MOST_BYTES)
        why = flaw(found)
    except FileNotFoundError:
        return Result()
    except Unreadable as error:
        raise Unreadable(f"{error}. {advice(directory)}") from None
    if why:
        raise Unreadable(f"{path} is not what nnexp writes: {why}. {advice(directory)}")
    return Result(**{name: found[name] for name in NAMES if name in found})


def advice(directory: Path) -> str:
    """What to do about a ``result.json`` that cannot be read."""
    if (directory / JOURNAL).exists():
        return f"It is made anew by {command('resume', directory)}"
    return "Move it away, or put the right one back."


def flaw(found: Any) -> str:
    """What keeps a value from being a result; nothing where it is one."""
    if not isinstance(found, dict):
        return "it is no object"
    if found.get("status") not in STATUSES:
        return "it has no status of a run"
    for name, (fits, words) in FORMS.items():
        if name in found and not fits(found[name]):
            return f"{name} is not {words}"
    return gap(found) if found["status"] in DONE else ""


def gap(found: Mapping[str, Any]) -> str:
    """What is missing or contradicts itself in the numbers of a run that is done."""
    for name in NUMBERS:
        if name not in found:
            return f"{name} is missing"
    epochs, history = found["epochs"], found["history"]
    if not (1 <= found["kept_epoch"] <= epochs and 1 <= found["best_epoch"] <= epochs):
        return f"its epochs are not among {epochs}"
    if "cost/train" not in history or "cost/train" not in found["metrics"]:
        return "it has no cost/train"
    if any(len(values) != epochs for name, values in history.items() if name.startswith("cost/")):
        return f"a cost is not there for each of {epochs} epochs"
    if found["status"] == "REUSED" and not found.get("run_id"):
        return "run_id is missing"
    return ""


def is_number(value: Any) -> bool:
    """Whether it is a number of any kind, also none."""
    return type(value) is float or (type(value) is int and abs(value) <= LARGEST)


def is_finite(value: Any) -> bool:
    """Whether it is a finite number."""
    return is_number(value) and math.isfinite(value)


def are_numbers(values: Any) -> bool:
    """Whether it is a list of numbers that has some; one look at the types is quick."""
    if not isinstance(values, list) or not values:
        return False
    return set(map(type, values)) == {float} or all(map(is_number, values))


FORMS: Mapping[str, tuple[Callable[[Any], object], str]] = {
    **dict.fromkeys(("reason", "message", "name", "title", "stopped", "remark"), (is_text, "a text")),
    "kind": (lambda value: value in ("diverged", "failed"), "diverged or failed"),
    **dict.fromkeys(
        ("overrides", "notes"), (lambda value: isinstance(value, list) and all(map(is_text, value)), "a list of texts")
    ),
    "parameters": (is_count, "a number of parameters"),
    "paused": (is_count, "a number of epochs"),
    "job": (lambda value: value is None or is_count(value), "a job's number"),
    "loss": (lambda value: isinstance(value, dict), "a loss with its options"),
    "objective": (is_finite, "a finite number"),
    **dict.fromkeys(("epochs", "best_epoch", "kept_epoch"), (is_count, "a number of epochs")),
    "metrics": (lambda value: isinstance(value, dict) and all(map(is_number, value.values())), "numbers by name"),
    "scaled": (lambda value: isinstance(value, bool), "true or false"),
    "history": (lambda value: isinstance(value, dict) and all(map(are_numbers, value.values())), "lists of numbers"),
    "training_seconds": (lambda value: is_finite(value) and value >= 0, "a time"),
    "requirements": (are_requirements, "a list of distributions with versions"),
    "run_id": (lambda value: isinstance(value, str) and RUN_ID.fullmatch(value), "a run's id"),
}
"""What each entry has to be; others are left out."""
NAMES = tuple(each.name for each in fields(Result))
NUMBERS = (
    "objective",
    "epochs",
    "best_epoch",
    "kept_epoch",
    "metrics",
    "scaled",
    "history",
    "loss",
    "training_seconds",
    "requirements",
)
"""What a run that is done has."""
