"""Values as C++ writes them: whatever a text says, it stays within its literal."""

from __future__ import annotations

import string
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

PLAIN = frozenset(string.ascii_letters + string.digits + " !#$%&()*+,-./:;<=>@[]^_`{|}~'")
"""What stands for itself within double quotes: not the quote, not the backslash, and no ?, of which trigraphs are made."""
WIDTH = 120
DIGITS = {"float64": ".17g", "float32": ".9g"}
"""As many significant digits as tell each number of a dtype from all others."""


def text_literal(text: str) -> str:
    """``"text"sv``. Other bytes of UTF-8 than ``PLAIN`` are three octal digits, after which C++ reads no fourth."""
    return f'"{escaped(text)}"sv'


def character_literal(character: str) -> str:
    """``','``, of one character of ASCII."""
    return "'\\''" if character == "'" else f"'{escaped(character)}'"


def escaped(text: str) -> str:
    """The inside of a literal."""
    return "".join(chr(byte) if chr(byte) in PLAIN else f"\\{byte:03o}" for byte in text.encode())


def number_literal(value: float | np.floating, dtype: str) -> str:
    """A number with all its digits, in its dtype: ``0.10000000000000001``, ``0.100000001f``."""
    digits = format(float(np.dtype(dtype).type(value)), DIGITS[dtype])
    point = "" if set(digits) & {".", "e"} else ".0"
    return f"{digits}{point}{'f' if dtype == 'float32' else ''}"


def array(declaration: str, items: Iterable[str], indent: str = "") -> str:
    """``DECLARATION = {a, b};``, on as many lines as it takes."""
    return f"{indent}{declaration} = {braced(items, indent, f'{declaration} = ;')};"


def braced(items: Iterable[str], indent: str, beside: str = "") -> str:
    """``{a, b}``, on as many lines as it takes, with ``beside`` on the first one."""
    given = list(items)
    line = ", ".join(given)
    if len(indent) + len(beside) + len(line) + 2 <= WIDTH and "\n" not in line:
        return f"{{{line}}}"
    return "{\n" + "\n".join(lines(given, f"{indent}    ")) + f"\n{indent}}}"


def lines(items: list[str], indent: str) -> Iterable[str]:
    """Items with commas between them, as many on a line as there is room for."""
    line = ""
    for item in items:
        if line and len(indent) + len(line) + len(item) + 2 > WIDTH:
            yield indent + line
            line = ""
        line += f"{' ' if line else ''}{item},"
    yield indent + line


def numbers(declaration: str, values: NDArray[np.floating], dtype: str) -> str:
    """A constant array of one dimension or two."""
    if values.ndim == 1:
        return array(declaration, [number_literal(each, dtype) for each in values])
    rows = [braced([number_literal(each, dtype) for each in row], "    ", ",") for row in values]
    return f"{declaration} = {{\n" + "".join(f"    {row},\n" for row in rows) + "};"
