"""Plain values as text: what is read back is what was written."""

from __future__ import annotations

import json
import math

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nnexp.basics.plain import to_json, to_yaml

NUMBERS = st.integers() | st.floats(allow_nan=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
@settings(deadline=None)
def test_json_comes_back(values: dict[str, object]) -> None:
    """Every value, whatever its text, is read as it was, and each key has a line of its own."""
    text = to_json(values)
    assert json.loads(text) == values
    assert len(text.splitlines()) == len(values) + 2 if values else True


def test_json_keeps_what_is_no_number() -> None:
    """A cost that is not a number is written as Python's json does."""
    assert math.isnan(json.loads(to_json({"cost": math.nan}))["cost"])


CONFIGS = st.dictionaries(
    st.text("abcxyz_", min_size=1),
    st.dictionaries(
        st.text("abc_", min_size=1), st.text(max_size=200) | NUMBERS | st.none() | st.booleans(), max_size=3
    )
    | st.lists(NUMBERS, max_size=5)
    | st.text(max_size=200)
    | NUMBERS,
    max_size=5,
)


@given(CONFIGS)
@settings(deadline=None)
def test_yaml_comes_back_in_order(config: dict[str, object]) -> None:
    """A configuration is read as it was written, its keys in their order."""
    found = yaml.safe_load(to_yaml(config))
    assert found == config
    assert list(found) == list(config)
