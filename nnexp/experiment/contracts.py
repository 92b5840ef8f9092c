"""What plugins give, held against their contracts: on a few samples before anything is trained, and by name if one fails.

A wrong formula is for ``nnexp.testing`` to find. What is found here would otherwise train on rubbish without a word, or end in
a traceback that does not say whose fault it is.

One step is rehearsed (``rehearse``), in 0.15 ms on three samples and in arrays of its own: a plugin may return its result
instead of writing it, or give a cost per sample.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from nnexp.basics.exact import GAPS, first_inexact, refuse_masked
from nnexp.discovery import installed, registry
from nnexp.discovery.faults import package
from nnexp.engine.network import MLP
from nnexp.engine.objective import Objective
from nnexp.errors import NnexpError, counted, listed
from nnexp.plugin import TASKS, Activation, Array, Data, Initializer, Loss, Optimizer, Plugin

SAMPLES = 3
"""How many samples ``rehearse`` takes."""


def who(key: str, plugin: Plugin) -> str:
    """A chosen plugin for a message: ``loss=huber of nnexp-huber 0.1.0``; nnexp's own without the distribution."""
    try:
        entry = installed.entries()[plugin.kind][registry.named(plugin)][0]
    except NnexpError:  # an object of a class that is not installed
        return f"The {key}"
    return f"{key}={entry.name}" + (f" of {entry.provider}" if entry.distribution != "nnexp" else "")


def checking(key: str, plugin: Plugin) -> str:
    """What to type to see what is wrong with a plugin, as a sentence; empty where it has no name to type."""
    try:
        return (
            f" Choose another {key}, or see what is wrong: python -m nnexp check {plugin.kind}.{registry.named(plugin)}"
        )
    except NnexpError:
        return ""


@contextmanager
def blaming(chosen: Mapping[str, Plugin | None]) -> Iterator[None]:
    """Turn what a third party's plugin raises within the block into a message with its name, distribution and line."""
    try:
        yield
    except (NnexpError, MemoryError):
        raise
    except Exception as error:
        found = culprit(error, {key: plugin for key, plugin in chosen.items() if plugin and not is_own(plugin)})
        if not found:
            raise
        key, plugin, place = found
        raise NnexpError(
            f"{who(key, plugin)} failed in {place}: {type(error).__name__}: {error}.{checking(key, plugin)}"
        ) from error


def is_own(plugin: Plugin) -> bool:
    """Whether the class is nnexp's: what it raises is a bug of nnexp's, with a traceback."""
    return package(type(plugin).__module__) == "nnexp"


def culprit(error: Exception, chosen: Mapping[str, Plugin]) -> tuple[str, Plugin, str] | None:
    """The plugin in whose code ``error`` arose, with the place: by the object whose method ran, else by the package."""
    frames = list(traceback.walk_tb(error.__traceback__))[::-1]
    tests: tuple[Callable[[Any, Plugin], bool], ...] = (
        lambda frame, plugin: frame.f_locals.get("self") is plugin,
        lambda frame, plugin: package(frame.f_globals.get("__name__", "")) == package(type(plugin).__module__),
    )
    for test in tests:
        for frame, line in frames:
            for key, plugin in chosen.items():
                if test(frame, plugin):
                    code = frame.f_code
                    return key, plugin, f"{code.co_name}() ({code.co_filename.rpartition('/')[2]}, line {line})"
    return None


