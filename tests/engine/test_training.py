"""Training against a slow textbook implementation, hand calculations and scikit-learn's network."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_info, threadpool_limits

from nnexp.builtin.activations import Identity, Relu, Sigmoid, Softmax, Tanh
from nnexp.builtin.initializers import Glorot
from nnexp.builtin.losses import Bce, Cce, Mae, Mse
from nnexp.builtin.optimizers import Batch, MiniBatch, Sgd
from nnexp.discovery import registry
from nnexp.engine import numpy_engine
from nnexp.engine.metrics import for_task
from nnexp.engine.network import MLP, Evaluator, design_matrix
from nnexp.engine.objective import Objective
from nnexp.engine.training import Diverged, Epoch, Part, train
from nnexp.plugin import Activation, Array, Loss, Optimizer, State, Task, Training

Floats = NDArray[np.float64]


# --- A slow reference, written from the textbook: samples one by one, W and b apart, no buffers. ---


class Function(NamedTuple):
    """An activation of one sample's pre-activations, and its Jacobian."""

    value: Callable[[Floats], Floats]
    jacobian: Callable[[Floats], Floats]


def softmax(z: Floats) -> Floats:
    e = np.exp(z - z.max())
    return np.asarray(e / e.sum())


FUNCTIONS: Mapping[str, Function] = {
    "identity": Function(lambda z: z, lambda z: np.eye(len(z))),
    "tanh": Function(np.tanh, lambda z: np.diag(1 / np.cosh(z) ** 2)),
    "relu": Function(lambda z: np.where(z > 0, z, 0.0), lambda z: np.diag((z > 0).astype(float))),
    "sigmoid": Function(lambda z: 1 / (1 + np.exp(-z)), lambda z: np.diag(np.exp(-z) / (1 + np.exp(-z)) ** 2)),
    "softmax": Function(softmax, lambda z: np.diag(softmax(z)) - np.outer(softmax(z), softmax(z))),
}
COSTS: Mapping[str, Function] = {  # of one sample: the cost, and its derivative, given [prediction; target]
    "mse": Function(
        lambda both: np.mean((both[0] - both[1]) ** 2, keepdims=True),
        lambda both: 2 * (both[0] - both[1]) / len(both[0]),
    ),
    "mae": Function(
        lambda both: np.mean(np.abs(both[0] - both[1]), keepdims=True),
        lambda both: np.sign(both[0] - both[1]) / len(both[0]),
    ),
    "bce": Function(
        lambda both: -both[1] * np.log(both[0]) - (1 - both[1]) * np.log(1 - both[0]),
        lambda both: -both[1] / both[0] + (1 - both[1]) / (1 - both[0]),
    ),
    "cce": Function(
        lambda both: -np.sum(both[1] * np.log(both[0]), keepdims=True),
        lambda both: -both[1] / both[0],
    ),
}


class Reference:
    """A perceptron trained by plain gradient descent, one sample at a time."""

    def __init__(self, arrays: Mapping[str, Array], hidden: str, output: str, cost: str) -> None:
        n_layers = len(arrays) // 2
        self.w = [np.array(arrays[f"W{layer}"], float) for layer in range(1, n_layers + 1)]
        self.b = [np.array(arrays[f"b{layer}"], float) for layer in range(1, n_layers + 1)]
        self.f = [FUNCTIONS[hidden]] * (n_layers - 1) + [FUNCTIONS[output]]
        self.cost = COSTS[cost]

    def predict(self, x: Floats) -> Floats:
        a = x
        for w, b, f in zip(self.w, self.b, self.f, strict=True):
            a = f.value(w @ a + b)
        return a

    def mean_cost(self, x: Floats, y: Floats) -> float:
        """The mean cost of samples in rows."""
        pairs = zip(x, y, strict=True)
        return float(np.mean([self.cost.value(np.stack([self.predict(one), other])) for one, other in pairs]))

    def step(self, x: Floats, y: Floats, learning_rate: float) -> None:
        """One step against the mean gradient of the samples in rows, by the chain rule with full Jacobians."""
        dw, db = [np.zeros_like(w) for w in self.w], [np.zeros_like(b) for b in self.b]
        for one, other in zip(x, y, strict=True):
            a, z = [one], []
            for w, b, f in zip(self.w, self.b, self.f, strict=True):
                z.append(w @ a[-1] + b)
                a.append(f.value(z[-1]))
            delta = self.cost.jacobian(np.stack([a[-1], other]))
            for layer in reversed(range(len(self.w))):
                delta = self.f[layer].jacobian(z[layer]) @ delta
                dw[layer] += np.outer(delta, a[layer]) / len(x)
                db[layer] += delta / len(x)
                delta = self.w[layer].T @ delta
        for layer in range(len(self.w)):
            self.w[layer] -= learning_rate * dw[layer]
            self.b[layer] -= learning_rate * db[layer]


