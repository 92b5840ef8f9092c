"""Each loss against scikit-learn and SciPy, against its textbook formula in 420-digit arithmetic, and by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nnexp_losses import Exp, Focal, Hinge, Huber, LogCosh, Poisson, Quantile, SmoothCce, SquaredHinge
from nnexp_losses.counts import PoissonOnLogits
from nnexp_losses.entropies import FocalOnLogits, SmoothCceOnLogits
from scipy import special, stats  # type: ignore[import-untyped]
from sklearn import metrics

from nnexp.errors import NnexpError
from nnexp.plugin import Activation, Array, Loss

DTYPES = ["float64", "float32"]
EPS = {"float64": 2.0**-52, "float32": 2.0**-23}
DIGITS = 420
"""Enough for the textbook formulas: 1 + exp(-700) - 1 still has 116 digits."""
Column = tuple[list[float], list[float]]
"""One sample's predictions or logits, and its targets."""


def array(values: Any, dtype: str = "float64") -> Array:
    return np.array(values, dtype, ndmin=2)


def value(loss: Loss, y_pred: Array, y: Array) -> float:
    """The cost, with NumPy's warnings off as in the engine."""
    with np.errstate(all="ignore"):
        return loss.value(y_pred, y)


def gradient(loss: Loss, y_pred: Array, y: Array) -> Array:
    """What the loss writes, with NumPy's warnings off as in the engine."""
    out = np.full_like(y_pred, np.nan)
    with np.errstate(all="ignore"):
        loss.gradient(y_pred, y, out)
    return out


