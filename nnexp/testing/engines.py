"""What an engine has to keep: the numbers of the NumPy engine, whatever it is asked to train."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nnexp.discovery import registry
from nnexp.engine.numpy_engine import Numpy
from nnexp.plugin import Activation, Array, Engine
from nnexp.testing.engine_cases import (
    RATE,
    TOLERANCE,
    Case,
    claimed,
    combinations,
    combinations_in_float32,
    expected,
    measured,
    objectives,
    optimizers,
    plain,
    shapes,
    trained,
)
from nnexp.testing.engine_numbers import SCALE, apart, compare, named
from nnexp.testing.numerics import shown
from nnexp.testing.verdict import Failed, Skipped


def agree(engine: Engine, cases: Iterable[Case]) -> None:
    """Compare all cases that the engine takes; skip where there are none."""
    compared = 0
    for case in claimed(engine, iter(cases)):
        if right := expected(case):
            compare(case, trained(engine, case), right)
            compared += 1
    if not compared:
        raise Skipped("it refuses all of these trainings")


def every_combination(engine: Engine) -> None:
    """Every installed activation, loss and optimizer that it takes gives NumPy's numbers."""
    agree(engine, combinations())


def every_combination_in_float32(engine: Engine) -> None:
    """The same in float32, where the optimizers take turns."""
    agree(engine, combinations_in_float32())


def every_size(engine: Engine) -> None:
    """1 to 70 units, 0 to 4 hidden layers, last batches, one sample: NumPy's numbers."""
    agree(engine, shapes())


def taken(engine: Engine, case: Case) -> Case:
    """The case, if the engine takes it; else the check is skipped."""
    if refusal := engine.refusal(case.training):
        raise Skipped(f"it refuses tanh, mse and minibatch: {refusal}")
    return case


def changes_in_place(engine: Engine) -> None:
    """``theta`` and the state are changed in place, and nothing else is."""
    for optimizer in optimizers():
        case = plain(optimizer=optimizer)
        if engine.refusal(case.training):
            continue
        theta = case.theta.copy()
        state = optimizer.init(theta)
        before = dict(state), {name: array.copy() for name, array in state.items()}
        design, y, order = case.design.copy(), case.y.copy(), np.arange(len(case.design))
        runner = engine.runner(case.training, design, y, theta, state)
        runner.run(order if case.orders[0] is not None else None, RATE)
        if np.array_equal(theta, case.theta):
            raise Failed(
                f"{case}: after an epoch theta is as before. The runner has to write into the array it was given."
            )
        for name, array in before[0].items():
            if state.get(name) is not array or np.array_equal(array, before[1][name]):
                raise Failed(
                    f"{case}: after an epoch the state's '{name}' is another array, or as before: write into it."
                )
        unchanged = ((design, case.design), (y, case.y), (order, np.arange(len(order))))
        if not all(np.array_equal(now, then) for now, then in unchanged):
            raise Failed(f"{case}: the runner changed the samples, the targets or the order, which are the caller's.")


def keeps_the_order(engine: Engine) -> None:
    """Logits and targets are in the order of the epoch's samples, each logit from before its batch's update."""
    case = taken(engine, plain(n_samples=10))
    given, right = trained(engine, case, 0.5), trained(Numpy(), case, 0.5)
    if not np.array_equal(given.y, right.y):
        raise Failed("y does not hold the targets in the order that run() was given.")
    compare(case, given, right)


def takes_the_rate(engine: Engine) -> None:
    """The learning rate is the one that run() is given, also where a schedule changes it or sets it to 0."""
    case = taken(engine, plain())
    for rate in (0.5, 1e-3):
        compare(case, trained(engine, case, rate), trained(Numpy(), case, rate))
    if not np.array_equal(trained(engine, case, 0.0).theta, case.theta):
        raise Failed("with a learning rate of 0 theta has changed: a schedule may pause a training.")


def same_bits(engine: Engine) -> None:
    """The same training twice gives the same bits, wherever the arrays lie in memory."""
    case = taken(engine, plain(hidden=(9, 4), n_samples=11, epochs=5))
    first = trained(engine, case)
    for offset in range(1, 5):
        room = np.empty(case.theta.size + offset, case.theta.dtype)
        room[offset:] = case.theta
        again = trained(engine, case, theta=room[offset:])
        arrays = named(first)
        if not all(np.array_equal(found, arrays[name]) for name, found in named(again).items()):
            raise Failed("the same training gives other bits a second time. No order of sums may depend on addresses.")


def no_memory(engine: Engine) -> None:
    """All that one epoch leaves to the next is in ``theta`` and the state: a resumed run goes on exactly."""
    for optimizer in optimizers():
        case = plain(optimizer=optimizer, epochs=4)
        if engine.refusal(case.training):
            continue
        whole = trained(engine, case)
        theta = case.theta.copy()
        state = optimizer.init(theta)
        for order in case.orders:
            engine.runner(case.training, case.design, case.y, theta, state).run(order, RATE)
        if not np.array_equal(theta, whole.theta):
            raise Failed(
                f"{case}: a new runner in each epoch gives other bits than one for all. It may keep nothing else."
            )


