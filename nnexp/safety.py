"""A configuration from a stranger cannot run code, read secrets or write outside its run directory.

Everything is checked in its raw form, before any interpolation is resolved.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from nnexp.errors import NnexpError, printable
from nnexp.files import outputs_here
from nnexp.tracking.address import kept, masked, secret_name
from nnexp.tracking.origin import refuse_proposed

ADDRESS_OVERRIDE = re.compile(r"(\+{0,2}tracking\.uri|\+{0,2}hydra\.job\.env_set\.MLFLOW_\w*URI)=(.*)", re.DOTALL)
"""An override that gives a store's address."""
ADDRESS_WORD = re.compile(r"((?:--\w+=)?)(\w[\w+.-]*://.*)", re.DOTALL)
"""A word that is an address, or an option with one."""
PLAIN_ADDRESS = re.compile(r"[\w:/.@*+%|?-]+")
"""What Hydra's grammar takes without quotes."""

RESOLVER = re.compile(r"\$\{[^{}]*:")
"""``${name:...}``: a call, not a reference to another key."""
OUTWARD = re.compile(r"\$\{[^{}]*(hydra|\$\{)")
"""A reference into Hydra's part, or one whose target is itself computed."""

OWN_TARGETS = ("nnexp.sweep.Recorder",)
"""What nnexp's own configuration names."""

TYPED_ONLY: Mapping[str, str | None] = {
    "run.dir": "outputs/runs/${now:%Y-%m-%d_%H-%M-%S}_${nnexp.hex:}",
    "sweep.dir": "outputs/sweeps/${now:%Y-%m-%d_%H-%M-%S}_${nnexp.hex:}",
    "sweep.subdir": "${hydra.job.num}",
    "output_subdir": ".hydra",
    "job.name": "nnexp",
    "job.chdir": None,
}
"""Keys of hydra.* that say where files go, with nnexp's values: only the command line may set others, no file."""

REFERENCE = re.compile(r"\$\{([\w.]+)\}")
PLACES = ("hydra.run.dir", "hydra.sweep.dir", "hydra.runtime.cwd", "hydra.runtime.output_dir")
"""What a directory's name may begin with though there is a / in it."""

HYDRA_KEY = re.compile(r"^hydra\.sweeper\..*?(^|\.)[+~]*(hydra[./]|tracking\.uri)")
"""A key of Hydra's, or the store's address, among what is swept."""

LOG_CLASSES = ("logging.StreamHandler", "logging.FileHandler", "logging.NullHandler", "colorlog.ColoredFormatter")
LOG_FILE = re.compile(r"\$\{hydra\.(runtime\.output_dir|run\.dir|sweep\.dir)\}/(\$\{hydra\.job\.name\}|[\w-]+)\.log")
LOG_STREAMS = ("ext://sys.stdout", "ext://sys.stderr")


def without_passwords(words: Iterable[str]) -> list[str]:
    """The words of a command line with ``***`` for the passwords of stores' addresses, which are kept for this process.

    Hydra writes overrides, command and configuration into many files; after this there is nothing to hide in them.
    """
    return [_without_password(word) for word in words]


def _without_password(word: str) -> str:
    if override := ADDRESS_OVERRIDE.fullmatch(word):
        key, typed = override.groups()
        found = addresses(word, typed) if masked(typed) != typed else []
        if any(masked(each) != each for each in found):
            return f"{key}={','.join(_quoted(kept(each)) for each in found)}"
    elif address := ADDRESS_WORD.fullmatch(word):
        return f"{address[1]}{kept(address[2])}"
    return word


