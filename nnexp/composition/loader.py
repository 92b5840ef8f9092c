"""What stands between Hydra and nnexp: every composed configuration is checked before anything of it is used.

``GuardedLoader`` takes the place of Hydra's configuration loader. It sees every composition, of single runs and of each job of
a sweep, before Hydra instantiates a callback, a sweeper or a launcher, sets up logging or makes a directory. It

* refuses what could run code, read secrets or write elsewhere (``safety``), and what a file says of Hydra's part beyond the
  little that it may (``reference``),
* refuses unknown keys and values out of bounds (``nnexp.experiment.experiment.plan``), so that a mistake costs nothing,
* says in one message what is wrong and what to type, where Hydra would list or trace (``explain``).
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.object_type import ObjectType
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nnexp.composition import configs, safety
from nnexp.composition.blame import naming_files
from nnexp.composition.command import PLAIN, Command
from nnexp.composition.composed import (
    conceal,
    in_raw_form,
    plain,
    refuse_half_a_sweep,
    sweep_settings,
    swept_in_files,
    top_keys,
    typed_words,
    written,
)
from nnexp.composition.conditional import fitting, fixed_beside_varied, refuse_what_none_has
from nnexp.composition.explain import explain, renamed
from nnexp.composition.files import (
    check_launcher,
    checked_reader,
    read_once,
    refuse_rivals,
    refuse_shadows,
    refuse_unbounded_file,
    refuse_unreadable,
)
from nnexp.composition.first import First
from nnexp.composition.guard import CHECKED, PROBE, InForce, no_resolvers
from nnexp.composition.hydras_part import refuse_hydras_part
from nnexp.composition.search import check_jobs
from nnexp.composition.search_words import refuse_unchosen
from nnexp.composition.shortcut import Sweep, Templates
from nnexp.discovery import presets
from nnexp.errors import NnexpError
from nnexp.experiment.settings import check


def register_resolvers() -> None:
    """``${nnexp.hex:}``: six hex digits that keep two runs of the same second apart; the same all through one command."""
    OmegaConf.register_new_resolver("nnexp.hex", lambda: secrets.token_hex(3), use_cache=True, replace=True)


register_resolvers()  # at import, so that a sweep's worker processes know it, too


class GuardedLoader(ConfigLoaderImpl):
    """Hydra's loader, with nnexp's checks after every composition."""

    def __init__(self, config_search_path: ConfigSearchPath, command: Command = PLAIN) -> None:
        for conf in presets.usable():  # behind nnexp's own conf/ and the user's --config-dir
            config_search_path.prepend(str(conf.provider), conf.path.as_uri(), SearchPathQuery(provider="schema"))
        super().__init__(config_search_path)
        self.command = command  # a sweep's workers get it with the loader
        self.checked_later = False
        self._first = First(self._checked, multirun=command.multirun)
        self._of_a_sweep = False
        self._fits: dict[tuple[str, ...], bool] = {}
        self._templates = Templates(self._template, self.repository.group_exists)
        self._read: dict[str, Any] = {}
        """The files that a sweep's compositions are made of."""
        self._reads_once = False
        for source in self.get_sources()[:-1]:  # the last is the store of installed options
            refuse_shadows(source)

    def __getstate__(self) -> dict[str, Any]:
        """What a sweep's workers get: the bounds of a job's values were checked before the first job, and are when it runs."""
        return {**self.__dict__, "checked_later": True, "_read": {}}

    def get_group_options(
        self,
        group_name: str,
        results_filter: ObjectType | None = ObjectType.CONFIG,
        config_name: str | None = None,
        overrides: list[str] | None = None,
    ) -> list[str]:
        """List a group's options; for ``--help`` without the copy of the whole repository that Hydra makes each time."""
        if config_name is None and not overrides:
            return self.repository.get_group_options(group_name, results_filter)
        return super().get_group_options(group_name, results_filter, config_name, overrides)

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """Compose, check, and raise NnexpError for any mistake of the user's."""
        if PROBE in overrides:
            raise InForce
        if not validate_sweep_overrides:  # which Hydra does to read hydra.mode
            return self._first.mode(config_name, overrides)
        first = self._first.again(config_name, overrides, run_mode)
        return first or self._checked(config_name, overrides, run_mode, sweeps_checked=True)

    def _checked(
        self, config_name: str | None, overrides: list[str], run_mode: RunMode, *, sweeps_checked: bool
    ) -> DictConfig:
        typed = overrides
        try:
            if run_mode == RunMode.MULTIRUN and (conditional := fixed_beside_varied(tuple(typed))):
                refuse_what_none_has(conditional, typed, self.repository)
                overrides = [line for line in typed if line not in conditional]
            once = self._reading_once() if run_mode == RunMode.MULTIRUN else contextlib.nullcontext()
            with once, no_resolvers():
                config = super().load_configuration(
                    config_name, overrides, run_mode, validate_sweep_overrides=sweeps_checked
                )
            if overrides is not typed:
                config.hydra.overrides.task = [line for line in typed if line not in config.hydra.overrides.hydra]
                overrides = typed
        except yaml.YAMLError as error:
            raise NnexpError(f"A configuration file is not YAML that can be read: {error}") from error
        except RecursionError:
            raise NnexpError("A configuration file's defaults list leads back to the file itself.") from None
        except (HydraException, OmegaConfBaseException, ValueError, AssertionError, TypeError, AttributeError) as error:
            raise NnexpError(
                explain(error, overrides, self.repository, sweeping=run_mode == RunMode.MULTIRUN)
            ) from error
        if config_name is None:  # Hydra's own help, which nothing of nnexp's is part of
            return config
        if message := renamed(overrides):
            raise NnexpError(message)
        raw = in_raw_form(config)
        conceal(config, raw)
        refuse_rivals(raw["hydra"]["runtime"]["choices"], self.get_sources())
        refuse_hydras_part(raw["hydra"], overrides)
        with naming_files(raw["hydra"]["runtime"]["choices"], overrides, self.repository):
            self._refuse_unsafe(raw, overrides)
            refuse_unreadable(swept_in_files(raw))
            config._set_flag(CHECKED, True)
            if self.command.to_run:
                self._refuse_what_cannot_run(config, raw, overrides, run_mode)
        return config

    def _refuse_what_cannot_run(
        self, config: DictConfig, raw: Mapping[str, Any], overrides: Sequence[str], run_mode: RunMode
    ) -> None:
        """Refuse what could be shown, but not be trained."""
        refuse_unchosen(config)
        check_launcher(raw["hydra"]["launcher"])
        sweep = sweep_settings(config)
        if run_mode == RunMode.RUN:
            if not self._of_a_sweep:
                refuse_half_a_sweep(config, sweep, self.command.options)
            check(plain(config))
            return
        if self.command.sweep_directory:
            config.hydra.sweep.dir = self.command.sweep_directory
        lines = [*(f"{key}={value}" for key, value in swept_in_files(raw)), *overrides]
        check_jobs(config, lines, self)

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Compose one job of a sweep, from its template where that is certain to be the same."""
        self._of_a_sweep = True
        sweep_overrides = fitting(sweep_overrides, self._conditional(master_config), self.repository, self._fits)
        try:
            config = self._of_a_template(master_config, sweep_overrides)
            if config is None:
                config = super().load_sweep_config(master_config, sweep_overrides)
        finally:
            self._of_a_sweep = False
        directory = OmegaConf.to_container(master_config.hydra.sweep, resolve=False)["dir"]  # type: ignore[index,call-overload]
        if "${" not in str(directory):  # in a worker, too, that of a resumed sweep
            config.hydra.sweep.dir = directory
        return config

    def validate(self, master_config: DictConfig, jobs: Iterable[Sequence[str]]) -> None:
        """Refuse a job of a sweep that could not be composed or run, in the words of ``load_sweep_config``; keep none."""
        sweep, conditional = Sweep.of(master_config), self._conditional(master_config)
        for overrides in map(list, jobs):
            if not self._certain(sweep, fitting(overrides, conditional, self.repository, self._fits)):
                self.load_sweep_config(master_config, overrides)

    def _certain(self, sweep: Sweep, overrides: list[str]) -> bool:
        """Whether a job can be composed and run for sure."""
        with contextlib.suppress(Exception):
            config, raw = self._templates.glance(sweep, overrides)
            self._refuse_job(config, raw, overrides)
            return configs.tested()
        return False

    @staticmethod
    def _conditional(master_config: DictConfig) -> tuple[str, ...]:
        """Overrides of a sweep that hold for those of its jobs whose options have the field."""
        return fixed_beside_varied(tuple(typed_words(master_config.hydra)))

    def needs_files(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> bool:
        """Whether a job cannot be composed without conf/, as it would have to be on a machine that has another one."""
        with contextlib.suppress(Exception):
            return bool(self._conditional(master_config)) or not (
                configs.tested() and self._templates.knows(Sweep.of(master_config), sweep_overrides)
            )
        return True

    def _of_a_template(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig | None:
        """A job's configuration from its template; None where that is not certain to be what Hydra composes.

        What goes wrong here goes wrong in the full composition, too, which says what.
        """
        if not configs.tested():  # the shortcut knows the way of those versions that it was tried with
            return None
        with contextlib.suppress(Exception):
            config, raw = self._templates.job(Sweep.of(master_config), sweep_overrides)
            self._refuse_job(config, raw, sweep_overrides)
            config._set_flag(CHECKED, True)
            OmegaConf.copy_cache(from_config=master_config, to_config=config)
            return config
        return None

    def _refuse_job(self, config: DictConfig, raw: dict[str, Any], overrides: Sequence[str]) -> None:
        """Refuse what is not to be composed or run of a job that is made of a template."""
        conceal(config, raw)
        self._refuse_unsafe(raw, overrides)
        if self.command.to_run and not self.checked_later:
            sweep_settings(config)
            check(written(raw) or plain(config))

    def _template(self, config_name: str | None, overrides: list[str]) -> DictConfig:
        """What jobs of a sweep have in common, to which they add plain values."""
        with self._reading_once(), no_resolvers():
            config = super().load_configuration(config_name, overrides, RunMode.RUN)
        raw = in_raw_form(config)
        conceal(config, raw)
        # Of the refusals above, those that no value on the command line makes better or worse.
        refuse_rivals(raw["hydra"]["runtime"]["choices"], self.get_sources())
        refuse_hydras_part(raw["hydra"], overrides)
        refuse_unreadable(swept_in_files(raw))
        return config

    @contextlib.contextmanager
    def _reading_once(self) -> Iterator[None]:
        """Within the block a composition is made of what those before it have read."""
        self._reads_once = True
        try:
            yield
        finally:
            self._reads_once = False

    def _refuse_unsafe(self, raw: Mapping[str, Any], overrides: Iterable[str]) -> None:
        """Refuse what ``nnexp.composition.safety`` does not let pass of nnexp's own part."""
        typed = [*raw["hydra"]["overrides"]["hydra"], *overrides]
        recorded = set(self.command.recorded)
        names = [str(line).lstrip("+~").partition("=")[0] for line in typed if line not in recorded]
        safety.check(raw, names, top_keys())

    def _compose_config_from_defaults_list(self, defaults: Any, repo: Any) -> DictConfig:
        """Note what the files say of hydra.mode, before the words do."""
        config = super()._compose_config_from_defaults_list(defaults, repo)
        self._first.note(OmegaConf.select(config, "hydra.mode"))
        return config

    def _process_config_searchpath(self, config_name: str | None, parsed_overrides: Any, repo: Any) -> None:
        """Let a search path be typed, but no file say one: to look there may import a package."""
        if self._reads_once and not any(each.key_or_group == "hydra.searchpath" for each in parsed_overrides):
            repo.delegate.load_config = read_once(repo.delegate.load_config, self._read)
        if config_name:
            refuse_unbounded_file(repo.get_sources(), config_name)
        found = repo.load_config(config_path=config_name) if config_name else None
        path = OmegaConf.select(found.config, "hydra.searchpath") if found and OmegaConf.is_dict(found.config) else None
        if path:
            raise NnexpError(
                f"hydra.searchpath={path} is set in a file. Where files are looked for is for the command line: type "
                "--config-dir DIR"
            )
        super()._process_config_searchpath(config_name, parsed_overrides, repo)

    def _parse_overrides_and_create_caching_repo(self, config_name: str | None, overrides: list[str]) -> Any:
        """Have each file looked at as it is read."""
        parsed, repo = super()._parse_overrides_and_create_caching_repo(config_name, overrides)
        repo.load_config = checked_reader(repo, config_name)  # type: ignore[method-assign, assignment]
        return parsed, repo
