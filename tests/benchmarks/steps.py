"""Training speed: whole epochs of nnexp, scikit-learn's MLPClassifier and a teaching implementation.

What is timed, for all of them: E whole epochs over the same samples, dtype, batch size, layers and learning rate, of plain
gradient descent, with a new random order of the samples every epoch. An epoch is, for each batch, gathering its samples,
forward pass, backward pass and update, and the epoch's cost on what was predicted before each update. nnexp also computes
its accuracy every epoch; the peers do not. Loading and scaling data, and building the network, are left out for all.

* nnexp: ``nnexp.engine.training.train``, what the command runs, with plugins looked up by name in the installed entry points.
* scikit-learn: ``MLPClassifier(solver="sgd", momentum=0, nesterovs_momentum=False, alpha=0, learning_rate="constant", tol=0,
  n_iter_no_change=10**9, shuffle=True)``: its regularisation and momentum add nothing, and it never stops early. Checks for
  NaN and infinity are switched off (``assume_finite``), which helps it. Small cases: one ``fit(max_iter=E)``, its fastest way
  to train E epochs, whose set-up is shared by many; big cases, and full batches: ``partial_fit``, one epoch a call, after a
  first call that is not timed.
* teaching: ``tests/benchmarks/teaching.py``, parameters in a dictionary, a new array for every result.
* bare: ``tests/benchmarks/bare.py``, the NumPy calls of a mini-batch's step and nothing else: no plugins, cost or metrics. The
  rows "bare calls" have it in nnexp's place, against scikit-learn: about the ratio that an engine of such calls can reach.

Before a case is timed, all start from the same weights, train one epoch without shuffling, and must end at the same weights
and cost: so they do the same work. One BLAS thread for all, except where the name says otherwise.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from nnexp.discovery import registry
from nnexp.engine.metrics import for_task
from nnexp.engine.network import MLP, design_matrix
from nnexp.engine.objective import Objective
from nnexp.engine.training import Epoch, Part, train
from nnexp.plugin import Activation, Engine, Loss, Optimizer
from tests.benchmarks import bare, teaching
from tests.benchmarks.measure import Row, Seconds, faster, paired

Floats = NDArray[np.floating[Any]]
RATE = 0.01


@dataclass(frozen=True)
class Case:
    """A network, data and a way to train it. ``epochs`` is how many make one measurement."""

    sizes: tuple[int, ...]
    n_samples: int
    batch_size: int | None
    dtype: str
    epochs: int
    goal: float

    @property
    def name(self) -> str:
        """What the table calls it."""
        batch = "full batch" if self.batch_size is None else f"batch {self.batch_size}"
        return f"{'-'.join(map(str, self.sizes))}, {batch}, {self.dtype}"

    @property
    def n_steps(self) -> int:
        """Updates an epoch."""
        return 1 if self.batch_size is None else -(-self.n_samples // self.batch_size)

    @cached_property
    def data(self) -> tuple[Floats, NDArray[np.intp]]:
        """Samples in rows, and classes: normal noise around a centre for each class."""
        rng = np.random.default_rng(0)
        labels = rng.integers(max(self.sizes[-1], 2), size=self.n_samples)
        labels[: max(self.sizes[-1], 2)] = np.arange(max(self.sizes[-1], 2))
        centres = rng.normal(size=(max(self.sizes[-1], 2), self.sizes[0])).astype(self.dtype)
        x = rng.standard_normal((self.n_samples, self.sizes[0]), dtype=cast("Any", self.dtype))
        x += 0.5 * centres[labels]
        return x, labels

    @cached_property
    def targets(self) -> Floats:
        """The classes as outputs (n_outputs, n_samples): 0 or 1, or one-hot."""
        labels = self.data[1]
        rows = [labels == 1] if self.sizes[-1] == 1 else [labels == k for k in range(self.sizes[-1])]
        return np.array(rows, self.dtype)


SMALL = [
    *(Case((13, 8, 1), 400, 1, dtype, 10, goal=15) for dtype in ("float64", "float32")),
    *(Case((64, 32, 10), 1437, 32, dtype, 20, goal=12) for dtype in ("float64", "float32")),
]
BIG = [
    Case((784, 128, 64, 10), 60_000, 64, "float64", 1, goal=2.3),
    Case((784, 128, 64, 10), 60_000, 64, "float32", 1, goal=1.8),
    Case((784, 256, 10), 10_000, None, "float64", 3, goal=1.1),
    Case((784, 256, 10), 10_000, None, "float32", 3, goal=1.1),
]


def rows(*, quick: bool = False) -> Iterator[Row]:
    """Every comparison, as it is measured."""
    with config_context(assume_finite=True), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for case in SMALL:
            check(case)
            yield from small(case, 3 if quick else 21, 3 if quick else 7)
        for case in BIG:
            check(case)
            yield from big(case, 1 if quick else 7)


def small(case: Case, n_pairs: int, n_others: int) -> Iterator[Row]:
    """The case per step, against scikit-learn with one BLAS thread and with its default, and against the teaching code.

    The last two, which have no goal, are measured ``n_others`` times.
    """
    scale = 1e6 / (case.epochs * case.n_steps)
    for threads, peer, peer_name in (
        (1, sklearn_fit(case), "scikit-learn"),
        (None, sklearn_fit(case), "scikit-learn, all threads"),
        (1, dictionaries(case), "teaching code"),
    ):
        has_goal = peer_name == "scikit-learn"
        times = n_pairs if has_goal else n_others
        pairs = paired(limited(engine(case), 1, scale), limited(peer, threads, scale), times)
        goal = case.goal if has_goal else None
        yield faster(f"step {case.name}", "us", pairs, peer_name=peer_name, goal=goal)
    if (
        case.batch_size != 1
    ):  # a batch of one sample takes other ways: Python's numbers, and samples gathered in advance
        pairs = paired(limited(bare_calls(case), 1, scale), limited(sklearn_fit(case), 1, scale), n_others)
        yield faster(f"bare calls {case.name}", "us", pairs, peer_name="scikit-learn")


def big(case: Case, n_pairs: int) -> Iterator[Row]:
    """The case per epoch, against scikit-learn with one BLAS thread."""
    scale = 1 / case.epochs
    peer = limited(sklearn_partial_fit(case), 1, scale)
    pairs = paired(limited(engine_epoch(case), 1, scale), peer, n_pairs)
    yield faster(f"epoch {case.name}", "s", pairs, peer_name="scikit-learn", goal=case.goal)
    if case.batch_size:
        pairs = paired(limited(bare_calls(case), 1, scale), peer, n_pairs)
        yield faster(f"bare calls {case.name}", "s", pairs, peer_name="scikit-learn")


def limited(run: Seconds, threads: int | None, scale: float) -> Seconds:
    """``run`` with so many BLAS threads (None: as many as the libraries choose), its time multiplied by ``scale``."""

    def measured() -> float:
        with threadpool_limits(threads, user_api="blas") if threads else contextlib.nullcontext():
            return run() * scale

    return measured


def new_network(case: Case) -> MLP:
    """The case's network, initialised, of plugins found by name."""
    output = "sigmoid" if case.sizes[-1] == 1 else "softmax"
    hidden = cast("Activation", registry.build("activation", {"name": "relu"}))
    network = MLP(case.sizes, hidden, cast("Activation", registry.build("activation", {"name": output})), case.dtype)
    network.initialize(cast("Any", registry.build("initializer", {"name": "glorot"})), np.random.default_rng(0))
    return network


