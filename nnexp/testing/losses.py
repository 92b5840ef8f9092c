"""What a loss has to keep. Shapes: y_pred, y and out (n_outputs, n_samples)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import cast

import numpy as np

from nnexp.discovery import registry
from nnexp.engine.objective import mismatch
from nnexp.errors import NnexpError, did_you_mean, listed
from nnexp.plugin import TASKS, Activation, Array, Loss
from nnexp.testing import loss_derivatives, loss_logits, numerics
from nnexp.testing.loss_cases import FAR, OUTPUTS, Case, cases, cost_of, gradient_of, inside
from nnexp.testing.numerics import DTYPES, SAME_ATOL, SAME_RTOL, apart, shown
from nnexp.testing.verdict import Failed, may_be_infinite


def outputs(loss: Loss) -> None:
    """Each task has an installed output that fits."""
    if not loss.outputs:
        raise Failed("outputs is empty. Say what the loss is for: outputs = {'regression': 'identity'}.")
    for task, name in loss.outputs.items():
        if task not in TASKS:
            raise Failed(f"outputs has the task '{task}'.{did_you_mean(task, TASKS)} Tasks: {listed(TASKS)}.")
        try:
            activation = cast("Activation", registry.build("activation", {"name": name}))
        except NnexpError as error:
            raise Failed(f"outputs['{task}'] = '{name}': {error} Without it output=auto cannot work.") from None
        reason = mismatch(loss, activation, OUTPUTS[task], task)
        if reason:
            raise Failed(
                f"outputs['{task}'] = '{name}' does not go with this loss: {reason}. Correct outputs or domain."
            )
    if loss.target not in ("real", "nonnegative"):
        raise Failed(f"target is '{loss.target}'; it has to be 'real' or 'nonnegative'.")


def value_is_a_float(loss: Loss) -> None:
    """The cost is a finite float."""
    for dtype, samples, k in itertools.product(DTYPES, (1, 5), (1, 3)):
        for case in cases(loss, samples, outputs=k):
            found = cost_of(loss, *case.astype(dtype)[1:])
            if not isinstance(found, float):
                raise Failed(
                    f"value returns {type(found).__name__} for predictions in {dtype}. Return a float: float(...)."
                )
            if not np.isfinite(found):
                raise Failed(f"{case.task}: value is {found} in {dtype} for predictions inside the domain.")


def gradient_written(loss: Loss) -> None:
    """The gradient is written into out."""
    for dtype, samples, k in itertools.product(DTYPES, (1, 5), (1, 3)):
        for case in cases(loss, samples, outputs=k):
            y_pred, y = case.astype(dtype)[1:]
            out = np.full(y.shape, np.nan, dtype)
            with np.errstate(all="ignore"):
                result = loss.gradient(y_pred, y, out)
            if np.isnan(out).any():
                returned = "It returned an array, which nobody reads. " if result is not None else ""
                raise Failed(
                    f"{case.task}: gradient left {np.isnan(out).sum()} of {out.size} entries of out unwritten or NaN "
                    f"in {dtype}. {returned}Write into out: np.subtract(y_pred, y, out=out)."
                )


def inputs_unchanged(loss: Loss) -> None:
    """``y_pred`` and ``y`` stay as they are."""
    for case in cases(loss):
        y_pred, y = case.y_pred.copy(), case.y.copy()
        for name in ("value", "gradient"):
            cost_of(loss, y_pred, y) if name == "value" else gradient_of(loss, y_pred, y)
            for argument, now, before in (("y_pred", y_pred, case.y_pred), ("y", y, case.y)):
                if not np.array_equal(now, before):
                    raise Failed(f"{case.task}: {name} changed {argument}. Work in out, or in an array of your own.")


def mean_over_samples(loss: Loss) -> None:
    """Every sample twice costs the same."""
    for case in cases(loss):
        twice = np.hstack([case.y_pred, case.y_pred]), np.hstack([case.y, case.y])
        once_cost, twice_cost = cost_of(loss, case.y_pred, case.y), cost_of(loss, *twice)
        if apart(twice_cost, once_cost, SAME_RTOL, 0) is not None:
            factor = twice_cost / once_cost if once_cost else np.inf
            causes = {
                "value sums over samples: divide by their number, y.shape[1]": 2.0,
                "value divides by the number of samples twice": 0.5,
            }
            raise Failed(
                f"{case.task}: with every sample twice the cost is {shown(factor)} times as much; a mean stays as it is"
                f"{numerics.explained(factor, causes)}."
            )
        single, double = gradient_of(loss, case.y_pred, case.y), gradient_of(loss, *twice)[:, : case.y.shape[1]]
        if apart(double, single / 2, SAME_RTOL, SAME_ATOL) is not None:
            causes = {
                "gradient lacks the 1 / n_samples of the mean": 1.0,
                "gradient divides by the number of samples twice": 0.25,
            }
            factor_or_none = numerics.ratio(double, single)
            raise Failed(
                f"{case.task}: with every sample twice the gradient of a sample has to be half as much"
                f"{numerics.explained(factor_or_none, causes)}."
            )


def samples_apart(loss: Loss) -> None:
    """The cost is the mean of the samples' own costs."""
    for case in cases(loss):
        m = case.y.shape[1]
        columns = [(case.y_pred[:, j : j + 1].copy(), case.y[:, j : j + 1].copy()) for j in range(m)]
        mean = np.mean([cost_of(loss, *each) for each in columns])
        if apart(cost_of(loss, case.y_pred, case.y), mean, SAME_RTOL, 0) is not None:
            raise Failed(
                f"{case.task}: the cost of {m} samples is {shown(cost_of(loss, case.y_pred, case.y))}, the mean of "
                f"what they cost alone {shown(mean)}. Samples are columns: reduce over outputs with axis=0, then take "
                "the mean."
            )
        alone = np.hstack([gradient_of(loss, *each) for each in columns]) / m
        if (at := apart(gradient_of(loss, case.y_pred, case.y), alone, SAME_RTOL, SAME_ATOL)) is not None:
            raise Failed(
                f"{case.task}: the gradient of sample {at[1] + 1} of {m} is not 1/{m} of what it is alone. Samples are "
                "columns: reduce over outputs only, with axis=0."
            )


