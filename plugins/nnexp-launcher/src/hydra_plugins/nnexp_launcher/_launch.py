"""One launch: jobs go to workers as these become free, and what they return is put in order."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.nnexp_launcher._pool import Worker, cores
from hydra_plugins.nnexp_launcher._worker import INTERRUPT, TERMINATE, Outcome, State, composed
from hydra_plugins.nnexp_launcher.launcher import observer
from omegaconf import DictConfig, open_dict

LAST_SECONDS = 0.9
"""What workers have to close their runs after Ctrl-C or SIGTERM: everything is to be over after two seconds."""

KILLED = "its worker process was killed (by a signal, or for lack of memory)"
NEVER_BEGAN = (
    "its worker process ended as it started. A script that runs a sweep calls its main function below the line "
    "if __name__ == '__main__':"
)


class WorkerDiedError(BrokenProcessPool):
    """A worker was killed in the middle of a job, or ended before it could take one."""


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


class Launch:
    """The launching process's part."""

    def __init__(
        self, context: HydraContext, task: TaskFunction, config: DictConfig, workers: int | None = None
    ) -> None:
        self.context = context
        self.task = task
        self.config = config
        self.most = workers or cores()

    def run(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
        """Run all jobs that the observer, if there is one, does not leave out."""
        numbers = range(first, first + len(job_overrides))
        monitor = observer(self.task, self.config, numbers)
        returns: list[JobReturn | None] = [None] * len(job_overrides)
        waiting = deque(zip(numbers, job_overrides, strict=True))
        if monitor:
            waiting = deque(job for job in waiting if monitor.wants(job[0]))
        try:
            for number, outcome in self._outcomes(waiting, monitor):
                returns[number - first] = self._return(number, job_overrides[number - first], outcome)
        except BaseException:
            if monitor:
                monitor.stopped()
            raise
        if monitor:
            monitor.close()
        for number, overrides in zip(numbers, job_overrides, strict=True):
            if returns[number - first] is None:
                left = Outcome(JobStatus.COMPLETED, monitor.value(number), "", "", "")
                returns[number - first] = self._return(number, overrides, left)
        return [each for each in returns if each is not None]

    def _return(self, number: int, overrides: Sequence[str], outcome: Outcome) -> JobReturn:
        def compose() -> DictConfig:
            config = composed(self.context, self.config, number, overrides)
            with open_dict(config):
                config.hydra.runtime.output_dir = outcome.output_dir
            return config

        return Return(overrides, outcome, compose)

    def _outcomes(self, waiting: deque[tuple[int, Sequence[str]]], monitor: Any) -> Iterator[tuple[int, Outcome]]:
        """Yield each job's number and outcome as it ends."""
        workers: list[Worker] = []
        running: dict[Future[Outcome], tuple[Worker, int]] = {}
        number_of_workers = min(self.most, len(waiting))
        payload = self._payload(monitor, number_of_workers)
        try:
            free = [Worker(payload) for _ in range(number_of_workers)]
            workers += free
            while waiting or running:
                while free and waiting:
                    worker = free.pop()
                    number, overrides = waiting.popleft()
                    running[worker.submit(number, overrides)] = worker, number
                    if monitor:
                        monitor.begun(number)
                done, _ = wait(running, None, FIRST_COMPLETED)
                for future in done:
                    worker, number = running.pop(future)
                    outcome = outcome_of(future, worker)
                    free.append(worker)
                    if monitor:
                        value, goes_on = monitor.ended(number, outcome.status, outcome.value)
                        outcome = replace(outcome, status=JobStatus.COMPLETED, value=value)
                        if not goes_on:
                            waiting.clear()
                    yield number, outcome
        except (KeyboardInterrupt, SystemExit) as stopped:
            _stop(workers, running, INTERRUPT if isinstance(stopped, KeyboardInterrupt) else TERMINATE)
            raise
        finally:
            for worker in workers:
                worker.end(0.0 if running else LAST_SECONDS)

    def _payload(self, monitor: Any, workers: int) -> bytes:
        import cloudpickle

        enter = monitor.enter(workers) if monitor else None
        state = State(self.context, self.task, self.config, Singleton.get_state(), enter)
        payload: bytes = cloudpickle.dumps(state)
        return payload


def outcome_of(future: Future[Outcome], worker: Worker) -> Outcome:
    """What became of a job, also where its worker was killed: another one takes its place."""
    try:
        return future.result()
    except BrokenProcessPool:
        why = KILLED if worker.began() else NEVER_BEGAN
        worker.replace()
        return Outcome(JobStatus.FAILED, WorkerDiedError(why), "", "", "")
    except Exception as error:  # noqa: BLE001 (of composing the job: told as the job's failure)
        return Outcome(JobStatus.FAILED, error, "", "", "")


def _stop(workers: Sequence[Worker], running: dict[Future[Outcome], Any], how: signal.Signals) -> None:
    """Have the workers close their runs."""
    for worker in workers:
        worker.signal(how)
    wait(running, LAST_SECONDS)
