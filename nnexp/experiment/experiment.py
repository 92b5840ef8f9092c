"""One experiment: a plain configuration becomes objects, the objects a trained model. No Hydra, no MLflow.

experiment = prepare(plan(config))
for epoch in experiment.epochs():
    print(epoch.number, epoch.cost)
model = experiment.model()
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from nnexp.basics.fields import hyperparameters
from nnexp.discovery import registry
from nnexp.engine.metrics import Metrics, for_task
from nnexp.engine.network import MLP
from nnexp.engine.objective import Objective
from nnexp.engine.training import Clock, Diverged, Epoch, blas_limit, measure, not_finite, to_train, train
from nnexp.errors import counted
from nnexp.experiment.checkpoint import Checkpoint
from nnexp.experiment.contracts import SAMPLES, blaming, check_data, initialize, rehearse, who
from nnexp.experiment.data import Cache, Cut, Loaded, Samples, load, located
from nnexp.experiment.divergence import initialization_warning
from nnexp.experiment.engines import choose, rehearse_engine, without_default
from nnexp.experiment.model import Model
from nnexp.experiment.plan import SECTIONS, Plan
from nnexp.experiment.preprocessing import Preprocessing, Split
from nnexp.experiment.resolve import resolve
from nnexp.plugin import (
    Activation,
    Array,
    Data,
    Loss,
    Plugin,
    State,
)


@dataclass
class Experiment:
    """An experiment that is ready to train: data loaded and split, every choice resolved. Made by ``prepare``."""

    plan: Plan
    """As resolved: nothing in it is None for ``auto``."""
    samples: Samples
    network: MLP
    objective: Objective
    metrics: Metrics
    seeds: tuple[np.random.SeedSequence, ...]
    history: list[Epoch] = field(default_factory=list)
    best: Epoch | None = None
    """The epoch of the lowest cost so far."""
    stopped: str = ""
    """Why training ended before the last epoch, if it did."""
    kept: Epoch | None = None
    """The epoch whose weights the network now has."""
    seconds: float = 0.0
    """Spent in training, the caller's share between epochs left out."""
    state: State | None = None
    """The optimizer's; None before the first epoch."""
    rng: np.random.Generator | None = None
    """What shuffles; None before the first epoch."""
    best_theta: Array | None = None
    """The parameters of the best epoch so far, with ``keep=best``."""
    clock: Clock | None = None
    """Where given, what takes how long is measured."""
    until: int | None = None
    """The epoch to pause at, before the last one; a run that is paused goes on as if it had not been."""
    why_engine: str = ""
    """Why ``engine=auto`` took the engine; empty where it was typed."""

    @property
    def data(self) -> Data:
        """As loaded."""
        return self.samples.loaded.data

    @property
    def split(self) -> Split:
        """The rows of each part."""
        return self.samples.split

    @property
    def preprocessing(self) -> Preprocessing:
        """Fitted to the training part."""
        return self.samples.preprocessing

    def epochs(self) -> Iterator[Epoch]:
        """Train, and yield every epoch as it ends; observe ``patience`` and ``keep``. Raises Diverged.

        With ``keep=best`` the network has the best epoch's weights afterwards, also where the caller leaves the loop.
        """
        patience, keep = self.plan.settings.patience, self.plan.settings.keep
        began = time.perf_counter()
        try:
            for epoch in self._training() if not (self._out_of_patience() or self.pauses) else ():
                self.seconds += time.perf_counter() - began
                self.history.append(epoch)
                self.kept = epoch
                if self.best is None or epoch.cost < self.best.cost:
                    self.best = epoch
                    self.best_theta = self.network.theta.copy() if keep == "best" else None
                yield epoch
                began = time.perf_counter()
                if self._out_of_patience() or self.pauses:
                    break
        finally:
            if self._out_of_patience():
                self.stopped = f"no lower cost for {counted(patience or 0, 'epoch')}"
            if self.best_theta is not None:
                self.network.theta[...] = self.best_theta
                self.kept = self.best

    @property
    def pauses(self) -> bool:
        """Whether the epoch to pause at has come."""
        return bool(self.until and self.history and self.history[-1].number >= self.until)

    def _out_of_patience(self) -> bool:
        patience = self.plan.settings.patience
        return bool(patience and self.best and self.history[-1].number - self.best.number >= patience)

    def checkpoint(self, run: str) -> Checkpoint:
        """All that the next epoch depends on; to be called between two epochs, and to be saved before the next one."""
        assert self.state is not None
        assert self.rng is not None
        last, shuffling = self.history[-1].number, self.rng.bit_generator.state
        return Checkpoint(last, self.network.theta, self.state, shuffling, self.best_theta, run)

    def longest_checkpoint(self) -> int:
        """Bytes that no checkpoint's file has: twice its arrays, and a megabyte for what is said beside them."""
        arrays = [self.network.theta, self.network.theta, *self.plan.optimizer.init(self.network.theta).values()]
        return 2 * sum(each.nbytes for each in arrays) + 2**20

    def refusal(self, checkpoint: Checkpoint, epochs: int) -> str:
        """Why a checkpoint is not of this network, this optimizer and a run of so many epochs; nothing where it is."""
        theta, state = self.network.theta, self.plan.optimizer.init(self.network.theta)
        if (theta.shape, theta.dtype) != (checkpoint.theta.shape, checkpoint.theta.dtype):
            return "does not fit the run's network"
        shapes = [{name: (each.shape, each.dtype) for name, each in of.items()} for of in (state, checkpoint.state)]
        if shapes[0] != shapes[1]:
            return "does not fit the run's optimizer"
        return "" if checkpoint.epoch <= epochs else f"is of epoch {checkpoint.epoch}, which the journal does not have"

    def restore(self, checkpoint: Checkpoint, history: Sequence[Epoch]) -> None:
        """Stand where ``checkpoint``, which fits, was made; these are the epochs of its run."""
        state = self.plan.optimizer.init(self.network.theta)
        self.network.theta[...] = checkpoint.theta
        for name, each in state.items():
            each[...] = checkpoint.state[name]
        self.state, self.best_theta = state, checkpoint.best_theta
        self.rng = np.random.default_rng(self.seeds[3])
        self.rng.bit_generator.state = checkpoint.rng
        self.history = list(history[: checkpoint.epoch])
        self.kept = self.history[-1]
        self.best = min(self.history, key=lambda epoch: epoch.cost)  # the first of equals, as in training

    def _training(self) -> Iterator[Epoch]:
        settings = self.plan.settings
        if self.state is None or self.rng is None:
            self.rng = np.random.default_rng(self.seeds[3])
            with blaming(self.plan.chosen()):
                self.state = self.plan.optimizer.init(self.network.theta)
        training = train(
            self.network,
            self.objective,
            self.plan.optimizer,
            self.samples.part("training"),
            rng=self.rng,
            epochs=settings.epochs,
            schedule=self.plan.schedule,
            metrics=self.metrics,
            validation=self.samples.part("validation") if len(self.split.validation) else None,
            shuffle=settings.shuffle,
            threads=settings.threads,
            state=self.state,
            before=[epoch.cost for epoch in self.history],
            engine=self.plan.engine,
            clock=self.clock,
        )
        with blaming(self.plan.chosen()):
            try:
                yield from training
            except Diverged as error:
                raise error.because(initialization_warning(self)) from None

    def model(self) -> Model:
        """The network as it is now, with all it needs to answer for raw samples."""
        return Model(self.network, self.preprocessing, self.objective.loss.threshold)

    def test(self) -> dict[str, float]:
        """Cost and metrics on the test part (``cost/test``, ...) with the kept weights; empty where there is no such part.

        Raises Diverged.
        """
        if not len(self.split.test):
            return {}
        part = self.samples.part("test")
        threads = self.plan.settings.threads
        with blas_limit(threads), np.errstate(all="ignore"):
            found = measure(self.objective, self.metrics, self.network.logits(part.design), part.y, "test")
        if lost := not_finite(found):
            raise Diverged(self.kept.number if self.kept else 0, self.plan.optimizer.learning_rate, lost=lost)
        return found

    def config(self) -> dict[str, Any]:
        """The resolved configuration in plain values: what ``plan`` takes to make the same experiment again."""
        chosen = {key: registry.describe(cast("Plugin", plugin)) for key, plugin in self.plan.chosen().items()}
        return without_default(chosen, self.plan.engine) | _plain(self.plan.settings)

    def digest(self) -> str:
        """SHA-256 of the data as loaded: values, names, task and classes."""
        return self.samples.loaded.digest


