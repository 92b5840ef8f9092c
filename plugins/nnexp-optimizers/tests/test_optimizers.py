"""Each optimizer against hand calculations, the papers' formulas one number at a time, and scikit-learn's optimizers."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nnexp_optimizers.adaptive import Adagrad, Adam, AdamW, RmsProp
from nnexp_optimizers.momentum import Momentum, Nesterov
from numpy.typing import NDArray
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from nnexp import NnexpError, fit
from nnexp.discovery import registry
from nnexp.plugin import Optimizer

Floats = NDArray[np.float64]

OPTIMIZERS = {
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": Adagrad,
    "rmsprop": RmsProp,
    "adam": Adam,
    "adamw": AdamW,
}


def path(
    optimizer: Optimizer, start: Sequence[float], gradients: Sequence[Sequence[float]], rates: Sequence[float]
) -> list[list[float]]:
    """Where theta is after each step."""
    theta = np.array(start)
    state = optimizer.init(theta)
    found = []
    for gradient, rate in zip(gradients, rates, strict=True):
        optimizer.update(theta, np.array(gradient), state, rate)
        found.append(theta.tolist())
    return found


# --- By hand ---


@pytest.mark.parametrize(
    ("optimizer", "gradients", "expected"),
    [
        # the velocity is -0.2, then -0.1 - 0.4
        (Momentum(momentum=0.5), [2, 4], [0.8, 0.3]),
        # the velocity as above: 1 - 0.1 - 0.2, then 0.7 - 0.25 - 0.4
        (Nesterov(momentum=0.5), [2, 4], [0.7, 0.05]),
        # s = 9, a step of 0.1 * 3 / 3; s = 25, a step of 0.1 * 4 / 5
        (Adagrad(), [3, 4], [0.9, 0.82]),
        # s = 0.25 * 4, a step of 0.1 * 2 / 1; s = 0.75 + 0.25 * 9 = 3, a step of 0.1 * 3 / sqrt(3)
        (RmsProp(rho=0.75), [2, 3], [0.8, 0.8 - 0.1 * math.sqrt(3)]),
        # the corrected means are 2 and 4; then m = 2.5, v = 9, corrected 2.5 / 0.75 and 9 / 0.75 = 12
        (Adam(beta1=0.5, beta2=0.5), [2, 4], [0.9, 0.9 - 0.1 * (2.5 / 0.75) / math.sqrt(12)]),
        # adam's steps, and 0.1 * 0.5 of 1 taken off, then of 0.85
        (AdamW(beta1=0.5, beta2=0.5, weight_decay=0.5), [2, 4], [0.85, 0.95 * 0.85 - 0.1 * (2.5 / 0.75) / math.sqrt(12)]),
    ],
    ids=list(OPTIMIZERS),
)  # fmt: skip
def test_two_steps_by_hand(optimizer: Optimizer, gradients: list[float], expected: list[float]) -> None:
    """From theta = 1 at a rate of 0.1, two steps end where pen and paper say."""
    found = path(optimizer, [1.0], [[float(g)] for g in gradients], [0.1, 0.1])
    assert [each for (each,) in found] == pytest.approx(expected, rel=1e-7)  # epsilon changes the eighth digit


# --- The papers' formulas, one number at a time ---

Rule = Callable[[Any, float, Iterator[tuple[float, float]]], Iterator[float]]
"""(optimizer, theta, (gradient, rate) of each step) to theta after each step."""


def heavy_ball(o: Momentum, theta: float, steps: Iterator[tuple[float, float]]) -> Iterator[float]:
    """theta_k+1 = theta_k - rate g_k + mu (theta_k - theta_k-1): Polyak (1964), without a velocity."""
    before = theta
    for g, rate in steps:
        theta, before = theta - rate * g + o.momentum * (theta - before), theta
        yield theta


def accelerated(o: Nesterov, theta: float, steps: Iterator[tuple[float, float]]) -> Iterator[float]:
    """x_k+1 = y_k - rate g(y_k), y_k+1 = x_k+1 + mu (x_k+1 - x_k): Nesterov (1983); theta is y."""
    x = y = theta
    for g, rate in steps:
        x, before = y - rate * g, x
        y = x + o.momentum * (x - before)
        yield y


def adagrad(o: Adagrad, theta: float, steps: Iterator[tuple[float, float]]) -> Iterator[float]:
    """Duchi et al. (2011), figure 1 with the diagonal of G."""
    seen = []
    for g, rate in steps:
        seen.append(g)
        theta -= rate * g / (math.sqrt(math.fsum(each**2 for each in seen)) + o.epsilon)
        yield theta


def rmsprop(o: RmsProp, theta: float, steps: Iterator[tuple[float, float]]) -> Iterator[float]:
    """Tieleman and Hinton (2012), slide 29 of lecture 6."""
    mean_square = 0.0
    for g, rate in steps:
        mean_square = o.rho * mean_square + (1 - o.rho) * g**2
        theta -= rate * g / (math.sqrt(mean_square) + o.epsilon)
        yield theta


def adam(o: Adam | AdamW, theta: float, steps: Iterator[tuple[float, float]]) -> Iterator[float]:
    """Kingma and Ba (2015), algorithm 1; with a weight decay Loshchilov and Hutter (2019), algorithm 2."""
    m = v = 0.0
    for t, (g, rate) in enumerate(steps, 1):
        m = o.beta1 * m + (1 - o.beta1) * g
        v = o.beta2 * v + (1 - o.beta2) * g**2
        m_hat, v_hat = m / (1 - o.beta1**t), v / (1 - o.beta2**t)
        decay = o.weight_decay if isinstance(o, AdamW) else 0.0
        theta = theta - rate * (m_hat / (math.sqrt(v_hat) + o.epsilon) + decay * theta)
        yield theta


shares = st.sampled_from([0.0, 0.3, 0.9, 0.99])
epsilons = st.sampled_from([1e-10, 1e-8, 1e-3, 1.0])
CASES: list[tuple[st.SearchStrategy[Any], Rule]] = [
    (st.builds(Momentum, momentum=shares), heavy_ball),
    (st.builds(Nesterov, momentum=shares), accelerated),
    (st.builds(Adagrad, epsilon=epsilons), adagrad),
    (st.builds(RmsProp, rho=shares, epsilon=epsilons), rmsprop),
    (st.builds(Adam, beta1=shares, beta2=shares, epsilon=epsilons), adam),
    (st.builds(AdamW, beta1=shares, beta2=shares, epsilon=epsilons, weight_decay=st.floats(0, 1)), adam),
]
steps = st.lists(st.tuples(st.lists(st.floats(-10, 10), min_size=2, max_size=2), st.floats(1e-3, 1)), max_size=60)


@pytest.mark.parametrize(("optimizers", "rule"), CASES, ids=list(OPTIMIZERS))
@settings(deadline=None)
@given(data=st.data(), given_steps=steps, start=st.lists(st.floats(-5, 5), min_size=2, max_size=2))
def test_the_papers_rule(
    optimizers: st.SearchStrategy[Any],
    rule: Rule,
    data: st.DataObject,
    given_steps: list[tuple[list[float], float]],
    start: list[float],
) -> None:
    """Over many steps with any gradients and a rate that changes, each parameter goes where the paper's formula sends it."""
    optimizer = data.draw(optimizers)
    rates = [rate for _, rate in given_steps]
    found = path(optimizer, start, [gradient for gradient, _ in given_steps], rates)
    for i, theta in enumerate(start):
        mine = [gradient[i] for gradient, _ in given_steps]
        expected = list(rule(optimizer, theta, zip(mine, rates, strict=True)))
        assert [each[i] for each in found] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_look_ahead_of_nesterov() -> None:
    """Sutskever et al. (2013): with the gradient taken at phi + mu v, theta is that point in every step, on J = log cosh."""
    optimizer = Nesterov(momentum=0.9)
    theta, phi, v, rate = np.array([2.0]), 2.0, 0.0, 0.3
    state = optimizer.init(theta)
    for _ in range(50):
        optimizer.update(theta, np.tanh(theta), state, rate)
        v = 0.9 * v - rate * math.tanh(phi + 0.9 * v)
        phi += v
        assert theta[0] == pytest.approx(phi + 0.9 * v, rel=1e-11, abs=1e-11)


