"""One search as a study of Optuna's, by its public ask and tell."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import Trial, TrialState

from nnexp.plugin import Dimension, Direction, Options, Sampling, Space, Span, Steps, Value

NewSampler = Callable[[int, int], BaseSampler]
"""A sampler, from the seed of the search and that of a trial."""


class StudySampling(Sampling):
    """Each trial gets a sampler of its own, whose seed is drawn from the search's and the trial's number."""

    def __init__(self, sampler: NewSampler, seed: int, directions: Sequence[Direction]) -> None:
        self._new, self._seed = sampler, seed
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(directions=list(directions), sampler=self._sampler(0))
        self._trials: dict[int, Trial] = {}

    def _sampler(self, number: int) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return self._new(self._seed, trial_seed(self._seed, number))

    def ask(self, number: int, space: Space) -> Mapping[str, Value]:
        wanted = {key: distribution(dimension) for key, dimension in space.items()}
        if number not in self._trials:
            self._study.sampler = self._sampler(number)
            self._trials[number] = self._study.ask(fixed_distributions=wanted)
            found = self._trials[number].params
        else:
            found = {key: suggested(self._trials[number], key, each) for key, each in wanted.items()}
        return {key: value_of(found[key], space[key]) for key in space}

    def tell(self, number: int, values: Sequence[float] | None) -> None:
        if values is None:
            self._study.tell(self._trials[number], state=TrialState.FAIL)
        else:
            self._study.tell(self._trials[number], list(values))


def trial_seed(seed: int, number: int) -> int:
    """A trial's own seed."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def distribution(dimension: Dimension) -> BaseDistribution:
    """Optuna's counterpart of what a key may take. Steps are numbered: their values are Hydra's to the last digit."""
    match dimension:
        case Span(low=int(low), high=int(high), log=log):
            return IntDistribution(low, high, log=log)
        case Span(low=low, high=high, log=log):
            return FloatDistribution(low, high, log=log)
        case Steps(values=values, log=False):
            return IntDistribution(0, len(values) - 1)
        case Steps(values=values):
            return FloatDistribution(float(values[0]), float(values[-1]), log=True)
        case Options(values=values):
            return CategoricalDistribution(values)


def suggested(trial: Trial, key: str, wanted: BaseDistribution) -> int | float | str:
    """A further value for a trial that has some."""
    match wanted:
        case IntDistribution(low=low, high=high, log=log):
            return trial.suggest_int(key, low, high, log=log)
        case FloatDistribution(low=low, high=high, log=log):
            return trial.suggest_float(key, low, high, log=log)
        case CategoricalDistribution(choices=choices):
            return str(trial.suggest_categorical(key, choices))
    raise TypeError(wanted)


def value_of(found: float | str, dimension: Dimension) -> Value:
    """What Optuna has chosen, as the key takes it."""
    if not isinstance(dimension, Steps):
        return found
    if dimension.log:  # the nearest of them, by ratio
        return min(dimension.values, key=lambda value: abs(np.log(value / float(found))))
    return dimension.values[int(found)]
