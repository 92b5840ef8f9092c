"""How a search's plugin is called: it begins, proposes values and is told; what it does wrong names it."""

from __future__ import annotations

from collections.abc import Sequence

from nnexp.basics.search import outside
from nnexp.errors import NnexpError, first_line
from nnexp.plugin import Direction, Sampling, Search, Space, Value


class calling:  # noqa: N801 (a context manager)
    """Within the block a plugin of somebody else's is called: whatever it raises names it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        """Nothing is to be done before."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, NnexpError):
            why = f"{type(error).__name__}: {first_line(error)}"
            raise NnexpError(
                f"search={self.name} failed ({why}). What was trained is there, and nothing is lost."
            ) from error


def begun(name: str, search: Search, seed: int, directions: Sequence[Direction]) -> Sampling:
    """The search under way. Raises NnexpError where its plugin does not begin one."""
    with calling(name):
        sampling = search.begin(seed, directions)
    if not isinstance(sampling, Sampling):
        raise NnexpError(
            f"search={name}: begin() has to return a Sampling (from nnexp.plugin), which is asked and told. Got "
            f"{type(sampling).__name__}."
        )
    return sampling


def proposed(name: str, sampling: Sampling, number: int, space: Space) -> dict[str, Value]:
    """The trial's values that its plugin proposes. Raises NnexpError where they are not what was asked for."""
    with calling(name):
        values = dict(sampling.ask(number, space))
    wrong = [f"it has no value of {key}" for key in space if key not in values]
    wrong += [f"it has a value of {key}, which was not asked for" for key in values if key not in space]
    wrong += [
        f"{key} is {values[key]!r}, and {why}"
        for key, each in space.items()
        if key in values and (why := outside(values[key], each))
    ]
    if wrong:
        raise NnexpError(
            f"search={name} proposes for trial {number} what nobody can train: {wrong[0]}. What was trained is there, and "
            "nothing is lost."
        )
    return values