# --- scikit-learn ---

RNG = np.random.default_rng(1)
GRADIENTS = RNG.normal(size=(300, 7)) * np.logspace(-4, 3, 7)
RATES = RNG.uniform(0.001, 0.1, 300)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_is_scikit_learns(nesterov: bool) -> None:
    """Momentum and nesterov walk with scikit-learn's SGDOptimizer, at a rate that changes."""
    optimizer = Nesterov(momentum=0.8) if nesterov else Momentum(momentum=0.8)
    theirs = [np.ones(7)]
    other = SGDOptimizer(theirs, momentum=0.8, nesterov=nesterov)
    mine = path(optimizer, [1.0] * 7, GRADIENTS.tolist(), RATES.tolist())
    for theta, gradient, rate in zip(mine, GRADIENTS, RATES, strict=True):
        other.learning_rate = rate
        other.update_params(theirs, [gradient])
        np.testing.assert_allclose(theta, theirs[0], rtol=1e-11, atol=1e-12)


def test_adam_is_scikit_learns() -> None:
    """Adam walks with scikit-learn's AdamOptimizer, given the epsilon of the form that it uses.

    It computes the paper's second form, with sqrt(v) + epsilon^; equal to algorithm 1 for epsilon^ = epsilon sqrt(1 - beta2^t).
    """
    optimizer = Adam(beta1=0.8, beta2=0.99, epsilon=1e-3)
    theirs = [np.ones(7)]
    other = AdamOptimizer(theirs, beta_1=0.8, beta_2=0.99)
    mine = path(optimizer, [1.0] * 7, GRADIENTS.tolist(), RATES.tolist())
    for t, theta, gradient, rate in zip(itertools.count(1), mine, GRADIENTS, RATES, strict=False):
        other.learning_rate_init = rate
        other.epsilon = 1e-3 * math.sqrt(1 - 0.99**t)
        other.update_params(theirs, [gradient])
        np.testing.assert_allclose(theta, theirs[0], rtol=1e-11, atol=1e-12)