class Case(NamedTuple):
    """A problem for nnexp and for the reference."""

    loss: Loss
    output: Activation
    task: Task
    n_outputs: int


CASES = {
    "mse": Case(Mse(), Identity(), "regression", 2),
    "mae": Case(Mae(), Identity(), "regression", 1),
    "bce": Case(Bce(), Sigmoid(), "binary", 1),
    "cce": Case(Cce(), Softmax(), "multiclass", 3),
}
SEED = 7


def samples(case: Case, n: int) -> tuple[Floats, Floats]:
    """Features and targets, in rows."""
    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, 3))
    if case.task == "regression":
        return x, rng.normal(size=(n, case.n_outputs))
    classes = rng.integers(0, max(2, case.n_outputs), n)
    return x, np.eye(3)[classes] if case.task == "multiclass" else classes[:, None].astype(float)


def network_for(case: Case, hidden: tuple[int, ...] = (4,), activation: Activation | None = None) -> MLP:
    network = MLP((3, *hidden, case.n_outputs), activation or Tanh(), case.output)
    network.theta[...] = np.random.default_rng(3).normal(0, 0.6, network.theta.size)
    return network


def part(x: Floats, y: Floats, dtype: Any = np.float64) -> Part:
    return Part(design_matrix(x, dtype), np.ascontiguousarray(y.T, dtype))


def trained(
    network: MLP, case: Case, optimizer: Optimizer, n: int = 11, *, epochs: int = 3, seed: int = SEED, **more: Any
) -> list[Epoch]:
    """Train in place on the case's samples."""
    metrics = for_task(case.task, 0.5, np.zeros(case.n_outputs), np.ones(case.n_outputs))
    objective = Objective(case.loss, case.output)
    rng = np.random.default_rng(seed)
    given = {"rng": rng, "epochs": epochs, "metrics": metrics, **more}
    return list(train(network, objective, optimizer, part(*samples(case, n)), **given))


@pytest.mark.parametrize("batch_size", [1, 4, 11, 50])
@pytest.mark.parametrize("name", CASES)
def test_against_the_textbook(name: str, batch_size: int) -> None:
    """Weights, train cost and validation cost of every epoch are those of the slow reference with the same permutations.

    The train cost is pooled over the predictions that each batch had before its own update, also where the last batch is
    smaller; the validation cost is that of the epoch's last weights.
    """
    case, n, rate = CASES[name], 11, 0.3
    x, y = samples(case, n)
    x_validation, y_validation = samples(case, 5)
    network = network_for(case, (4, 3))
    slow = Reference(network.arrays(), "tanh", type(case.output).__name__.lower(), name)
    optimizer = MiniBatch(batch_size=batch_size, learning_rate=rate)
    epochs = trained(network, case, optimizer, n, validation=part(x_validation, y_validation))

    rng = np.random.default_rng(SEED)
    for epoch in epochs:
        order = rng.permutation(n) if batch_size < n else np.arange(n)
        pooled = 0.0
        for start in range(0, n, batch_size):
            rows = order[start : start + batch_size]
            pooled += slow.mean_cost(x[rows], y[rows]) * len(rows)
            slow.step(x[rows], y[rows], rate)
        assert epoch.metrics["cost/train"] == pytest.approx(pooled / n, rel=1e-11)
        assert epoch.metrics["cost/validation"] == pytest.approx(slow.mean_cost(x_validation, y_validation), rel=1e-11)
        assert epoch.cost == epoch.metrics["cost/validation"]
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    for layer, (w, b) in enumerate(zip(slow.w, slow.b, strict=True), 1):
        np.testing.assert_allclose(network.arrays()[f"W{layer}"], w, rtol=1e-9)
        np.testing.assert_allclose(network.arrays()[f"b{layer}"], b, rtol=1e-9)


