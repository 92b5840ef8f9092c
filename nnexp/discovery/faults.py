"""An error that arose in a plugin's code, for its author: where in the plugin's own files, and what to write instead."""

from __future__ import annotations

import ast
import re
import traceback
from pathlib import Path
from typing import NamedTuple

from nnexp.errors import first_line

NOT_FROZEN = re.compile("cannot inherit non-frozen dataclass from a frozen one")
NO_TYPE = re.compile(r"'(\w+)' is a field but has no type annotation")
MUTABLE = re.compile(r"mutable default .* for field (\w+) is not allowed")
"""What ``dataclasses`` says of the commonest mistakes."""


class SourceLine(NamedTuple):
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{Path(self.file).name}, line {self.line}"

    @property
    def in_full(self) -> str:
        """The same with the file's whole path."""
        return f"{self.file}, line {self.line}"


class Fault(NamedTuple):
    """What is wrong, in one line that names the place; and the place, where there is one in the plugin's own files."""

    what: str
    place: SourceLine | None = None


def fault(error: BaseException, module: str) -> Fault:
    """What ``error`` says about the code of a plugin that is defined in ``module``."""
    place = innermost(error, module)
    found = mistake_of_dataclass(str(error), place) if place else None
    if found:
        return found
    what = f"{type(error).__name__}: {first_line(error)}"
    says_it_itself = place is None or isinstance(error, SyntaxError)
    return Fault(what if says_it_itself else f"{what} ({place})", place)


def innermost(error: BaseException, module: str) -> SourceLine | None:
    """The last place within the package of ``module`` that the error came through; None where it came through none."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_file():
        return SourceLine(error.filename, error.lineno or 1)
    inside = [
        SourceLine(frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if package(frame.f_globals.get("__name__", "")) == package(module)
    ]
    return inside[-1] if inside else None


def package(module: str) -> str:
    """The name that all modules of a package begin with."""
    return module.partition(".")[0]


def mistake_of_dataclass(text: str, place: SourceLine) -> Fault | None:
    """What to write where ``@dataclass`` refused the class at ``place`` with ``text``; None for any other error."""
    owner = class_at(place)
    if owner is None:
        return None
    if NOT_FROZEN.search(text):
        what = f"{owner.name} is a dataclass that is not frozen ({place}). Write @dataclass(frozen=True)"
        return Fault(what, place)
    found = NO_TYPE.search(text) or MUTABLE.search(text)
    field = field_of(owner, found[1]) if found else None
    if found is None or field is None:
        return None
    name, place = found[1], SourceLine(place.file, field.lineno)
    if found.re is NO_TYPE:
        what = f"the field '{name}' of {owner.name} has no type ({place}). Write {name}: {type_of(field)} = param(...)"
    else:
        what = (
            f"the field '{name}' of {owner.name} has a default that can change, such as a list ({place}). "
            f"Write {name}: tuple[...] = param((...))"
        )
    return Fault(what, place)


def class_at(place: SourceLine) -> ast.ClassDef | None:
    """The class with a decorator at ``place``; None where there is none, or no source."""
    try:
        tree = ast.parse(Path(place.file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.decorator_list)
    return next((each for each in classes if each.decorator_list[0].lineno <= place.line <= each.lineno), None)


def field_of(owner: ast.ClassDef, name: str) -> ast.Assign | ast.AnnAssign | None:
    """The line of a class that gives ``name`` its value."""
    for line in owner.body:
        targets = (
            line.targets if isinstance(line, ast.Assign) else [line.target] if isinstance(line, ast.AnnAssign) else []
        )
        if isinstance(line, ast.Assign | ast.AnnAssign) and any(
            isinstance(t, ast.Name) and t.id == name for t in targets
        ):
            return line
    return None


def type_of(field: ast.Assign | ast.AnnAssign) -> str:
    """The type of the default in ``param(default, ...)``; float where that is no plain value."""
    given = field.value.args if isinstance(field.value, ast.Call) else []
    value = given[0].value if given and isinstance(given[0], ast.Constant) else None
    return type(value).__name__ if isinstance(value, bool | int | str) else "float"
