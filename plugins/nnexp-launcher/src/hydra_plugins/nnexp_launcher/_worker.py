"""A worker's end: it takes over Hydra's state once, and then runs one job after the other."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import wait
from types import FrameType
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobStatus, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.nnexp_launcher._interface import Outcome
from omegaconf import DictConfig, open_dict

from nnexp.errors import Terminated

INTERRUPT, TERMINATE = signal.SIGUSR1, signal.SIGTERM
"""What the launching process sends where it was interrupted (Ctrl-C, which a terminal sends to every process) or terminated."""


@dataclass(frozen=True)
class State:
    """What a worker takes over from the launching process."""

    context: HydraContext
    task: TaskFunction
    config: DictConfig
    singletons: Any
    enter: Callable[[], None] | None
    """Called once before the first job."""
    around: Callable[[DictConfig], AbstractContextManager[None]] | None = None
    """Each job runs within this, made of its configuration."""


@dataclass
class Here:
    """This worker process."""

    payload: bytes
    """What it takes over, until that is read."""
    state: State | None = None
    busy: bool = False


HERE: ContextVar[Here] = ContextVar("hydra_plugins.nnexp_launcher")


def begin(payload: bytes) -> None:
    """Prepare a new worker process; ``payload`` is read at its first job, so that an error in it is told as any other."""
    HERE.set(Here(payload))
    gc.set_threshold(100_000, 20, 20)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(INTERRUPT, _interrupt)
    signal.signal(TERMINATE, _terminate)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def carry_out(number: int, overrides: Sequence[str], config: DictConfig | None = None) -> Outcome:
    """Run one job, whose configuration may be composed already."""
    here = HERE.get()
    here.busy = True
    try:
        return portable(_carry_out(state(here), number, overrides, config))
    except (KeyboardInterrupt, SystemExit) as stopped:
        return Outcome(JobStatus.FAILED, InterruptedError(type(stopped).__name__), "", "", "")
    finally:
        here.busy = False
        sys.stdout.flush()
        sys.stderr.flush()


def state(here: Here) -> State:
    """What was taken over."""
    if here.state is None:
        import cloudpickle

        setup_globals()
        taken: State = cloudpickle.loads(here.payload)
        Singleton.set_state(taken.singletons)
        if taken.enter:
            taken.enter()
        here.state, here.payload = taken, b""
    return here.state


def composed(context: HydraContext, master: DictConfig, number: int, overrides: Sequence[str]) -> DictConfig:
    """The configuration of one job of a sweep, with the job's number."""
    config: DictConfig = context.config_loader.load_sweep_config(master, list(overrides))
    with open_dict(config):
        config.hydra.job.id, config.hydra.job.num = str(number), number
    return config


def _carry_out(taken: State, number: int, overrides: Sequence[str], config: DictConfig | None) -> Outcome:
    config = composed(taken.context, taken.config, number, overrides) if config is None else config
    HydraConfig.instance().set_config(config)
    with taken.around(config) if taken.around else nullcontext():
        done = run_job(
            hydra_context=taken.context,
            config=config,
            task_function=taken.task,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
    return Outcome(
        done.status,
        done._return_value,  # noqa: SLF001 (its public name raises a failure's exception)
        done.working_dir or "",
        done.task_name or "",
        str(config.hydra.runtime.output_dir),
    )


def portable(outcome: Outcome) -> Outcome:
    """The same, where what was returned or raised cannot be sent to another process: as words."""
    try:
        pickle.loads(pickle.dumps(outcome.value))  # noqa: S301 (made one line above)
    except Exception:  # noqa: BLE001 (whatever a stranger's class raises)
        value: Any = repr(outcome.value)
        if isinstance(outcome.value, BaseException):
            value = RuntimeError(f"{type(outcome.value).__name__}: {outcome.value}")
        return Outcome(outcome.status, value, outcome.working_dir, outcome.task_name, outcome.output_dir)
    return outcome


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a signal handler's signature)
    if not HERE.get().busy:
        os._exit(0)
    raise KeyboardInterrupt


def _terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    if not HERE.get().busy:
        os._exit(0)
    raise Terminated


def _end_with_parent() -> None:
    """End when the launching process is gone, however that went: the journal keeps what was trained."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