def follows_theta(engine: Engine) -> None:
    """An evaluator's logits are those of ``theta`` as it is when it is called, for many samples and for one."""
    for n_samples in (1, 3000):
        case = taken(engine, plain(n_samples=n_samples))
        theta = case.theta.copy()
        given, right = (each.evaluator(case.training, case.design, theta) for each in (engine, Numpy()))
        for _ in range(2):
            if not (off := apart(given(), right().copy())) <= TOLERANCE["float64"]:
                raise Failed(
                    f"the logits of {n_samples} samples differ from NumPy's by {shown(off)}, relative to the largest. An "
                    "evaluator keeps theta itself, not a copy."
                )
            theta *= 0.5


@dataclasses.dataclass(frozen=True)
class Foreign(Activation):
    """a = z^2 / 8; da/dz = z / 4: what no engine can know (von Neumann, 1945)."""

    def forward(self, z: Array, out: Array) -> None:
        np.multiply(z, z / 8, out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        np.multiply(grad, z / 4, out=grad)


def refuses_strangers(engine: Engine) -> None:
    """A plugin that it has no code for is refused by name, or trained by the plugin's own methods."""
    own = {"forward": Foreign.forward, "backward": Foreign.backward, "inplace": False}
    lookalike: Any = dataclasses.dataclass(frozen=True)(type("Tanh", (Foreign,), {}))
    heir: Any = dataclasses.dataclass(frozen=True)(type("Heir", (registry.load("activation", "tanh"),), own))
    for cls in (Foreign, lookalike, heir):
        case = plain(activation=cls())
        refusal = engine.refusal(case.training)
        if not refusal:
            compare(case, trained(engine, case), trained(Numpy(), case))
        elif cls.__name__.lower() not in refusal.lower():
            raise Failed(f"it refuses the activation {cls.__name__} and does not name it: '{refusal}'.")


def keeps_what_is_not_finite(engine: Engine) -> None:
    """Samples that are infinite or no number give logits that are not finite, and end."""
    case = taken(engine, plain())
    for wrong in (np.nan, np.inf):
        design = case.design.copy()
        design[2, 0] = wrong
        found = trained(engine, case._replace(design=design))
        if found.cost is not None and math.isfinite(found.cost) and not np.isfinite(found.logits).all():
            raise Failed(f"with {wrong} among the samples the logits are not finite, and the cost is {found.cost}.")
        if np.isfinite(found.theta).all():
            raise Failed(
                f"with {wrong} among the samples theta is finite: a training that went wrong would not be noticed."
            )


def measures_its_logits(engine: Engine) -> None:
    """Outputs and cost, where they are left, are the plugins' of the epoch's logits, also of logits in the thousands."""
    left = 0
    for loss, output, task in objectives():
        case = plain(loss=loss, output=output, task=task, epochs=1)
        case = case._replace(theta=case.theta * 1000)
        if engine.refusal(case.training):
            continue
        given = trained(engine, case, 0.0)
        right = named(measured(case, given))
        for name in ("the outputs", "the cost"):
            if name in named(given):
                is_of_logits(case, name, named(given)[name], right[name])
                left += 1
        if not isinstance(given.cost, float | None):
            raise Failed(f"{case}: the cost is {given.cost!r}. It must be a float, or None.")
    if not left:
        raise Skipped("it leaves outputs and cost to nnexp")


def is_of_logits(case: Case, name: str, found: Array, right: Array) -> None:
    """Raise Failed where outputs or cost are not what the plugins make of the runner's own logits."""
    if not np.array_equal(np.isfinite(found), np.isfinite(right)):
        raise Failed(f"{case}: of logits in the thousands {name} must be finite where the plugins' is, and only there.")
    finite = np.isfinite(right)
    if not (off := apart(found[finite], right[finite], SCALE.get(name, 0))) <= TOLERANCE[case.training.dtype.name]:
        raise Failed(f"{case}: {name} differs from the plugins' of the same logits by {shown(off)}, relatively.")


def settles(engine: Engine) -> None:
    """``settled`` leaves nothing open: it settles to itself, and gives the same numbers."""
    settled: Any = engine.settled()
    if not isinstance(settled, type(engine)) or settled.settled() != settled:
        raise Failed(f"settled() gave {settled!r}. It must be an engine of this class that settles to itself.")
    case = taken(engine, plain())
    if not np.array_equal(trained(settled, case).theta, trained(engine, case).theta):
        raise Failed("the settled engine gives other bits: a run is recorded, and resumed, with the settled one.")


def tells_its_speed(engine: Engine) -> None:
    """``speed`` is a finite number above 0."""
    speed: Any = engine.speed(plain().training)
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0 < speed < math.inf:
        raise Failed(
            f"speed is {speed!r}. Return how many times as fast as NumPy it is, about: engine=auto goes by it."
        )


CHECKS: tuple[Callable[[Engine], None], ...] = (
    every_combination,
    every_combination_in_float32,
    every_size,
    changes_in_place,
    keeps_the_order,
    takes_the_rate,
    same_bits,
    no_memory,
    follows_theta,
    refuses_strangers,
    keeps_what_is_not_finite,
    measures_its_logits,
    settles,
    tells_its_speed,
)
