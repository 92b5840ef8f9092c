"""That a loss's ``gradient`` is the derivative of its ``value``, and where it has none."""

from __future__ import annotations

import warnings

import numpy as np

from nnexp.plugin import Array, Loss
from nnexp.testing import numerics
from nnexp.testing.loss_cases import Case, Entry, cases, cost_of, entries, gradient_of
from nnexp.testing.numerics import SAME_ATOL, SAME_RTOL, apart, limit, shown
from nnexp.testing.verdict import Failed, Skipped


def slopes(loss: Loss, case: Case) -> Array:
    """dJ/dy_pred by differences of ``value``, one entry at a time."""

    def quotient(h: float) -> Array:
        found = np.empty(case.y.shape)
        for index in np.ndindex(case.y.shape):
            e = np.zeros(case.y.shape)
            e[index] = h
            found[index] = (cost_of(loss, case.y_pred + e, case.y) - cost_of(loss, case.y_pred - e, case.y)) / (2 * h)
        return found

    return limit(quotient)


def meanings(case: Case) -> dict[str, float]:
    """What the factor between a gradient and the derivative of the cost says about the mistake."""
    k, m = case.y.shape
    counted: dict[str, float] = {
        f"n_outputs is {k}, so value averages over outputs and gradient does not": k,
        f"n_outputs is {k}, so gradient averages over outputs and value does not": 1 / k,
    }
    return (counted if k > 1 else {}) | {
        f"n_samples is {m}, so gradient lacks the 1 / n_samples of the mean": m,
        f"n_samples is {m}, so gradient has the 1 / n_samples of the mean once more than value": 1 / m,
        f"n_outputs * n_samples is {k * m}, so gradient lacks the 1 / y.size of the mean": k * m,
        f"n_outputs * n_samples is {k * m}, so gradient has the 1 / y.size of the mean once more than value": 1
        / (k * m),
        "the sign is wrong": -1,
        "the 2 of the square's derivative is there once more than value has it": 2,
        "the 2 of the square's derivative is missing, or value lacks a 1/2": 0.5,
    }


def gradient(loss: Loss) -> None:
    """``gradient`` is the slope of value (differences)."""
    for case in cases(loss):
        expected, found = slopes(loss, case), gradient_of(loss, case.y_pred, case.y)
        at = apart(found, expected, numerics.RTOL, numerics.ATOL)
        if at is None:
            continue
        factor = numerics.ratio(found, expected)
        if factor is not None:
            raise Failed(
                f"{case.task}: the gradient is {shown(factor)} times the derivative of value"
                f"{numerics.explained(factor, meanings(case))}."
            )
        raise Failed(
            f"{case.task}: at y_pred = {shown(case.y_pred[at])}, y = {shown(case.y[at])} the gradient is "
            f"{shown(found[at])}, by central differences of value it is {shown(expected[at])}. gradient has to be the "
            "derivative of just what value computes."
        )


def gradient_float32(loss: Loss) -> None:
    """The same in float32, to 1e-4."""
    for case in cases(loss):
        rounded = case.astype(np.dtype(np.float32))
        double = rounded.astype(np.dtype(np.float64))
        expected = slopes(loss, double)
        found = gradient_of(loss, rounded.y_pred, rounded.y)
        if (at := apart(found, expected, numerics.FLOAT32_RTOL, numerics.FLOAT32_ATOL)) is not None:
            raise Failed(
                f"{case.task}: in float32, at y_pred = {shown(case.y_pred[at])}, y = {shown(case.y[at])}, the gradient "
                f"is {shown(found[at])} instead of {shown(expected[at])}. "
                f"{numerics.remedy(gradient_of(loss, double.y_pred, double.y), expected)}"
            )


def complex_step(loss: Loss) -> None:
    """The same to the last digits (complex steps)."""
    if not loss.analytic:
        raise Skipped("analytic is False")
    for case in cases(loss):
        expected = np.empty(case.y.shape)
        for index in np.ndindex(case.y.shape):
            moved = case.y_pred.astype(np.complex128)
            moved[index] += 1j * numerics.COMPLEX_STEP
            try:
                with warnings.catch_warnings(action="error", category=np.exceptions.ComplexWarning):
                    expected[index] = np.imag(cost_of(loss, moved, case.y)) / numerics.COMPLEX_STEP  # type: ignore[arg-type]
            except (TypeError, KeyError, np.exceptions.ComplexWarning) as error:
                raise Failed(
                    f"analytic is True, but value takes no complex y_pred ({type(error).__name__}: {error}). Take "
                    "analytic = True out, or leave out what only takes real numbers, such as float()."
                ) from None
        found = gradient_of(loss, case.y_pred, case.y)
        if (at := apart(found, expected, numerics.COMPLEX_RTOL, numerics.COMPLEX_ATOL)) is not None:
            raise Failed(
                f"{case.task}: at y_pred = {shown(case.y_pred[at])} the gradient is {float(found[at]):.15g}, a complex "
                f"step of value gives {float(expected[at]):.15g}. Either the gradient is inexact, or value is not "
                "analytic (abs, where): take analytic = True out then."
            )