def _plain(settings: Any) -> dict[str, Any]:
    values = {item.name: getattr(settings, item.name) for item in hyperparameters(settings)}
    return {
        key: _plain(value) if key in SECTIONS else list(value) if isinstance(value, tuple) else value
        for key, value in values.items()
    }


def prepare(chosen: Plan, cache: Cache | None = None) -> Experiment:
    """Load the data, resolve what is ``auto``, refuse what makes no sense, split, fit the scaling, initialise the network.

    With a ``cache`` the data are loaded, split and scaled once for all experiments in which that comes to the same.
    """
    seeds = np.random.SeedSequence(chosen.settings.seed).spawn(4)  # data, split, initialisation, shuffling
    return built(chosen, load(chosen.dataset, seeds[0], cache), seeds, cache)


def assemble(chosen: Plan, data: Data, seeds: list[np.random.SeedSequence]) -> Experiment:
    """The part of ``prepare`` that follows once the data are there."""
    check_data(data, who("dataset", chosen.dataset))
    return built(chosen, Loaded(data), seeds)


def built(chosen: Plan, data: Loaded, seeds: list[np.random.SeedSequence], cache: Cache | None = None) -> Experiment:
    """The part of ``prepare`` that follows once the data are known to be right."""
    settings = chosen.settings
    chosen = resolve(chosen, data.data)
    loss, output = cast("Loss", chosen.loss), cast("Activation", chosen.output)
    cut = Cut(
        settings.split.validation,
        settings.split.test,
        settings.seed if settings.split.seed is None else settings.split.seed,
        settings.scale.features,
        settings.scale.target if loss.target == "real" else "none",
        settings.dtype,
    )
    samples = cache.samples(data, cut) if cache else data.samples(cut)
    preprocessing = samples.preprocessing
    sizes = (preprocessing.n_inputs, *settings.network.hidden, preprocessing.n_outputs)
    network = MLP(sizes, chosen.activation, output, settings.dtype)
    metrics = for_task(data.data.task, loss.threshold, preprocessing.outputs.shift, preprocessing.outputs.scale)
    with blaming(chosen.chosen()):
        initializer = located(chosen.initializer, cache.files) if cache else chosen.initializer
        initialize(network, initializer, np.random.default_rng(seeds[2]))
        objective = Objective(loss, output)
        few = samples.of(samples.split.training[:SAMPLES])
        rehearse(network, objective, chosen.optimizer, few.design, few.y)
        training = to_train(network, objective, chosen.optimizer, len(samples.split.training))
        engine, why = choose(chosen.engine, training)
        rehearse_engine(engine, training, few.design, few.y)
    chosen = dataclasses.replace(chosen, engine=engine)
    return Experiment(chosen, samples, network, objective, metrics, tuple(seeds), why_engine=why)