def addresses(word: str, typed: str) -> list[str]:
    """What an override says in Hydra's grammar; one that is not in it is the address as it was typed."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import QuotedString
    from hydra.errors import HydraException

    parse = OverridesParser.create().parse_override
    try:
        override = parse(word)
        given = [override.value()]
        if override.is_sweep_override():
            if typed.count("://") == 1:  # a comma in a password
                return [typed]
            given = [parse(f"x={line}").value() for line in override.sweep_string_iterator()]
    except (HydraException, ValueError):
        return [typed]
    return [value.text if isinstance(value, QuotedString) else str(value) for value in given]


def _quoted(address: str) -> str:
    return address if PLAIN_ADDRESS.fullmatch(address) else "'{}'".format(address.replace("'", "\\'"))


def check(config: Any, typed: Collection[str] = ()) -> None:
    """Refuse a raw configuration (``resolve=False``, Hydra's part included) that could do more than choose and set values.

    ``typed`` are the keys of hydra.* that the user set on the command line. Raises NnexpError.
    """
    own = {key: value for key, value in config.items() if key != "hydra"}
    for path, value in leaves(own):
        if path.rpartition(".")[2] == "_target_":
            raise NnexpError(
                f"{path}={value}: a configuration cannot run code. Choose an installed plugin by its name instead."
            )
        if isinstance(value, str) and (RESOLVER.search(value) or OUTWARD.search(value)):
            raise NnexpError(
                f"{path}={value}: a configuration may refer to its own keys (${{seed}}), not call a resolver, read the "
                "environment or look into hydra.*. Type the value itself."
            )
        if isinstance(value, str) and printable(value) != value:
            raise NnexpError(printable(f"{path}={value}: a value holds no control characters."))
    hydra = config.get("hydra", {})
    check_store(own.get("tracking"), typed)
    check_sweep(hydra.get("sweeper"))
    check_targets(hydra)
    check_environment(hydra.get("job") or {})
    check_places(hydra, typed)
    check_names(config)
    for part in ("job_logging", "hydra_logging"):
        check_logging(hydra.get(part), f"hydra.{part}", typed)


def check_store(tracking: Any, typed: Collection[str]) -> None:
    """A file only proposes a store (``nnexp.tracking.origin``), and says nothing of where artifacts may go."""
    if tracking is not None and not isinstance(tracking, Mapping):
        raise NnexpError(f"tracking={tracking} is no group of keys. Choose tracking=mlflow or tracking=none.")
    proposed = {key: value for key, value in (tracking or {}).items() if f"tracking.{key}" not in typed}
    if isinstance(uri := proposed.get("uri"), str):
        refuse_proposed(uri, outputs_here())
    if proposed.get("artifacts") is not None:
        raise NnexpError(
            f"tracking.artifacts={proposed['artifacts']} is set in a file, and where files go is for the command line: type "
            f"tracking.artifacts={proposed['artifacts']}"
        )


def check_sweep(sweeper: Any) -> None:
    """What a sweep varies is held to the rules of a file: no key of Hydra's, no store, nothing to resolve."""
    for path, value in leaves(sweeper or {}, "hydra.sweeper"):
        if HYDRA_KEY.search(path) or "${" in str(value) or "${" in path:
            raise NnexpError(
                f"{path}={value}: a sweep varies the experiment's own keys by plain values. Keys of hydra.* and tracking.uri "
                "are for the command line."
            )


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its dotted path; keys named ``_target_`` whatever they hold."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            here = f"{path}.{key}" if path else str(key)
            if key == "_target_":
                yield here, inner
            else:
                yield from leaves(inner, here)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}.{index}")
    else:
        yield path, value


def check_targets(hydra: Any) -> None:
    """Inside hydra.* a ``_target_`` has to be one that an installed Hydra plugin registered."""
    found = [(path, value) for path, value in leaves(hydra, "hydra") if path.rpartition(".")[2] == "_target_"]
    if not found:
        return
    allowed = {*OWN_TARGETS, *registered_targets()}
    for path, value in found:
        if value not in allowed:
            raise NnexpError(
                f"{path}={value}: only the launchers and sweepers of installed Hydra plugins may be named here. "
                "Choose one with hydra/launcher=NAME or hydra/sweeper=NAME."
            )


def registered_targets() -> frozenset[str]:
    """The ``_target_`` of every node that installed plugins put into Hydra's store under hydra/."""
    from hydra.core.config_store import ConfigNode, ConfigStore

    def walk(repo: Mapping[str, Any]) -> Iterator[ConfigNode]:
        for entry in repo.values():
            if isinstance(entry, ConfigNode):
                yield entry
            elif isinstance(entry, Mapping):
                yield from walk(entry)

    return frozenset().union(
        *map(targets_of, (entry.node for entry in walk(ConfigStore.instance().repo.get("hydra", {}))))
    )


def targets_of(node: Any) -> frozenset[str]:
    """The ``_target_`` values in a node of Hydra's store; what is in the store does not change, so each is read once."""
    if id(node) not in _TARGETS:
        from omegaconf import OmegaConf

        content = leaves(OmegaConf.to_container(node, resolve=False))
        _TARGETS[id(node)] = node, frozenset(str(value) for path, value in content if path.endswith("_target_"))
    return _TARGETS[id(node)][1]


_TARGETS: dict[int, tuple[Any, frozenset[str]]] = {}