def order_of_samples(loss: Loss) -> None:
    """The order of the samples does not matter."""
    for case in cases(loss):
        order = np.random.default_rng(4).permutation(case.y.shape[1])
        y_pred, y = case.y_pred[:, order], case.y[:, order]
        costs = cost_of(loss, y_pred, y), cost_of(loss, case.y_pred, case.y)
        if apart(*costs, SAME_RTOL, 0) is not None:
            raise Failed(
                f"{case.task}: in another order the same samples cost {shown(costs[0])} instead of {shown(costs[1])}. "
                "Batches are shuffled: use no position of a sample."
            )
        gradients = gradient_of(loss, y_pred, y), gradient_of(loss, case.y_pred, case.y)[:, order]
        if apart(*gradients, SAME_RTOL, SAME_ATOL) is not None:
            raise Failed(
                f"{case.task}: in another order the same samples have other gradients. Batches are shuffled: use no "
                "position of a sample."
            )


def prefers_the_truth(loss: Loss) -> None:
    """A right prediction costs less than a wrong one."""
    for case in cases(loss):
        right, wrongs = truth(loss, case)
        best = cost_of(loss, right, case.y)
        for wrong in wrongs:
            if not best < cost_of(loss, wrong, case.y):
                j = int(np.abs(wrong - right).sum(axis=0).argmax())
                raise Failed(
                    f"{case.task}: right predictions cost {shown(best)}, wrong ones "
                    f"{shown(cost_of(loss, wrong, case.y))}; for y = {numbers(case.y[:, j])}, for example, "
                    f"{numbers(right[:, j])} and {numbers(wrong[:, j])}. The cost has to fall as predictions get "
                    "better: look for a sign."
                )