# --- Relations between them ---


@pytest.mark.parametrize("make", [Momentum, Nesterov])
def test_without_momentum_it_is_gradient_descent(make: Any) -> None:
    """momentum=0 is theta - rate g."""
    found = path(make(momentum=0.0), [1.0] * 7, GRADIENTS.tolist(), RATES.tolist())
    np.testing.assert_allclose(found[-1], 1 - RATES @ GRADIENTS, rtol=1e-12)


def test_without_decay_adamw_is_adam() -> None:
    """weight_decay=0 leaves adam's path, bit by bit."""
    mine, other = (
        path(each, [1.0] * 7, GRADIENTS.tolist(), RATES.tolist()) for each in (AdamW(weight_decay=0.0), Adam())
    )
    assert mine == other


def test_adamw_decays_every_parameter() -> None:
    """Without a gradient a step takes rate * weight_decay off each parameter of the flat vector, so off biases, too."""
    theta = np.array([4.0, -2.0])
    optimizer = AdamW(weight_decay=0.5)
    optimizer.update(theta, np.zeros(2), optimizer.init(theta), 0.1)
    assert theta.tolist() == pytest.approx([4 * 0.95, -2 * 0.95])


# --- In place, in the run's type ---


def ready(name: str, n: int, dtype: str) -> tuple[Optimizer, Any, Any]:
    """An optimizer with its defaults, parameters and its memory of them."""
    optimizer = cast("Optimizer", registry.build("optimizer", {"name": name}))
    theta = np.linspace(-1, 1, n).astype(dtype)
    return optimizer, theta, optimizer.init(theta)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_everything_happens_in_place(name: str, dtype: str) -> None:
    """A step changes theta and the memory where they are, keeps their type, and its arrays take no new room."""
    optimizer, theta, state = ready(name, 100_000, dtype)
    before = {key: (id(value), value.dtype, value.shape) for key, value in state.items()}
    gradient = np.ones_like(theta)
    rate: Any = np.array(0.1, dtype)
    optimizer.update(theta, gradient, state, rate)
    tracemalloc.start()
    try:
        optimizer.update(theta, gradient, state, rate)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000  # one more array would be 400,000
    assert {key: (id(value), value.dtype, value.shape) for key, value in state.items()} == before
    assert {value.dtype.name for value in state.values()} == {theta.dtype.name} == {dtype}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_rate_is_a_float_or_a_scalar_array(name: str, dtype: str) -> None:
    """Both forms of the learning rate give the same parameters: to the bit in float64, to rounding in float32."""
    found = []
    for rate in (0.01, np.array(0.01, dtype)):
        optimizer, theta, state = ready(name, 7, dtype)
        for gradient in GRADIENTS[:20]:
            optimizer.update(theta, gradient.astype(dtype), state, cast("float", rate))
        found.append(theta)
    np.testing.assert_allclose(found[0], found[1], rtol=0.0 if dtype == "float64" else 2e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_float32_follows_float64(name: str) -> None:
    """Over 300 steps the float32 path stays within float32's rounding of the float64 path."""
    ends = []
    for dtype in ("float64", "float32"):
        optimizer, theta, state = ready(name, 7, dtype)
        for gradient in GRADIENTS:
            optimizer.update(theta, gradient.astype(dtype), state, 0.001)
        ends.append(theta)
    np.testing.assert_allclose(ends[1], ends[0], rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "adamw"])
