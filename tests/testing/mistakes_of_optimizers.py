"""Planted mistakes in optimizers: a right one with one thing changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nnexp.builtin.optimizers import Batch
from nnexp.plugin import Array, Optimizer, State, param

from .mistakes import Mistake


@dataclass(frozen=True)
class Momentum(Batch):
    """v <- 0.9 v + grad, theta <- theta - learning_rate v (Polyak, 1964)."""

    learning_rate: float = param(0.02, above=0, doc="the step size")

    def init(self, theta: Array) -> State:
        return {"velocity": np.zeros_like(theta)}

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        velocity = state["velocity"]
        np.multiply(velocity, 0.9, out=velocity)
        np.add(velocity, grad, out=velocity)
        np.subtract(theta, learning_rate * velocity, out=theta)


@dataclass(frozen=True)
class Rebinds(Batch):
    """theta <- theta - learning_rate * grad (Cauchy, 1847)."""

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        theta = theta - learning_rate * grad


@dataclass(frozen=True)
class InitStartsAtZero(Batch):
    """theta <- theta - learning_rate * grad (Cauchy, 1847)."""

    def init(self, theta: Array) -> State:
        theta[...] = 0
        return {}


@dataclass(frozen=True)
class RebindsState(Momentum):
    """v <- 0.9 v + grad (Polyak, 1964)."""

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        state["velocity"] = 0.9 * state["velocity"] + grad
        np.subtract(theta, learning_rate * state["velocity"], out=theta)


@dataclass(frozen=True)
class AddsState(Momentum):
    """v <- 0.9 v + grad (Polyak, 1964)."""

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        super().update(theta, grad, state, learning_rate)
        state["last"] = grad.copy()


@dataclass(frozen=True)
class Float64State(Momentum):
    """v <- 0.9 v + grad (Polyak, 1964)."""

    def init(self, theta: Array) -> State:
        return {"velocity": np.zeros(theta.size)}


@dataclass(frozen=True)
class CountsInAnInt(Batch):
    """theta <- theta - learning_rate * grad (Cauchy, 1847)."""

    def init(self, theta: Array) -> Any:
        return {"steps": 0}


@dataclass(frozen=True)
class SharesMemory(Batch):
    """theta <- theta - learning_rate * grad (Cauchy, 1847)."""

    def init(self, theta: Array) -> State:
        return {"start": theta}


@dataclass(frozen=True)
class NoState(Batch):
    """theta <- theta - learning_rate * grad (Cauchy, 1847)."""

    def init(self, theta: Array) -> Any:
        return None


@dataclass(frozen=True)
class Climbs(Batch):
    """theta <- theta + learning_rate * grad (Cauchy, 1847)."""

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        np.add(theta, learning_rate * grad, out=theta)


@dataclass(frozen=True)
class KeepsTheBuffer(Batch):
    """theta <- theta - learning_rate (3 grad - last grad) / 2 (Adams and Bashforth, 1883)."""

    def init(self, theta: Array) -> State:
        return {"last": np.zeros_like(theta)}

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        np.subtract(theta, learning_rate * (1.5 * grad - 0.5 * state["last"]), out=theta)
        state["last"] = grad


@dataclass(frozen=True)
class SharedVelocity(Momentum):
    """v <- 0.9 v + grad (Polyak, 1964)."""

    shared: ClassVar[dict[int, Array]] = {}

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        velocity = self.shared.setdefault(theta.size, np.zeros(theta.size))
        super().update(theta, grad, {"velocity": velocity}, learning_rate)


@dataclass(frozen=True)
class CountsOutside(Batch):
    """theta <- theta - learning_rate / steps * grad (Robbins and Monro, 1951)."""

    def init(self, theta: Array) -> State:
        object.__setattr__(self, "steps", 0)
        return {}

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        object.__setattr__(self, "steps", getattr(self, "steps", 0) + 1)
        np.subtract(theta, learning_rate / vars(self)["steps"] * grad, out=theta)


@dataclass(frozen=True)
class PowersInFloat32(Batch):
    """theta <- theta - learning_rate (1 - b) / (1 - b^t) grad with b = 1 - 1e-9 (Kingma and Ba, 2015)."""

    def init(self, theta: Array) -> State:
        return {"power": np.ones(1, theta.dtype)}

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        np.multiply(state["power"], 1 - 1e-9, out=state["power"])
        np.subtract(theta, learning_rate * 1e-9 / (1 - state["power"]) * grad, out=theta)


@dataclass(frozen=True)
class NoBatch(Batch):
    """theta <- theta - learning_rate * grad (Cauchy, 1847)."""

    batch_size = 0  # type: ignore[assignment]


@dataclass(frozen=True)
class HalfASample(Batch):
    """theta <- theta - learning_rate * grad (Cauchy, 1847)."""

    batch_size = 0.5  # type: ignore[assignment]


@dataclass(frozen=True)
class IgnoresTheRate(Batch):
    """theta <- theta - learning_rate * grad (Cauchy, 1847)."""

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        np.subtract(theta, self.learning_rate * grad, out=theta)


@dataclass(frozen=True)
class RateIsNoField(Optimizer):
    """theta <- theta - 0.1 grad (Cauchy, 1847)."""

    batch_size = None
    learning_rate = 0.1

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        np.subtract(theta, learning_rate * grad, out=theta)


@dataclass(frozen=True)
class StepOfFixedLength(Batch):
    """theta <- theta - 0.001 sign(learning_rate * grad) (Riedmiller and Braun, 1993)."""

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        np.subtract(theta, 0.001 * np.sign(learning_rate * grad), out=theta)


@dataclass(frozen=True)
class ChangesTheRate(Batch):
    """theta <- theta - learning_rate * grad (Cauchy, 1847)."""

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        learning_rate *= 0.99
        np.subtract(theta, learning_rate * grad, out=theta)


@dataclass(frozen=True)
class LaterMoveLess(Batch):
    """theta_i <- theta_i - learning_rate / i * grad_i (Cauchy, 1847)."""

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        np.subtract(theta, learning_rate * grad / np.arange(1, theta.size + 1), out=theta)


@dataclass(frozen=True)
class LargestEntry(Batch):
    """theta <- theta - learning_rate * grad / max(1, max |grad|) (Pascanu, Mikolov and Bengio, 2013)."""

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        np.subtract(theta, learning_rate * grad / max(1.0, np.abs(grad).max()), out=theta)


@dataclass(frozen=True)
class Standardises(Batch):
    """theta <- theta - learning_rate * grad / std(grad) (Ioffe and Szegedy, 2015)."""

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        if len(theta):
            np.subtract(theta, learning_rate * grad / np.std(grad), out=theta)


@dataclass(frozen=True)
class DividesByZero(Batch):
    """theta <- theta - learning_rate * grad / |grad| (Nesterov, 1984)."""

    def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
        np.subtract(theta, learning_rate * grad / np.sqrt((grad * grad).sum()), out=theta)


MISTAKES = [
    Mistake("theta is rebound", "updates_in_place", Rebinds, "`theta = theta - step` binds the name to a new array"),
    Mistake("init changes theta", "updates_in_place", InitStartsAtZero, "init changed theta. It only makes the state"),
    Mistake("the state is rebound", "state_in_place", RebindsState, "update put a new array at state['velocity']"),
    Mistake(
        "update adds state", "state_in_place", AddsState, "update added or removed last. init has to return every array"
    ),
    Mistake("a state in float64", "state_arrays", Float64State, "state['velocity'] is float64 for a theta of float32"),
    Mistake("a count in an int", "state_arrays", CountsInAnInt, "state['steps'] is int for a theta of float64"),
    Mistake("theta in the state", "state_arrays", SharesMemory, "state['start'] shares its memory with theta"),
    Mistake("no state at all", "state_arrays", NoState, "init returns NoneType. Return a dict of arrays"),
    Mistake("uphill", "converges", Climbs, "A step goes against the gradient"),
    Mistake("the gradient's buffer is kept", "gradient_buffer", KeepsTheBuffer, "the state keeps grad itself. Copy it"),
    Mistake("a velocity for all networks", "no_hidden_state", SharedVelocity, "something is kept outside the state"),
    Mistake(
        "steps counted outside the state",
        "saved_and_restored",
        CountsOutside,
        "the state is not all that update remembers",
    ),
    Mistake("a constant too fine for float32", "float32", PowersInFloat32, "a parameter is nan in float32 and"),
    Mistake(
        "batches of none", "batch_size", NoBatch, "batch_size is 0. It is None for the whole training set, or an int"
    ),
    Mistake("batches of half a sample", "batch_size", HalfASample, "batch_size is 0.5."),
    Mistake("a rate of its own", "learning_rate", IgnoresTheRate, "with learning_rate 0 a step moves theta by"),
    Mistake("a rate nobody can set", "learning_rate", RateIsNoField, "learning_rate is no field. Write learning_rate:"),
    Mistake(
        "steps of one length", "learning_rate", StepOfFixedLength, "Use update's argument learning_rate, not self."
    ),
    Mistake("the rate is changed", "learning_rate_array", ChangesTheRate, "update changed the array learning_rate"),
    Mistake("a step by position", "parameters_alike", LaterMoveLess, "in another order the parameters go another way"),
    Mistake(
        "a maximum of nothing", "any_size", LargestEntry, "ValueError: zero-size array to reduction operation maximum"
    ),
    Mistake("a deviation of one number", "any_size", Standardises, "theta of 1 parameters became ["),
    Mistake("0 / 0", "extremes", DividesByZero, "a gradient of 0 makes theta nan in float64"),
]
