"""What Hydra could not compose, said in nnexp's words: the thing, the rule, and what to type next."""

from __future__ import annotations

import itertools
import math
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from hydra._internal.config_repository import IConfigRepository
from hydra.conf import HydraConf
from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException
from omegaconf import EnumNode, OmegaConf

from nnexp.basics.fields import hyperparameters
from nnexp.basics.plain import override as as_typed
from nnexp.composition.as_text import is_text
from nnexp.composition.choices import chosen, wrong_choice, wrong_field
from nnexp.composition.composed import NO_PACKAGE
from nnexp.composition.deletion import deletion
from nnexp.composition.keys import ALL_SECTIONS, FILE_GROUPS, SEARCH, known_keys, plain_keys
from nnexp.composition.launchers import of_launcher
from nnexp.composition.search_words import of_search
from nnexp.composition.words import FORMS, FUNCTIONS, sweep_inside, text, texts, values, wrong_type
from nnexp.discovery import companions
from nnexp.discovery.registry import GROUPS
from nnexp.errors import NnexpError, did_you_mean, first_line, listed
from nnexp.experiment.plan import Settings
from nnexp.experiment.settings import MOST_JOBS, RunSettings


def explain(error: Exception, overrides: list[str], repository: IConfigRepository, *, sweeping: bool) -> str:
    """The message for a composition that failed with ``error``; ``sweeping``: several values of a key are allowed."""
    parsed = []
    for line, following in itertools.zip_longest(overrides, overrides[1:], fillvalue="="):
        plain = "=" in line and not set(line + following) & set("[](){}'\"")
        if plain and "=" not in following and (line.endswith(",") or following.startswith(",")):
            return f"{line} {following}: there is no blank between two values. Type {line}{following}"
        try:
            parsed.append(OverridesParser.create().parse_override(line))
        except HydraException as mistake:
            return unreadable(line, mistake)
    choices = {each.key_or_group: each for each in parsed}
    for each in parsed:
        if hidden := sweep_inside(each.value()):
            message = f"{each.input_line}: {hidden}"
        elif each.key_or_group.partition(".")[0] == SEARCH:
            message = of_search(each, choices, repository)
        else:
            message = deletion(each, error) or explain_override(each, choices, repository, sweeping=sweeping)
        if message:
            return message
    of_launchers = (of_launcher(each, choices) for each in parsed)
    return next(filter(None, (*of_launchers, *map(of_several_of_hydra, parsed))), in_hydras_words(error))


def of_hydra(override: Override, repository: IConfigRepository) -> str:
    """An option that a group of Hydra's own, such as ``hydra/launcher``, does not have; empty where nothing is wrong."""
    group = override.key_or_group
    names = repository.get_group_options(group, ObjectType.CONFIG) if group.startswith("hydra/") else []
    wrong = next((name for name in texts(override) if names and name not in names), "")
    hint = companions.hint(group, wrong, names) or did_you_mean(wrong, names)
    return f"No {group} '{wrong}'.{hint} Available: {listed(names)}." if wrong else ""


def of_hydras_keys(override: Override) -> str:
    """A key that Hydra's part does not have, or a value that the key cannot have; empty where nothing is wrong."""
    key = override.key_or_group
    if override.is_add() or override.is_delete() or not key.startswith("hydra."):
        return ""
    node: Any = OmegaConf.structured(HydraConf)
    head = "hydra"
    for name in key.split(".")[1:]:
        if not OmegaConf.is_dict(node) or OmegaConf.get_type(node) is dict:
            return ""  # what is in there is not known here: a launcher's, logging's
        if name not in list(node):  # also where it is missing
            there = [f"{head}.{each}" for each in node]
            return f"No key '{key}'.{did_you_mean(f'{head}.{name}', there)} There are {listed(there, most=30)}."
        head, node = f"{head}.{name}", node._get_node(name)
    typed = text(next(values(override), None))
    if isinstance(node, EnumNode) and typed not in node.enum_type.__members__:
        return f"{override.input_line}: {head} must be one of {listed(node.enum_type.__members__)}."
    if OmegaConf.is_dict(node) and OmegaConf.get_type(node) is not dict and not isinstance(override.value(), dict):
        first = next(iter(node), "")
        return (
            f"{override.input_line}: {head} is a group of keys ({listed(map(str, node))}). Type {head}.{first}={typed}"
        )
    return ""


def of_several_of_hydra(override: Override) -> str:
    """Several values of a key of Hydra's part; empty where there is one."""
    if not (override.is_hydra_override() and override.is_sweep_override()):
        return ""
    key = override.key_or_group
    hint = "" if key.startswith(("hydra/", "hydra.launcher.")) else f" (A list is typed {key}=[...].)"
    return f"{override.input_line}: {key} is of the command as a whole and takes one value.{hint}"


