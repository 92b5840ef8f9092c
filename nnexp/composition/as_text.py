"""A field that holds text gets the text that was typed, character by character.

Hydra reads ``2020_01`` as 202001, ``1.50`` as 1.5 and ``null`` as nothing, also where a column's name is meant, and refuses
``price (EUR)``. So a word for such a field is given Hydra's quotes before Hydra sees it.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from nnexp.basics.fields import field_types, hyperparameters, is_file
from nnexp.composition.keys import ALL_SECTIONS
from nnexp.discovery import installed, registry
from nnexp.discovery.registry import GROUPS
from nnexp.errors import NnexpError

WORD = re.compile(r"(?P<key>\+{0,2}(?P<group>[a-z]\w*)\.(?P<field>[a-z]\w*)=)(?P<value>.*)", re.ASCII | re.DOTALL)
FUNCTION = re.compile(
    r"\s*(choice|range|interval|glob|shuffle|sort|tag|extend_list|int|float|str|bool|json_str)\(.*\)\s*", re.DOTALL
)
"""A value that Hydra makes of others."""
OPENING, CLOSING = "([{", ")]}"


def with_quotes(words: Sequence[str], *, multirun: bool) -> list[str]:
    """The words of the command line, in which texts that Hydra would read as something else have quotes."""
    return [_with_quotes(word, words, multirun=multirun) for word in words]


def _with_quotes(word: str, words: Sequence[str], *, multirun: bool) -> str:
    found = WORD.fullmatch(word)
    if not found or not found["value"].strip() or FUNCTION.fullmatch(found["value"]):
        return word
    value = found["value"]
    parts, is_list = elements(value)
    read = [reading(part) for part in parts]
    there = len(parts) > 1 and not multirun and not is_list and Path(value).is_file()
    if not there and not any(map(misread, read)):
        return word
    fields = [*_fields(found["group"], found["field"], words)]
    if not fields or not all(holds_text(each.kind) for each in fields):
        return word
    if there and all(each.file for each in fields):
        return found["key"] + quote(value)
    nothing = not is_list and any(each.file or type(None) in typing.get_args(each.kind) for each in fields)
    typed = [
        quote(part.strip()) if misread(each) and not (each is None and nothing) else part
        for part, each in zip(parts, read, strict=True)
    ]
    return found["key"] + (f"[{','.join(typed)}]" if is_list else ",".join(typed))


def misread(value: object) -> bool:
    """Whether Hydra read something else than a text where one value stands."""
    return value is None or type(value) in (int, float, bool)


def elements(value: str) -> tuple[list[str], bool]:
    """The parts of a value between commas, and whether they stand in a list."""
    text = value.strip()
    is_list = text.startswith("[") and text.endswith("]")
    return split(text[1:-1] if is_list else text), is_list


def split(text: str) -> list[str]:
    """A text at its commas, but for those in quotes or brackets; nothing where there is no text."""
    parts, depth, quoted, start = [], 0, "", 0
    for position, letter in enumerate(text):
        if quoted:
            quoted = "" if letter == quoted and text[position - 1] != "\\" else quoted
        elif letter in "'\"" and not text[start:position].strip():
            quoted = letter
        elif letter in OPENING + CLOSING:
            depth += 1 if letter in OPENING else -1
        elif letter == "," and not depth:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]] if text.strip() else []


def reading(part: str) -> Any:
    """What Hydra reads a part as; a number stands for what it cannot read."""
    if "${" in part or part.strip() == "???":
        return part  # a reference, or a value that is missing, stays what it is
    try:
        return OverridesParser.create().parse_override(f"x={part}").value()
    except HydraException:
        return 0


def quote(text: str) -> str:
    """The text as Hydra's quotes keep it."""
    return QuotedString(text, Quote.single).with_quotes()


def holds_text(annotation: Any) -> bool:
    """Whether a field holds text, or a list of texts, and nothing else but None."""
    if annotation in (str, tuple[str, ...]):
        return True
    parts = [each for each in typing.get_args(annotation) if each is not type(None)]
    return parts in ([str], [tuple[str, ...]])


def _classes(group: str, words: Sequence[str]) -> Iterator[type]:
    """The classes whose field may be meant: of the options that are typed, else of all that nnexp brings itself."""
    if group in ALL_SECTIONS:
        yield ALL_SECTIONS[group]
    if group not in GROUPS:
        return
    kind = GROUPS[group]
    there = installed.entries()[kind]
    typed = [name for word in words if word.startswith(f"{group}=") for name in word.partition("=")[2].split(",")]
    known = [name for name in typed if name in there]
    own = [name for name, entries in there.items() if entries[0].distribution == "nnexp"]
    for name in known if typed and len(known) == len(typed) else own:
        try:
            yield registry.load(kind, name)
        except NnexpError:
            continue


class Field(NamedTuple):
    """A field that may be meant."""

    kind: Any
    """Its type."""
    file: bool
    """Whether it names a file."""


def _fields(group: str, name: str, words: Sequence[str]) -> Iterator[Field]:
    """The fields of this name, in those classes that may be meant."""
    for cls in _classes(group, words):
        for item in hyperparameters(cls):
            if item.name == name:
                yield Field(field_types(cls)[name], is_file(item))


def is_text(key: str, words: Sequence[str]) -> bool:
    """Whether a key's field holds a single text."""
    group, _, name = key.partition(".")
    return any(each.kind is str for each in _fields(group, name, words))
