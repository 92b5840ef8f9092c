"""``hydra/launcher=dask``: the jobs of a sweep on the workers of a Dask cluster. Hydra imports this at every start.

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
class DaskLauncherConf:
    """``hydra.launcher.*``."""

    _target_: str = "hydra_plugins.nnexp_dask.launcher.DaskLauncher"
    address: str | None = None
    """A running scheduler's, such as tls://head:8786; null: a cluster of this machine's own."""
    workers: int | None = None
    """Jobs that train at the same time; null: without an address one for each core, else as many as there are."""
    certificate: str | None = None
    """A PEM file with the cluster's certificate and its key, for tls://; null: what Dask's own configuration says."""
    insecure: bool = False
    """Take tcp:// on other machines, too, where whoever reaches the scheduler can run code."""
    patience: float = 10.0
    """Seconds of silence after which a worker counts as lost."""


ConfigStore.instance().store(group="hydra/launcher", name="dask", node=DaskLauncherConf, provider="nnexp-dask")


class DaskLauncher(Launcher):
    """Runs jobs on the workers of a Dask cluster, each in a warm process of its own."""

    leaves_delivery = True
    """Jobs of nnexp's own command leave their record to the process of the sweep."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.config: DictConfig | None = None
        self.task_function: TaskFunction | None = None
        self.hydra_context: HydraContext | None = None
        self.connection: Any = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra composed, and begin to connect, which goes on while the jobs are checked."""
        from nnexp_dask.cluster import Connection
        from nnexp_dask.settings import Settings

        self.config = config
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.connection = Connection(Settings.checked(self.options))

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs; what each of them returned, in the order of ``job_overrides``."""
        returns: Sequence[JobReturn] = self._launch().run(job_overrides, initial_job_idx)
        return returns

    def search(self, trials: Any) -> None:
        """Run the trials of a search, each as soon as it is chosen."""
        self._launch().search(trials)

    def _launch(self) -> Any:
        from hydra_plugins.nnexp_launcher._launch import Launch

        from nnexp_dask.pool import DaskPool

        assert self.config is not None
        assert self.hydra_context is not None
        assert self.task_function is not None
        return Launch(
            self.hydra_context, self.task_function, self.config, lambda around: DaskPool(around, self.connection)
        )