def without_jobs(override: Override) -> str:
    """What is wrong with several values that the basic sweeper can make no jobs of; empty where nothing is.

    The override has to know the options, as one read by a parser with a loader does.
    """
    key, line, value = override.key_or_group, override.input_line, override.value()
    if isinstance(value, IntervalSweep):
        return (
            f"{line} is an interval, and this sweeper takes single values. Type some: {key}={value.start},{value.end}, "
            f"or have a search choose them: search=tpe {shlex.quote(str(line))}"
        )
    try:
        if not override.is_sweep_override() or next(override.sweep_string_iterator(), None) is not None:
            return ""
        why = "no option fits" if isinstance(value, Glob) else "it has no values"
    except ValueError as error:
        why = str(error)
    return f"{line}: {why}, so there would be no job. Type {key}=VALUE,VALUE"


def how_many(override: Override, most: int) -> int:
    """The values of an override that a sweep varies; of more than ``most`` only that there are more."""
    value = override.value()
    if isinstance(value, RangeSweep):
        start, stop, step = (float(each or 0) for each in (value.start, value.stop, value.step))
        return max(0, math.ceil((stop - start) / step)) if step else most + 1
    if not override.is_sweep_override() or isinstance(value, IntervalSweep):
        return 1
    return sum(1 for _ in itertools.islice(override.sweep_string_iterator(), most + 1))


def refuse_jobs(lines: Iterable[str], loader: ConfigLoader) -> None:
    """Refuse swept values that the basic sweeper makes no jobs of, or too many. Raises NnexpError."""
    jobs = 1
    for each in OverridesParser.create(loader).parse_overrides(list(lines)):
        if message := without_jobs(each):
            raise NnexpError(message)
        jobs *= how_many(each, MOST_JOBS)
        if jobs > MOST_JOBS:
            raise NnexpError(
                f"{each.input_line}: the sweep would have more than {MOST_JOBS:,} jobs. Sweep fewer values at a time."
            )


def renamed(overrides: Iterable[str]) -> str:
    """What to type instead of ``optimizer={name:sgd}`` or ``optimizer.name=sgd``; empty where nobody typed such a thing.

    Hydra would merge the name into the option that is chosen already, with the fields of that one.
    """
    for line in overrides:
        override = OverridesParser.create().parse_override(line)
        group, _, field = override.key_or_group.partition(".")
        value = next(values(override), None)
        fields = {field: value} if field else value
        if (
            group in GROUPS
            and isinstance(fields, dict)
            and "name" in (spec := {text(key): fields[key] for key in fields})
        ):
            rest = [f"{group}.{key}={text(each)}" for key, each in spec.items() if key != "name"]
            words = " ".join([f"{group}={text(spec['name'])}", *rest])
            return f"{line} would keep the fields of the {group} that is chosen already. Type {words}"
    return ""


def unreadable(line: str, mistake: Exception) -> str:
    """An override that is not in Hydra's grammar."""
    if "=" not in line:
        hint = f" Type {line}=..." if line in known_keys() else did_you_mean(line, known_keys())
        return f"'{line}' is not of the form key=value.{hint} See python -m nnexp --help."
    key, _, value = line.partition("=")
    parts = [each.strip() for each in value.split(",")]
    if re.fullmatch(r"choice\(\s*\)", value.strip()):
        return f"{line} has no values, so there would be no job. Type {key}=VALUE,VALUE"
    if "" in parts and not set(value) & set("[](){}'\""):
        return f"{line} has a comma without a value. Type {key}={','.join(filter(None, parts)) or 'VALUE,VALUE'}"
    if unknown := re.search(r"Unknown function '(\w+)'", str(mistake)):
        hint = did_you_mean(unknown[1], {*FUNCTIONS, *FORMS})
        if unknown[1] == "log":
            hint = f" Type '{key}={FORMS['tag']}'."
        searched = f"in a search also {listed(FORMS[each] for each in ('interval', 'int', 'tag'))}"
        return f"{line}: no function '{unknown[1]}'.{hint} For several values: {listed(FUNCTIONS)}; {searched}."
    if "IntervalSweep is incompatible" in str(mistake):
        return f"{line}: an interval stands alone, not among other values. Type '{key}={FORMS['interval']}'"
    if (called := re.match(r"(\w+)\(", value)) and called[1] in FORMS:
        return f"Cannot read '{line}' ({first_line(mistake)}). Type '{key}={FORMS[called[1]]}'"
    if value.startswith("~/"):
        return f"{line}: only a shell reads ~, and there at the beginning of a word. Type {key}=$HOME{value[1:]}"
    if value.count("[") > value.count("]"):
        return (
            f"{line} is no complete list: a list has no blanks, or stands in quotes. Type {key}=[1,2] or '{key}=[1, 2]'"
        )
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    typed = shlex.quote(f'{key}="{quoted}"')
    return f"Cannot read '{line}' ({first_line(mistake)}). Quote a value with special characters: {typed}"