def truth(loss: Loss, case: Case) -> tuple[Array, list[Array]]:
    """Predictions that are right, and some that are far off, inside the domain."""
    low, high = loss.domain
    if case.task == "regression":
        least, most = low + 1e-3, high - 1e-3
        rng = np.random.default_rng(5)
        errors = [rng.choice([-1, 1], case.y.shape) * rng.uniform(3, 6, case.y.shape) for _ in range(10)]
        return np.clip(case.y, least, most), [np.clip(case.y + error, least, most) for error in errors]
    bounded = np.isfinite(high - low)
    yes = high - 0.05 * (high - low) if bounded else min(loss.threshold + 3, high - 0.01)
    no = low + 0.05 * (high - low) if bounded else max(loss.threshold - 3, low + 0.01)
    sides = [np.where(y > 0, yes, no) for y in (case.y, 1 - case.y if len(case.y) == 1 else np.roll(case.y, 1, axis=0))]
    if loss.distribution and case.task == "multiclass":
        sides = [side / side.sum(axis=0) for side in sides]
    return sides[0], sides[1:]


def numbers(column: Array) -> str:
    """One sample for a message."""
    return f"({', '.join(shown(each) for each in column)})"


def extremes(loss: Loss) -> None:
    """All is finite at the border of the domain."""
    for case in cases(loss):
        for dtype in DTYPES:
            for y_pred in borders(loss, case):
                batch = Case(case.task, y_pred, case.y).astype(dtype)
                cost, grad = cost_of(loss, *batch[1:]), gradient_of(loss, *batch[1:])
                fine = np.isnan if may_be_infinite(loss) else lambda each: ~np.isfinite(each)
                if fine(np.array(cost)) or fine(grad).any():
                    where = np.argwhere(fine(grad))
                    at = tuple(where[0]) if len(where) else (0, 0)
                    raise Failed(
                        f"{case.task}: at y_pred = {shown(batch.y_pred[at])}, y = {shown(batch.y[at])} in {dtype} the "
                        f"cost is {shown(cost)}, the gradient {shown(grad[at])}. Keep what is divided by and the "
                        "argument of log above np.finfo(dtype).tiny; where infinity is right, say in the docstring "
                        "where it overflows."
                    )


def borders(loss: Loss, case: Case) -> Iterator[Array]:
    """Predictions at each end of the domain; whole classes where they have to sum to one."""
    if loss.distribution and case.task == "multiclass":
        yield from (np.roll(case.y, shift, axis=0) for shift in range(len(case.y)))
        return
    for end, far in zip(loss.domain, (-FAR, FAR), strict=True):
        yield np.full(case.y.shape, end if np.isfinite(end) else far)


def memory_layout(loss: Loss) -> None:
    """Views of larger arrays give the same."""
    for case in cases(loss):
        y_pred, y, out = (numerics.strided(each) for each in (case.y_pred, case.y, np.zeros_like(case.y)))
        with np.errstate(all="ignore"):
            loss.gradient(y_pred, y, out)
        if apart(out, gradient_of(loss, case.y_pred, case.y), SAME_RTOL, SAME_ATOL) is not None:
            raise Failed(
                f"{case.task}: for views that are not contiguous the gradient is another. Avoid reshape and ravel on "
                "out: they copy."
            )
        if apart(cost_of(loss, y_pred, y), cost_of(loss, case.y_pred, case.y), SAME_RTOL, 0) is not None:
            raise Failed(f"{case.task}: for views that are not contiguous the cost is another.")


def no_memory(loss: Loss) -> None:
    """``gradient`` does not depend on the last value."""
    for case in cases(loss):
        cost_of(loss, case.y_pred, case.y)
        expected = gradient_of(loss, case.y_pred, case.y)
        other = inside(loss, case.task, case.y.shape, np.random.default_rng(6))
        cost_of(loss, other, case.y)
        if not np.array_equal(gradient_of(loss, case.y_pred, case.y), expected):
            raise Failed(
                f"{case.task}: after value of other predictions, gradient is another for the same arguments: something "
                "was kept from the last call. Compute all from y_pred and y."
            )


CHECKS = (
    outputs,
    value_is_a_float,
    gradient_written,
    inputs_unchanged,
    *loss_derivatives.CHECKS,
    mean_over_samples,
    samples_apart,
    order_of_samples,
    prefers_the_truth,
    extremes,
    *loss_logits.CHECKS,
    memory_layout,
    no_memory,
)
