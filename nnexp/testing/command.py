"""``python -m nnexp check``: find the plugin that is meant, run the checks on it, print them as a table."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from nnexp.basics.fields import field_types, hyperparameters, read
from nnexp.basics.plain import override
from nnexp.discovery import installed, presets, registry
from nnexp.discovery.faults import fault
from nnexp.discovery.installed import EXAMINED
from nnexp.errors import NnexpError, closest, counted, did_you_mean, listed
from nnexp.plugin import Plugin
from nnexp.terminal.console import width
from nnexp.terminal.progress import waiting
from nnexp.testing.subject import Subject, is_required
from nnexp.testing.suite import examine
from nnexp.testing.verdict import Check

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {"passed": ("ok", "green"), "failed": ("FAILED", "bold red"), "skipped": ("skipped", "dim")}
"""The word and the colour of each outcome."""


class Found(NamedTuple):
    """What a word on the command line stands for."""

    target: object
    """A plugin's class or an object of it, or something else that its place holds."""
    name: str
    """What to call it in messages, and to type."""
    heading: str


def check(word: str, fields: Sequence[str]) -> bool:
    """Examine the plugin that ``word`` means, and print the table. Returns whether no check failed."""
    return all_passed(examined(word, fields))


def all_passed(results: Sequence[Check]) -> bool:
    """Whether no check failed."""
    return not any(each.outcome == "failed" for each in results)


def examined(word: str, fields: Sequence[str]) -> Sequence[Check]:
    """Examine the plugin that ``word`` means, with the values of ``fields`` (``name=value``), and print the table."""
    found = find(word)
    subject = Subject.of(found.target)
    target = build(subject, found, fields) if fields else found.target
    results = examine(target, lambda name: waiting(f"{found.name}: {name}"))
    show(results, found.heading + "".join(f" {each}" for each in fields))
    needed = [] if fields or subject.plugin is not None else missing(subject, {})
    if needed:
        values = " ".join(f"{name}=..." for name in needed)
        print(f"To check the rest type: python -m nnexp check {found.name} {values}")  # noqa: T201
    return results


def find(word: str) -> Found:
    """What NAME, KIND.NAME, module:Class or FILE.py:Class stands for."""
    kind, dot, name = word.partition(".")
    if ":" in word:
        return in_module(word)
    if word.endswith(".py") or "/" in word:
        classes = plugin_classes(vars(imported(word))) if Path(word).is_file() else []
        raise NnexpError(f"Which class of '{word}'? Type check {word}:{classes[0] if classes else 'Class'}")
    if not dot:
        return by_name(word)
    if kind in EXAMINED:
        return option(kind, name)
    if kind in registry.GROUPS:
        true = registry.GROUPS[kind]
        raise NnexpError(f"{kind} is no kind: its options are of the kind {true}. Type check {true}.{name}")
    raise NnexpError(
        f"No kind '{kind}'.{did_you_mean(kind, EXAMINED)} Kinds: {listed(EXAMINED)}. A class in a module is named "
        "module:Class."
    )


def by_name(name: str) -> Found:
    """An installed plugin by its name alone, which one kind has to have."""
    kinds = [kind for kind in EXAMINED if name in installed.entries()[kind]]
    if len(kinds) > 1:
        choices = " or ".join(f"check {kind}.{name}" for kind in kinds)
        raise NnexpError(f"'{name}' is the name of {' and '.join(map(article, kinds))}. Type {choices}")
    if kinds:
        return option(kinds[0], name)
    everything = {each: kind for kind in EXAMINED for each in installed.entries()[kind]}
    aliases = [f"{kind}.{registry.ALIASES[kind][name]}" for kind in EXAMINED if name in registry.ALIASES.get(kind, {})]
    near = closest(name, everything)
    hint = f" Did you mean '{everything[near]}.{near}'?" if near else ""
    hint = f" nnexp calls it '{aliases[0]}'." if aliases else hint
    for kind in EXAMINED:
        refuse_preset(kind, name)
    raise NnexpError(
        f"No plugin '{name}' is installed.{hint} All: python -m nnexp plugins. A class that is not installed is "
        "named module:Class or FILE.py:Class."
    )


