"""What may be said of Hydra's part of a configuration: by files little, by words what runs no code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from nnexp.basics.plain import override
from nnexp.composition import safety
from nnexp.composition.files import plain_value
from nnexp.composition.logs import check_logging
from nnexp.composition.reference import FREE, OWN, differences, reference
from nnexp.errors import NnexpError


def refuse_hydras_part(hydra: Mapping[str, Any], overrides: Sequence[str]) -> None:
    """Refuse what a file says of Hydra's part that it may not, and what nobody may. Raises NnexpError.

    ``hydra`` is that part as it is written, ``overrides`` are all of the words.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    words = [each.input_line for each in parsed if each.is_hydra_override()]
    given = {"hydra": words, "task": [each.input_line for each in parsed if not each.is_hydra_override()]}
    if hydra["overrides"] != given:
        raise NnexpError("hydra.overrides is set in a file. It is what was typed: leave it out of the file.")
    safety.check_words({each.key_or_group: plain_value(each) for each in parsed if each.is_hydra_override()})
    for key in (*OWN, *FREE):
        if isinstance(value := hydra.get(key), str):
            raise NnexpError(f"hydra.{key}={value}: it is a group of keys. Type hydra.{key}.KEY=VALUE")
    for part_of_hydra in ("launcher", "sweeper"):
        if not isinstance(hydra.get(part_of_hydra), Mapping):
            raise NnexpError(
                f"hydra/{part_of_hydra} cannot be left out. Choose one: hydra/{part_of_hydra}=NAME, or leave the word out."
            )
    chosen = [str(each.input_line) for each in parsed if each.is_hydra_override() and each.key_or_group != "hydra.mode"]
    for path, value in differences(hydra, reference(tuple(chosen))):
        raise NnexpError(
            f"{path}={value} is set in a file. A file may set nnexp's own keys and, of Hydra's, hydra.mode, "
            f"hydra.sweeper.params and hydra.launcher.workers. Take it out there, and type it: {override(path, value)}"
        )
    callbacks = hydra.get("callbacks")
    if not isinstance(callbacks, Mapping) or callbacks.get("nnexp") != OWN["callbacks"]["nnexp"]:
        raise NnexpError("hydra.callbacks.nnexp is how nnexp keeps its runs apart. Leave it as it is.")
    safety.check_help(hydra.get("help"))
    safety.check_verbose(hydra.get("verbose"))
    for logging in ("job_logging", "hydra_logging"):
        check_logging(hydra.get(logging), f"hydra.{logging}")
