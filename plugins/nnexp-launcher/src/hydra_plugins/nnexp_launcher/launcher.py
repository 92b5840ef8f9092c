"""``hydra/launcher=nnexp``: the jobs of a sweep on warm workers. Hydra imports this module at every start, so it is light.

Annotations are objects here, not strings: Hydra runs the module before ``sys.modules`` has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class NnexpLauncherConf:
    """``hydra.launcher.*``."""

    _target_: str = "hydra_plugins.nnexp_launcher.launcher.NnexpLauncher"
    workers: int | None = None
    """Processes that train at the same time; null: as many as the processor has cores."""


ConfigStore.instance().store(group="hydra/launcher", name="nnexp", node=NnexpLauncherConf, provider="nnexp")


class NnexpLauncher(Launcher):
    """Runs jobs on workers that import everything once. A worker that is killed costs its own job, no other."""

    leaves_delivery = True
    """Jobs of nnexp's own command leave their record to the process of the sweep."""

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise ValueError(f"hydra.launcher.workers must be at least 1. Got {workers}.")
        self.workers = workers
        self.config: DictConfig | None = None
        self.task_function: TaskFunction | None = None
        self.hydra_context: HydraContext | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra composed, and have the server started that the workers come from: it imports meanwhile."""
        from hydra_plugins.nnexp_launcher._pool import prepare_server

        self.config = config
        self.hydra_context = hydra_context
        self.task_function = task_function
        prepare_server()

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs; what each of them returned, in the order of ``job_overrides``."""
        returns: Sequence[JobReturn] = self._launch().run(job_overrides, initial_job_idx)
        return returns

    def search(self, trials: Any) -> None:
        """Run the trials of a search, each as soon as it is chosen, on workers that live as long as the search."""
        self._launch().search(trials)

    def _launch(self) -> Any:
        from hydra_plugins.nnexp_launcher._launch import Launch
        from hydra_plugins.nnexp_launcher._pool import LocalPool

        assert self.config is not None
        assert self.hydra_context is not None
        assert self.task_function is not None
        return Launch(
            self.hydra_context, self.task_function, self.config, lambda around: LocalPool(around, self.workers)
        )


def observer(task_function: TaskFunction, config: DictConfig, numbers: Sequence[int]) -> Any:
    """What accompanies the jobs of nnexp's own command; None for any other task."""
    if task_function.__module__ != "nnexp.commands.job":
        return None
    from nnexp.sweep.monitor import Monitor

    return Monitor(config, numbers)