def test_a_parameter_without_gradient_stays(name: str, dtype: str) -> None:
    """A gradient of exactly 0 from the start (a dead unit) moves nothing, and makes nothing that is not a number."""
    optimizer, theta, state = ready(name, 5, dtype)
    before = theta.copy()
    for _ in range(3):
        optimizer.update(theta, np.zeros_like(theta), state, 0.1)
    np.testing.assert_array_equal(theta, before)


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1e12, 1e18])
@pytest.mark.parametrize("name", ["adagrad", "rmsprop", "adam", "adamw"])
def test_extreme_gradients_make_finite_steps(name: str, size: float) -> None:
    """Gradients from 1e-30 to 1e18 in float32 move no parameter by more than a few rates."""
    optimizer, theta, state = ready(name, 5, "float32")
    for sign in (1, 1, -1):
        before = theta.copy()
        optimizer.update(theta, np.full(5, sign * size, np.float32), state, 0.001)
        assert np.isfinite(theta).all()
        assert np.abs(theta - before).max() < 0.02


# --- As options of nnexp ---


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_is_installed(name: str) -> None:
    """The option's name is the class's, with a batch size of 32, and it comes from this distribution."""
    optimizer = cast("Optimizer", registry.build("optimizer", {"name": name}))
    assert type(optimizer) is OPTIMIZERS[name]
    assert optimizer.batch_size == 32
    assert registry.describe(optimizer)["name"] == name
    assert set(registry.distributions([optimizer])) == {"nnexp-optimizers"}


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("batch_size", 0, "an int or null at least 1"),
        ("learning_rate", 0, "a float above 0"),
        ("momentum", 1, "a float at least 0 and below 1"),
        ("rho", -0.1, "a float at least 0 and below 1"),
        ("beta1", 1.0, "a float at least 0 and below 1"),
        ("beta2", 1.0, "a float at least 0 and below 1"),
        ("epsilon", 0.0, "a float above 0"),
        ("weight_decay", -1e-3, "a float at least 0"),
    ],
)
def test_bounds(field: str, value: float, rule: str) -> None:
    """A value out of bounds is refused by its key, in each optimizer that has the field."""
    holders = [name for name, cls in OPTIMIZERS.items() if field in cls.__dataclass_fields__]
    assert holders
    for name in holders:
        with pytest.raises(NnexpError) as error:
            registry.build("optimizer", {"name": name, field: value})
        assert str(error.value).startswith(f"optimizer.{field} must be {rule}. Got ")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_trains(name: str) -> None:
    """With its defaults it finds a line again; batch_size=None makes one step an epoch, on the whole training set."""
    x = RNG.normal(size=(300, 2))
    y = 3 * x[:, 0] - x[:, 1] + 1
    result = fit(x, y, optimizer=name, epochs=60)
    assert result.history["r2/validation"][-1] > 0.99
    whole = fit(x, y, optimizer={"name": name, "batch_size": None}, epochs=5).history["cost/train"]
    assert whole[0] > whole[-1]
    assert whole == fit(x, y, optimizer={"name": name, "batch_size": 10_000}, epochs=5).history["cost/train"]
