"""One search as a study of Optuna's, by its public ask and tell."""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from nnexp.plugin import Dimension, Direction, Options, Sampling, Space, Span, Steps, Value
from nnexp.plugin import Trial as Told

NewSampler = Callable[[int, int], BaseSampler]
"""A sampler, from the seed of the search and that of a trial."""


class StudySampling(Sampling):
    """Each trial gets a sampler of its own, whose seed is drawn from the search's and the trial's number."""

    def __init__(self, sampler: NewSampler, seed: int, directions: Sequence[Direction]) -> None:
        self._new, self._seed = sampler, seed
        optuna.logging.set_verbosity(optuna.logging.ERROR)
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


def journal(space: Space, trials: Sequence[Told], objectives: Mapping[str, Direction], name: str) -> bytes:
    """The file of Optuna's ``JournalStorage`` with the search as the study ``name``."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of names of metrics
        path = Path(folder) / "journal.log"
        storage = JournalStorage(JournalFileBackend(str(path)))
        study = filled(space, trials, [*objectives.values()], name=name, storage=storage)
        study.set_metric_names([*objectives])
        return path.read_bytes()


def filled(
    space: Space,
    trials: Sequence[Told],
    directions: Sequence[Direction],
    *,
    name: str | None = None,
    storage: JournalStorage | None = None,
) -> optuna.Study:
    """A study with trials that have ended."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=list(directions), study_name=name, storage=storage)
    study.add_trials([frozen(each, space) for each in trials])
    return study


def frozen(told: Told, space: Space) -> FrozenTrial:
    """A trial as Optuna keeps it; one that others went on in the place of is a pruned one."""
    course = told.course
    ended = TrialState.PRUNED if course and course.paused else TrialState.COMPLETE
    made = create_trial(
        state=TrialState.FAIL if told.objectives is None else ended,
        values=None if told.objectives is None else list(told.objectives),
        params={key: coded(value, space[key]) for key, value in told.values.items()},
        distributions={key: distribution(space[key]) for key in told.values},
        intermediate_values=dict(course.rungs) if course else None,
    )
    if course:
        made.datetime_start, made.datetime_complete = course.began, course.ended
    return made


def ped_anova(space: Space, trials: Sequence[Told], directions: Sequence[Direction]) -> Mapping[str, float]:
    """The importance of each key for the first objective, in shares of 1 (PED-ANOVA, Watanabe et al., 2023)."""
    with unavailable("sklearn"):
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental; and that a target is to be low, as it is here
        evaluator = PedAnovaImportanceEvaluator()
        study = filled(space, trials, directions)
        found = get_param_importances(study, evaluator=evaluator, target=target(directions))
    return {key: float(share) for key, share in found.items() if np.isfinite(share)}


@contextmanager
def unavailable(package: str) -> Iterator[None]:
    """In the block a package cannot be imported, unless it is already.

    Optuna does without scikit-learn, which its other evaluators of importance need, and to import it takes two seconds.
    """
    absent = package not in sys.modules
    if absent:
        sys.modules[package] = None  # type: ignore[assignment]  # Python's sign for it
    try:
        yield
    finally:
        if absent:
            del sys.modules[package]


def target(directions: Sequence[Direction]) -> Callable[[FrozenTrial], float] | None:
    """What is looked at where there are several objectives: the first, lower being better."""
    if len(directions) == 1:
        return None
    sign = -1 if directions[0] == "maximize" else 1
    return lambda trial: sign * float(trial.values[0])


def coded(value: Value, dimension: Dimension) -> Value:
    """The inverse of ``value_of``."""
    if isinstance(dimension, Steps):
        return float(value) if dimension.log else dimension.values.index(value)
    return value


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
