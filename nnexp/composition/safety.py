"""A configuration from a stranger cannot run code, read secrets or write outside its run directory.

Everything is checked in its raw form, before any interpolation is resolved.

nnexp's own keys hold values and references to each other, and call nothing; within a composition every resolver is taken
away. Nobody, not even at the command line, may say ``_target_``, or calls other than ``${now:}``, ``${nnexp.hex:}`` and
``${hydra:}`` in a directory's name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from nnexp.basics.files import outputs_here
from nnexp.basics.origin import refuse_proposed
from nnexp.basics.secrets import secret_name
from nnexp.composition.interpolation import REFERENCE, at, has, no_such_key, refuse_endless
from nnexp.composition.logs import leaves
from nnexp.errors import NnexpError, printable

NAMING = re.compile(r"\$\{(hydra:[\w.]+|now:[\w%. :-]*|nnexp\.hex:)\}", re.ASCII)
"""The calls that a name of a directory may hold: a time, random digits, what Hydra knows of the job."""
MOST_INTEGER = 2**63
PLACES = ("hydra.run.dir", "hydra.sweep.dir", "hydra.runtime.cwd", "hydra.runtime.output_dir")
"""What a directory's name may begin with though there is a / in it."""


CHOSEN = ("hydra.launcher", "hydra.sweeper", "hydra.job_logging", "hydra.hydra_logging", "hydra.env")
"""Parts of Hydra's that are chosen as a whole."""
OWN_FILES = (
    *(
        "config.yaml",
        "cost.png",
        "weights.npz",
        "model.json",
        "result.json",
        "journal.jsonl",
        "delivery.json",
        "pictures",
    ),
    *("checkpoint.npz", "checkpoint.previous.npz", "moments.npz", "manifest.json", "comparison.png", "multirun.yaml"),
)
"""What lies in a run's directory, and in a sweep's."""


def check(config: Any, typed: Collection[str], keys: Collection[str]) -> None:
    """Refuse a raw configuration (``resolve=False``, Hydra's part included) that could do more than choose and set values.

    ``typed`` are the keys that the user typed, ``keys`` nnexp's own on the highest level. What files may say of Hydra's part is
    not looked at here but held against ``nnexp.composition.reference``. Raises NnexpError.
    """
    own = {key: value for key, value in config.items() if key != "hydra"}
    for path, value in leaves(own):
        check_value(path, value, keys)
    refuse_endless(own)
    check_store(own.get("tracking"), typed)
    hydra = config.get("hydra", {})
    check_sweep(hydra.get("sweeper"), keys)
    check_environment(hydra.get("job") or {})
    check_names(config)


def check_value(path: str, value: Any, keys: Collection[str]) -> None:
    """Refuse a value that is more than a value or a reference to another of nnexp's own keys."""
    if path.rpartition(".")[2] == "_target_":
        raise NnexpError(
            f"{path}={value}: a configuration cannot run code. Choose an installed plugin by its name instead."
        )
    if isinstance(value, int) and abs(value) > MOST_INTEGER:
        raise NnexpError(
            f"{path} has {len(hex(value)) * 4:,} bits, which no key of nnexp's takes. Type a smaller number."
        )
    if not isinstance(value, str):
        return
    outward = [key for key in REFERENCE.findall(value) if key.partition(".")[0] not in keys]
    if outward and not outward[0].startswith("hydra") and "${" not in REFERENCE.sub("", value):
        raise NnexpError(no_such_key(path, value, outward[0], keys))
    if outward or "${" in REFERENCE.sub("", value):
        raise NnexpError(
            f"{path}={value}: a configuration may refer to its own keys (${{seed}}), not call a resolver, read the "
            "environment or look into hydra.*. Type the value itself."
        )
    if printable(value) != value:
        raise NnexpError(printable(f"{path}={value}: a value holds no control characters."))


def check_store(tracking: Any, typed: Collection[str]) -> None:
    """A file only proposes a store (``nnexp.basics.origin``), and says nothing of where artifacts may go."""
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


