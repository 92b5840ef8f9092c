"""One experiment: a plain configuration becomes objects, the objects a trained model. No Hydra, no MLflow.

experiment = prepare(plan(config))
for epoch in experiment.epochs():
    print(epoch.number, epoch.cost)
model = experiment.model()
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from nnexp.basics.fields import check_fields, hyperparameters
from nnexp.discovery import registry
from nnexp.discovery.registry import GROUPS
from nnexp.engine.metrics import Metrics, for_task
from nnexp.engine.network import MLP
from nnexp.engine.objective import Objective, mismatch
from nnexp.engine.training import Diverged, Epoch, blas_threads, measure, not_finite, rate_factor, train
from nnexp.errors import NnexpError, counted, did_you_mean, listed
from nnexp.experiment.checkpoint import Checkpoint
from nnexp.experiment.contracts import SAMPLES, blaming, check_data, initialize, rehearse, who
from nnexp.experiment.data import Cache, Cut, Loaded, Samples, load
from nnexp.experiment.model import Model
from nnexp.experiment.preprocessing import Preprocessing, Split
from nnexp.plugin import (
    KINDS,
    Activation,
    Array,
    Data,
    Dataset,
    Initializer,
    Loss,
    Optimizer,
    Plugin,
    Schedule,
    State,
    Task,
    param,
)

NATURAL_LOSS: Mapping[Task, str] = {"regression": "mse", "binary": "bce", "multiclass": "cce"}
"""What ``loss=auto`` becomes where the dataset names no loss of its own."""


DEFAULTS: Mapping[str, str] = {
    "loss": "auto",
    "output": "auto",
    "activation": "relu",
    "optimizer": "minibatch",
    "schedule": "constant",
    "initializer": "glorot",
}
"""The plugins of a configuration that does not say."""


@dataclass(frozen=True)
class NetworkSettings:
    """``network.*``."""

    hidden: tuple[int, ...] = param((16,), at_least=1, doc="units of each hidden layer")


@dataclass(frozen=True)
class SplitSettings:
    """``split.*``: shares of all samples; ``seed`` pins the split alone."""

    validation: float = param(0.2, at_least=0, below=1, doc="share measured after every epoch")
    test: float = param(0.0, at_least=0, below=1, doc="share scored once at the end")
    seed: int | None = param(None, at_least=0, doc="the split's own seed; null: the run's")


@dataclass(frozen=True)
class ScaleSettings:
    """``scale.*``: fitted on the training part only."""

    features: str = param(
        "standard", choices=("standard", "minmax", "none"), doc="mean 0 and deviation 1, 0 to 1, or none"
    )
    target: str = param("standard", choices=("standard", "minmax", "none"), doc="the same, for a regression's target")


@dataclass(frozen=True)
class Settings:
    """The keys of a configuration that are not plugins."""

    epochs: int = param(80, at_least=1, doc="passes over the training part")
    seed: int = param(0, at_least=0, doc="drives data, split, initialisation and shuffling")
    dtype: str = param("float64", choices=("float64", "float32"), doc="of parameters and samples")
    shuffle: bool = param(True, doc="a new order of the samples every epoch")
    patience: int | None = param(None, at_least=1, doc="stop after so many epochs without a lower cost; null: never")
    keep: str = param("last", choices=("last", "best"), doc="whose weights are saved")
    log_every: int | None = param(None, at_least=1, doc="print a line every so many epochs; null: a progress bar")
    threads: int = param(1, at_least=1, doc="BLAS threads")
    network: NetworkSettings = field(default_factory=NetworkSettings)
    split: SplitSettings = field(default_factory=SplitSettings)
    scale: ScaleSettings = field(default_factory=ScaleSettings)


SECTIONS: Mapping[str, type] = {"network": NetworkSettings, "split": SplitSettings, "scale": ScaleSettings}


@dataclass(frozen=True)
class Plan:
    """A checked configuration: every option built, nothing loaded yet. ``loss`` and ``output`` are None for ``auto``."""

    dataset: Dataset
    loss: Loss | None
    output: Activation | None
    activation: Activation
    optimizer: Optimizer
    schedule: Schedule
    initializer: Initializer
    settings: Settings

    def chosen(self) -> dict[str, Plugin | None]:
        """The plugins by key."""
        return {key: getattr(self, key) for key in GROUPS}


def plan(config: Mapping[str, Any]) -> Plan:
    """Check a plain configuration, ``{"loss": {"name": "mae"}, "epochs": 50, "network": {"hidden": [8]}, ...}``.

    A plugin may be given as its name, a mapping or an object. What is left out has its default, except the dataset.
    Raises NnexpError for an unknown key, option or field, a wrong type and a value out of bounds.
    """
    values = {**DEFAULTS, **config}
    known = [*GROUPS, *(item.name for item in hyperparameters(Settings))]
    for key in values:
        if key not in known:
            raise NnexpError(f"No key '{key}'.{did_you_mean(key, known)} Known keys: {listed(known, most=40)}.")
    if "dataset" not in values:
        raise NnexpError(f"No dataset. Type dataset=NAME. Available: {listed(registry.available('dataset'), most=40)}.")
    plugins = {key: _plugin(key, values.pop(key)) for key in GROUPS}
    sections = {key: _section(cls, f"{key}.", values.pop(key, {})) for key, cls in SECTIONS.items()}
    settings = _section(Settings, "", {**values, **sections})
    with blaming(plugins):
        rate_factor(plugins["schedule"], 1, settings.epochs, ())  # a schedule that does not fit the epochs says so now
    return Plan(**plugins, settings=settings)


def _plugin(key: str, spec: Any) -> Any:
    if isinstance(spec, KINDS[GROUPS[key]]):
        return spec
    spec = {"name": spec} if isinstance(spec, str) else spec
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        raise NnexpError(no_plugin(key, spec))
    if key in ("loss", "output") and spec["name"] == "auto":
        extra = [each for each in spec if each != "name"]
        if extra:
            raise NnexpError(
                f"{key}=auto has no option '{extra[0]}'. Name the {key}: type {key}=NAME {key}.{extra[0]}=..."
            )
        return None
    return registry.build(GROUPS[key], spec, key)


def no_plugin(key: str, spec: Any) -> str:
    """The message for what is neither a plugin's name, nor a mapping with it, nor a plugin of the key's kind."""
    kind = GROUPS[key]
    base = KINDS[kind]
    default = DEFAULTS.get(key, "auto")
    name = '"NAME"' if default == "auto" else f'"{default}"'
    got, example = repr(spec), name
    if isinstance(spec, type):
        got, example = f"the class {spec.__name__}", f"{spec.__name__}()" if issubclass(spec, base) else name
    elif isinstance(spec, Plugin):
        got = f"{spec!r}, an object of the kind {spec.kind}"
    elif isinstance(spec, Mapping):
        options = "".join(f', "{option}": {value!r}' for option, value in spec.items() if option != "name")
        got, example = f"{dict(spec)!r} without a name", f'{{"name": {name}{options}}}'
    return (
        f'{key} must be the name of an installed {kind}, a dict with its "name" and options, or an object of the class '
        f"{base.__name__}. Got {got}. Type {key}={example}."
    )


def _section(cls: type, prefix: str, values: Any) -> Any:
    known = [item.name for item in hyperparameters(cls)]
    if not isinstance(values, Mapping):
        raise NnexpError(f"{prefix.rstrip('.')} must be a group of keys ({listed(known)}). Got {values!r}.")
    for key in values:
        if key not in known:
            there = [prefix + each for each in known]
            raise NnexpError(f"No key '{prefix}{key}'.{did_you_mean(prefix + key, there)} There are {listed(there)}.")
    made = cls(**values)
    check_fields(made, prefix)
    return made


@dataclass
class Experiment:
    """An experiment that is ready to train: data loaded and split, every choice resolved. Made by ``prepare``."""

    plan: Plan
    """As resolved: ``loss`` and ``output`` are never None."""
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
            for epoch in self._training() if not self._out_of_patience() else ():
                self.seconds += time.perf_counter() - began
                self.history.append(epoch)
                self.kept = epoch
                if self.best is None or epoch.cost < self.best.cost:
                    self.best = epoch
                    self.best_theta = self.network.theta.copy() if keep == "best" else None
                yield epoch
                began = time.perf_counter()
                if self._out_of_patience():
                    break
        finally:
            if self._out_of_patience():
                self.stopped = f"no lower cost for {counted(patience or 0, 'epoch')}"
            if self.best_theta is not None:
                self.network.theta[...] = self.best_theta
                self.kept = self.best

    def _out_of_patience(self) -> bool:
        patience = self.plan.settings.patience
        return bool(patience and self.best and self.history[-1].number - self.best.number >= patience)

    def checkpoint(self, run: str) -> Checkpoint:
        """All that the next epoch depends on; to be called between two epochs, and to be saved before the next one."""
        assert self.state is not None
        assert self.rng is not None
        last, shuffling = self.history[-1].number, self.rng.bit_generator.state
        return Checkpoint(last, self.network.theta, self.state, shuffling, self.best_theta, run)

    def restore(self, checkpoint: Checkpoint, history: Sequence[Epoch]) -> None:
        """Stand where ``checkpoint`` was made, of whose run these are the epochs. Raises NnexpError where it does not fit."""
        theta, state = self.network.theta, self.plan.optimizer.init(self.network.theta)
        pairs = [(theta, checkpoint.theta), *((each, checkpoint.state.get(name)) for name, each in state.items())]
        fits = state.keys() == checkpoint.state.keys() and len(history) >= checkpoint.epoch
        if not fits or any(
            (ours.shape, ours.dtype) != (kept.shape, kept.dtype) for ours, kept in pairs if kept is not None
        ):
            raise NnexpError("The checkpoint does not fit the run's network, optimizer or journal.")
        for ours, kept in pairs:
            ours[...] = kept
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
        with blaming(self.plan.chosen()):
            yield from train(
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
            )

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
        with blas_threads().limit(limits=threads, user_api="blas"), np.errstate(all="ignore"):
            found = measure(self.objective, self.metrics, self.network.logits(part.design), part.y, "test")
        if lost := not_finite(found):
            raise Diverged(self.kept.number if self.kept else 0, self.plan.optimizer.learning_rate, lost=lost)
        return found

    def config(self) -> dict[str, Any]:
        """The resolved configuration in plain values: what ``plan`` takes to make the same experiment again."""
        chosen = {key: registry.describe(cast("Plugin", plugin)) for key, plugin in self.plan.chosen().items()}
        return chosen | _plain(self.plan.settings)

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
        initialize(network, chosen.initializer, np.random.default_rng(seeds[2]))
        objective = Objective(loss, output)
        few = samples.of(samples.split.training[:SAMPLES])
        rehearse(network, objective, chosen.optimizer, few.design, few.y)
    return Experiment(chosen, samples, network, objective, metrics, tuple(seeds))


def resolve(chosen: Plan, data: Data) -> Plan:
    """Replace ``auto`` by the loss of the data's task and the loss's output activation; refuse a pair that makes no sense."""
    loss = chosen.loss
    if loss is None:
        loss = cast("Loss", registry.build("loss", {"name": chosen.dataset.loss or NATURAL_LOSS[data.task]}))
    check_task(loss, data)
    output = chosen.output
    if output is None:
        output = cast("Activation", registry.build("activation", {"name": loss.outputs[data.task]}, "output"))
    reason = mismatch(loss, output, n_outputs=len(data.classes) if data.task == "multiclass" else 1, task=data.task)
    if reason:
        natural = loss.outputs[data.task]
        raise NnexpError(
            f"output={registry.known_as(output)} does not go with loss={registry.known_as(loss)}: {reason}. "
            f"Type output={natural}."
        )
    if loss.target == "nonnegative" and data.task == "regression" and (data.y < 0).any():
        raise NnexpError(
            f"loss={registry.known_as(loss)} needs targets of 0 or more; the least '{data.target}' is {data.y.min():g}."
        )
    return dataclasses.replace(chosen, loss=loss, output=output)


def check_task(loss: Loss, data: Data) -> None:
    """Refuse a loss that is not for the data's task, and name those that are."""
    if data.task in loss.outputs:
        return
    losses = [
        name
        for name in registry.available("loss")
        if data.task in cast("type[Loss]", registry.load("loss", name)).outputs
    ]
    natural = NATURAL_LOSS[data.task]
    losses.sort(key=lambda name: name != natural)
    tasks = " and ".join(loss.outputs) or "no task (its class declares no outputs)"
    others = f" (or {listed(losses[1:])})" if losses[1:] else ""
    raise NnexpError(
        f"loss={registry.known_as(loss)} is for {tasks}; this is a {TASK_WORDS[data.task]} "
        f"(target '{data.target}'). Type loss={losses[0]}{others}."
    )


TASK_WORDS: Mapping[Task, str] = {
    "regression": "regression",
    "binary": "classification of two classes (binary)",
    "multiclass": "classification of several classes (multiclass)",
}