def declared(entry: Entry) -> list[float]:
    """Where the declared expression is 0 as the entry moves: on the grid, or by bisection where its sign changes."""
    grid = entry.grid()
    kink = entry.kink(grid)
    if kink is None:
        return []
    places = [float(place) for place in grid[kink == 0]]
    for index in np.flatnonzero(kink[:-1] * kink[1:] < 0):
        left, right = grid[index], grid[index + 1]
        for _ in range(60):
            middle = (left + right) / 2
            same = np.sign(entry.kink(np.array([middle]))) == np.sign(kink[index])  # type: ignore[arg-type]
            left, right = (middle, right) if same else (left, middle)
        places.append(float(right))
    return places


def kink_places(loss: Loss) -> list[tuple[Entry, float]]:
    """Declared kinks of single entries; skips a smooth loss."""
    case = cases(loss)[0]
    expression = loss.kink(case.y_pred, case.y)
    if expression is None:
        raise Skipped("kink is None: J is smooth")
    if np.shape(expression) != case.y.shape:
        raise Failed(
            f"kink has the shape {np.shape(expression)} for y of shape {case.y.shape}; it says one number an entry."
        )
    found = [(entry, place) for entry in entries(loss) for place in declared(entry)]
    if not found:
        raise Failed("kink is 0 for no prediction that was tried. Return None where J is smooth.")
    return found


def kinks_are_kinks(loss: Loss) -> None:
    """Where kink is 0 the slope jumps."""
    for entry, place in kink_places(loss):
        left, right = numerics.sides(entry.cost, place)
        if numerics.same_side(left, right):
            raise Failed(
                f"{entry.case.task}: kink is 0 at y_pred = {shown(place)}, y = "
                f"{shown(entry.case.y[entry.unit, entry.sample])}, but the slope of value is {shown(left)} on both "
                "sides. Return None where J is smooth."
            )


def kinks_have_slope_0(loss: Loss) -> None:
    """Where kink is 0 so is that entry's gradient."""
    places = [(entry, place) for entry, place in kink_places(loss) if (32 * place).is_integer()]
    for entry, place in places:
        found = entry.slope(np.array([place]))[0]
        if found != 0:
            raise Failed(
                f"{entry.case.task}: at the kink y_pred = {shown(place)}, y = "
                f"{shown(entry.case.y[entry.unit, entry.sample])} the gradient is {shown(found)}; by convention it is "
                "0, as np.sign(0) is."
            )
    if not places:
        raise Skipped("no prediction that floating-point numbers hold exactly makes kink 0")


def no_other_kinks(loss: Loss) -> None:
    """The gradient jumps nowhere else."""
    for entry in entries(loss):
        grid = entry.grid()
        if apart(entry.slope(grid)[:1], entry.slope(grid[:1]), SAME_RTOL, SAME_ATOL) is not None:
            raise Skipped("the gradient of a sample depends on how many there are: see mean_over_samples")
        for place in numerics.jumps(entry.slope, grid[0], grid[-1] - 1e-3):
            around = np.array([place - 1e-6, place + 1e-6])
            kink = entry.kink(around)
            if kink is None or (kink[0] * kink[1] > 0 and np.abs(kink).min() > 1e-5):
                left, right = entry.slope(around)
                raise Failed(
                    f"{entry.case.task}: at y_pred = {shown(place)}, y = "
                    f"{shown(entry.case.y[entry.unit, entry.sample])} the gradient jumps from {shown(left)} to "
                    f"{shown(right)}. If J has a kink there, let kink return an expression that is 0 there, such as "
                    "y_pred - y. Otherwise gradient is wrong on one side."
                )


CHECKS = (
    gradient,
    gradient_float32,
    complex_step,
    kinks_are_kinks,
    kinks_have_slope_0,
    no_other_kinks,
)