def check_sweep(sweeper: Any, keys: Collection[str]) -> None:
    """What a file sweeps is nnexp's own keys, but for the store, by plain values."""
    params = (sweeper or {}).get("params") or {}
    for key, value in params.items() if isinstance(params, Mapping) else [("", params)]:
        head = str(key).lstrip("+~").partition("@")[0].partition(".")[0]
        place = str(key).lstrip("+~").startswith(("tracking.uri", "tracking.artifacts"))
        simple = not isinstance(value, Mapping) and "${" not in f"{key}{value}" and "_target_" not in f"{key}{value}"
        if head not in keys or place or not simple:
            raise NnexpError(
                f"hydra.sweeper.params.{key}={value}: a sweep varies the experiment's own keys by plain values. Keys of "
                "hydra.* and the store are for the command line."
            )


def check_words(words: Mapping[str, Any]) -> None:
    """Refuse what of Hydra's part nobody can type either: code to run, and calls but for those that name a directory.

    ``words`` are the overrides of hydra.*, each key with its value.
    """
    for word, value in words.items():
        if word.lstrip("+~") in CHOSEN and not isinstance(value, Mapping):
            group = word.lstrip("+~").replace(".", "/")
            raise NnexpError(f"{word}={value}: it is chosen with a /. Type {group}={value}")
        for path, inner in leaves(value, word):
            if path.rpartition(".")[2].lstrip("+~") == "_target_":
                raise NnexpError(
                    f"{path}={inner}: a configuration cannot run code. Choose a launcher or a sweeper that is installed: "
                    "hydra/launcher=NAME, hydra/sweeper=NAME."
                )
            if isinstance(inner, str) and "${" in REFERENCE.sub("", NAMING.sub("", inner)):
                raise NnexpError(
                    f"{path}={inner}: a name may hold a time (${{now:%Y-%m-%d}}), random digits (${{nnexp.hex:}}) and "
                    "references to keys, and call nothing else. Type the value itself."
                )
            if isinstance(inner, str) and printable(inner) != inner:
                raise NnexpError(printable(f"{path}={inner}: a value holds no control characters."))


def check_help(texts: Any) -> None:
    """The words of ``--help`` may be anything but calls."""
    for path, value in leaves(texts or {}, "hydra.help"):
        if "${" in re.sub(r"\$\{hydra\.(help|job)\.\w+\}", "", str(value)):
            raise NnexpError(f"{path} is only shown: it may refer to hydra.help and hydra.job, and call nothing.")


def check_verbose(verbose: Any) -> None:
    """``hydra.verbose`` is true, false, or the names of loggers."""
    names = verbose if isinstance(verbose, list) else [verbose]
    if not isinstance(verbose, bool) and not all(isinstance(each, str) for each in names):
        raise NnexpError(f"hydra.verbose={verbose}: it is true, false, or loggers' names. Type hydra.verbose=true.")


def check_names(config: Any) -> None:
    """What becomes a part of a path cannot lead out of it, also where it was typed."""
    hydra = config.get("hydra") or {}
    job_name = str(at(hydra, "job.name"))
    if "/" in job_name:
        raise NnexpError(f"hydra.job.name={job_name} is the name of a file, the log's, and holds no /.")
    for key in ("sweep.subdir", "output_subdir"):
        name = str(at(hydra, key))
        if name.partition("/")[0] in OWN_FILES:
            raise NnexpError(f"hydra.{key}={name} is what nnexp calls a file of its own. Type another name.")
        if not stays_inside(name):
            raise NnexpError(
                f"hydra.{key}={name} leads out of the run's directory. Type a name without .. and / before it."
            )
    check_referred(config, hydra)
    for group, choice in (at(hydra, "runtime.choices") or {}).items():
        if not stays_inside(str(choice)):
            raise NnexpError(
                f"{group}={choice}: an option is chosen by its name. --config-dir DIR adds files of yours."
            )


def check_referred(config: Any, hydra: Any) -> None:
    """What a name is made of has to be there, and to be a name itself."""
    for key in ("run.dir", "sweep.dir", "sweep.subdir", "output_subdir", "job.name"):
        for reference in REFERENCE.findall(written := str(at(hydra, key))):
            if not has(config, reference):
                raise NnexpError(no_such_key(f"hydra.{key}", written, reference, ()))
            value = str(at(config, reference))
            if reference not in PLACES and ("/" in value or "${" in value or not value.strip(".")):
                raise NnexpError(
                    f"hydra.{key} is made of {reference}, which is '{value}', no name of a directory. Leave it out; of "
                    "override_dirname a key is left out by hydra.job.config.override_dirname.exclude_keys=[KEY]."
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
