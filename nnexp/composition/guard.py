"""Whether the guard is in force: Hydra is asked before each command, and each job's configuration is looked at once more.

The guard itself is ``nnexp.composition.loader``'s loader, which Hydra has to use. Where it does not, nothing runs.

A loader is the only thing of Hydra's that sees every composition, of single runs and of each job of a sweep, before anything
is instantiated, logged or made. But its name is private. So Hydra is asked for a configuration by a word that only the guard
knows (``run``), and a job's configuration has to have the guard's flag: where the guard is not asked nothing runs, whatever
the version.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, NoReturn

from hydra._internal.utils import _run_hydra
from hydra.version import setbase
from omegaconf import DictConfig, OmegaConf
from omegaconf.basecontainer import BaseContainer

from nnexp.basics.environment import changed
from nnexp.basics.files import own_directory
from nnexp.errors import NnexpError

PRIMARY = "config"
"""The file of conf/ that a command begins with."""
PROBE = "nnexp.probe=true"
"""A word that only the guard knows."""
FULL_ERROR = "HYDRA_FULL_ERROR"
"""Has Hydra raise errors, for nnexp to say what they mean, where it would print them and exit."""


CHECKED = "nnexp_checked"
"""The flag of a configuration that has passed the guard; no file can set it."""


class InForce(BaseException):
    """The guard says that it is there. No Exception: Hydra keeps some of those to itself."""


@contextmanager
def no_resolvers() -> Iterator[None]:
    """Within the block no interpolation calls anything, such as one in a defaults list that reads the environment."""
    before = dict(BaseContainer._resolvers)

    def refuse(name: str) -> Any:
        def resolver(*arguments: Any) -> NoReturn:
            raise ValueError(f"a configuration may not call a resolver: ${{{name}:{','.join(map(str, arguments))}}}")

        return resolver

    for name in before:
        OmegaConf.register_new_resolver(name, refuse(name), replace=True)
    try:
        yield
    finally:
        BaseContainer._resolvers.clear()
        BaseContainer._resolvers.update(before)


def run(words: argparse.Namespace, parser: argparse.ArgumentParser, task: Callable[[DictConfig], object]) -> None:
    """Have Hydra do what was typed, the task included. Raises whatever ends it, NnexpError where the guard is not in force.

    That is asked of Hydra itself, on the very way that the words will go: a release that finds its loader elsewhere would
    compose and instantiate what nobody has checked.
    """
    with changed({FULL_ERROR: "1"}):
        _run(words, parser, task)


def _run(words: argparse.Namespace, parser: argparse.ArgumentParser, task: Callable[[DictConfig], object]) -> None:
    setbase("1.3")
    where = str(own_directory())
    asked = argparse.Namespace(**{**vars(words), **ASKING, "overrides": [PROBE]})
    try:
        _run_hydra(args=asked, args_parser=parser, task_function=task, config_path=where, config_name=PRIMARY)
    except InForce:
        pass
    except Exception as error:
        raise not_in_force() from error
    else:
        raise not_in_force()
    _run_hydra(args=words, args_parser=parser, task_function=task, config_path=where, config_name=PRIMARY)


ASKING = {
    **dict.fromkeys(("cfg", "info", "package", "config_path", "config_name", "config_dir")),
    **dict.fromkeys(("help", "hydra_help", "resolve", "shell_completion", "multirun"), False),
    "run": True,
}
"""Hydra's options as they are when the guard is asked for."""


def not_in_force() -> NnexpError:
    """The message where configurations would go unchecked."""
    return NnexpError(
        f"hydra-core {version('hydra-core')} does not let nnexp check configurations before they are used, so nothing is run. "
        "Install a version that nnexp knows: pip install 'hydra-core>=1.3.8,<1.4'"
    )


def refuse_unchecked(config: DictConfig) -> None:
    """Refuse a job's configuration that has not passed the guard. Raises NnexpError."""
    if not config._get_flag(CHECKED):
        raise not_in_force()
