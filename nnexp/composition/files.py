"""What a configuration file may say, and which files take part: each is looked at as it is read."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import OmegaConf

from nnexp.basics.bounded_yaml import refuse_unbounded
from nnexp.basics.plain import override
from nnexp.composition.composed import is_own
from nnexp.composition.explain import unreadable
from nnexp.composition.keys import SEARCH
from nnexp.composition.reference import LAUNCHER, OWN, leaves
from nnexp.composition.safety import stays_inside
from nnexp.composition.words import text, values
from nnexp.discovery import installed, presets, registry
from nnexp.errors import NnexpError, first_line
from nnexp.experiment.plan import part
from nnexp.experiment.settings import LauncherSettings


def refuse_swept_settings(lines: Iterable[str]) -> None:
    """``sweep.*`` and ``search.*`` say how the sweep as a whole goes: they have one value."""
    for line in lines:
        override = OverridesParser.create().parse_override(line)
        if (override.key_or_group.startswith(("sweep.", f"{SEARCH}.")) or override.key_or_group == SEARCH) and (
            override.is_sweep_override()
        ):
            raise NnexpError(f"{line}: {override.key_or_group} is of the sweep as a whole and takes one value.")


def refuse_rivals(choices: Mapping[str, Any], sources: Sequence[ConfigSource]) -> None:
    """Refuse a choice that two installed distributions bring a file for, where no nearer source has one. Raises NnexpError."""
    for group, name in choices.items():
        rivals = [str(conf.provider) for conf in presets.rivals(group, str(name))]
        holders = [source.provider for source in sources if source.is_config(f"{group}/{name}")]
        if len(rivals) > 1 and holders[0] in rivals:
            raise NnexpError(
                f"{group}={name} is brought by {' and by '.join(rivals)}. Uninstall one of them, or copy the file you "
                f"mean to DIR/{group}/{name}.yaml and type --config-dir DIR."
            )


def check_launcher(options: Any) -> None:
    """Check nnexp's own launcher's options; Hydra would report what is wrong when it builds the launcher. Raises NnexpError."""
    if is_own(options):
        part(LauncherSettings, "hydra.launcher.", {key: each for key, each in options.items() if key != "_target_"})


def checked_reader(repository: Any, primary_name: str | None) -> Callable[[str], Any]:
    """How one composition reads its files: each is looked at, and so is how many they are. Raises NnexpError."""
    load = repository.load_config
    read: Counter[str] = Counter()

    def load_config(config_path: str) -> Any:
        read[config_path] += 1
        if read.total() > MOST_FILES:
            if read[config_path] > MOST_FILES * 3 // 4:  # hardly any other
                raise NnexpError(f"The defaults list of {config_path} leads back to the file itself.")
            raise NnexpError(
                f"Defaults lists lead to more than {MOST_FILES} files, the last {config_path}. Shorten them."
            )
        if read[config_path] > 1:
            return load(config_path)
        if not stays_inside(config_path):
            group, _, name = config_path.partition("/")
            raise NnexpError(
                f"No {group} '{name}': an option is chosen by its name, and a defaults list names files below its own "
                "folder, without .. in them."
            )
        refuse_unbounded_file(repository.get_sources(), config_path)
        try:
            found = load(config_path)
        except ValueError as error:  # Hydra does not say in which file
            if isinstance(error, UnicodeError):
                raise
            raise NnexpError(
                f"{config_path}.yaml: {first_line(error)}. An item of its defaults list is _self_, GROUP: OPTION, "
                "override /GROUP: OPTION, or a file's name."
            ) from error
        if found and found.path != "pkg://hydra.conf" and not found.path.startswith("structured://"):
            primary = config_path == primary_name
            refuse_hydras_choices(found, config_path, primary=primary)
            refuse_hydras_keys(found, config_path, primary=primary)
        return found

    return load_config


def read_once(load: Callable[[str], Any], read: dict[str, Any]) -> Callable[[str], Any]:
    """Reads a file that is not among the ``read`` ones yet; each composition gets a copy of its own, for it writes into it."""

    def load_config(config_path: str) -> Any:
        if config_path not in read:
            read[config_path] = load(config_path)
        found = read[config_path]
        return found and replace(found, config=copy.deepcopy(found.config))

    return load_config


def refuse_unbounded_file(sources: Iterable[ConfigSource], name: str) -> None:
    """Refuse a file of somebody else's that stands for more than a configuration can have."""
    for source in sources:
        if source.scheme() == "file" and source.is_config(name):
            refuse_unbounded(Path(source.path, source._normalize_file_name(name)))
            return


