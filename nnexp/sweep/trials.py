"""The trials of a search: which comes next, what it is told, and when it is over.

Trial k is chosen when trials 0 to k - lag - 1 have ended, after exactly these have been told, in the order of their numbers;
what else has ended is held back. So the trials follow from the command alone, and neither from the number of workers nor from
what finishes first. A search that goes on is chosen from its beginning again: what its trials left in their directories is
told once more, in the same order, so nothing else has to be kept.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from omegaconf import DictConfig

from nnexp.basics.files import relative
from nnexp.basics.removing import remove
from nnexp.composition.sampling import begun, calling, proposed
from nnexp.composition.search import PARAMETERS, UNTIL, Searched, no_metric, searched, settings_of
from nnexp.composition.space import Region, region
from nnexp.errors import NnexpError, command, counted, listed
from nnexp.experiment.checkpoint import CHECKPOINT, PREVIOUS
from nnexp.journal.journal import JOURNAL
from nnexp.journal.recorded_run import RecordedRun
from nnexp.journal.result import read_result
from nnexp.run.identity import brief, short
from nnexp.sweep import states
from nnexp.sweep.failing import write_failure
from nnexp.sweep.jobs import in_files
from nnexp.sweep.outcome import objective, objectives
from nnexp.sweep.rungs import as_first_ended, as_of, counts, planned, promoted, rungs
from nnexp.sweep.session import Halt, current

MOST_WORDS = 60
"""Characters of a trial's values in the progress line."""
MOST_DEATHS = 3
"""A trial whose worker dies so often has failed."""


