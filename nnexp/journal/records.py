"""The records of a journal: what each has to look like, whoever wrote it, and the values that are made of the first one.

In the order in which they are written:

| record | what it says |
|---|---|
| ``{"opened": {...}}`` | the run's name, parameters, tags and data, and what it takes to prepare it again |
| ``{"epoch": 3, "time": ms, "metrics": {...}}`` | an epoch; the time is when it ended, in milliseconds since 1970 |
| ``{"score": 80, "time": ms, "metrics": {...}}`` | metrics of the whole run, such as a test score, shown at this epoch |
| ``{"artifact": "weights.npz"}`` | a file of the run's directory |
| ``{"ended": "FINISHED", "reason": "", "time": ms}`` | how the run ended |
| ``{"model": ["numpy==2.4"], "anew": false}`` | the model is to be stored, with the packages that it needs |
| ``{"resumed": 3, "epochs": 80, "key": "...", "time": ms}`` | the run, which had come to epoch 3, goes on to epoch 80 |
| the same with ``"rung": 1`` | it does so because a search has it go on to the end of this rung |

A record has these keys and no others: what a later version adds is not guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]

ID = re.compile(r"[0-9a-f]{16}")
"""How a journal's id looks."""
REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*")
"""What a stored model needs: a distribution in one version, and nothing else that pip would take."""
METRIC = re.compile(r"[\w./ :-]{1,250}")
"""A metric's name, as MLflow takes it."""
STATUSES = ("FINISHED", "FAILED", "KILLED")
LARGEST = 2**53
"""Whole numbers that JSON of any origin keeps exactly, and every database."""


@dataclass(frozen=True)
class DataRecord:
    """What the store keeps about a run's data: a name, a digest (at most 36 characters) and what the columns are.

    ``source`` is a file's absolute path, a web address, or a few words. ``features`` holds (name, type) pairs; the
    types are MLflow's: "double", "long", "string", "boolean".
    """

    name: str
    digest: str
    source: str
    features: tuple[tuple[str, str], ...]
    target: str
    n_samples: int
    n_features: int


class NoRecord(Exception):  # noqa: N818 (told as an NnexpError by who knows the file)
    """A line is JSON, and no record; the message says why."""


@dataclass(frozen=True)
class RecordedContext:
    """Where a run stood: what was typed, its name in its sweep, the sweep and its number there."""

    overrides: Sequence[str] = ()
    name: str = ""
    sweep: str = ""
    job: int | None = None


@dataclass(frozen=True)
class Recipe:
    """What it takes to prepare the same run again, in plain values; the configuration is checked as a typed one is."""

    config: Mapping[str, Any]
    tracking: Mapping[str, Any]
    checkpoint: Mapping[str, Any]
    place: RecordedContext
    pictures: tuple[str, ...] = ()
    """Those that were asked for; a journal has the key where there are some."""

    @property
    def epochs(self) -> int:
        """How many the configuration says."""
        return int(self.config["epochs"])

    @property
    def uri(self) -> str | None:
        """The store's address, without a password; None for the one that is chosen without one."""
        uri: str | None = self.tracking["uri"]
        return uri

    @classmethod
    def of(cls, found: Any) -> Recipe:
        """The recipe in a record. Raises NoRecord."""
        match found:
            case {
                "config": {"epochs": int(epochs)} as config,
                "tracking": {"uri": str() | None} as tracking,
                "checkpoint": {} as checkpoint,
                "place": {"overrides": [*overrides], "name": str(name), "sweep": str(sweep), "job": job, **others},
                **more,
            } if not others and is_count(epochs) and all(map(is_text, overrides)) and more.keys() <= {"pictures"}:
                pictures = more.get("pictures", [])
                if (job is None or is_count(job)) and isinstance(pictures, list) and all(map(is_text, pictures)):
                    return cls(
                        config,
                        tracking,
                        checkpoint,
                        RecordedContext(tuple(overrides), name, sweep, job),
                        tuple(pictures),
                    )
        raise NoRecord("what it takes to prepare the run again is not what nnexp writes")


