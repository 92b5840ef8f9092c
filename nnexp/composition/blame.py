"""Which file says what is refused: a message about a key that nobody has typed begins with the preset's name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from hydra._internal.config_repository import IConfigRepository

from nnexp.basics.files import relative
from nnexp.composition.choices import extension, read_file
from nnexp.composition.interpolation import PLACE
from nnexp.composition.logs import leaves
from nnexp.discovery.registry import GROUPS
from nnexp.errors import NnexpError

PRESETS = ("sweep", "experiment")
"""Groups of files with keys of the highest level, the one that counts first."""


@contextmanager
def naming_files(choices: Mapping[str, Any], words: Sequence[str], repository: IConfigRepository) -> Iterator[None]:
    """Within the block a refusal of a key that a file sets, and none of the ``words`` that were typed, names the file.

    ``choices`` are the options that the configuration is made of. Raises the NnexpError of the block.
    """
    try:
        yield
    except NnexpError as error:
        typed = {word.lstrip("+~").partition("=")[0] for word in words}
        for path, key in files_keys(choices, repository):
            if key not in typed and is_about(str(error), key):
                raise NnexpError(f"{relative(path)}: {error}") from error
        raise


def files_keys(choices: Mapping[str, Any], repository: IConfigRepository) -> Iterator[tuple[str, str]]:
    """The files of a configuration, with each key that they set."""
    presets = [("", read_file(group, str(choices.get(group)), repository)) for group in PRESETS]
    extending = [(group, each) for group in GROUPS for each in extension(group, str(choices.get(group)), repository)[0]]
    for place, file in [*presets, *extending]:
        if file:
            yield from ((file.path, PLACE.sub("", path)) for path, _ in leaves(file.content, place))


def is_about(message: str, key: str) -> bool:
    """Whether a refusal is about a key, or about a place in the list that it holds, which the message begins with."""
    unknown = (f"No key '{key}'", f"No key '{key.partition('.')[0]}'")
    return message.startswith((*unknown, *(f"{key}{mark}" for mark in " =:.")))
