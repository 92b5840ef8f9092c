"""What is installed only by who wants it."""

from __future__ import annotations

import pytest

from nnexp.basics.optional import refuse_without
from nnexp.errors import NnexpError


def test_what_is_missing_is_named_with_what_to_type() -> None:
    """A package that is not there is refused by its name, one that is there is not."""
    refuse_without("json", "json", "This")
    text = r"A report needs the Python package some-charts, which is not installed\. Type: pip install some-charts"
    with pytest.raises(NnexpError, match=text):
        refuse_without("some_charts", "some-charts", "A report")
