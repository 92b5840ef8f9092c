"""One launch: jobs go to workers as these become free, and what they return is put in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.nnexp_launcher._interface import Begun, Ended, OpenPool, Outcome, Placed, Pool, Source, Surroundings
from hydra_plugins.nnexp_launcher._worker import INTERRUPT, TERMINATE, State, composed
from hydra_plugins.nnexp_launcher.launcher import observer
from omegaconf import DictConfig, open_dict


class Return(JobReturn):
    """What Hydra gets for a job. Its configuration is composed again when somebody looks: most often nobody does."""

    def __init__(self, overrides: Sequence[str], outcome: Outcome, compose: Callable[[], DictConfig]) -> None:
        super().__init__(
            overrides=list(overrides),
            working_dir=outcome.working_dir,
            task_name=outcome.task_name,
            status=outcome.status,
            _return_value=outcome.value,
        )
        self._compose = compose

    @property
    def cfg(self) -> DictConfig | None:
        """The job's configuration without Hydra's own part."""
        config = self._compose()
        with open_dict(config):
            del config["hydra"]
        return config

    @cfg.setter
    def cfg(self, value: DictConfig | None) -> None:
        """Left as it is: the base class sets it to None at first."""

    @property
    def hydra_cfg(self) -> DictConfig | None:
        """The job's whole configuration, as HydraConfig has it."""
        config = self._compose()
        with open_dict(config):
            for key in [str(each) for each in config if each != "hydra"]:
                del config[key]
        return config

    @hydra_cfg.setter
    def hydra_cfg(self, value: DictConfig | None) -> None:
        """Left as it is: the base class sets it to None at first."""


class Listed:
    """Jobs that are known before the first begins; see ``_interface.Source``."""

    def __init__(self, jobs: Iterable[tuple[int, Sequence[str]]]) -> None:
        self._waiting = deque(jobs)
        self.most = len(self._waiting)

    def take(self) -> tuple[int, Sequence[str]] | None:
        return self._waiting.popleft() if self._waiting else None

    def clear(self) -> None:
        self._waiting.clear()


class Launch:
    """The launching process's part."""

    def __init__(self, context: HydraContext, task: TaskFunction, config: DictConfig, open_pool: OpenPool) -> None:
        self.context = context
        self.task = task
        self.config = config
        self.open_pool = open_pool

    def run(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
        """Run all jobs that the observer, if there is one, does not leave out."""
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        numbers = range(first, first + len(job_overrides))
        monitor = observer(self.task, self.config, numbers)
        returns: list[JobReturn | None] = [None] * len(job_overrides)
        jobs = zip(numbers, job_overrides, strict=True)
        source = Listed(job for job in jobs if monitor is None or monitor.wants(job[0]))
        for number, outcome in self._accompanied(source, monitor):
            returns[number - first] = self._return(number, job_overrides[number - first], outcome)
        for number, overrides in zip(numbers, job_overrides, strict=True):
            if returns[number - first] is None:
                left = Outcome(JobStatus.COMPLETED, monitor.value(number))
                returns[number - first] = self._return(number, overrides, left)
        return [each for each in returns if each is not None]

    def search(self, trials: Any) -> None:
        """Carry out the trials of a search of nnexp's own command, each as soon as it is chosen."""
        from nnexp.sweep.monitor import SearchMonitor

        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        for _ in self._accompanied(trials, SearchMonitor(self.config, trials)):
            """What a trial ended with is in its directory."""

    def _accompanied(self, source: Source, monitor: Any) -> Iterator[tuple[int, Outcome]]:
        """Yield the outcomes, and have the monitor know how all ends."""
        try:
            yield from self._outcomes(source, monitor) if source.most else ()
        except Exception:  # nothing can go on, and there is time for the rest
            if monitor:
                monitor.close()
            raise
        except BaseException:
            if monitor:
                monitor.stopped()
            raise
        if monitor:
            monitor.close()

    def _return(self, number: int, overrides: Sequence[str], outcome: Outcome) -> JobReturn:
        def compose() -> DictConfig:
            config = composed(self.context, self.config, number, overrides)
            with open_dict(config):
                config.hydra.runtime.output_dir = outcome.output_dir
            return config

        return Return(overrides, outcome, compose)

    def _hand(self, source: Source, pool: Pool, handed: set[int]) -> bool:
        """Hand over the jobs that may begin and that the pool takes; whether there were any."""
        taken = 0
        for _ in range(pool.free()):
            if (job := source.take()) is None:
                break
            pool.submit(*job)
            handed.add(job[0])
            taken += 1
        return taken > 0

    def _outcomes(self, source: Source, monitor: Any) -> Iterator[tuple[int, Outcome]]:
        """Yield each job's number and outcome as it ends."""
        pool = self.open_pool(Surroundings(self.context, self.task, self.config, source.most, monitor))
        handed: set[int] = set()
        try:
            while self._hand(source, pool, handed) or handed:
                for event in pool.wait():
                    match event:
                        case Ended(number, outcome):
                            handed.discard(number)
                            if monitor:
                                value, goes_on = monitor.ended(number, outcome.status, outcome.value)
                                outcome = replace(outcome, status=JobStatus.COMPLETED, value=value)
                                if not goes_on:
                                    source.clear()
                                    handed.difference_update(pool.withdraw())
                            yield number, outcome
                        case Begun(number) if monitor:
                            monitor.begun(number)
                        case Placed(workers, words) if monitor:
                            monitor.placed(workers, words)
        except (KeyboardInterrupt, SystemExit) as stopped:
            pool.interrupt(INTERRUPT if isinstance(stopped, KeyboardInterrupt) else TERMINATE)
            raise
        finally:
            pool.end(at_once=bool(handed))


def payload(
    around: Surroundings,
    enter: Callable[[], None] | None,
    within: Callable[[DictConfig], AbstractContextManager[None]] | None = None,
) -> bytes:
    """What a worker takes over from this process; it calls ``enter`` before its first job, and runs each ``within``."""
    import cloudpickle

    state = State(around.context, around.task, around.config, Singleton.get_state(), enter, within)
    made: bytes = cloudpickle.dumps(state)
    return made