@dataclass(frozen=True)
class Opened:
    """A journal's first record."""

    id: str
    name: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    data: DataRecord | None
    epochs: int
    again: Recipe | None
    time: int

    @classmethod
    def of(cls, found: Any) -> Opened:
        """The value of ``opened``. Raises NoRecord."""
        match found:
            case {
                "id": str(token),
                "name": str(name),
                "params": {} as params,
                "tags": {} as tags,
                "data": data,
                "epochs": epochs,
                "again": again,
                "time": time,
                **more,
            } if not more and ID.fullmatch(token) and is_count(epochs) and is_count(time):
                if are_texts(params.values()) and are_texts(tags.values()):
                    known = None if data is None else data_of(data)
                    return cls(token, name, params, tags, known, epochs, Recipe.of(again) if again else None, time)
        raise NoRecord("what it says of the run before it trains is not what nnexp writes")


def data_of(found: Any) -> DataRecord:
    """What a first record says of the data. Raises NoRecord."""
    match found:
        case {
            "name": str(name),
            "digest": str(digest),
            "source": str(source),
            "features": [*features],
            "target": str(target),
            "n_samples": n_samples,
            "n_features": n_features,
            **more,
        } if not more and is_count(n_samples) and is_count(n_features):
            pairs = [tuple(each) for each in features if isinstance(each, list) and len(each) == 2 and are_texts(each)]
            if len(pairs) == len(features):
                return DataRecord(name, digest, source, tuple(pairs), target, n_samples, n_features)
    raise NoRecord("what it says of the data is not what nnexp writes")


def is_text(value: Any) -> bool:
    """Whether it is a text."""
    return isinstance(value, str)


def are_texts(values: Any) -> bool:
    """Whether all of them are."""
    return all(map(is_text, values))


def is_count(value: Any) -> bool:
    """Whether it is a whole number from 0 on that every store can hold."""
    return type(value) is int and 0 <= value <= LARGEST


def are_metrics(found: Any) -> bool:
    """Whether these are numbers by name; also those that are not finite."""
    return isinstance(found, dict) and set(map(type, found.values())) <= {float} and all(map(METRIC.fullmatch, found))


def are_requirements(found: Any) -> bool:
    """Whether it is a list of distributions, each in one version."""
    return isinstance(found, list) and all(is_text(each) and REQUIREMENT.fullmatch(each) for each in found)


def is_file(found: Any) -> bool:
    """Whether it can be a file's name; which of them is sent is decided by who sends it."""
    return is_text(found) and "\0" not in found and not any("\ud800" <= each <= "\udfff" for each in found)


def _measured(found: Record, at: str) -> bool:
    return len(found) == 3 and is_count(found[at]) and is_count(found["time"]) and are_metrics(found["metrics"])


FORMS: Mapping[str, Callable[[Record], object]] = {
    "opened": lambda found: len(found) == 1 and Opened.of(found["opened"]),
    "epoch": lambda found: _measured(found, "epoch") and found["epoch"],
    "score": lambda found: _measured(found, "score"),
    "artifact": lambda found: len(found) == 1 and is_file(found["artifact"]),
    "ended": lambda found: (
        len(found) == 3 and found["ended"] in STATUSES and is_text(found["reason"]) and is_count(found["time"])
    ),
    "model": lambda found: len(found) == 2 and are_requirements(found["model"]) and isinstance(found["anew"], bool),
    "resumed": lambda found: (
        len(found) == 4 + ("rung" in found)
        and is_count(found.get("rung", 0))
        and is_count(found["resumed"])
        and is_count(found["epochs"])
        and is_text(found["key"])
        and is_count(found["time"])
    ),
}
"""Whether a record with this first key is what nnexp writes."""


def record_of(line: bytes, last: int = 0) -> Record | None:
    """The record in a line; None where the line is torn, or what a power failure leaves.

    Raises NoRecord, also for an epoch that does not follow the ``last`` one, if there is one.
    """
    try:
        found = json.loads(line) if line.endswith(b"\n") else None
    except RecursionError:
        raise NoRecord("its brackets are nested too deeply") from None
    except ValueError:  # what a power failure leaves may be of any content
        return None
    if not isinstance(found, dict):
        return None
    kind = next(iter(found), "")
    if kind not in FORMS:
        raise NoRecord(f"there is no record '{kind[:40]}'")
    try:
        fits = FORMS[kind](found)
    except KeyError as error:
        raise NoRecord(f"a record '{kind}' has no {error.args[0]}") from None
    if not fits:
        raise NoRecord(f"a record '{kind}' is not like this")
    if last and kind == "epoch" and found["epoch"] != last + 1:
        raise NoRecord(f"epoch {found['epoch']} comes after epoch {last}")
    return found