class Trials:
    """A search under way, as a launcher sees it: a source of jobs, each of which is told when it has ended."""

    def __init__(self, searched: Searched, space: Region, directory: Path, epochs: int) -> None:
        self.searched, self.space, self.directory = searched, space, directory
        self.settings = searched.settings
        self.failed = 0
        """Trials that were told as failures."""
        self._sampling = begun(searched.name, searched.plugin, self.settings.seed, searched.directions)
        self.over: dict[int, tuple[float, ...] | None] = {}
        """The jobs that have ended, with their objectives; None for one that failed."""
        self._asked = self._told = 0
        self._epochs = epochs
        self._rungs = rungs(self.settings, epochs) if self.settings.halving else []
        """The epochs to pause at, and the last one; none without ``search.halving``."""
        self._rung = 0
        self._active = [*range(self.settings.trials)]
        """The trials of this rung."""
        self._ready: deque[tuple[int, list[str]]] = deque()
        """Jobs of the trial that was asked for last."""
        self._again: list[tuple[int, list[str]]] = []
        """Jobs whose workers died."""
        self._lines: dict[int, list[str]] = {}
        """As the jobs were handed out last."""
        self._words: dict[int, list[str]] = {}
        """As they were chosen."""
        self._deaths: Counter[int] = Counter()
        self._told_idle = False
        self.stopped = ""
        """Why no further trial begins; empty while they do."""
        self.found: Callable[..., None] = lambda *_, **__: None
        """Called with what is told of a trial that had ended before."""

    @classmethod
    def of(cls, config: DictConfig, words: Sequence[str], loader: Any) -> Trials:
        """The search of a sweep's configuration."""
        lines = [*in_files(config), *words]
        directory = current().sweep.directory
        assert directory is not None
        return cls(searched(settings_of(config)), region(lines, loader), directory, int(config.epochs))

    @property
    def jobs(self) -> int:
        """How many jobs there are in all: one for each seed of each trial."""
        return self.settings.trials * self.settings.seeds

    @property
    def steps(self) -> int:
        """How many times a job is carried out in all: more often than there are jobs where some go on from rung to rung."""
        return (sum(counts(self.settings)) if self._rungs else self.settings.trials) * self.settings.seeds

    @property
    def most(self) -> int:
        """How many jobs may train at the same time."""
        return min(self.settings.trials, self.settings.lag + 1) * self.settings.seeds

    def place(self, number: int) -> Path:
        """A job's directory."""
        return self.directory / str(number)

    def overrides(self, number: int) -> Sequence[str]:
        """A job's overrides, as they were chosen."""
        return self._words.get(number, ())

    def take(self) -> tuple[int, list[str]] | None:
        """The next job that may begin, and its overrides; None where there is none before another one has ended."""
        if self._again:
            return self._again.pop()
        while self._ready or self._next_trial() or self._next_rung():
            number, lines = self._ready.popleft()
            stands = states.status_of(self.place(number))
            if stands.state != "waiting":
                self._refuse_another(number, lines)
            if not self._is_there(stands):
                self._lines[number] = lines
                return number, lines
            self.over[number] = self.value(number)
            self.found(number, self.reached(number), failed=self.over[number] is None, words=self.words(number))
        return None

    def _next_trial(self) -> bool:
        """Choose the next trial, if its time has come."""
        number, seeds = self._asked, self.settings.seeds
        if self.stopped or number >= self.settings.trials or not self._tell_up_to(number - self.settings.lag):
            return False
        if self.stopped:
            return False
        lines = self._ask(number)
        self._asked += 1
        if seeds == 1:
            self._begin(number, lines)
            return True
        first = next((int(line.partition("=")[2]) for line in lines if states.key_of(line) == "seed"), 0)
        rest = [line for line in lines if states.key_of(line) != "seed"]
        for each in range(seeds):
            self._begin(seeds * number + each, [*rest, f"seed={first + each}"])
        return True

    def _begin(self, number: int, lines: list[str]) -> None:
        self._words[number] = lines
        self._ready.append((number, self._paused(lines)))

    def _next_rung(self) -> bool:
        """Have the best trials of a rung that is complete go on."""
        if self._rung + 1 >= len(self._rungs) or self._asked < self.settings.trials or self.stopped:
            return False
        if not all(map(self._has_ended, self._active)):
            return False
        sign = -1 if self.searched.directions[0] == "maximize" else 1
        scored = sorted((sign * found[0], trial) for trial in self._active if (found := self.mean(trial)))
        best = sorted(trial for _, trial in scored[: promoted(len(self._active), self.settings)])
        for trial in set(self._active).difference(best):
            for number in self._numbers(trial):  # nothing goes on from there, unless somebody says so
                remove(self.place(number) / CHECKPOINT)
                remove(self.place(number) / PREVIOUS)
        self._active, self._rung = best, self._rung + 1
        for trial in best:
            for number in self._numbers(trial):
                del self.over[number]
                self._ready.append((number, self._paused(self._words[number])))
        return bool(best)

    def _paused(self, lines: list[str]) -> list[str]:
        """A job's overrides, with the epoch that it is to pause at."""
        until = self._until
        return [*lines, f"{UNTIL}={until}"] if until else lines

    @property
    def _until(self) -> int | None:
        """The epoch of this rung, if it is not the last one."""
        return self._rungs[self._rung] if self._rung + 1 < len(self._rungs) else None

    def _is_there(self, stands: states.JobStatus) -> bool:
        """Whether a job has ended for now: as far as this rung goes."""
        if stands.state not in states.DONE or not stands.result.paused:
            return stands.state in (*states.DONE, *states.BAD)
        return stands.result.epochs >= (self._until or stands.result.paused)

    def mean(self, trial: int) -> tuple[float, ...] | None:
        """A trial's objectives, the means over its seeds; None where one of them failed. All of them have ended."""
        values = [self.over[number] for number in self._numbers(trial)]
        there = [each for each in values if each is not None]
        return tuple(map(fmean, zip(*there, strict=True))) if len(there) == len(values) else None

    def reached(self, number: int) -> float:
        """The first objective of a job's trial; not a number where it failed, or some of its seeds have not ended."""
        trial = number // self.settings.seeds
        found = self.mean(trial) if self._has_ended(trial) else None
        return found[0] if found else math.nan

    def _numbers(self, trial: int) -> range:
        return range(trial * self.settings.seeds, (trial + 1) * self.settings.seeds)

    def _has_ended(self, trial: int) -> bool:
        return all(number in self.over for number in self._numbers(trial))

    def _tell_up_to(self, count: int) -> bool:
        """Tell the trials below ``count`` that were not told yet; False where one of them has not ended."""
        while self._told < count:
            if not self._has_ended(self._told):
                return False
            self._tell(self._told)
            self._told += 1
        return True

    def _tell(self, number: int) -> None:
        value = self.mean(number)
        with calling(self.searched.name):
            self._sampling.tell(number, value)
        self.failed += value is None
        if self.settings.max_failures and self.failed >= self.settings.max_failures:
            failed = counted(self.failed, "trial")
            self.stopped = f"The search ends: {failed} failed or diverged, and search.max_failures allows no more"

    def _ask(self, number: int) -> list[str]:
        name = self.searched.name
        values = proposed(name, self._sampling, number, self.space.first())
        if further := self.space.further(values):
            values |= proposed(name, self._sampling, number, further)
        return self.space.lines(values)

    def _refuse_another(self, number: int, lines: Sequence[str]) -> None:
        """Refuse to go on where a trial was begun with other values than are chosen now.

        Where none has begun since, there is nothing else to be said.
        """
        place = self.place(number)
        there: Sequence[str] = read_result(place).overrides
        if not there and (place / JOURNAL).exists():
            there = RecordedRun.read(place).recipe.place.overrides
        other = [line for line in there if line not in lines]
        if other:
            now = listed([line for line in lines if line not in there])
            refusal = NnexpError(
                f"Trial {number} of '{relative(str(self.directory))}' was begun with {listed(other)}, and "
                f"search={self.searched.name} now chooses {now}. Bring back what the search began with."
            )
            raise refusal if self._lines else Halt(refusal)

    def value(self, number: int) -> tuple[float, ...] | None:
        """The objectives of a job that has ended; None where it failed. Raises NnexpError where it lacks a metric."""
        result, metrics = read_result(self.place(number)), self.settings.metric
        if not self._rungs:
            result = as_first_ended(self.place(number), result, planned(result.overrides, self._epochs))
        elif result.status != "REUSED":
            result = as_of(self.place(number), result, self._rungs[self._rung])
        if result.status not in ("FINISHED", "REUSED"):
            return None
        for name in metrics:
            if name not in result.metrics and name != PARAMETERS:
                raise NnexpError(no_metric(name, [*result.metrics]))
        found = objectives(result, metrics)
        if found is None:
            undefined = [name for name in metrics if not math.isfinite(objective(result, name))]
            current().tell(f"#{number} has no value of {listed(undefined or ['the cost'])}: it counts as failed.")
        return found

    def ended(self, number: int) -> None:
        """Take note that a job has ended; one whose worker was killed is to begin once more."""
        if not self._is_there(states.status_of(self.place(number))):
            self._deaths[number] += 1
            if self._deaths[number] < MOST_DEATHS:
                self._again.append((number, self._lines[number]))
                return
            error = NnexpError(f"given up: {MOST_DEATHS} workers died with it")
            write_failure(self.place(number), error, self.overrides(number))
        self.over[number] = self.value(number)

    def words(self, number: int) -> str:
        """What a trial is called by, in a few words: its values."""
        overrides = read_result(self.place(number)).overrides
        if self.settings.seeds > 1:  # what is said of it is the mean over its seeds
            overrides = [line for line in overrides if states.key_of(line) != "seed"]
        name = brief(short([states.run_name(self.directory, overrides)])[0])
        return name if len(name) <= MOST_WORDS else f"{name[: MOST_WORDS - 3]}..."

    def tell_idle(self, workers: int) -> None:
        """Say once that a smaller lag than there are workers leaves some of them without work."""
        if self.jobs > self.most and workers > self.most and not self._told_idle:
            self._told_idle = True
            current().tell(
                f"search.lag={self.settings.lag} keeps {self.most} of {workers} workers busy: type search.lag={2 * workers}. "
                "(A longer lag chooses each trial knowing fewer others.)"
            )

    def clear(self) -> None:
        """Begin no further trial."""
        self.stopped = self.stopped or "The search ends with its first failure, as sweep.fail_fast=true says"

    def close(self) -> None:
        """All trials that could begin have ended. Raises NnexpError where that are not all."""
        if self.stopped:
            more = ("search.max_failures=null",) if "max_failures" in self.stopped else ()
            raise NnexpError(
                f"{self.stopped}. To go on, type {command('resume', relative(str(self.directory)), *more)}"
            )