@pytest.mark.parametrize("hidden", [(), (5,), (4, 3, 2)])
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "identity"])
def test_any_depth(activation: str, hidden: tuple[int, ...]) -> None:
    """No, one or three hidden layers: the weights after two epochs of stochastic descent are the reference's."""
    case, n = CASES["mse"], 6
    x, y = samples(case, n)
    network = network_for(case, hidden, cast("Activation", registry.build("activation", {"name": activation})))
    slow = Reference(network.arrays(), activation, "identity", "mse")
    trained(network, case, Sgd(learning_rate=0.05), n, epochs=2)
    rng = np.random.default_rng(SEED)
    for _ in range(2):
        for row in rng.permutation(n):
            slow.step(x[[row]], y[[row]], 0.05)
    for layer, (w, b) in enumerate(zip(slow.w, slow.b, strict=True), 1):
        np.testing.assert_allclose(network.arrays()[f"W{layer}"], w, rtol=1e-9)
        np.testing.assert_allclose(network.arrays()[f"b{layer}"], b, rtol=1e-9)


def test_a_full_batch_by_hand() -> None:
    """With mse, w x + b, w = b = 0 and the samples (1, 2), (3, 4): dJ/dw = -14, dJ/db = -6; a step of 0.1 gives 1.4, 0.6."""
    network = MLP((1, 1), Relu(), Identity())
    metrics = for_task("regression", 0.5, np.zeros(1), np.ones(1))
    given = Part(design_matrix(np.array([[1.0], [3.0]])), np.array([[2.0, 4.0]]))
    objective = Objective(Mse(), Identity())
    rng = np.random.default_rng(0)
    epochs = train(network, objective, Batch(learning_rate=0.1), given, rng=rng, epochs=2, metrics=metrics)
    first = next(epochs)
    assert network.theta.tolist() == pytest.approx([1.4, 0.6])
    assert first.cost == first.metrics["cost/train"] == pytest.approx(10)  # (4 + 16) / 2, before the step
    assert first.metrics["mae/train"] == pytest.approx(3)
    second = next(epochs)
    assert second.metrics["cost/train"] == pytest.approx(((1.4 + 0.6 - 2) ** 2 + (3 * 1.4 + 0.6 - 4) ** 2) / 2)


def test_train_metrics_are_of_the_predictions_before_each_update() -> None:
    """Sgd by hand: predictions 0 for (1, 2), then w = b = 0.4 predicts 1.6 for (3, 4): mae/train = (2 + 2.4) / 2."""
    network = MLP((1, 1), Relu(), Identity())
    metrics = for_task("regression", 0.5, np.zeros(1), np.ones(1))
    given = Part(design_matrix(np.array([[1.0], [3.0]])), np.array([[2.0, 4.0]]))
    rng = np.random.default_rng(0)
    (epoch,) = train(
        network,
        Objective(Mse(), Identity()),
        Sgd(learning_rate=0.1),
        given,
        rng=rng,
        epochs=1,
        metrics=metrics,
        shuffle=False,
    )
    assert epoch.metrics["mae/train"] == pytest.approx(2.2)
    assert epoch.metrics["cost/train"] == pytest.approx((4 + 2.4**2) / 2)


# --- Which samples, in which order ---


class Leaving(numpy_engine.NumpyRunner):
    """NumPy's runner that leaves outputs or a cost of its own making."""

    def leave(self, outputs: Array | None, cost: float | None) -> None:
        self.outputs, self.cost = outputs, cost


@dataclass(frozen=True)
class LeavingEngine(numpy_engine.Numpy):
    """NumPy's engine with what its runners leave."""

    leaves_outputs: bool = False
    leaves_cost: bool = False

    def runner(self, training: Training, design: Array, y: Array, theta: Array, state: State) -> Leaving:
        runner = Leaving(training, design, y, theta, state)
        runner.leave(1 - y if self.leaves_outputs else None, 42.0 if self.leaves_cost else None)
        return runner


@pytest.mark.parametrize("leaves_outputs", [False, True])
@pytest.mark.parametrize("leaves_cost", [False, True])
def test_what_a_runner_has_measured_is_taken(leaves_outputs: bool, leaves_cost: bool) -> None:
    """Outputs and cost that a runner leaves are the train metrics'; without them they are computed of its logits."""
    case = CASES["bce"]
    engine = LeavingEngine(leaves_outputs, leaves_cost)
    (found,), (plain,) = (trained(network_for(case), case, Batch(), epochs=1, engine=each) for each in (engine, None))
    assert found.metrics["accuracy/train"] == (0.0 if leaves_outputs else plain.metrics["accuracy/train"])
    if leaves_cost:
        assert found.cost == 42.0
    elif not leaves_outputs:
        assert found.cost == plain.cost