def epochs_of(
    case: Case, network: MLP, part: Part, epochs: int, *, shuffle: bool = True, engine: Engine | None = None
) -> Iterator[Epoch]:
    """Train ``network`` by nnexp, with a loss and an optimizer found by name."""
    binary = case.sizes[-1] == 1
    loss = cast("Loss", registry.build("loss", {"name": "bce" if binary else "cce"}))
    spec: dict[str, Any] = {"name": "batch"}
    if case.batch_size is not None:
        spec = {"name": "sgd"} if case.batch_size == 1 else {"name": "minibatch", "batch_size": case.batch_size}
    optimizer = cast("Optimizer", registry.build("optimizer", {**spec, "learning_rate": RATE}))
    metrics = for_task("binary" if binary else "multiclass", loss.threshold, np.zeros(1), np.ones(1))
    objective = Objective(loss, network.output)
    rng = np.random.default_rng(0)
    more: Any = {"metrics": metrics, "shuffle": shuffle, "engine": engine}
    return train(network, objective, optimizer, part, rng=rng, epochs=epochs, **more)


def engine(case: Case) -> Seconds:
    """nnexp, ``case.epochs`` epochs, with the making of its buffers."""
    part = Part(design_matrix(case.data[0], case.dtype), case.targets)

    def run() -> float:
        network = new_network(case)
        began = time.perf_counter()
        for _ in epochs_of(case, network, part, case.epochs):
            pass
        return time.perf_counter() - began

    return run


def engine_epoch(case: Case) -> Seconds:
    """nnexp, ``case.epochs`` further epochs of one long training."""
    part = Part(design_matrix(case.data[0], case.dtype), case.targets)
    epochs = epochs_of(case, new_network(case), part, 10**9)

    def run() -> float:
        began = time.perf_counter()
        for _ in range(case.epochs):
            next(epochs)
        return time.perf_counter() - began

    return run


