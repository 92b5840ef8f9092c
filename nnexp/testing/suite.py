"""Runs the checks: as pytest tests (``conformance``) or as a list of results (``examine``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from nnexp.discovery.faults import fault
from nnexp.errors import NnexpError
from nnexp.testing import (
    activations,
    datasets,
    engines,
    every,
    initializers,
    losses,
    optimizers,
    pictures,
    schedules,
    searches,
)
from nnexp.testing.subject import Subject
from nnexp.testing.verdict import Check, Failed, Skipped

KIND_CHECKS: Mapping[str, tuple[Callable[[Any], None], ...]] = {
    "activation": activations.CHECKS,
    "loss": losses.CHECKS,
    "optimizer": optimizers.CHECKS,
    "schedule": schedules.CHECKS,
    "initializer": initializers.CHECKS,
    "dataset": datasets.CHECKS,
    "engine": engines.CHECKS,
    "picture": pictures.CHECKS,
    "search": searches.CHECKS,
}
"""The checks of each kind, called with an object; those of every kind come before them."""


def checks(kind: str) -> dict[str, Callable[[Any], None]]:
    """The checks of a plugin of this kind, by name: the first of them take a subject, the kind's own an object."""
    return {check.__name__: check for check in (*every.CHECKS, *KIND_CHECKS[kind])}


def run(check: Callable[[Any], None], subject: Subject) -> None:
    """Run one check; where it needs an object and there is none, it is skipped."""
    if check in every.CHECKS:
        check(subject)
    elif subject.plugin is None:
        raise Skipped(subject.why_not)
    else:
        check(subject.plugin)


def conformance(target: object) -> Callable[..., None]:
    """A pytest test of everything that nnexp expects of ``target``, a plugin's class or an object of it.

    Assign it to a name that starts with ``test_``. A check that does not apply is skipped with its reason.
    """
    import pytest

    subject = Subject.of(target)
    found = checks(subject.cls.kind)

    @pytest.mark.parametrize("check", list(found))
    def test(check: str) -> None:
        try:
            run(found[check], subject)
        except Skipped as skipped:
            pytest.skip(str(skipped))
        except Failed as failed:
            pytest.fail(str(failed), pytrace=False)

    return test


def examine(target: object, around: Callable[[str], AbstractContextManager[None]] | None = None) -> list[Check]:
    """Run every check on ``target``, a plugin's class or an object of it, and say how each ended.

    Each runs within what ``around`` makes of its name, as where somebody is to see which one takes long.
    """
    subject = Subject.of(target)
    results = []
    for name, check in checks(subject.cls.kind).items():
        with around(name) if around else nullcontext():
            results.append(ended(name, check, subject))
    return results


def ended(name: str, check: Callable[[Any], None], subject: Subject) -> Check:
    """Run one check; whatever else the plugin's code raises is a failure with the line it came from."""
    what = str(check.__doc__).replace("``", "")
    try:
        run(check, subject)
    except Skipped as skipped:
        return Check(name, what, "skipped", reason=str(skipped))
    except Failed as failed:
        return Check(name, what, "failed", message=str(failed))
    except NnexpError as error:
        return Check(name, what, "failed", message=str(error))
    except Exception as error:  # noqa: BLE001 (whatever a stranger's code raises)
        return Check(name, what, "failed", message=fault(error, subject.cls.__module__).what)
    return Check(name, what, "passed")