def check_data(data: Any, source: str = "The dataset") -> None:
    """Refuse data that cannot be trained on: not a Data, shapes that do not fit, unknown classes, numbers not finite."""
    if not isinstance(data, Data):
        raise NnexpError(f"{source} gave {_described(data)}; load(rng) must return a nnexp.plugin.Data.")
    for name in ("x", "y"):
        array = getattr(data, name)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            raise NnexpError(f"{source} gave {_described(array)} for {name}; it must be an array of real numbers.")
        refuse_masked(array, f"{source} gave {name}")
    n_samples = len(data.y) if data.y.ndim else 0
    if data.x.ndim != 2 or len(data.x) != n_samples:
        raise NnexpError(
            f"{source} gave x of shape {data.x.shape} for {counted(n_samples, 'target')}; x must be (n_samples, n_features)."
        )
    if n_samples < 2 or not data.x.shape[1]:
        raise NnexpError(
            f"{source} has {counted(n_samples, 'sample')} with {counted(data.x.shape[1], 'feature')}; "
            "at least 2 with 1 are needed."
        )
    if data.x.shape[1] != len(data.names):
        raise NnexpError(f"{source} gave {counted(len(data.names), 'name')} for {counted(data.x.shape[1], 'feature')}.")
    check_values(data)
    check_classes(data, source)


def check_values(data: Data) -> None:
    """Refuse numbers that are not finite, and whole ones that would be rounded."""
    if not np.isfinite(data.x).all():
        row, column = np.argwhere(~np.isfinite(data.x))[0]
        raise NnexpError(
            f"The feature '{data.names[column]}' is {data.x[row, column]} in sample {row}; it must be finite."
        )
    if not np.isfinite(data.y).all():
        row = int(np.argwhere(~np.isfinite(data.y))[0][0])
        raise NnexpError(f"The target '{data.target}' is {data.y[row]} in sample {row}; it must be finite.")
    for array, what in ((data.x, "feature"), (data.y, "target")):
        if (place := first_inexact(array)) is not None:
            name = data.names[place[1]] if what == "feature" else data.target
            choice = "" if what == "feature" else " If it is a class, choose the task multiclass."
            raise NnexpError(
                f"The {what} '{name}' is {array[place]} in sample {place[0]}, {GAPS}. Give it less an offset, or in larger "
                f"units.{choice}"
            )


def check_classes(data: Data, source: str) -> None:
    """Refuse a task that there is not, and targets that are not what the task needs."""
    if data.task not in TASKS:
        raise NnexpError(f"{source} gave the task {data.task!r}; it must be one of {listed(TASKS)}.")
    if data.task == "regression":
        if data.y.ndim not in (1, 2):
            raise NnexpError(
                f"{source} gave y of shape {data.y.shape}; it must be (n_samples,) or (n_samples, n_outputs)."
            )
        return
    n_classes = len(data.classes)
    if n_classes < 2 or (data.task == "binary" and n_classes != 2):
        least = "2" if data.task == "binary" else "at least 2"
        raise NnexpError(f"{source} gave {n_classes} classes for the task {data.task}; it needs {least}.")
    if data.y.ndim != 1 or data.y.dtype.kind not in "iu" or data.y.min() < 0 or data.y.max() >= n_classes:
        raise NnexpError(
            f"{source} gave y of shape {data.y.shape} and type {data.y.dtype} with values from {data.y.min()} to "
            f"{data.y.max()}; for a classification it must hold whole class indices from 0 to {n_classes - 1}."
        )


def initialize(network: MLP, initializer: Initializer, rng: np.random.Generator) -> None:
    """Set the network's parameters; refuse an initializer that leaves some unset or not finite."""
    network.theta.fill(np.nan)
    network.initialize(initializer, rng)
    for layer, matrix in zip(network.layers, network.matrices, strict=True):
        for name, part in ((f"W{layer.number}", matrix[:, :-1]), (f"b{layer.number}", matrix[:, -1])):
            if not np.isfinite(part).all():
                raise NnexpError(
                    f"{who('initializer', initializer)} left {name} unset or not finite; it must write numbers into "
                    f"out (out[...] = ...).{checking('initializer', initializer)}"
                )