def article(word: str) -> str:
    """``a loss``, ``an optimizer``."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def option(kind: str, name: str) -> Found:
    """An installed plugin; one that is broken is refused with its distribution and the reason."""
    refuse_preset(kind, name)
    cls = registry.load(kind, name)
    entry = installed.entries()[kind][name][0]
    return Found(cls, f"{kind}.{name}", f"{kind}={name} of {entry.distribution} {entry.version} ({entry.value})")


def refuse_preset(kind: str, name: str) -> None:
    """Refuse a file of values for a plugin, which is no plugin itself. Raises NnexpError."""
    for conf in presets.usable():
        for each in conf.presets:
            if (registry.GROUPS.get(each.group), each.name) == (kind, name):
                raise NnexpError(f"{each} is no plugin, but values for one. Type check {typed_with(kind, each.text)}")


def typed_with(kind: str, text: str) -> str:
    """The plugin and the values of a file, as they are typed: ``engine.native matmul=naive``."""
    content = yaml.safe_load(text)
    bases = [each for each in content.pop("defaults", []) if isinstance(each, str) and each != "_self_"]
    return " ".join([f"{kind}.{bases[0] if bases else 'NAME'}", *(override(*pair) for pair in content.items())])


def in_module(word: str) -> Found:
    """A class in a module or a file, given as module:Class."""
    place, _, name = word.rpartition(":")
    content = vars(imported(place))
    if name not in content:
        classes = plugin_classes(content)
        there = f"Its plugins: {listed(classes)}." if classes else "It has no plugin."
        raise NnexpError(f"'{place}' has no '{name}'.{did_you_mean(name, content)} {there}")
    return Found(content[name], word, word)


def plugin_classes(content: Mapping[str, Any]) -> list[str]:
    """The plugins' classes that a module defines."""
    return [
        name
        for name, each in content.items()
        if isinstance(each, type) and issubclass(each, Plugin) and each.__module__ == content.get("__name__")
    ]


def imported(place: str) -> types.ModuleType:
    """The module of a dotted name or of a file; the present directory, and the file's, can be imported from."""
    file = Path(place)
    is_file = place.endswith(".py")
    if is_file and not file.is_file():
        there = [each.name for each in file.parent.glob("*.py")] if file.parent.is_dir() else []
        raise NnexpError(f"No file '{place}'.{did_you_mean(file.name, there)} Give its path from {Path.cwd()}.")
    for directory in (str(Path.cwd()), str(file.resolve().parent)) if is_file else (str(Path.cwd()),):
        if directory not in sys.path:
            sys.path.insert(0, directory)
    name = module_name(file) if is_file else place
    try:
        return from_file(file, name) if is_file else importlib.import_module(place)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever a stranger's import raises)
        if isinstance(error, ModuleNotFoundError) and error.name == place:
            raise NnexpError(
                f"No module '{place}'. It has to be installed, or lie in {Path.cwd()}; a file is named FILE.py:Class."
            ) from None
        raise NnexpError(f"importing {place} failed: {fault(error, name).what}") from None


def module_name(file: Path) -> str:
    """What a file is called as a module: its own name, or another where a module has that name already."""
    return file.stem if file.stem not in sys.modules else f"checked_{file.stem}"


def from_file(file: Path, name: str) -> types.ModuleType:
    """Run a file as a module."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise NnexpError(f"'{file}' cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look annotations up there
    spec.loader.exec_module(module)
    return module


def build(subject: Subject, found: Found, fields: Sequence[str]) -> Plugin:
    """The plugin with the given values of its fields; every mistake in them raises NnexpError."""
    cls, annotations = subject.cls, field_types(subject.cls)
    values: dict[str, Any] = {}
    for field in fields:
        key, equals, text = field.partition("=")
        key = key.removeprefix(f"{cls.kind}.")
        if not equals:
            raise NnexpError(f"'{field}' is not of the form field=value. Type check {found.name} {field}=...")
        if key not in annotations:
            raise NnexpError(registry.no_option(cls.kind, found.name.rpartition(".")[2], key, annotations))
        values[key] = read(text, annotations[key])
    needed = missing(subject, values)
    if needed:
        raise NnexpError(f"{found.name} also needs {listed(needed)}. Add {' '.join(f'{name}=...' for name in needed)}")
    return cls(**values)


def missing(subject: Subject, values: Mapping[str, Any]) -> list[str]:
    """The fields without a default that have no value."""
    return [item.name for item in hyperparameters(subject.cls) if is_required(item) and item.name not in values]


def show(results: Sequence[Check], heading: str) -> None:
    """Print the checks as a table that fits the terminal, and how many ended how."""
    from rich.console import Console
    from rich.text import Text

    console = Console(width=width(), highlight=False, soft_wrap=False)
    console.print(Text(heading, "bold"))
    console.print(table(results))
    counts = Counter(each.outcome for each in results)
    parts = [f"{counts[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped") if counts[outcome]]
    console.print(Text(f"{counted(len(results), 'check')}: {', '.join(parts)}", "bold"))


def table(results: Sequence[Check]) -> Table:
    """One row per check: how it ended, its name, and what it asks for, what is wrong, or why it was skipped."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, show_header=False)
    made.add_column(no_wrap=True)
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for each in results:
        word, style = STYLES[each.outcome]
        text = each.message or each.reason or each.what
        made.add_row(Text(word, style), Text(each.name, style if each.outcome == "failed" else ""), Text(text))
    return made
