"""What a sweep's job is told of a text reads back as that text.

Hydra hands each job its values as it would be typed them, and forgets the quotes of what a function was given: of
``choice('null','~x')`` a job would get nothing, and the next one something that cannot be read.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ParsedElementType, Quote, QuotedString
from hydra.errors import HydraException

from nnexp.composition.interpolation import REFERENCE

written: Callable[..., str] = getattr(Override, "_get_value_element_as_str", str)
"""As Hydra does it."""


def as_typed(value: ParsedElementType, space_after_sep: bool = False) -> str:
    """A value as it is typed; a text with quotes where it would be read as something else without them."""
    if isinstance(value, str):
        return text(value)
    return written(value, space_after_sep)


@functools.lru_cache(maxsize=4096)
def text(value: str) -> str:
    """A text as it is typed."""
    if REFERENCE.fullmatch(value):
        return value  # Hydra puts a backslash before each bracket, which reads the same and shows badly
    plain = written(value)
    try:
        read = OverridesParser.create().parse_override(f"x={plain}")
    except HydraException:
        read = None
    same = read is not None and not read.is_sweep_override() and type(read.value()) is str and read.value() == value
    return plain if plain and same else QuotedString(value, Quote.single).with_quotes()