def rehearse(network: MLP, objective: Objective, optimizer: Optimizer, design: Array, y: Array) -> None:
    """Call each plugin of a step once for a few samples, in arrays of their own, and check what it does with them."""
    rows, y = design[:SAMPLES], np.ascontiguousarray(y[:, :SAMPLES])
    with np.errstate(all="ignore"):
        if len(network.matrices) > 1:
            check_activation("activation", network.hidden, network.matrices[0] @ rows.T)
        logits = network.logits(rows)
        check_activation("output", network.output, logits)
        check_loss(objective.loss, objective.loss, network.activate(logits), y)
        fused = objective.loss.on_logits(network.output)
        if isinstance(fused, Loss):
            check_loss(objective.loss, fused, logits, y)
        elif fused is not None:
            raise breach(
                "loss", objective.loss, f"on_logits returned {_described(fused)}; it must return a Loss or None"
            )
        check_optimizer(optimizer, network.theta)


def breach(key: str, plugin: Plugin, what: str) -> NnexpError:
    """The error for a plugin that does not keep its contract."""
    return NnexpError(f"{who(key, plugin)}: {what}.{checking(key, plugin)}")


def check_activation(key: str, activation: Activation, z: Array) -> None:
    """Refuse an activation that leaves ``out`` unwritten or returns its result."""
    a = written(key, activation, "forward", lambda out: activation.forward(z.copy(), out), z)
    grad = np.ones_like(z)
    returned: Any = activation.backward(grad, z.copy(), a)
    if returned is not None and returned is not grad:
        raise breach(key, activation, f"backward returned {_described(returned)}; it must change grad in place")


def check_loss(chosen: Loss, loss: Loss, y_pred: Array, y: Array) -> None:
    """Refuse a loss whose value is not one number or whose gradient is not written; ``chosen`` is what the user typed."""
    name = "" if loss is chosen else f"{type(loss).__name__}."
    value: Any = loss.value(y_pred.copy(), y.copy())
    if np.ndim(value) or not isinstance(value, float | int | np.floating | np.ndarray):
        raise breach("loss", chosen, f"{name}value returned {_described(value)}; it must return one float, the mean")
    written("loss", chosen, f"{name}gradient", lambda out: loss.gradient(y_pred.copy(), y.copy(), out), y_pred)


def written(key: str, plugin: Plugin, method: str, call: Callable[[Array], Any], like: Array) -> Array:
    """What ``call`` writes into an array like ``like``; refused where it returns the result or leaves entries unwritten.

    Called with an array of zeros and one of ones: an entry that is then 0 and 1 was not written.
    """
    outs = [np.full_like(like, fill) for fill in (0, 1)]
    for out in outs:
        returned = call(out)
        if returned is not None and returned is not out:
            raise breach(
                key, plugin, f"{method} returned {_described(returned)}; it must write into out (out[...] = ...)"
            )
    if ((outs[0] == 0) & (outs[1] == 1)).any():
        raise breach(key, plugin, f"{method} left entries of out unwritten; it must write all of them (out[...] = ...)")
    return outs[0]


def check_optimizer(optimizer: Optimizer, theta: Array) -> None:
    """Refuse an optimizer with an impossible batch size, a memory that is not arrays, or an update that returns something."""
    size: Any = optimizer.batch_size
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise breach("optimizer", optimizer, f"its batch_size is {size!r}; it must be an int at least 1, or None")
    theta = theta.copy()
    state: Any = optimizer.init(theta)
    if not isinstance(state, dict) or not all(isinstance(each, np.ndarray) for each in state.values()):
        raise breach("optimizer", optimizer, f"init returned {_described(state)}; it must return a dict of arrays")
    rate = np.array(optimizer.learning_rate, theta.dtype)
    returned: Any = optimizer.update(theta, np.ones_like(theta), state, rate)  # type: ignore[arg-type]
    if returned is not None:
        raise breach("optimizer", optimizer, f"update returned {_described(returned)}; it must change theta in place")


def _described(value: Any) -> str:
    """A value that should not be there: its type, and an array's shape."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} and shape {value.shape}"
    return "None" if value is None else f"a {type(value).__name__}"
