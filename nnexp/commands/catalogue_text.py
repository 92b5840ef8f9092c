"""The catalogue as text: a listing, and a page for each plugin and preset."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nnexp.discovery.installed import EXAMINED
from nnexp.errors import listed
from nnexp.plugin import Picture, Search
from nnexp.terminal.console import say, width

EXAMPLES = {"binary": "moons", "multiclass": "wine"}
"""A dataset for a loss that is not for regressions, which the default dataset is."""

TRACKING, PRESETS = "tracking", "presets"
"""Parts of the listing that are neither plugins nor a group of presets."""

Facts = dict[str, Any]
"""Plain values, as JSON has them."""
Line = tuple[str, str]
"""What is shown bold, and what follows it."""


# --- for people ---


def listing(found: Facts) -> Iterator[Line]:
    """Everything, a part per kind and distribution."""
    column = min(20, 6 + max((len(each["name"]) for each in found["plugins"]), default=0))
    kind = source = ""
    for each in found["plugins"]:
        if each["kind"] != kind:
            kind, source = each["kind"], ""
            yield from heading(kind, (inspect.getdoc(EXAMINED[kind]) or "").partition("\n")[0].partition(". ")[0])
        if from_(each) != source:
            source = from_(each)
            yield "", f"  {source}"
        yield from entry(f"    {each['name']}", each["summary"], column)
        for item in each["parameters"]:
            yield from wrapped(" " * column, parameter(item), column + 4)
    yield from preset_lines(found["presets"])
    if found["broken"]:
        yield from heading("broken", "installed, but left out; everything else works.")
    for each in found["broken"]:
        yield "", f"  {each['what']} of {from_(each)}"
        yield from wrapped("    ", f"{each['reason']}. {each['remedy']}", 4)
    yield "", ""
    yield from wrapped("", "One in full, with its formula: python -m nnexp plugins KIND.NAME", 0)


def preset_lines(found: list[Facts]) -> Iterator[Line]:
    """The presets and ready sweeps, a part per distribution."""
    if {each["group"] for each in found} == {TRACKING}:
        yield from heading(TRACKING, "Where runs are recorded; tracking.KEY= sets a key of the chosen file.")
    elif found:
        yield from heading("presets", "Files of values; experiment= is a preset, -m sweep= a ready sweep.")
    source = ""
    for each in found:
        if from_(each) != source:
            source = from_(each)
            yield "", f"  {source}"
        yield f"    {each['group']}={each['name']}", ""
        yield from wrapped(" " * 8, each["summary"], 8)


def page(plugin: Facts) -> Iterator[Line]:
    """One plugin in full: its docstring with the formula, parameters, where it comes from, and what to type next."""
    picture = plugin["kind"] == Picture.kind
    choice = f"pictures=[{plugin['name']}]" if picture else f"{plugin['kind']}={plugin['name']}"
    yield choice, f"   {from_(plugin)}, {plugin['class']}"
    yield "", ""
    for paragraph in plugin["doc"].split("\n\n") if plugin["doc"] else []:
        code = paragraph.startswith(" ")
        yield from (("", line) for line in (paragraph.splitlines() if code else textwrap.wrap(paragraph, width())))
        yield "", ""
    for task, output in plugin.get("outputs", {}).items():
        yield from entry("task", f"{task}, with output={output} unless another is typed", 12)
    if len(plugin["groups"]) > 1:
        yield from entry("groups", listed(f"{group}={plugin['name']}" for group in plugin["groups"]), 12)
    for item in plugin["parameters"]:
        yield from entry("parameter", parameter(item) if picture else f"{plugin['kind']}.{parameter(item)}", 12)
    if not plugin["parameters"]:
        yield from entry("parameters", "none", 12)
    if picture:
        options = "".join(f" {item['name']}=..." for item in plugin["parameters"][:1])
        yield from entry("next", f"python -m nnexp {choice}", 12)
        yield from entry("", f"python -m nnexp 'pictures=[\"{plugin['name']}{options}\"]'" if options else "", 12)
        return
    if plugin["kind"] == Search.kind:
        example = "'optimizer.learning_rate=tag(log,interval(1e-3,1))'"
        yield from entry("next", f"python -m nnexp -m {choice} search.trials=32 {example}", 12)
        return
    yield from entry("next", f"python -m nnexp {' '.join(command(plugin))}", 12)
    yield from entry("", f"python -m nnexp check {plugin['kind']}.{plugin['name']}", 12)


def preset_page(preset: Facts) -> Iterator[Line]:
    """One preset in full: its file, and what to type next."""
    choice = f"{preset['group']}={preset['name']}"
    yield choice, f"   {from_(preset)}"
    yield "", f"file        {preset['file']}"
    yield "", ""
    yield from (("", line) for line in Path(preset["file"]).read_text(encoding="utf-8", errors="replace").splitlines())
    yield "", ""
    yield from entry("next", f"python -m nnexp {'-m ' if preset['group'] == 'sweep' else ''}{choice}", 12)


def command(plugin: Facts) -> list[str]:
    """A run with the plugin, by its defaults."""
    tasks = plugin.get("outputs", {})
    data = [f"dataset={EXAMPLES[task]}" for task in list(tasks)[:1] if "regression" not in tasks and task in EXAMPLES]
    values = [f"{plugin['kind']}.{item['name']}=..." for item in plugin["parameters"] if item["required"]]
    return [f"{plugin['kind']}={plugin['name']}", *values, *data]


def from_(each: Facts) -> str:
    """The distribution with its version."""
    return f"{each['distribution']} {each['version']}".rstrip()


def parameter(item: Facts) -> str:
    """A parameter as it is typed, then what it takes and means."""
    value = "..." if item["required"] else typed(item["default"])
    doc = f": {item['doc']}" if item["doc"] else ""
    path = ", a path" if item["file"] else ""
    return f"{item['name']}={value}  {item['rule']}{path}{doc}{' (has to be given)' if item['required'] else ''}"


def typed(value: Any) -> str:
    """A value as it is typed on the command line."""
    if isinstance(value, list):
        return f"[{','.join(map(typed, value))}]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def heading(name: str, text: str) -> Iterator[Line]:
    """A part's first line, with space above."""
    yield "", ""
    first, *rest = textwrap.wrap(f"{name}: {text}", width())
    yield name, first.removeprefix(name)
    yield from (("", line) for line in rest)


def entry(name: str, text: str, column: int) -> Iterator[Line]:
    """A name, and its text from ``column`` on."""
    first, *rest = textwrap.wrap(text, width() - column) or [""]
    if len(name) >= column:
        yield name, ""
        name = ""
    yield name, " " * (column - len(name)) + first
    yield from (("", " " * column + line) for line in rest)


def wrapped(indent: str, text: str, rest: int) -> Iterator[Line]:
    """A paragraph, its further lines indented by ``rest``."""
    lines = textwrap.wrap(text, width(), initial_indent=indent, subsequent_indent=" " * rest)
    yield from (("", line) for line in lines)


def printed(lines: Iterator[Line]) -> None:
    """Print, names in bold where the terminal can."""
    from rich.console import Console as RichConsole
    from rich.text import Text

    rich = RichConsole(width=width(), markup=False, highlight=False)
    with rich.capture() as captured:
        for name, text in lines:
            rich.print(Text.assemble((name, "bold"), text), soft_wrap=True)
    say(captured.get().strip("\n"))
