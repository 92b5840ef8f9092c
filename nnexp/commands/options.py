"""Hydra's own options of the run command, and which of them nnexp refuses."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from hydra._internal.utils import get_args_parser

from nnexp.errors import NnexpError, did_you_mean, listed


def options_parser() -> argparse.ArgumentParser:
    """Hydra's parser of options such as ``-m``, with nnexp's way of refusing. None can be abbreviated."""
    parser = get_args_parser()
    parser.allow_abbrev = False
    parser.error = refuse_option  # type: ignore[method-assign]
    return parser


def refuse_option(message: str) -> NoReturn:
    """Hydra's parser for options such as ``-m`` would exit with its whole usage."""
    option = message.rpartition(" ")[2]
    known = [f"--{each}" for each in ("multirun", "help", "hydra-help", "cfg", "config-dir", "config-name", "info")]
    raise NnexpError(
        f"{message}.{did_you_mean(option, known)} Options: {listed(['-m', *known])}. A key is typed key=value."
    )


def refuse_options(given: Mapping[str, Any]) -> None:
    """Options that do not go together: Hydra takes one of them, or says so in a traceback."""
    modes = {"multirun": "-m", "run": "--run", "cfg": "--cfg job", "info": "--info", "shell_completion": "-sc"}
    chosen = [option for key, option in modes.items() if given.get(key)]
    if len(chosen) > 1:
        raise NnexpError(
            f"{' and '.join(chosen)} do not go together. Type {chosen[-1]} without {' and '.join(chosen[:-1])}."
        )
    if given["experimental_rerun"] is not None:
        raise NnexpError(
            "--experimental-rerun reads a pickle, which can run code. Type the run's overrides again instead."
        )
    if given["resolve"] and not (given["cfg"] or given["help"]):
        raise NnexpError("--resolve goes with --cfg. Type --cfg job --resolve")
    if given["config_dir"] and not Path(given["config_dir"]).is_dir():
        raise NnexpError(
            f"--config-dir {given['config_dir']}: there is no folder of that name. Name the one that holds experiment/, "
            "sweep/ or other groups."
        )
    if given["package"] and not given["cfg"]:
        raise NnexpError(f"--package goes with --cfg. Type --cfg job --package {given['package']}")
    if given["shell_completion"] and not any("=" in word for word in given["overrides"]):
        raise NnexpError("-sc installs completion in a shell. Type -sc install=bash")


def file_options(given: Mapping[str, Any]) -> tuple[str, ...]:
    """The options that say which files take part, as they were typed."""
    return tuple(word for key, option in FILE_OPTIONS.items() if given.get(key) for word in (option, str(given[key])))


FILE_OPTIONS: Mapping[str, str] = {
    "config_path": "--config-path",
    "config_name": "--config-name",
    "config_dir": "--config-dir",
}