def recorder(seen: list[list[int]]) -> Loss:
    """A loss that writes down the targets of every batch and leaves the weights alone."""

    @dataclass(frozen=True)
    class Recorder(Loss):
        outputs = {"regression": "identity"}

        def value(self, y_pred: Array, y: Array) -> float:
            return 0.0

        def gradient(self, y_pred: Array, y: Array, out: Array) -> None:
            seen.append([int(value) for value in y[0]])
            out[...] = 0

    return Recorder()


def batches(n: int, batch_size: int | None, rng: np.random.Generator, epochs: int = 1, **more: Any) -> list[list[int]]:
    """The numbers of the samples of each batch; sample i has the feature -i and the target i."""
    seen: list[list[int]] = []
    numbers = np.arange(n, dtype=float)
    optimizer = Batch() if batch_size is None else MiniBatch(batch_size=batch_size)
    given = Part(design_matrix(-numbers[:, None]), numbers[None].copy())
    objective = Objective(recorder(seen), Identity())
    pairs: list[tuple[Floats, Floats]] = []

    def metrics(y_pred: Array, y: Array) -> dict[str, float]:
        pairs.append((y_pred[0].copy(), y[0].copy()))
        return {}

    network = MLP((1, 1), Relu(), Identity())
    network.theta[...] = [-1, 0]  # predicts the sample's number
    for _ in train(network, objective, optimizer, given, rng=rng, epochs=epochs, metrics=metrics, **more):
        y_pred, y = pairs.pop()
        np.testing.assert_array_equal(y_pred, y)  # features, targets and logits stay together
        assert sorted(y) == numbers.tolist()
    return seen


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 70), batch_size=st.integers(1, 80), epochs=st.integers(1, 3), seed=st.integers(0, 99))
def test_every_sample_once_an_epoch(n: int, batch_size: int, epochs: int, seed: int) -> None:
    """Each epoch uses every sample exactly once, in ceil(n / batch_size) batches of which the last has what is left."""
    seen = batches(n, batch_size, np.random.default_rng(seed), epochs)
    per_epoch = math.ceil(n / batch_size)
    assert len(seen) == per_epoch * epochs
    for epoch in range(epochs):
        mine = seen[epoch * per_epoch : (epoch + 1) * per_epoch]
        assert [len(batch) for batch in mine[:-1]] == [batch_size] * (per_epoch - 1)
        assert len(mine[-1]) == n - batch_size * (per_epoch - 1)
        assert sorted(number for batch in mine for number in batch) == list(range(n))


def test_one_permutation_an_epoch() -> None:
    """All randomness of training is one permutation an epoch: the order is the generator's, and so is its state after."""
    rng, own = np.random.default_rng(5), np.random.default_rng(5)
    seen = batches(10, 4, rng, epochs=3)
    orders = [own.permutation(10).tolist() for _ in range(3)]
    assert [list(chain(*seen[i : i + 3])) for i in (0, 3, 6)] == orders
    assert rng.bit_generator.state == own.bit_generator.state
    assert orders[0] != orders[1] != orders[2]


@pytest.mark.parametrize(("batch_size", "shuffle"), [(4, False), (None, True), (None, False)])
def test_no_randomness_without_shuffling(batch_size: int | None, shuffle: bool) -> None:
    """shuffle=False keeps the order of the samples; that and full batches draw nothing from the generator."""
    rng = np.random.default_rng(5)
    seen = batches(10, batch_size, rng, epochs=2, shuffle=shuffle)
    assert list(chain(*seen)) == [*range(10)] * 2
    assert rng.bit_generator.state == np.random.default_rng(5).bit_generator.state