def of_several(override: Override, choices: Mapping[str, Override]) -> str:
    """Several values where there is to be one run."""
    key, line = override.key_or_group, str(override.input_line)
    sweep = f"{line} is several values, which is a sweep: type -m {shlex.quote(line)}."
    if is_text(key, [str(each.input_line) for each in choices.values()]):
        return f"{sweep} If the comma belongs to the text, type {as_typed(key, line.partition('=')[2])}"
    return f"{sweep} (A list is typed {key}=[...].)"


def explain_override(
    override: Override, choices: Mapping[str, Override], repository: IConfigRepository, *, sweeping: bool
) -> str:
    """What is wrong with one override, empty where nothing is."""
    key = override.key_or_group
    if key.startswith(("hydra", "_")):
        return of_hydra(override, repository) or of_hydras_keys(override)
    if override.is_sweep_override() and not sweeping:
        return of_several(override, choices)
    if override.is_add() and key in (*GROUPS, *FILE_GROUPS):
        return (
            f"{override.input_line} adds a second {key}. To choose it type {key}={texts(override)[0]}, without the +."
        )
    if key in FILE_GROUPS and None in list(values(override)):
        return f"{override.input_line}: to choose no {key}, leave it out."
    if key in GROUPS or key in FILE_GROUPS:
        return next(filter(None, (wrong_choice(key, each, choices, repository) for each in texts(override))), "")
    head, _, rest = key.partition(".")
    if head in GROUPS and rest:
        names = chosen(head, choices, repository)
        return next(filter(None, (wrong_field(head, name, rest, values(override), repository) for name in names)), "")
    if rest and head in ALL_SECTIONS:
        section = ALL_SECTIONS[head]
        known = [item.name for item in hyperparameters(section)]
        if rest not in known:
            there = [f"{head}.{each}" for each in known]
            return f"No key '{key}'.{did_you_mean(key, there)} There are {listed(there)}."
        return wrong_type(section, rest, key, values(override))
    if key in plain_keys():
        holder = Settings if key in {item.name for item in hyperparameters(Settings)} else RunSettings
        return wrong_type(holder, key, key, values(override))
    nested = [known for known in known_keys() if known.rpartition(".")[2] == key]
    hint = f" Did you mean '{nested[0]}'?" if nested else did_you_mean(key, known_keys())
    groups, keys = (
        listed([*GROUPS, *FILE_GROUPS, SEARCH], most=20),
        listed([*plain_keys(), *(f"{each}.*" for each in ALL_SECTIONS)], most=20),
    )
    return f"No option group or key '{key}'.{hint} Groups: {groups}. Keys: {keys}."


OURS = (
    (
        re.compile(r"In '((?:experiment|sweep)/[^']*)': Could not override '[\w/]+@(?:experiment|sweep)\b(?s:.*)"),
        NO_PACKAGE.format(r"\1"),
    ),
    (
        re.compile(r"Multiple values for ([\w/]+)\. To override a value use 'override [\w/]+: ([^']*)'"),
        r"A defaults list chooses a second \1. Write there: override /\1: \2",
    ),
    (
        re.compile(r"In '([^']*)': Could not override '(?:[\w/]*/)?(\w+)@\w+'\. No match in the defaults list\."),
        r"\1.yaml overrides '\2', which is none of its own folder's. For the whole configuration's write: override /\2: NAME",
    ),
    (
        re.compile(r"In '([^']*)': Could not find '([^']*/)?(\w+)/(\w+)'\n(?s:.*)"),
        r"\1.yaml names '\2\3/\4', and there is no such file. For the whole configuration's '\3' write: override /\3: \4",
    ),
    (
        re.compile(r"Error merging override ([\w.]+)=(.*)\nCannot convert '\w+' to string(?s:.*)"),
        r"\1 must be a text. Got \2",
    ),
)
"""What Hydra says that leads nowhere, and what leads on."""


def in_hydras_words(error: Exception) -> str:
    """Hydra's own message, shortened: the cause where there is one, without OmegaConf's bookkeeping lines."""
    lines = [line.strip() for each in (error, error.__cause__) if each is not None for line in str(each).splitlines()]
    useful = [
        line for line in lines if line and not line.startswith(("object_type=", "reference_type=", "To append to your"))
    ]
    said = "\n".join(useful[:8]) or type(error).__name__
    return next((pattern.sub(words, found[0]) for pattern, words in OURS if (found := pattern.search(said))), said)