def check_places(hydra: Any, typed: Collection[str]) -> None:
    """Where files go, and what the environment becomes, is the user's to type, not a file's to say."""
    for key, expected in TYPED_ONLY.items():
        value = _at(hydra, key)
        if value != expected and not _typed(f"hydra.{key}", typed):
            raise NnexpError(
                f"hydra.{key}={value} is set in a file. Where files go is for the command line: type hydra.{key}=..."
            )
    job = hydra.get("job") or {}
    copied = job.get("env_copy") or []  # Hydra has put them into env_set, too
    given = {"env_set": set(job.get("env_set") or {}) - set(copied), "env_copy": copied}
    for key, names in given.items():
        if names and not _typed(f"hydra.job.{key}", typed):
            raise NnexpError(
                f"hydra.job.{key} is set in a file. The environment is for the command line: type hydra.job.{key}=..."
            )


def check_names(config: Any) -> None:
    """What becomes a part of a path cannot lead out of it, also where it was typed."""
    hydra = config.get("hydra") or {}
    job_name = str(_at(hydra, "job.name"))
    if "/" in job_name:
        raise NnexpError(f"hydra.job.name={job_name} is the name of a file, the log's, and holds no /.")
    for key in ("sweep.subdir", "output_subdir"):
        name = str(_at(hydra, key))
        if not stays_inside(name):
            raise NnexpError(
                f"hydra.{key}={name} leads out of the run's directory. Type a name without .. and / before it."
            )
    for key in ("run.dir", "sweep.dir", "sweep.subdir", "output_subdir"):
        for reference in REFERENCE.findall(str(_at(hydra, key))):
            value = str(_at(config, reference))
            if reference not in PLACES and ("/" in value or "${" in value or not value.strip(".")):
                raise NnexpError(
                    f"hydra.{key} is made of {reference}, which is '{value}', no name of a directory. Leave it out; of "
                    "override_dirname a key is left out by hydra.job.config.override_dirname.exclude_keys=[KEY]."
                )
    for group, choice in (_at(hydra, "runtime.choices") or {}).items():
        if not stays_inside(str(choice)):
            raise NnexpError(
                f"{group}={choice}: an option is chosen by its name. --config-dir DIR adds files of yours."
            )


def stays_inside(name: str) -> bool:
    """Whether a relative path cannot leave the directory that it is in."""
    return not name.startswith(("/", "~")) and ".." not in name.split("/")


def check_environment(job: Any) -> None:
    """Hydra writes what it passes on of the environment into every job's .hydra/hydra.yaml."""
    for name in [*(job.get("env_copy") or []), *(job.get("env_set") or {})]:
        if secret_name(str(name)):
            raise NnexpError(
                f"{name} may be a secret, and Hydra would write it into files. Leave it out: jobs have the environment "
                "of this command."
            )


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _typed(key: str, typed: Collection[str]) -> bool:
    return any(key == each or key.startswith(f"{each}.") or each.startswith(f"{key}.") for each in typed)


def check_logging(value: Any, path: str, typed: Collection[str]) -> None:
    """Python's logging configuration can import and call anything: only plain handlers and files in the run directory pass."""
    names = list((value or {}).get("handlers") or {}) if isinstance(value, Mapping) else []
    for key, inner in leaves(value, path):
        if ".handlers." in key and key.rpartition(".")[2].isdigit() and inner not in names:
            raise NnexpError(f"{key}={inner}: no such handler. {path} has {', '.join(names) or 'none'}.")
        name = key.rpartition(".")[2]
        if name in ("()", "class", "factory") and inner not in LOG_CLASSES:
            raise NnexpError(f"{key}={inner}: logging may only use {', '.join(LOG_CLASSES)}.")
        if ".formatters." in key and name in ("format", "fmt"):
            check_format(inner, key)
        if name == "filename" and not LOG_FILE.fullmatch(str(inner)) and not _typed(path, typed):
            raise NnexpError(
                f"{key}={inner}: a log goes into the run's directory: ${{hydra.runtime.output_dir}}/NAME.log."
            )
        if isinstance(inner, str) and "://" in inner and inner not in LOG_STREAMS:
            raise NnexpError(f"{key}={inner}: logging may only refer to {' and '.join(LOG_STREAMS)}.")


def check_format(text: Any, key: str) -> None:
    """A log line's format that Python's logging cannot use."""
    try:
        logging.Formatter(text)
    except (TypeError, ValueError) as error:
        raise NnexpError(
            f"{key}={text}: not a format of log lines ({error}). Type one such as '%(asctime)s %(message)s'."
        ) from None
