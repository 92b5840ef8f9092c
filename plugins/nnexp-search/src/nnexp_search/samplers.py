"""The samplers as plugins. Optuna is imported when a search begins: whoever lists the options does not wait for it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nnexp.plugin import Direction, Options, Sampling, Search, Space, Trial, param

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


@dataclass(frozen=True)
class OptunaSearch(Search):
    """A search that one of Optuna's samplers carries out."""

    needs: ClassVar[tuple[str, ...]] = ("optuna", "numpy")

    @abstractmethod
    def sampler(self, search_seed: int, trial_seed: int) -> BaseSampler:
        """A new sampler for one trial, which draws by one of the seeds."""

    def importance(self, space: Space, trials: Sequence[Trial], directions: Sequence[Direction]) -> Mapping[str, float]:
        from nnexp_search.study import ped_anova

        return ped_anova(space, trials, directions)

    def exported(self, space: Space, trials: Sequence[Trial], objectives: Mapping[str, Direction], name: str) -> bytes:
        from nnexp_search.study import journal

        return journal(space, trials, objectives, name)

    def begin(self, seed: int, directions: Sequence[Direction]) -> Sampling:
        from nnexp_search.study import StudySampling

        return StudySampling(self.sampler, seed, directions)


@dataclass(frozen=True)
class Random(OptunaSearch):
    """Every value drawn by itself, evenly over its range, whatever the trials before it gave (Bergstra and Bengio, 2012)."""

    def sampler(self, search_seed: int, trial_seed: int) -> BaseSampler:
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=trial_seed)


@dataclass(frozen=True)
class Qmc(OptunaSearch):
    """The points of a scrambled sequence of low discrepancy: more even than random ones (Sobol, 1967; Owen, 1998).

    Words (groups, lists) are drawn at random, as are fields that the first trial does not have, and all values of that trial.
    """

    sequence: str = param("sobol", choices=("sobol", "halton"), doc="which points")

    def sampler(self, search_seed: int, trial_seed: int) -> BaseSampler:
        from optuna.samplers import QMCSampler, RandomSampler

        rest = RandomSampler(seed=trial_seed)
        return QMCSampler(
            qmc_type=self.sequence,
            scramble=True,
            seed=search_seed % 2**32,
            independent_sampler=rest,
            warn_independent_sampling=False,
        )


@dataclass(frozen=True)
class Tpe(OptunaSearch):
    """Tree-structured Parzen estimator: values where good trials are dense and bad ones are not (Bergstra et al., 2011).

    All keys are looked at together (multivariate), and trials that still run count as bad ones (constant liar), so that trials
    at the same time are not alike.
    """

    startup: int = param(10, at_least=0, doc="trials at random before the first that is chosen")
    candidates: int = param(24, at_least=1, doc="values that are drawn, of which the most promising is taken")

    def sampler(self, search_seed: int, trial_seed: int) -> BaseSampler:
        from optuna.samplers import TPESampler

        return TPESampler(
            n_startup_trials=self.startup,
            n_ei_candidates=self.candidates,
            multivariate=True,
            group=True,
            constant_liar=True,
            seed=trial_seed,
        )


@dataclass(frozen=True)
class CmaEs(OptunaSearch):
    """Covariance matrix adaptation: a normal distribution that moves and stretches towards good trials (Hansen, 2016).

    For two or more numbers. Words (groups, lists), and fields of options that vary, are drawn at random.
    """

    needs: ClassVar[tuple[str, ...]] = ("optuna", "numpy", "cmaes")
    startup: int = param(1, at_least=0, doc="trials at random before the first that is chosen")

    def refusal(self, space: Space, directions: Sequence[Direction]) -> str:
        numbers = sum(not isinstance(each, Options) for each in space.values())
        if numbers < 2:
            there = "is one" if numbers else "are none"
            return f"search=cmaes is for two or more numbers that vary, and here {there}. Type search=tpe"
        return "search=cmaes is for one metric. Type search=tpe" if len(directions) > 1 else ""

    def sampler(self, search_seed: int, trial_seed: int) -> BaseSampler:
        from optuna.samplers import CmaEsSampler, RandomSampler

        rest = RandomSampler(seed=trial_seed)
        return CmaEsSampler(
            n_startup_trials=self.startup, independent_sampler=rest, seed=trial_seed, warn_independent_sampling=False
        )
