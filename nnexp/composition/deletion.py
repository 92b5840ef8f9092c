"""What cannot be taken out of a configuration: ``~patience``, where nothing has set it."""

from __future__ import annotations

import re

from hydra.core.override_parser.types import Override

from nnexp.basics.fields import field_types
from nnexp.composition.keys import known_keys
from nnexp.composition.words import convertible, text
from nnexp.experiment.plan import Settings

VALUE = re.compile(r"The value of '[^']*' is (.*) and not (.*)\.")
"""How Hydra says that another value is there than that which is to be taken away."""


def deletion(override: Override, error: Exception) -> str:
    """What is wrong with taking a key away, if that is what the composition failed with; empty where it is not."""
    causes = [error, error.__cause__, error.__cause__ and error.__cause__.__cause__]
    said = " ".join(str(each) for each in causes if each)
    key, line = override.key_or_group, override.input_line
    if not override.is_delete() or key not in said:
        return ""
    for mark, message in (
        (f"Key '{key}' is not in struct", f"{line} takes {key} away, of which a key is typed. Leave one of them out."),
        (
            "No match in the defaults list",
            f"{line}: {key}={text(override.value())} is not chosen, so there is nothing to take away. Leave it out.",
        ),
        (
            "does not support deletion",
            f"{line}: a field of an option cannot be taken away. Leave it out, and {key} has its default.",
        ),
    ):
        if mark in said:
            return message
    if other := VALUE.search(said):
        return f"{line}: {key} is {other[1]}, not {other[2]}. Type ~{key}"
    if f"'{key}' does not exist" in said and key in known_keys():
        types = field_types(Settings)
        null = f", or type {key}=null" if key in types and convertible(None, types[key]) else ""
        return f"{line}: {key} is not set, so there is nothing to take away. Leave it out{null}."
    return ""