def refuse_hydras_choices(found: ConfigResult, name: str, *, primary: bool) -> None:
    """Refuse a launcher, a sweeper or anything else of Hydra's that a file's defaults list chooses."""
    for each in found.defaults_list or []:
        group = str(getattr(each, "group", "") or "").lstrip("/")
        own = primary and (group, getattr(each, "value", None)) == ("hydra/launcher", LAUNCHER)
        if group in ("experiment", "sweep") and not primary and getattr(each, "override", False):
            raise NnexpError(
                f"{name}.yaml chooses {group}={getattr(each, 'value', 'NAME')}, and a preset chooses no other. "
                "Copy what you need of it."
            )
        if group.startswith("hydra") and not own:
            choice = f"{group}={getattr(each, 'value', 'NAME')}"
            raise NnexpError(
                f"{choice} is chosen in the file {name}.yaml. Take it out there; if you want it, type it: {choice}"
            )


def refuse_hydras_keys(found: ConfigResult, name: str, *, primary: bool) -> None:
    """Refuse what a file says of Hydra's part, at whatever place, where Hydra puts its own over it and nobody would see.

    ``nnexp.composition.reference`` sees the rest, and all of what conf/config.yaml says.
    """
    package = str((found.header or {}).get("package") or "_group_")
    group = name.rpartition("/")[0].replace("/", ".")
    place = "" if primary or package == "_global_" else package.replace("_group_", group)
    for path, value in leaves(OmegaConf.to_container(found.config, resolve=False), place).items():
        if path == "hydra":
            raise NnexpError(
                f"hydra={value} is set in a file, {name}.yaml, and is a group of keys. Leave it out there."
            )
        may = path.startswith((*FILE_MAY, "hydra.help.")) if primary else path.startswith(FILE_MAY)
        if path.startswith("hydra.") and not may and not (primary and within(path, OWN)):
            raise NnexpError(
                f"{path}={value} is set in a file, {name}.yaml. A file may set nnexp's own keys and, of Hydra's, hydra.mode, "
                f"hydra.sweeper.params and hydra.launcher.workers. Take it out there, and type it: {override(path, value)}"
            )


MOST_FILES = 500
"""Files that one composition may read, each as often as it is named."""
FILE_MAY = ("hydra.mode", "hydra.sweeper.params", "hydra.launcher.workers")
"""What a file may say of Hydra's part."""


def within(path: str, own: Mapping[str, Any]) -> bool:
    """Whether ``hydra.*`` has this key where nnexp sets it."""
    node: Any = own
    for key in path.split(".")[1:]:
        if not isinstance(node, Mapping):
            return isinstance(node, list)
        if key not in node:
            return False
        node = node[key]
    return True


def plain_value(override: Override) -> Any:
    """An override's value in plain values, of several values each."""
    found = [each if isinstance(each, dict | list) else text(each) for each in values(override)]
    return found[0] if len(found) == 1 else found or None


def refuse_unreadable(swept: Iterable[tuple[str, Any]]) -> None:
    """What a file sweeps has to be in the grammar of the command line; Hydra reads it only when it has made directories."""
    for key, value in swept:
        line, (head, _, rest) = f"{key}={value}", key.partition(".")
        if head in (SEARCH, "sweep"):
            written = f"'{head}: {{{rest}: {value}}}'" if rest else f"'defaults: [override /{head}: {value}]'"
            raise NnexpError(
                f"hydra.sweeper.params: {key} does not vary, it is of the sweep as a whole. Write {written}"
            )
        if isinstance(value, list) and key in registry.GROUPS:
            raise NnexpError(
                f"hydra.sweeper.params: {key} has a list, and what varies is one text. Write {key}: {','.join(map(str, value))}"
            )
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
