"""The sweeper of ``search=NAME``, which nnexp puts in the place of Hydra's own. Hydra imports this at every start.

Annotations are objects here, not strings: Hydra runs the module before ``sys.modules`` has it.
"""

from pathlib import Path
from typing import Any

from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class SearchSweeper(Sweeper):
    """Has the trials of a search carried out: one by one as they are chosen, or in batches by launchers that know no better."""

    def __init__(self, params: Any = None) -> None:
        self.params = params
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None
        self.hydra_context: HydraContext | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra composed, and have the launcher made."""
        from hydra.core.plugins import Plugins

        self.config = config
        self.hydra_context = hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Carry out the search; ``arguments`` are the words of the command."""
        from nnexp.sweep.batches import in_batches
        from nnexp.sweep.trials import Trials

        assert self.config is not None
        assert self.hydra_context is not None
        assert self.launcher is not None
        directory = Path(str(self.config.hydra.sweep.dir))
        directory.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, directory / "multirun.yaml")
        trials = Trials.of(self.config, arguments, self.hydra_context.config_loader)
        own = getattr(self.launcher, "search", None)
        if own is None:
            in_batches(trials, self.launcher.launch)
        else:
            own(trials)
        trials.close()