@pytest.mark.parametrize("batch_size", [1, 3, 8])
@pytest.mark.parametrize(("chunk_bytes", "block_batches"), [(1, 2048), (1 << 20, 1), (1 << 20, 2), (256, 3)])
def test_blocks_change_nothing(
    monkeypatch: pytest.MonkeyPatch, batch_size: int, chunk_bytes: int, block_batches: int
) -> None:
    """Weights, costs and metrics are the same bits whether the data are shuffled in one piece or in many."""
    case = CASES["cce"]
    whole, pieces = network_for(case), network_for(case)
    expected = trained(whole, case, MiniBatch(batch_size=batch_size), 43)
    monkeypatch.setattr(numpy_engine, "CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(numpy_engine, "BLOCK_BATCHES", block_batches)
    found = trained(pieces, case, MiniBatch(batch_size=batch_size), 43)
    assert [epoch.metrics for epoch in found] == [epoch.metrics for epoch in expected]
    np.testing.assert_array_equal(pieces.theta, whole.theta)


def test_the_training_data_are_not_changed() -> None:
    """The design matrix and the targets that train was given are the same after it."""
    case = CASES["bce"]
    given = part(*samples(case, 9))
    before = given.design.copy(), given.y.copy()
    metrics = for_task(case.task, 0.5, np.zeros(1), np.ones(1))
    objective = Objective(case.loss, case.output)
    for optimizer in (Batch(), MiniBatch(batch_size=4), Sgd()):
        list(
            train(
                network_for(case), objective, optimizer, given, rng=np.random.default_rng(0), epochs=2, metrics=metrics
            )
        )
    np.testing.assert_array_equal(given.design, before[0])
    np.testing.assert_array_equal(given.y, before[1])


# --- Reproducible ---


@pytest.mark.parametrize("optimizer", [Batch(), MiniBatch(batch_size=4), Sgd()])
@pytest.mark.parametrize("name", CASES)
def test_the_same_seed_gives_the_same_bits(name: str, optimizer: Optimizer) -> None:
    """Twice the same seed: every weight, cost and metric is bit-identical."""
    case = CASES[name]
    first, again = network_for(case), network_for(case)
    runs = [trained(network, case, optimizer) for network in (first, again)]
    assert [epoch.metrics for epoch in runs[0]] == [epoch.metrics for epoch in runs[1]]
    np.testing.assert_array_equal(first.theta, again.theta)


def test_another_seed_gives_other_weights() -> None:
    """The seed of the shuffling matters for batches smaller than the training set, and only there."""
    case = CASES["mse"]
    for optimizer, same in ((MiniBatch(batch_size=4), False), (Batch(), True)):
        first, other = network_for(case), network_for(case)
        trained(first, case, optimizer, seed=1)
        trained(other, case, optimizer, seed=2)
        assert np.array_equal(first.theta, other.theta) is same


def test_initialisation_is_the_generators() -> None:
    """Initialisation draws layer by layer from the generator given: glorot's bits by hand."""
    network = MLP((3, 4, 2), Tanh(), Identity())
    network.initialize(Glorot(), np.random.default_rng(9))
    rng = np.random.default_rng(9)
    first, second = np.sqrt(6 / 7), np.sqrt(6 / 6)
    np.testing.assert_array_equal(network.arrays()["W1"], rng.uniform(-first, first, (4, 3)))
    np.testing.assert_array_equal(network.arrays()["W2"], rng.uniform(-second, second, (2, 4)))
    assert not network.arrays()["b1"].any()
    assert not network.arrays()["b2"].any()


# --- The end of a run, threads, types ---


def test_divergence_on_the_training_part() -> None:
    """A step of 1e300 leaves weights whose cost overflows: the next epoch raises Diverged, which names epoch and rate."""
    network = network_for(CASES["mse"], ())
    with pytest.raises(
        Diverged, match=r"^diverged at epoch 2; learning_rate=1e\+300\. Type optimizer\.learning_rate=1e\+299"
    ) as e:
        trained(network, CASES["mse"], Batch(learning_rate=1e300))
    assert e.value.epoch == 2
    assert e.value.reason == "diverged at epoch 2; learning_rate=1e+300"


def test_divergence_on_the_validation_part() -> None:
    """With a validation part, measured at the epoch's end, the same is noticed one epoch earlier."""
    network = network_for(CASES["mse"], ())
    with pytest.raises(Diverged, match=r"^diverged at epoch 1; learning_rate=1e\+300"):
        trained(network, CASES["mse"], Batch(learning_rate=1e300), validation=part(*samples(CASES["mse"], 5)))


def test_epochs_before_the_divergence_are_yielded() -> None:
    """The caller gets every epoch whose cost is finite."""
    metrics = for_task("regression", 0.5, np.zeros(2), np.ones(2))
    case = CASES["mse"]
    epochs = train(
        network_for(case, ()),
        Objective(case.loss, case.output),
        Batch(learning_rate=3.0),
        part(*samples(case, 11)),
        rng=np.random.default_rng(0),
        epochs=10**6,
        metrics=metrics,
    )
    seen: list[Any] = []
    with pytest.raises(Diverged) as e:
        seen.extend(epoch.metrics["cost/train"] for epoch in epochs)
    assert seen
    assert e.value.epoch == len(seen) + 1
    assert np.isfinite(seen).all()


class Counting(NamedTuple):
    """The BLAS threads that were seen in an epoch."""

    seen: list[int]

    def optimizer(self) -> Optimizer:
        seen = self.seen

        @dataclass(frozen=True)
        class Monitor(Optimizer):
            batch_size = None
            learning_rate: float = 0.1

            def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
                seen.extend(blas_threads())

        return Monitor()


def blas_threads() -> list[int]:
    """Each BLAS library's threads; NumPy's own and SciPy's."""
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_limited_within_an_epoch_only(threads: int) -> None:
    """An epoch runs with ``threads`` BLAS threads; between the epochs and after them the caller's number holds."""
    other = 3 - threads
    watch = Counting([])
    case = CASES["mse"]
    with threadpool_limits(other, user_api="blas"):
        epochs = train(
            network_for(case),
            Objective(case.loss, case.output),
            watch.optimizer(),
            part(*samples(case, 5)),
            rng=np.random.default_rng(0),
            epochs=2,
            metrics=lambda _prediction, _target: {},
            threads=threads,
        )
        for _ in epochs:
            assert set(blas_threads()) == {other}
        assert set(blas_threads()) == {other}
    assert set(watch.seen) == {threads}


def test_floating_point_warnings_return() -> None:
    """NumPy's warnings are off within an epoch and as the caller has them in between."""
    case = CASES["mse"]
    with np.errstate(over="raise", divide="raise"):
        for _ in range(2):
            network = network_for(case)
            network.theta[...] *= 1e160
            with pytest.raises(Diverged):
                trained(network, case, Batch())
            assert np.geterr()["over"] == np.geterr()["divide"] == "raise"


def test_float32_stays_float32() -> None:
    """Parameters, gradients, the learning rate and the optimizer's memory are float32 for float32 data."""
    seen: list[np.dtype[Any]] = []

    @dataclass(frozen=True)
    class Momentum(Optimizer):
        batch_size = 3
        learning_rate: float = 0.1

        def init(self, theta: Array) -> State:
            return {"velocity": np.zeros_like(theta)}

        def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
            state["velocity"] *= 0.9
            state["velocity"] += grad
            theta -= learning_rate * state["velocity"]
            seen.extend([theta.dtype, grad.dtype, state["velocity"].dtype, np.asarray(learning_rate).dtype])

    case = CASES["bce"]
    network = MLP((3, 4, 1), Tanh(), Sigmoid(), np.float32)
    network.initialize(Glorot(), np.random.default_rng(0))
    metrics = for_task("binary", 0.5, np.zeros(1), np.ones(1))
    given = part(*samples(case, 8), np.float32)
    rng = np.random.default_rng(0)
    costs = [
        e.cost
        for e in train(
            network, Objective(case.loss, case.output), Momentum(), given, rng=rng, epochs=30, metrics=metrics
        )
    ]
    assert set(seen) == {np.dtype(np.float32)}
    assert network.theta.dtype == np.float32
    assert costs[-1] < costs[0]


def test_an_optimizers_memory_lasts() -> None:
    """The state that init made is handed to every update: momentum 1 on a constant gradient steps 1, 2, 3, ... rates."""

    @dataclass(frozen=True)
    class Heavy(Optimizer):
        batch_size = 1
        learning_rate: float = 0.5

        def init(self, theta: Array) -> State:
            return {"velocity": np.zeros_like(theta)}

        def update(self, theta: Array, grad: Array, state: State, learning_rate: float) -> None:
            state["velocity"] += grad
            theta -= learning_rate * state["velocity"]

    network = MLP((1, 1), Relu(), Identity())
    given = Part(design_matrix(np.zeros((3, 1))), np.full((1, 3), 100.0))  # mae: dJ/db = -1 at every step, dJ/dw = 0
    objective = Objective(Mae(), Identity())
    rng = np.random.default_rng(0)
    list(train(network, objective, Heavy(), given, rng=rng, epochs=2, metrics=lambda _prediction, _target: {}))
    assert network.theta.tolist() == [0, 0.5 * (1 + 2 + 3 + 4 + 5 + 6)]


@pytest.mark.parametrize("n", [1, 1023, 1024, 1025, 2500])
def test_large_parts_are_evaluated_in_pieces(n: int) -> None:
    """Logits of any number of samples, some at a time, are those of W2 tanh(W1 x + b1) + b2 in one go."""
    network = network_for(CASES["cce"])
    x = np.random.default_rng(0).normal(size=(n, 3))
    named = network.arrays()
    expected = named["W2"] @ np.tanh(named["W1"] @ x.T + named["b1"][:, None]) + named["b2"][:, None]
    np.testing.assert_allclose(network.logits(design_matrix(x)), expected, rtol=1e-12, atol=1e-13)
    again = Evaluator(network, design_matrix(x))
    again()
    network.theta *= 0
    assert not again().any()  # it follows the parameters


# --- scikit-learn ---


def compare(network: MLP, model: Any, case: Case, answer: Any, rate: float) -> None:
    """Five passes of both, from the same weights, over the same batches: the weights agree."""
    x, y = samples(case, 30)
    more = {} if case.task == "regression" else {"classes": np.unique(answer)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.partial_fit(x, answer, **more)
        for layer, named in enumerate(model.coefs_, 1):
            named[...] = network.arrays()[f"W{layer}"].T
            model.intercepts_[layer - 1][...] = network.arrays()[f"b{layer}"]
        for _ in range(5):
            model.partial_fit(x, answer)
    metrics = for_task(case.task, 0.5, np.zeros(case.n_outputs), np.ones(case.n_outputs))
    optimizer = MiniBatch(batch_size=8, learning_rate=rate)
    objective = Objective(case.loss, case.output)
    rng = np.random.default_rng(0)
    list(train(network, objective, optimizer, part(x, y), rng=rng, epochs=5, metrics=metrics, shuffle=False))
    for layer in range(1, len(model.coefs_) + 1):
        np.testing.assert_allclose(network.arrays()[f"W{layer}"], model.coefs_[layer - 1].T, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(network.arrays()[f"b{layer}"], model.intercepts_[layer - 1], rtol=1e-9, atol=1e-12)


THEIRS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic", "identity": "identity"}
SAME = {
    "solver": "sgd",
    "momentum": 0,
    "nesterovs_momentum": False,
    "alpha": 0,
    "learning_rate": "constant",
    "shuffle": False,
    "batch_size": 8,
    "random_state": 0,
}


@pytest.mark.parametrize("activation", THEIRS)
@pytest.mark.parametrize("name", ["bce", "cce"])
def test_scikit_learns_classifier(name: str, activation: str) -> None:
    """From the same weights, MLPClassifier's and nnexp's weights agree to 1e-9 after five epochs (last batch smaller)."""
    case = CASES[name]
    y = samples(case, 30)[1]
    answer = y.argmax(axis=1) if case.task == "multiclass" else y[:, 0].astype(int)
    model = MLPClassifier(hidden_layer_sizes=(5, 4), activation=THEIRS[activation], learning_rate_init=0.2, **SAME)
    network = network_for(case, (5, 4), cast("Activation", registry.build("activation", {"name": activation})))
    compare(network, model, case, answer, 0.2)


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("activation", THEIRS)
def test_scikit_learns_regressor(activation: str, n_outputs: int) -> None:
    """MLPRegressor descends sum(r^2) / 2 per sample, nnexp mean(r^2): with the rate times n_outputs / 2 they agree to 1e-9."""
    case = CASES["mse"]._replace(n_outputs=n_outputs)
    y = samples(case, 30)[1]
    model = MLPRegressor(hidden_layer_sizes=(5, 4), activation=THEIRS[activation], learning_rate_init=0.05, **SAME)
    network = network_for(case, (5, 4), cast("Activation", registry.build("activation", {"name": activation})))
    compare(network, model, case, y[:, 0] if n_outputs == 1 else y, 0.05 * n_outputs / 2)
