"""How a run is said to have ended that did not end well."""

from __future__ import annotations

import pytest

from nnexp.errors import NnexpError, Terminated
from nnexp.run.ending import ending, refused_end


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyboardInterrupt(), ("KILLED", "interrupted (Ctrl-C)")),
        (Terminated(), ("KILLED", "terminated (SIGTERM)")),
        (ValueError("no"), ("FAILED", "ValueError: no")),
        (NnexpError("Refused."), ("FAILED", "Refused.")),
        (SystemExit(3), ("FAILED", "A plugin called sys.exit(3). Have it raise an error that says what is wrong.")),
    ],
)
def test_an_end_in_words(error: BaseException, told: tuple[str, str]) -> None:
    """A signal kills a run, anything else is its failure; so is a plugin's wish to end the program, which is an error then."""
    assert ending(refused_end(error)) == told
    assert isinstance(refused_end(error), Exception) == (told[0] == "FAILED")
