"""The short form of ``python -m tests.fuzz``: random words for the command."""

from __future__ import annotations

import random
from pathlib import Path

from tests.forked import server
from tests.fuzz import fuzz, shown, tried
from tests.words import WITNESSES, Words


def test_random_words_end_in_words(tmp_path: Path) -> None:
    """A hundred lists of random words: no traceback, no "unexpected", no hang, nothing touched that was there."""
    failures = fuzz(tmp_path, number=100, seed=12)
    assert not failures, "\n".join(map(str, failures))


def test_what_has_been_wrong_once(tmp_path: Path) -> None:
    """Words that once ended in "a bug of nnexp" end in a message."""
    failures = [tried(server(), tmp_path, number, words) for number, words in enumerate(WITNESSES)]
    assert not any(failures), "\n".join(str(each) for each in failures if each)


def test_the_words_follow_from_the_seed() -> None:
    """One seed draws the same words again, another one others; shown, they can be typed."""
    first, again, other = (Words(random.Random(seed)) for seed in (1, 1, 2))  # noqa: S311 (nothing secret)
    lines = [first.line() for _ in range(20)]
    assert [again.line() for _ in range(20)] == lines
    assert [other.line() for _ in range(20)] != lines
    assert shown(["a b", "x=\x1b'"]) == "'a b' $'x=\\U0000001b\\U00000027'"
