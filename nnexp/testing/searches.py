"""What a search has to keep. Small searches are carried out here, of a cost that is computed; nothing is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from nnexp.basics.fields import hyperparameters
from nnexp.basics.search import outside
from nnexp.errors import listed
from nnexp.experiment.settings import SearchSettings
from nnexp.plugin import Dimension, Direction, Options, Sampling, Search, Space, Span, Steps, Trial, Value
from nnexp.testing.verdict import Failed, Skipped

NUMBERS: Space = {
    "rate": Span(1e-4, 1.0, log=True),
    "share": Span(0.25, 0.5),
    "size": Span(8, 128),
    "step": Steps((0.1, 0.4, 0.7)),
    "count": Steps((1, 2, 3, 4, 5, 6, 7, 8), log=True),
}
WORDS: Space = {"hidden": Options(("[8]", "[32,16]", "[64]"))}
SPACES: Sequence[Space] = ({**NUMBERS, **WORDS}, NUMBERS, {"rate": NUMBERS["rate"]}, WORDS)
"""The first that a search does not refuse is what it is tried in."""
FURTHER: Space = {"momentum": Span(0.5, 0.9)}
"""What every second trial is asked for as well."""
TRIALS, LAG = 16, 4
ONE: Sequence[Direction] = ("minimize",)


@dataclass
class Tried:
    """A search under way; every seventh trial fails."""

    sampling: Sampling
    space: Space
    sign: int = 1
    made: list[dict[str, Value]] = field(default_factory=list)

    def go_on(self) -> None:
        """Tell what is to be told before the next trial, and ask for it."""
        number = len(self.made)
        if (past := number - LAG - 1) >= 0:
            self.sampling.tell(past, None if past % 7 == 6 else [self.sign * cost(self.made[past], self.space)])
        asked = [self.space, *([FURTHER] if number % 2 else [])]
        self.made.append({key: value for each in asked for key, value in self.sampling.ask(number, each).items()})


def cost(values: Mapping[str, Value], space: Space) -> float:
    """The sum of squared distances from a third of each range, and a little for each key, so that few costs are equal."""
    places = [place(values[key], dimension) for key, dimension in space.items()]
    return math.fsum((each - 1 / 3) ** 2 * (1 + 0.01 * number) for number, each in enumerate(places))


def place(value: Value, dimension: Dimension) -> float:
    """Where a value is in its dimension, from 0 to 1."""
    match dimension:
        case Span(low, high, log):
            ends = [math.log(each) if log else float(each) for each in (float(value), low, high)]
            return (ends[0] - ends[1]) / (ends[2] - ends[1])
        case Steps(values=steps):
            return steps.index(float(value)) / (len(steps) - 1)
        case Options(values=words):
            return words.index(str(value)) / (len(words) - 1)


def usable(search: Search) -> Space:
    """A space that the search does not refuse; where it refuses all, the check is skipped."""
    for space in SPACES:
        if not search.refusal(space, ONE):
            return space
    raise Skipped(f"it refuses all spaces here: {search.refusal(SPACES[0], ONE)}")


def begun(search: Search, space: Space, directions: Sequence[Direction] = ONE) -> Tried:
    """A new search with the seed 0."""
    return Tried(search.begin(0, directions), space, -1 if directions[0] == "maximize" else 1)


def carried_out(search: Search, space: Space, directions: Sequence[Direction] = ONE) -> list[dict[str, Value]]:
    """The trials of a whole search."""
    tried = begun(search, space, directions)
    for _ in range(TRIALS):
        tried.go_on()
    return tried.made


def parting(ours: Sequence[object], theirs: Sequence[object]) -> str:
    """The first trial in which two searches differ, in words; empty where there is none."""
    pairs = enumerate(zip(ours, theirs, strict=True))
    return next((f"trial {number} is {one} and {other}" for number, (one, other) in pairs if one != other), "")


def refuses_in_words(search: Search) -> None:
    """Whether it can search a space is said in words."""
    for space in SPACES:
        for directions in (ONE, ("minimize", "maximize")):
            why = search.refusal(space, directions)
            if not isinstance(why, str):
                raise Failed(
                    f"for {listed(space)} with {len(directions)} objectives refusal returns {why!r}. Return a text that says "
                    "what to type, empty where it can."
                )


def keys_of_its_own(search: Search) -> None:
    """No field has the name of a key that every search has."""
    taken = {item.name for item in hyperparameters(SearchSettings)} | {"name"}
    for item in hyperparameters(search):
        if item.name in taken:
            raise Failed(
                f"search.{item.name} is a key of every search, so the field '{item.name}' never gets a value. Rename it."
            )


def needs_what_is_there(search: Search) -> None:
    """The distributions in needs are installed."""
    for name in search.needs:
        try:
            version(name)
        except PackageNotFoundError:
            raise Failed(
                f"needs names '{name}', and no distribution of that name is installed. Write what pip calls it, and name it in "
                "pyproject.toml's dependencies."
            ) from None


def answers_what_is_asked(search: Search) -> None:
    """It gives a value for each key that it is asked for, and for no other, further keys of a trial included."""
    space = usable(search)
    sampling = search.begin(0, ONE)
    for number in range(LAG):
        for asked in (space, FURTHER):
            found = sampling.ask(number, asked)
            if set(found) != set(asked):
                raise Failed(
                    f"trial {number} was asked for {listed(asked)} and gave {listed(found)}. Return one value for each key of "
                    "space; asked again for the same trial it is other keys."
                )


def stays_in_the_space(search: Search) -> None:
    """What it proposes is one of the values that a key may take, of the same type."""
    space = usable(search)
    everything = {**space, **FURTHER}
    for number, values in enumerate(carried_out(search, space)):
        for key, value in values.items():
            if why := outside(value, everything[key]):
                raise Failed(
                    f"trial {number} has {key}={value!r} ({type(value).__name__}) for {everything[key]}: {why}."
                )


def same_trials_again(search: Search) -> None:
    """The same seed and the same results give the same trials."""
    space = usable(search)
    first, again = carried_out(search, space), carried_out(search, space)
    if found := parting(first, again):
        raise Failed(
            f"with the same seed and results {found}. Draw from np.random.default_rng([seed, number]), and nothing else: a "
            "search that was interrupted is asked from its beginning once more."
        )


def keeps_searches_apart(search: Search) -> None:
    """Another search at the same time changes nothing."""
    space = usable(search)
    alone = carried_out(search, space)
    ours, other = begun(search, space), begun(search, space)
    for number in range(TRIALS):
        ours.go_on()
        if number % 2:
            other.go_on()
    if found := parting(alone, ours.made):
        raise Failed(
            f"alone and beside another search {found}. Keep what a search knows in the object that begin returns, not in the "
            "class or the module."
        )


def goes_on_after_failures(search: Search) -> None:
    """Trials of which all have failed are no end."""
    space = usable(search)
    sampling = search.begin(0, ONE)
    for number in range(TRIALS):
        if number > LAG:
            try:
                sampling.tell(number - LAG - 1, None)
            except TypeError as error:
                raise Failed(f"tell was given None for a trial that failed, and raised {error}.") from error
        sampling.ask(number, space)


def knows_the_direction(search: Search) -> None:
    """To make a metric high is to make its negative low."""
    space = usable(search)
    if search.refusal(space, ("maximize",)):
        raise Skipped(f"it refuses maximize: {search.refusal(space, ('maximize',))}")
    if found := parting(carried_out(search, space), carried_out(search, space, ("maximize",))):
        raise Failed(
            f"low costs with minimize and their negatives with maximize gave other trials: {found}. Turn the sign where "
            "directions says maximize."
        )


def told(search: Search, space: Space) -> Iterator[Trial]:
    """Trials that have ended."""
    for number, values in enumerate(carried_out(search, space)):
        own = {key: values[key] for key in space}
        yield Trial(number, own, None if number % 7 == 6 else (cost(own, space),))


def importance_in_shares(search: Search) -> None:
    """The importance of keys is in shares of 1."""
    space = usable(search)
    found = search.importance(space, list(told(search, space)), ONE)
    if not found:
        raise Skipped("it does not know how much a key matters")
    total = math.fsum(found.values())
    if not set(found) <= set(space) or not all(0 <= each <= 1 for each in found.values()) or total > 1 + 1e-9:
        raise Failed(
            f"importance gives {dict(found)} for {listed(space)}. Give keys of space shares that sum to 1 at most."
        )


def exports_a_file(search: Search) -> None:
    """What it exports are the bytes of a file."""
    space = usable(search)
    found = search.exported(space, list(told(search, space)), {"cost/validation": "minimize"}, "tried")
    if not isinstance(found, bytes):
        raise Failed(
            f"exported returns {type(found).__name__}. Return the bytes of a file, or b'' where there is none."
        )
    if not found:
        raise Skipped("it has no file that Optuna's tools read")


CHECKS: tuple[Callable[[Search], None], ...] = (
    refuses_in_words,
    keys_of_its_own,
    needs_what_is_there,
    answers_what_is_asked,
    stays_in_the_space,
    same_trials_again,
    keeps_searches_apart,
    goes_on_after_failures,
    knows_the_direction,
    importance_in_shares,
    exports_a_file,
)
