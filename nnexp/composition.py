"""What stands between Hydra and nnexp: every composed configuration is checked before anything of it is used.

``GuardedLoader`` takes the place of Hydra's configuration loader. It sees every composition, of single runs and of each job of
a sweep, before Hydra instantiates a callback, a sweeper or a launcher, sets up logging or makes a directory. It

* refuses what could run code, read secrets or write elsewhere (``nnexp.safety``),
* refuses unknown keys and values out of bounds (``nnexp.experiment.plan``), so that a mistake costs nothing,
* says in one message what is wrong and what to type, where Hydra would list or trace (``nnexp.explain``).
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, ClassVar, NoReturn, cast

import hydra._internal.hydra
import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigSource
from hydra.types import RunMode
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from omegaconf.resolvers import oc

from nnexp import configs, installed, presets, quoting, registry, safety
from nnexp.errors import NnexpError
from nnexp.explain import explain, known_keys, renamed, unreadable, without_jobs
from nnexp.settings import LauncherSettings, SweepSettings, check, part
from nnexp.shortcut import Templates
from nnexp.tracking.address import kept

NO_PACKAGE = "The file chosen by {}= must begin with the line '# @package _global_'; without it nothing counts."


def register_resolvers() -> None:
    """``${nnexp.hex:}``: six hex digits that keep two runs of the same second apart; the same all through one command."""
    OmegaConf.register_new_resolver("nnexp.hex", lambda: secrets.token_hex(3), use_cache=True, replace=True)


register_resolvers()  # at import, so that a sweep's worker processes know it, too


class GuardedLoader(ConfigLoaderImpl):
    """Hydra's loader, with nnexp's checks after every composition."""

    to_run: ClassVar[bool] = True
    """False for ``--help`` and ``--cfg``, which show a configuration that may still lack values."""
    sweep_directory: ClassVar[str | None] = None
    """Where a resumed sweep is; else it is as the configuration says."""
    checked_later: ClassVar[bool] = False
    """True in a sweep's workers: the bounds of a job's values were checked before the first job, and are again when it runs."""
    _of_a_sweep = False

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        for conf in presets.usable():  # behind nnexp's own conf/ and the user's --config-dir
            config_search_path.prepend(str(conf.provider), conf.path.as_uri(), SearchPathQuery(provider="schema"))
        super().__init__(config_search_path)
        self._templates = Templates(self._template, self.repository.group_exists)
        for source in self.get_sources()[:-1]:  # the last is the store of installed options
            refuse_shadows(source)

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
        try:
            with no_environment():
                config = super().load_configuration(
                    config_name, overrides, run_mode, from_shell, validate_sweep_overrides
                )
        except yaml.YAMLError as error:
            raise NnexpError(f"A configuration file is not YAML that can be read: {error}") from error
        except RecursionError:
            raise NnexpError("A configuration file's defaults list leads back to the file itself.") from None
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise NnexpError(
                explain(error, overrides, self.repository, sweeping=run_mode == RunMode.MULTIRUN)
            ) from error
        if config_name is None:  # Hydra's own help, which nothing of nnexp's is part of
            return config
        if message := renamed(overrides):
            raise NnexpError(message)
        raw = in_raw_form(config)
        conceal(config, raw)
        self._refuse_two_files(raw)
        refuse_unsafe(raw, raw["hydra"]["overrides"]["task"])
        refuse_unreadable(swept_in_files(raw))
        if self.to_run:
            check_launcher(raw["hydra"]["launcher"])
            sweep = sweep_settings(config)
            if run_mode == RunMode.RUN:
                self._refuse_half_a_sweep(config, sweep)
                check(plain(config))
            else:
                if self.sweep_directory:
                    config.hydra.sweep.dir = self.sweep_directory
                lines = [*overrides, *(f"{key}={value}" for key, value in swept_in_files(raw))]
                refuse_swept_settings(lines)
                if is_basic(config.hydra.sweeper):
                    self._refuse_no_jobs(lines)
        return config

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Compose one job of a sweep, from its template where that is certain to be the same."""
        self._of_a_sweep = True
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

    def _of_a_template(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig | None:
        """A job's configuration from its template; None where that is not certain to be what Hydra composes.

        What goes wrong here goes wrong in the full composition, too, which says what.
        """
        with contextlib.suppress(Exception):
            config, raw = self._templates.job(master_config, sweep_overrides)
            conceal(config, raw)
            refuse_unsafe(raw, sweep_overrides)
            if self.to_run and not self.checked_later:
                sweep_settings(config)
                check(written(raw) or plain(config))
            OmegaConf.copy_cache(from_config=master_config, to_config=config)
            return config
        return None

    def _template(self, config_name: str | None, overrides: list[str]) -> DictConfig:
        """What jobs of a sweep have in common, to which they add plain values."""
        with no_environment():
            config = super().load_configuration(config_name, overrides, RunMode.RUN)
        raw = in_raw_form(config)
        conceal(config, raw)
        # Of the refusals above, those that no value on the command line makes better or worse.
        self._refuse_two_files(raw)
        refuse_unreadable(swept_in_files(raw))
        return config

    def _refuse_two_files(self, raw: Mapping[str, Any]) -> None:
        for group, name in raw["hydra"]["runtime"]["choices"].items():
            rivals = [str(conf.provider) for conf in presets.rivals(group, str(name))]
            holders = [source.provider for source in self.get_sources() if source.is_config(f"{group}/{name}")]
            if len(rivals) > 1 and holders[0] in rivals:
                raise NnexpError(
                    f"{group}={name} is brought by {' and by '.join(rivals)}. Uninstall one of them, or copy the file you "
                    f"mean to DIR/{group}/{name}.yaml and type --config-dir DIR."
                )

    def _refuse_no_jobs(self, lines: Iterable[str]) -> None:
        for each in OverridesParser.create(self).parse_overrides(list(lines)):
            if message := without_jobs(each):
                raise NnexpError(message)

    def _refuse_half_a_sweep(self, config: DictConfig, sweep: SweepSettings) -> None:
        if self._of_a_sweep:
            return
        line = " ".join(str(each) for each in config.hydra.overrides.task)
        if config.hydra.sweeper.get("params"):
            raise NnexpError(f"This is a sweep (it has hydra.sweeper.params). Type -m {line}")
        for key, value in asdict(sweep).items():
            if value:
                raise NnexpError(f"sweep.{key}=true is for a sweep, and this is a single run. Type -m {line}")


def is_own(launcher: Mapping[Any, Any]) -> bool:
    """Whether the launcher with this configuration is nnexp's, whose jobs leave their record to the sweep's process."""
    return str(launcher.get("_target_", "")).endswith(".NnexpLauncher")


def is_basic(sweeper: Mapping[Any, Any]) -> bool:
    """Whether the sweeper with this configuration is Hydra's own, which lists all jobs before the first begins."""
    return str(sweeper.get("_target_", "")).endswith("basic_sweeper.BasicSweeper")


def swept_in_files(raw: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The pairs of ``hydra.sweeper.params``: what a preset or a ready sweep varies."""
    return list((raw["hydra"]["sweeper"].get("params") or {}).items())


def refuse_swept_settings(lines: Iterable[str]) -> None:
    """``sweep.*`` says how the sweep as a whole goes: it has one value."""
    for line in lines:
        override = OverridesParser.create().parse_override(line)
        if override.key_or_group.startswith("sweep.") and override.is_sweep_override():
            raise NnexpError(f"{line}: {override.key_or_group} is of the sweep as a whole and takes one value.")


def check_launcher(options: Any) -> None:
    """Check nnexp's own launcher's options; Hydra would report what is wrong when it builds the launcher. Raises NnexpError."""
    if is_own(options):
        part(LauncherSettings, "hydra.launcher.", {key: each for key, each in options.items() if key != "_target_"})


def conceal(config: DictConfig, raw: dict[str, Any]) -> None:
    """Take the password out of a store's address that a file names; the command line's was never in it."""
    tracking = raw.get("tracking")
    uri = tracking.get("uri") if isinstance(tracking, dict) else None
    if isinstance(uri, str) and (shown := kept(uri)) != uri:
        raw["tracking"]["uri"] = shown
        OmegaConf.update(config, "tracking.uri", shown)


def in_raw_form(config: DictConfig) -> dict[str, Any]:
    """The configuration as it is written: even to read the overrides' text must resolve nothing."""
    raw: Any = OmegaConf.to_container(config, resolve=False)
    return cast("dict[str, Any]", raw)


def refuse_unsafe(raw: Mapping[str, Any], task: Iterable[str]) -> None:
    """Refuse what ``nnexp.safety`` does not let pass; ``task`` are the overrides of other keys than Hydra's."""
    lines = [*raw["hydra"]["overrides"]["hydra"], *task]
    safety.check(raw, [str(line).lstrip("+~").partition("=")[0] for line in lines])


def refuse_unreadable(swept: Iterable[tuple[str, Any]]) -> None:
    """What a file sweeps has to be in the grammar of the command line; Hydra reads it only when it has made directories."""
    for key, value in swept:
        line = f"{key}={value}"
        try:
            OverridesParser.create().parse_override(line)
        except HydraException as mistake:
            raise NnexpError(f"hydra.sweeper.params: {unreadable(line, mistake)}") from mistake


def refuse_shadows(source: ConfigSource) -> None:
    """Refuse a file with the name of an installed option: Hydra would take the option for the file's schema."""
    for group, kind in registry.GROUPS.items():
        files = source.list(group, ObjectType.CONFIG) if source.is_group(group) else []
        for name in files:
            if name in installed.entries()[kind] or name == "auto":
                raise NnexpError(
                    f"{group}/{name}.yaml in {source.path} has the name of an installed option. Rename the file; in it, "
                    f"'defaults: [{name}, _self_]' extends the option."
                )


@contextmanager
def no_environment() -> Iterator[None]:
    """Within the block no interpolation reads the environment, such as one in a defaults list."""

    def refuse(*arguments: str) -> NoReturn:
        raise ValueError(f"a configuration may not read the environment: ${{oc.env:{','.join(arguments)}}}")

    OmegaConf.register_new_resolver("oc.env", refuse, replace=True)
    try:
        yield
    finally:
        OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)


def install() -> None:
    """Have Hydra load configurations through ``GuardedLoader``, and copy and write them as ``nnexp.configs`` does."""
    hydra._internal.hydra.ConfigLoaderImpl = GuardedLoader  # type: ignore[attr-defined]
    configs.install()
    quoting.install()


def sweep_settings(config: DictConfig) -> SweepSettings:
    """``sweep.*``, checked. A ready sweep's file that is not ``_global_`` puts its keys there, too. Raises NnexpError."""
    values: Any = OmegaConf.to_container(config.sweep)
    if not isinstance(values, dict) or {"hydra", *known_keys()} & values.keys():
        raise NnexpError(NO_PACKAGE.format("sweep"))
    return part(SweepSettings, "sweep.", values)


def plain(config: DictConfig) -> dict[str, Any]:
    """The configuration without Hydra's own part, in plain values, interpolations resolved (they were checked before)."""
    if OmegaConf.is_dict(config.get("experiment")):
        raise NnexpError(NO_PACKAGE.format("experiment"))
    try:
        return {str(key): value_of(config, key) for key in config if key not in ("hydra", "experiment", "sweep")}
    except OmegaConfBaseException as error:
        raise NnexpError(
            f"{getattr(error, 'full_key', None) or 'The configuration'}: {str(error).splitlines()[0]}"
        ) from error


def written(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The same from a configuration as it is written; empty where it refers to others of its keys, or lacks values."""
    values = {key: value for key, value in raw.items() if key not in ("hydra", "experiment", "sweep")}
    text = repr(values)
    return {} if "${" in text or MISSING in text or isinstance(raw.get("experiment"), dict) else values


def value_of(config: DictConfig, key: Any) -> Any:
    """One key's plain value; ``???`` where it is missing."""
    if OmegaConf.is_missing(config, key):
        return MISSING
    value = config[key]
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