def new_classifier(case: Case, max_iter: int, *, shuffle: bool = True) -> Any:
    """scikit-learn's network, as the module's docstring says."""
    return MLPClassifier(
        case.sizes[1:-1],
        activation="relu",
        solver="sgd",
        alpha=0,
        batch_size=case.batch_size or case.n_samples,
        learning_rate="constant",
        learning_rate_init=RATE,
        max_iter=max_iter,
        shuffle=shuffle,
        random_state=0,
        tol=0,
        momentum=0,
        nesterovs_momentum=False,
        n_iter_no_change=10**9,
    )


def sklearn_fit(case: Case) -> Seconds:
    """scikit-learn, ``case.epochs`` epochs in one ``fit``."""
    x, labels = case.data

    def run() -> float:
        classifier = new_classifier(case, case.epochs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it trains as long as it is told
            began = time.perf_counter()
            classifier.fit(x, labels)
            seconds = time.perf_counter() - began
        assert classifier.n_iter_ == case.epochs
        return seconds

    return run


def sklearn_partial_fit(case: Case) -> Seconds:
    """scikit-learn, ``case.epochs`` further epochs of one long training, one ``partial_fit`` each."""
    x, labels = case.data
    classifier = new_classifier(case, 1)
    classifier.partial_fit(x, labels, classes=np.unique(labels))

    def run() -> float:
        began = time.perf_counter()
        for _ in range(case.epochs):
            classifier.partial_fit(x, labels)
        return time.perf_counter() - began

    return run


def dictionaries(case: Case) -> Seconds:
    """The teaching code, ``case.epochs`` epochs."""
    x, y = np.ascontiguousarray(case.data[0].T), case.targets
    batch_size = case.batch_size or case.n_samples

    def run() -> float:
        params = columns(new_network(case).arrays())
        began = time.perf_counter()
        teaching.train(params, x, y, batch_size=batch_size, rate=RATE, epochs=case.epochs)
        return time.perf_counter() - began

    return run


def bare_calls(case: Case) -> Seconds:
    """NumPy's calls alone, ``case.epochs`` epochs; for the batch that they leave out, its share of the time is added."""
    m = case.batch_size or case.n_samples
    n_batches = case.n_samples // m
    x = design_matrix(case.data[0], case.dtype)
    y = np.ascontiguousarray(case.targets[:, : n_batches * m].reshape(-1, n_batches, m).transpose(1, 0, 2))

    def run() -> float:
        theta = new_network(case).theta
        began = time.perf_counter()
        bare.train(theta, case.sizes, x, y, batch_size=m, rate=RATE, epochs=case.epochs)
        return (time.perf_counter() - began) * case.n_steps / n_batches

    return run


def columns(arrays: teaching.Arrays) -> teaching.Arrays:
    """The parameters with each b as a column."""
    return {name: array if array.ndim == 2 else array[:, None] for name, array in arrays.items()}


def check(case: Case) -> None:
    """From the same weights, one epoch in the same order has to lead all three to the same weights and cost."""
    head = Case(case.sizes, min(case.n_samples, 2000), case.batch_size, case.dtype, 1, 0)
    x, labels = head.data
    classifier = new_classifier(head, 1, shuffle=False)
    classifier.partial_fit(x, labels, classes=np.unique(labels))
    weights = [*zip(classifier.coefs_, classifier.intercepts_, strict=True)]
    arrays = {f"W{i}": w.T.copy() for i, (w, _) in enumerate(weights, 1)}
    arrays |= {f"b{i}": b.copy() for i, (_, b) in enumerate(weights, 1)}
    network, params = new_network(head), columns(arrays)
    network.set_arrays(arrays)

    classifier.partial_fit(x, labels)
    (epoch,) = epochs_of(head, network, Part(design_matrix(x, head.dtype), head.targets), 1, shuffle=False)
    size = head.batch_size or head.n_samples
    (cost,) = teaching.train(params, x.T, head.targets, batch_size=size, rate=RATE, epochs=1, shuffle=False)

    tolerance = 1e-8 if case.dtype == "float64" else 1e-3
    trained = network.arrays()
    for i, (w, b) in enumerate(zip(classifier.coefs_, classifier.intercepts_, strict=True), 1):
        for ours, theirs in ((f"W{i}", w.T), (f"b{i}", b)):
            np.testing.assert_allclose(trained[ours], theirs, rtol=tolerance, atol=tolerance)
            np.testing.assert_allclose(
                trained[ours], params[ours].reshape(theirs.shape), rtol=tolerance, atol=tolerance
            )
    np.testing.assert_allclose([epoch.cost, cost], classifier.loss_, rtol=max(tolerance, 1e-6))
