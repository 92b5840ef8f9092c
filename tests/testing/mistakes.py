"""What a planted mistake is. Each table of mistakes has right plugins with one thing changed."""

from __future__ import annotations

from typing import Any, NamedTuple

from nnexp.testing import Check
from nnexp.testing.subject import Subject
from nnexp.testing.suite import checks, ended


class Mistake(NamedTuple):
    """A plugin with one mistake, the check that has to notice it, and what its message has to say."""

    what: str
    check: str
    target: Any
    message: str


def noticed(mistake: Mistake) -> Check:
    """How the check ended that has to notice the mistake."""
    subject = Subject.of(mistake.target)
    return ended(mistake.check, checks(subject.cls.kind)[mistake.check], subject)