@pytest.fixture(params=range(3))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Three sources of random numbers."""
    return np.random.default_rng(request.param)


def one_hot(labels: Any, n_classes: int) -> Array:
    return cast("Array", np.eye(n_classes)[:, labels])


# By scikit-learn and SciPy -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delta", [0.5, 1.0, 3.0])
def test_huber_is_scipys(delta: float, rng: np.random.Generator) -> None:
    """The mean of scipy.special.huber over samples and outputs."""
    y_pred, y = rng.normal(0, 2, (2, 2, 9))
    assert Huber(delta=delta).value(y_pred, y) == pytest.approx(special.huber(delta, y_pred - y).mean(), rel=1e-14)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.95])
def test_quantile_is_scikit_learns(q: float, rng: np.random.Generator) -> None:
    """The mean over outputs of mean_pinball_loss."""
    y_pred, y = rng.normal(0, 2, (2, 2, 9))
    assert Quantile(q=q).value(y_pred, y) == pytest.approx(metrics.mean_pinball_loss(y.T, y_pred.T, alpha=q), rel=1e-14)


def test_the_quantile_is_its_minimum(rng: np.random.Generator) -> None:
    """Among constant predictions the cost is least at the quantile, as numpy.quantile finds it."""
    y = rng.normal(size=(1, 101))
    for q in (0.1, 0.5, 0.9):
        constants = np.sort(y[0])
        costs = [Quantile(q=q).value(np.full_like(y, constant), y) for constant in constants]
        assert constants[np.argmin(costs)] == pytest.approx(np.quantile(y, q))


def test_poisson_is_scikit_learns_and_scipys(rng: np.random.Generator) -> None:
    """Half the Poisson deviance and the negative log-likelihood, but for terms in which no prediction occurs."""
    mu, y = rng.gamma(2, 2, (1, 9)), rng.poisson(3, (1, 9)).astype(float)
    likelihood = -stats.poisson.logpmf(y, mu).mean() - special.gammaln(y + 1).mean()
    deviance = metrics.mean_poisson_deviance(y[0], mu[0]) / 2 + (y - special.xlogy(y, y)).mean()
    for found in (Poisson().value(mu, y), PoissonOnLogits().value(np.log(mu), y)):
        assert found == pytest.approx(likelihood, rel=1e-13)
        assert found == pytest.approx(deviance, rel=1e-13)


def test_hinge_is_scikit_learns(rng: np.random.Generator) -> None:
    """hinge_loss of decision values, of two classes and of four (its multiclass form is Crammer and Singer's)."""
    z, labels = rng.normal(0, 2, (1, 9)), rng.integers(0, 2, 9)
    assert Hinge().value(z, labels[None].astype(float)) == pytest.approx(metrics.hinge_loss(2 * labels - 1, z[0]))
    z, labels = rng.normal(0, 2, (4, 9)), rng.integers(0, 4, 9)
    expected = metrics.hinge_loss(labels, z.T, labels=[0, 1, 2, 3])
    assert Hinge().value(z, one_hot(labels, 4)) == pytest.approx(expected)


def test_squared_hinge_of_each_class_against_the_rest(rng: np.random.Generator) -> None:
    """The sum over classes of each one's hinge squared, in a loop; for two classes it is one term."""
    z, labels = rng.normal(0, 2, (4, 9)), rng.integers(0, 4, 9)
    terms = [max(0, 1 - (1 if labels[s] == k else -1) * z[k, s]) ** 2 for s in range(9) for k in range(4)]
    assert SquaredHinge().value(z, one_hot(labels, 4)) == pytest.approx(sum(terms) / 9)
    y = (labels[None] == 0).astype(float)
    assert SquaredHinge().value(z[:1], y) == pytest.approx(sum(terms[::4]) / 9)


def test_focal_with_gamma_0_is_scikit_learns_log_loss(rng: np.random.Generator) -> None:
    """Without focus it is cross-entropy; alpha is a class weight (log_loss divides by the weights' sum, focal by m)."""
    z, labels = rng.normal(0, 2, (1, 9)), rng.integers(0, 2, 9)
    y, p = labels[None].astype(float), special.expit(z)
    weights = np.where(labels == 1, 0.25, 0.75)
    for loss, at in ((Focal(gamma=0.0), p), (FocalOnLogits(gamma=0.0), z)):
        assert loss.value(at, y) == pytest.approx(metrics.log_loss(labels, p[0], labels=[0, 1]), rel=1e-13)
    for loss, at in ((Focal(0.0, 0.25), p), (FocalOnLogits(0.0, 0.25), z)):
        expected = metrics.log_loss(labels, p[0], labels=[0, 1], sample_weight=weights) * weights.mean()
        assert loss.value(at, y) == pytest.approx(expected, rel=1e-13)
    z, labels = rng.normal(0, 2, (4, 9)), rng.integers(0, 4, 9)
    p = special.softmax(z, axis=0)
    for loss, at in ((Focal(gamma=0.0), p), (FocalOnLogits(gamma=0.0), z)):
        expected = metrics.log_loss(labels, p.T, labels=[0, 1, 2, 3])
        assert loss.value(at, one_hot(labels, 4)) == pytest.approx(expected, rel=1e-13)


def test_smooth_cce_is_a_mixture_of_scipys(rng: np.random.Generator) -> None:
    """Szegedy et al. (2016, section 7): (1 - e) times cross-entropy plus e times that of the uniform distribution."""
    z, labels = rng.normal(0, 2, (4, 9)), rng.integers(0, 4, 9)
    log_p = special.log_softmax(z, axis=0)
    cross_entropy = metrics.log_loss(labels, np.exp(log_p).T, labels=[0, 1, 2, 3])
    expected = 0.7 * cross_entropy - 0.3 * log_p.mean()
    assert SmoothCceOnLogits(0.3).value(z, one_hot(labels, 4)) == pytest.approx(expected, rel=1e-13)
    assert SmoothCce(0.3).value(np.exp(log_p), one_hot(labels, 4)) == pytest.approx(expected, rel=1e-13)


# By the textbook formula in high precision ------------------------------------------------------------------------------

Terms = Sequence[Decimal]
ONE = Decimal(1)


def log_cosh(r: Decimal) -> Decimal:
    return ((r.exp() + (-r).exp()) / 2).ln()


@cache
def exp(z: Decimal) -> Decimal:
    """Samples have logits in common, and differences are of one of them."""
    return z.exp()


@cache
def ln(p: Decimal) -> Decimal:
    return p.ln()


def softmax(z: Terms) -> list[Decimal]:
    powers = [exp(each) for each in z]
    total = sum(powers)
    return [each / total for each in powers]


def true_class(z: Terms, y: Terms) -> Decimal:
    """Its probability by sigmoid, of one output, or softmax."""
    if len(z) == 1:
        return 1 / (1 + exp(-z[0] if y[0] else z[0]))
    return sum((p * t for p, t in zip(softmax(z), y, strict=True)), Decimal(0))


def focal(gamma: str, alpha: tuple[str, str] = ("1", "1")) -> Callable[[Terms, Terms], Decimal]:
    """-w (1 - p)^gamma log(p), on logits."""

    def cost(z: Terms, y: Terms) -> Decimal:
        p = true_class(z, y)
        focus = (1 - p) ** Decimal(gamma) if p < 1 and gamma != "0" else Decimal(gamma == "0")
        return -Decimal(alpha[int(y[0])] if len(y) == 1 else "1") * focus * ln(p)

    return cost


def smooth(z: Terms, y: Terms) -> Decimal:
    """Cross-entropy against targets of which a quarter is spread."""
    terms = [(Decimal("0.75") * t + Decimal("0.25") / len(y)) * ln(p) for p, t in zip(softmax(z), y, strict=True)]
    return -sum(terms, Decimal(0))


def hinge(z: Terms, y: Terms) -> Decimal:
    if len(z) == 1:
        return max(Decimal(0), 1 - (2 * y[0] - 1) * z[0])
    own = y.index(ONE)
    return max(Decimal(0), 1 + max(each for k, each in enumerate(z) if k != own) - z[own])


def squared_hinge(z: Terms, y: Terms) -> Decimal:
    return sum((max(Decimal(0), 1 - (2 * t - 1) * each) ** 2 for each, t in zip(z, y, strict=True)), Decimal(0))


def signed(*sizes: float) -> list[float]:
    return [sign * size for size in sizes for sign in (1, -1)]


RESIDUALS: list[Column] = [([r], [0.0]) for r in signed(2.0**-40, 2.0**-10, 0.25, 0.875, 1.5, 19, 21, 1000)]
COUNTS: list[Column] = [([z], [y]) for z in (-1000.0, -30, -1, 0.5, 3, 30, 80) for y in (0.0, 1, 2.5, 100)]
TWO: list[Column] = [([z], [y]) for z in signed(2.0**-30, 0.25, 1.5, 30, 300, 1000) for y in (0.0, 1)]
LOGITS = [
    [0.5, 0.25, -0.75],
    [3, -2, 2.5],
    [0.125, 30, -30],
    [-300, 300, 0.5],
    [1000, -1000, 0.25],
    [-1000.0, -999, -990],
]
SEVERAL: list[Column] = [(z, y) for z in LOGITS for y in ([1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0])]


class Case(NamedTuple):
    """A loss, its formula for one sample, where it is tried, and whether its gradient is a difference of two terms."""

    loss: Loss
    textbook: Callable[[Terms, Terms], Decimal]
    columns: list[Column]
    difference: bool = False


CASES = {
    "huber": Case(Huber(), lambda p, y: r * r / 2 if (r := abs(p[0] - y[0])) <= 1 else r - ONE / 2, RESIDUALS),
    "huber_4": Case(Huber(4.0), lambda p, y: r * r / 2 if (r := abs(p[0] - y[0])) <= 4 else 4 * (r - 2), RESIDUALS),
    "log_cosh": Case(LogCosh(), lambda p, y: log_cosh(p[0] - y[0]), RESIDUALS),
    "quantile": Case(Quantile(0.25), lambda p, y: max((p[0] - y[0]) * 3 / 4, (y[0] - p[0]) / 4), RESIDUALS),
    "poisson": Case(PoissonOnLogits(), lambda z, y: z[0].exp() - y[0] * z[0], COUNTS, difference=True),
    "hinge": Case(Hinge(), hinge, TWO),
    "hinge_several": Case(Hinge(), hinge, SEVERAL),
    "squared_hinge": Case(SquaredHinge(), squared_hinge, TWO),
    "squared_hinge_several": Case(SquaredHinge(), squared_hinge, SEVERAL),
    "focal": Case(FocalOnLogits(), focal("2"), TWO),
    "focal_0": Case(FocalOnLogits(0.0), focal("0"), TWO),
    "focal_0.5_alpha": Case(FocalOnLogits(0.5, 0.25), focal("0.5", ("0.75", "0.25")), TWO),
    "focal_several": Case(FocalOnLogits(), focal("2"), SEVERAL),
    "focal_3_several": Case(FocalOnLogits(3.0), focal("3"), SEVERAL),
    "smooth_cce": Case(SmoothCceOnLogits(0.25), smooth, SEVERAL, difference=True),
}


def exact(case: Case, column: Column) -> tuple[float, list[float]]:
    """J of one sample and its derivatives, by central differences of step 1e-40."""
    with localcontext(prec=DIGITS):
        z, y = ([Decimal(each) for each in part] for part in column)
        h = ONE.scaleb(-40)
        slopes = []
        for k in range(len(z)):
            up, down = ([each + sign * h * (i == k) for i, each in enumerate(z)] for sign in (1, -1))
            slopes.append(float((case.textbook(up, y) - case.textbook(down, y)) / (2 * h)))
        return float(case.textbook(z, y)), slopes


@pytest.mark.parametrize("name", CASES)
def test_to_the_last_digits(name: str) -> None:
    """Cost and gradient, at logits up to +-1000, differ from the textbook's by few units in the last place of z or of J.

    Of a gradient that is a difference, the units are those of the larger term.
    """
    case = CASES[name]
    for column in case.columns:
        largest = max(map(abs, column[0]))
        expected, slopes = exact(case, column)
        for dtype in DTYPES:
            z, y = (array(part, dtype).T for part in column)
            rtol, tiny = 8 * EPS[dtype] * (1 + largest), float(np.finfo(dtype).tiny)
            assert value(case.loss, z, y) == pytest.approx(expected, rel=rtol, abs=tiny), (dtype, column)
            atol = 4 * EPS[dtype] * (1 + max(column[1])) if case.difference else tiny
            found = gradient(case.loss, z, y)[:, 0]
            np.testing.assert_allclose(found, slopes, rtol=rtol, atol=atol, err_msg=f"{dtype} {column}")


# By hand ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_residuals_by_hand(dtype: str) -> None:
    """Residuals 1/2, -2, 3, 0 of two outputs and two samples."""
    y_pred, y = array([[2.5, 1], [3, 5]], dtype), array([[2, 3], [0, 5]], dtype)
    assert value(Huber(), y_pred, y) == (0.125 + 1.5 + 2.5) / 4
    assert gradient(Huber(), y_pred, y).tolist() == [[0.125, -0.25], [0.25, 0]]
    assert value(Huber(2.0), y_pred, y) == (0.125 + 2 + 4) / 4
    assert gradient(Huber(2.0), y_pred, y).tolist() == [[0.125, -0.5], [0.5, 0]]
    assert value(Quantile(0.75), y_pred, y) == (0.125 + 1.5 + 0.75) / 4
    assert gradient(Quantile(0.75), y_pred, y).tolist() == [[0.0625, -0.1875], [0.0625, 0]]
    ln2 = float(np.array(math.log(2), dtype))
    r = array([[ln2, -ln2], [0, 0]], dtype)  # cosh(ln 2) = 5/4, tanh(ln 2) = 3/5
    assert value(LogCosh(), r, np.zeros_like(r)) == pytest.approx(2 * math.log(1.25) / 4, rel=1e-6)
    np.testing.assert_allclose(gradient(LogCosh(), r, np.zeros_like(r)), [[0.15, -0.15], [0.0, 0.0]], rtol=1e-6)


def test_log_cosh_of_small_residuals() -> None:
    """A residual of 1e-9 costs 5e-19: it is not lost beside log(2)."""
    assert value(LogCosh(), array([1e-9]), array([0])) == pytest.approx(5e-19, rel=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_poisson_by_hand(dtype: str) -> None:
    """Means 1, 2 and 4 of counts 0, 1 and 8: (1 + 2 - ln 2 + 4 - 8 ln 4) / 3, gradient (1 - y / mu) / 3."""
    mu, y = array([1, 2, 4], dtype), array([0, 1, 8], dtype)
    expected = (7 - math.log(2) - 8 * math.log(4)) / 3
    assert value(Poisson(), mu, y) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(gradient(Poisson(), mu, y), [[1 / 3, 1 / 6, -1 / 3]], rtol=1e-6)
    z = np.log(mu)
    assert value(PoissonOnLogits(), z, y) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(gradient(PoissonOnLogits(), z, y), [[1 / 3, 1 / 3, -4 / 3]], rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_hinge_by_hand(dtype: str) -> None:
    """Of two classes: margins 2, 1 (a kink), 1/2, -1, 0; of three: won by 1/2, lost by 2, won by 1 (a kink), rivals tied."""
    z, y = array([2, -1, 0.5, 1, 0], dtype), array([1, 0, 1, 0, 0], dtype)
    assert value(Hinge(), z, y) == pytest.approx((0 + 0 + 0.5 + 2 + 1) / 5)
    np.testing.assert_allclose(gradient(Hinge(), z, y), [[0, 0, -0.2, 0.2, 0.2]], rtol=1e-6)
    assert Hinge().kink(z, y).tolist() == [[-1, 0, 0.5, 2, 1]]
    assert value(SquaredHinge(), z, y) == pytest.approx((0 + 0 + 0.25 + 4 + 1) / 5)
    np.testing.assert_allclose(gradient(SquaredHinge(), z, y), np.array([[0, 0, -1, 4, 2]]) / 5, rtol=1e-6)

    z = array([[2, 0, 3, 1], [1.5, 1, 2, 2], [0, 2, 1, 2]], dtype)
    y = array([[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]], dtype)
    assert value(Hinge(), z, y) == (0.5 + 3 + 0 + 2) / 4
    expected = [[-0.25, -0.25, 0, -0.25], [0.25, 0, 0, 0], [0, 0.25, 0, 0]]
    assert gradient(Hinge(), z, y).tolist() == expected
    zero = Hinge().kink(z, y) == 0
    assert zero.tolist() == [[False, False, True, False], [False, False, True, True], [False, False, False, True]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_focal_by_hand(dtype: str) -> None:
    """With p = 1/4 for a true class and gamma = 2: 9/16 ln 4, dJ/dp = 2 (3/4) ln(1/4) - (9/16) 4; alpha = 1/4 for a 1."""
    expected, slope = Fraction(9, 16) * 1.0 * math.log(4), -1.5 * math.log(4) - 2.25
    y_pred, y = array([0.25, 0.75], dtype), array([1, 0], dtype)
    assert value(Focal(), y_pred, y) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(gradient(Focal(), y_pred, y), [[slope / 2, -slope / 2]], rtol=1e-6)
    assert value(Focal(alpha=0.25), y_pred, y) == pytest.approx(expected / 2, rel=1e-6)
    np.testing.assert_allclose(gradient(Focal(alpha=0.25), y_pred, y), [[slope / 8, -slope * 3 / 8]], rtol=1e-6)
    p, y = array([[0.25], [0.5], [0.25]], dtype), array([[1], [0], [0]], dtype)
    assert value(Focal(), p, y) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(gradient(Focal(), p, y), [[slope], [0.0], [0.0]], rtol=1e-6)


def test_focal_understates_certainty() -> None:
    """With gamma = 2 the cost of what is true in 9 of 10 cases is least at p = 0.69."""
    y = array([1.0] * 9 + [0])
    costs = [value(Focal(), np.full_like(y, p), y) for p in np.arange(100) / 100]
    assert np.argmin(costs) == 69


@pytest.mark.parametrize("dtype", DTYPES)
def test_smooth_cce_by_hand(dtype: str) -> None:
    """Smoothing 3/10 over three classes: targets 0.8, 0.1, 0.1; at z = 0 the cost is ln 3, the gradient 1/3 - t."""
    z, y = np.zeros((3, 1), dtype), array([[1], [0], [0]], dtype)
    assert value(SmoothCceOnLogits(0.3), z, y) == pytest.approx(math.log(3), rel=1e-6)
    np.testing.assert_allclose(
        gradient(SmoothCceOnLogits(0.3), z, y), [[1 / 3 - 0.8], [1 / 3 - 0.1], [1 / 3 - 0.1]], rtol=1e-6
    )
    p = array([[0.5], [0.25], [0.25]], dtype)
    assert value(SmoothCce(0.3), p, y) == pytest.approx(0.8 * math.log(2) + 0.2 * math.log(4), rel=1e-6)
    np.testing.assert_allclose(gradient(SmoothCce(0.3), p, y), [[-1.6], [-0.4], [-0.4]], rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_logits(dtype: str) -> None:
    """At +-1000 costs and gradients are the exact ones: what is right costs nothing, what is wrong its distance."""
    z, y = array([1000, -1000, 1000, -1000], dtype), array([1, 0, 0, 1], dtype)
    assert value(FocalOnLogits(), z, y) == 500
    assert gradient(FocalOnLogits(), z, y).tolist() == [[0, 0, 0.25, -0.25]]
    assert value(Hinge(), z, y) == 500.5
    assert gradient(Hinge(), z, y).tolist() == [[0, 0, 0.25, -0.25]]
    assert value(SquaredHinge(), z, y) == 1001**2 / 2
    assert gradient(SquaredHinge(), z, y).tolist() == [[0, 0, 500.5, -500.5]]
    pair, wrong = array([[1000], [-1000]], dtype), array([[0], [1]], dtype)
    assert value(FocalOnLogits(), pair, wrong) == 2000
    assert gradient(FocalOnLogits(), pair, wrong).tolist() == [[1], [-1]]
    assert value(SmoothCceOnLogits(0.5), pair, wrong) == 1500
    assert gradient(SmoothCceOnLogits(0.5), pair, wrong).tolist() == [[0.75], [-0.75]]
    low, y = array([-1000, -1000], dtype), array([0, 3], dtype)
    assert value(PoissonOnLogits(), low, y) == 1500
    assert gradient(PoissonOnLogits(), low, y).tolist() == [[0, -1.5]]
    assert value(PoissonOnLogits(), -low, y) == math.inf


@pytest.mark.parametrize("dtype", DTYPES)
def test_predictions_at_the_edge_of_the_domain(dtype: str) -> None:
    """Probabilities of exactly 0 and 1, a mean of 0: a right answer costs nothing, the rest and all gradients are finite."""
    y = array([1, 0], dtype)
    for gamma in (0.0, 0.5, 1.0, 2.0):
        loss = Focal(gamma=gamma)
        assert value(loss, y, y) == 0
        assert value(loss, 1 - y, y) == pytest.approx(-math.log(float(np.finfo(dtype).tiny)), rel=1e-6)
        for p in (y, 1 - y):
            assert np.isfinite(gradient(loss, p, y)).all()
            two = np.concatenate([p, 1 - p])
            assert np.isfinite(gradient(loss, two, np.concatenate([y, 1 - y]))).all()
    p = array([[1, 0], [0, 1]], dtype)
    assert math.isfinite(value(SmoothCce(), p, p))
    assert np.isfinite(gradient(SmoothCce(), p, p)).all()
    for count in (0, 5):
        mu, y = array([0], dtype), array([count], dtype)
        assert math.isfinite(value(Poisson(), mu, y))
        assert np.isfinite(gradient(Poisson(), mu, y)).all()


# The contract -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp(dtype: str) -> None:
    """The activation exp: NumPy's exponential function, in place, its own derivative; 0 far below, infinite far above."""
    z = array([-1000, 0, 1, 3], dtype)
    a, grad = np.empty_like(z), array([1, 2, 3, 4], dtype)
    Exp().forward(z, a)
    np.testing.assert_allclose(a, [[0, 1, math.e, math.e**3]], rtol=4 * EPS[dtype])
    Exp().backward(grad, np.full_like(z, np.nan), a)
    np.testing.assert_allclose(grad, [[0, 2, 3 * math.e, 4 * math.e**3]], rtol=4 * EPS[dtype])
    Exp().forward(z, z)
    np.testing.assert_array_equal(z, a)
    high = array([1000], dtype)
    with np.errstate(all="ignore"):
        Exp().forward(high, high)
    assert high.item() == math.inf
    assert (Exp().link, Exp().range, Exp().inplace) == ("log", (0, math.inf), True)


class Sigmoid(Activation):
    """Only what on_logits looks at, and SciPy's function."""

    link = "logit"

    def forward(self, z: Array, out: Array) -> None:
        special.expit(z, out=out)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        grad *= a * (1 - a)


class Softmax(Activation):
    """Only what on_logits looks at, and SciPy's function."""

    link = "multinomial logit"
    distribution = True

    def forward(self, z: Array, out: Array) -> None:
        out[...] = special.softmax(z, axis=0)

    def backward(self, grad: Array, z: Array, a: Array) -> None:
        grad[...] = a * (grad - (grad * a).sum(axis=0))


COMPOSED: dict[str, tuple[Loss, Activation, int]] = {
    "poisson": (Poisson(), Exp(), 2),
    "focal": (Focal(), Sigmoid(), 1),
    "focal_alpha": (Focal(0.5, 0.25), Sigmoid(), 1),
    "focal_several": (Focal(), Softmax(), 4),
    "smooth_cce": (SmoothCce(), Softmax(), 4),
}


def target(loss: Loss, n_outputs: int, rng: np.random.Generator) -> Array:
    """Five random targets of the loss's sort."""
    if "regression" in loss.outputs:
        return rng.poisson(2, (n_outputs, 5)).astype(float)
    if n_outputs == 1:
        return rng.integers(0, 2, (1, 5)).astype(float)
    return one_hot(rng.integers(0, n_outputs, 5), n_outputs)


@pytest.mark.parametrize("name", COMPOSED)
@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_on_logits_is_the_composed_loss(name: str, seed: int) -> None:
    """For any logits the stable form's cost and gradient are those of the activation, then the loss, by the chain rule."""
    loss, output, n_outputs = COMPOSED[name]
    rng = np.random.default_rng(seed)
    z, y = rng.normal(0, 3, (n_outputs, 5)), target(loss, n_outputs, rng)
    fused = loss.on_logits(output)
    assert fused is not None
    a = np.empty_like(z)
    output.forward(z, a)
    grad = gradient(loss, a, y)
    output.backward(grad, z, a)
    assert value(fused, z, y) == pytest.approx(value(loss, a, y), rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(gradient(fused, z, y), grad, rtol=1e-9, atol=1e-11)


def test_on_logits_goes_by_the_link() -> None:
    """An activation without the link a loss knows gets no closed form; hyperparameters are handed on."""
    found = {name: loss.on_logits(output) for name, (loss, output, _) in COMPOSED.items()}
    assert found == {
        "poisson": PoissonOnLogits(),
        "focal": FocalOnLogits(),
        "focal_alpha": FocalOnLogits(0.5, 0.25),
        "focal_several": FocalOnLogits(),
        "smooth_cce": SmoothCceOnLogits(),
    }
    for loss, other in ((Poisson(), Softmax()), (Focal(), Exp()), (SmoothCce(), Sigmoid()), (Hinge(), Sigmoid())):
        assert loss.on_logits(other) is None


ALL: dict[str, tuple[Loss, int]] = {
    "huber": (Huber(), 2),
    "huber_narrow": (Huber(0.1), 2),
    "log_cosh": (LogCosh(), 2),
    "quantile": (Quantile(0.9), 2),
    "poisson": (Poisson(), 2),
    "poisson_on_logits": (PoissonOnLogits(), 2),
    "hinge": (Hinge(), 1),
    "hinge_several": (Hinge(), 4),
    "hinge_two_of_several": (Hinge(), 2),
    "squared_hinge": (SquaredHinge(), 1),
    "squared_hinge_several": (SquaredHinge(), 4),
    "focal": (Focal(), 1),
    "focal_several": (Focal(0.5), 4),
    "focal_alpha_on_logits": (FocalOnLogits(1.5, 0.3), 1),
    "focal_several_on_logits": (FocalOnLogits(), 4),
    "smooth_cce": (SmoothCce(), 4),
    "smooth_cce_on_logits": (SmoothCceOnLogits(0.5), 4),
}


@pytest.mark.parametrize("name", ALL)
@settings(deadline=None, max_examples=25)  # of up to 20 places each; the conformance kit has others
@given(seed=st.integers(0, 2**32 - 1))
def test_gradient_is_the_derivative_of_the_cost(name: str, seed: int) -> None:
    """Of random predictions away from kinks, by central differences of fourth order."""
    loss, n_outputs = ALL[name]
    rng = np.random.default_rng(seed)
    y = target(loss, n_outputs, rng)
    y_pred = rng.uniform(0.1, 0.9, y.shape) if loss.domain != EVERYWHERE else rng.normal(0, 2, y.shape)
    found = gradient(loss, y_pred, y)
    for place in np.argwhere(away_from_joints(loss, y_pred, y)):
        e = np.zeros_like(y)
        e[tuple(place)] = h = 1e-4
        near = value(loss, y_pred + e, y) - value(loss, y_pred - e, y)
        far = value(loss, y_pred + 2 * e, y) - value(loss, y_pred - 2 * e, y)
        assert found[tuple(place)] == pytest.approx((8 * near - far) / (12 * h), rel=1e-7, abs=1e-8)


EVERYWHERE = (-math.inf, math.inf)


def away_from_joints(loss: Loss, y_pred: Array, y: Array) -> Any:
    """Whether no entry's first or second derivative jumps within 0.001."""
    if isinstance(loss, Hinge):
        return np.abs(loss.kink(y_pred, y)) > 1e-3
    if isinstance(loss, SquaredHinge):
        return np.abs(1 - (2 * y - 1) * y_pred) > 1e-3
    at = loss.delta if isinstance(loss, Huber) else 0
    return np.abs(np.abs(y_pred - y) - at) > 1e-3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ALL)
def test_buffers(name: str, dtype: str) -> None:
    """Only out is written, in the dtype of the predictions; the cost is a Python float."""
    loss, n_outputs = ALL[name]
    rng = np.random.default_rng(0)
    y = target(loss, n_outputs, rng).astype(dtype)
    y_pred = rng.uniform(0.1, 0.9, y.shape).astype(dtype)
    kept = y_pred.copy(), y.copy()
    room = np.full((n_outputs + 1, 5), np.nan, dtype)
    loss.gradient(y_pred, y, room[:-1])
    assert type(loss.value(y_pred, y)) is float
    np.testing.assert_array_equal(room[:-1], gradient(loss, y_pred, y))
    assert np.isfinite(room[:-1]).all()
    np.testing.assert_array_equal(y_pred, kept[0])
    np.testing.assert_array_equal(y, kept[1])
    wide = gradient(loss, y_pred.astype(float), y.astype(float))
    np.testing.assert_allclose(room[:-1], wide, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Huber(delta=0.0), "loss.delta must be a float above 0. Got 0.0."),
        (lambda: Quantile(q=1.0), "loss.q must be a float above 0 and below 1. Got 1.0."),
        (lambda: Quantile(q=0.0), "loss.q must be a float above 0 and below 1. Got 0.0."),
        (lambda: Focal(gamma=-1.0), "loss.gamma must be a float at least 0. Got -1.0."),
        (lambda: Focal(alpha=1.0), "loss.alpha must be a float or null above 0 and below 1. Got 1.0."),
        (lambda: SmoothCce(smoothing=1.0), "loss.smoothing must be a float at least 0 and below 1. Got 1.0."),
    ],
)
def test_bounds(make: Callable[[], Loss], text: str) -> None:
    """A hyperparameter out of bounds is refused with the rule."""
    with pytest.raises(NnexpError) as error:
        make()
    assert str(error.value) == text


def test_alpha_is_for_two_classes() -> None:
    """With several classes alpha is refused, before training as in a direct call, and the remedy said."""
    text = r"^loss\.alpha weighs the second of two classes; there are several\. Type loss\.alpha=null\.$"
    with pytest.raises(NnexpError, match=text):
        Focal(alpha=0.25).on_logits(Softmax())
    with pytest.raises(NnexpError, match=text):
        Focal(alpha=0.25).value(np.full((3, 1), 1 / 3), one_hot([0], 3))
