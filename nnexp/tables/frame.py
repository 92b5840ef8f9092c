"""A pandas table as data: numbers stay numbers, text becomes categories, and what is neither is refused.

For every dataset that reads a table, whatever its source: ``csv`` and third-party plugins call ``from_frame``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from nnexp.basics.data import likely_task
from nnexp.basics.plain import override
from nnexp.errors import NnexpError, closest, counted, listed
from nnexp.plugin import Data, Task
from nnexp.tables.classes import MOST_CATEGORIES, Label, fit_for_classes, is_quantity
from nnexp.tables.classes import classes as classes_of
from nnexp.tables.columns import (
    categories_of,
    encode,
    in_one_piece,
    kind_of,
    kinds_of,
    levels,
    numbers,
    numbers_of,
    objects,
    refuse_rounded,
    refuse_several_units,
)
from nnexp.tables.format import USUAL, Format, units_of
from nnexp.tables.notes import alike_but_for_case, footers, marks, other_task, rows_left_out, spellings_of_truth
from nnexp.tables.refusals import (
    no_dates,
    refuse_dates,
    refuse_decorated,
    refuse_numbers_and_text,
    refuse_other_spellings,
)
from nnexp.tables.spelling import TRUTH, cell
from nnexp.tables.zeros import leading_zeros, padded_texts

if TYPE_CHECKING:
    import pandas as pd

FEW_CATEGORIES = 10
"""So are more than this, if hardly one occurs twice."""


def from_frame(
    table: pd.DataFrame,
    target: str,
    *,
    task: str = "auto",
    missing: str = "refuse",
    drop: Sequence[str] = (),
    text: Sequence[str] = (),
    source: str = "The table",
    form: Format | None = None,
    cell: Callable[[str, int], str] | None = None,
) -> Data:
    """The data of a table with one row per sample, one column per feature and the column ``target``.

    true and false become 1 and 0, text its index among the column's sorted texts. ``task`` is ``auto`` (told by the
    target's values), ``regression``, ``binary`` or ``multiclass``; ``missing`` is ``refuse`` or ``drop``, which leaves
    rows with missing values out; ``drop`` names columns to leave out, and ``text`` those that hold words, whatever they look
    like. Raises NnexpError; its messages call the table ``source``, count rows from 1, and name ``dataset.target``,
    ``dataset.task``, ``dataset.missing``, ``dataset.drop`` and ``dataset.text``: the dataset that calls this has these fields.
    With ``form`` (how texts spell numbers) it has the fields of ``Format``, too; ``cell`` says what stands in a column's row.
    """
    chosen = _Choice(source, target, task, missing, tuple(drop), tuple(text), form, cell)
    return chosen.data(in_one_piece(table.rename(columns=str)))


@dataclass(frozen=True)
class _Choice:
    """What of a table is used, and what messages call it."""

    source: str
    target: str
    task: str
    missing: str
    drop: tuple[str, ...]
    text: tuple[str, ...]
    form: Format | None
    cell: Callable[[str, int], str] | None

    def data(self, table: pd.DataFrame) -> Data:
        names = self._features(list(table.columns))
        # From here on the index is the row number that messages give, also after rows were dropped.
        given = table[[*names, self.target]].set_axis(range(1, len(table) + 1), axis=0)
        table = self._complete(given)
        if len(table) < 2:
            raise NnexpError(
                f"{self.source} holds {'a single row' if len(table) else 'no row'} of data. Training and validation "
                "need at least 2: add more."
            )
        dropped = len(given) - len(table)
        texts, (table, beside) = table, self._spelled_out(table)
        found = kinds_of(table)
        booleans = tuple(name for name in names if found[name] == "bool" and name not in self.text)
        found |= dict.fromkeys(self.text, "text")
        kinds = {name: found[name] for name in names}
        floats = set(table.columns[table.dtypes == np.float64])  # which are the numbers they say
        for name in (name for name, kind in kinds.items() if kind != "number" or name not in floats):
            self._check(table[name], kinds[name], self._how_to_drop(name))
            if kinds[name] == "number":
                refuse_rounded(table[name], self.source, self._how_to_drop(name))
        categories = {name: categories_of(table[name]) for name, kind in kinds.items() if kind == "text"}
        x = encode(table, names, categories, source=self.source, rows=table.index)
        y, classes, task = self._target(table[self.target])
        notes = (
            *rows_left_out(dropped, given[self.target], classes, self.target),
            *leading_zeros(padded_texts(texts, table), self.text),
            *self._doubts(table, x, kinds, [name for name in table.columns.tolist() if found[name] == "text"]),
            *alike_but_for_case({**categories, self.target: [each for each in classes if isinstance(each, str)]}),
            *(other_task(y, classes, self.target) if self.task == "auto" else ()),
        )
        return Data(
            x,
            y,
            names=names,
            task=task,
            classes=classes,
            target=self.target,
            categories=categories,
            notes=notes,
            reading=replace(self.form or USUAL, beside=tuple(beside.items()), booleans=booleans).changes(),
        )

    def _spelled_out(self, table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
        """Numbers, true and false that are kept as text become what they say, as where the only word was in a row left out.

        Returns the units that stood beside them, too, by column.
        """
        import pandas as pd

        form, numbers, beside = self.form or USUAL, {}, {}
        for column in objects(table):
            name = str(column.name)
            if name not in self.text and kind_of(column) == "text":
                codes, texts = levels(column)
                if all(text.casefold() in TRUTH for text in texts):
                    numbers[name] = pd.Series(np.array([TRUTH[text.casefold()] for text in texts])[codes], column.index)
                elif all(form.number(text) is not None for text in texts):
                    refuse_several_units(texts, form, f"{self.source}: column '{name}'")
                    numbers[name] = numbers_of(column, form)
                    beside.update({name: next(iter(units_of(texts, form)), "")} if form.units == "strip" else {})
        return table.assign(**numbers) if numbers else table, beside

    def _doubts(
        self, table: pd.DataFrame, x: NDArray[Any], kinds: Mapping[str, str], texts: list[str]
    ) -> Iterator[str]:
        """What a table's ``texts`` and numbers may mean otherwise."""
        same = [
            name for at, (name, kind) in enumerate(kinds.items()) if kind != "text" and (x[:, at] == x[0, at]).all()
        ]
        if same:
            yield f"{counted(len(same), 'column is', 'columns are')} the same in every row: {listed(same, most=5)}"
        yield from footers(table[texts])
        yield from marks(table[texts]) if self.form else ()
        yield from spellings_of_truth(table[[name for name in texts if name not in self.text]], self.text)

    def _kind(self, column: pd.Series[Any]) -> str:
        """The kind of a column: words where the user says so."""
        return "text" if column.name in self.text else kind_of(column)

    def _meant(self, field: str, name: str, columns: list[str]) -> str:
        """The column that was probably meant, and how it is typed where it has characters that Hydra reads otherwise."""
        match = closest(name, columns)
        if not match:
            return ""
        typed = override(f"dataset.{field}", match if field == "target" else [match])
        return f" Did you mean '{match}'?{f' Type {typed}' if typed[0] == chr(39) else ''}"

    def _features(self, columns: list[str]) -> tuple[str, ...]:
        """The columns to learn from; refuse a target or a column to drop that the table does not have, or has twice."""
        repeated = sorted(name for name, times in Counter(columns).items() if times > 1)
        if repeated:
            raise NnexpError(
                f"{self.source} has more than one column named {listed(map(repr, repeated))}. Rename them: each name once."
            )
        fields = {"drop": self.drop, "text": self.text}
        for field, name in (("target", self.target), *((each, name) for each in fields for name in fields[each])):
            if name not in columns:
                raise NnexpError(
                    f"{self.source} has no column '{name}', which dataset.{field} names.{self._meant(field, name, columns)} "
                    f"Its columns: {listed(columns)}."
                )
        if self.target in self.drop:
            raise NnexpError(f"dataset.drop leaves out the target '{self.target}'. Take it out of dataset.drop.")
        names = tuple(name for name in columns if name != self.target and name not in self.drop)
        if not names:
            raise NnexpError(
                f"{self.source} leaves no feature to learn from: beside the target '{self.target}' it needs at least one "
                f"column{' that dataset.drop does not name' if self.drop else ''}. Its columns: {listed(columns)}."
            )
        return names

    def _complete(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows without missing values, or a refusal that says where the first one is."""
        missing = table.isna()
        counts = {str(name): int(count) for name, count in missing.sum().items() if count}
        if not counts:
            return table
        complete = table[~missing.any(axis=1)]
        if self.missing == "refuse":
            name = next(iter(counts))
            row = int(missing.index[missing[name]][0])
            gaps = listed(f"{name} ({count})" for name, count in counts.items())
            mark = self.cell(name, row).strip() if self.cell else ""
            if complete.empty:
                remedy = f"No row is complete. {self._how_to_drop(max(counts, key=counts.__getitem__))}"
            else:
                incomplete = counted(len(table) - len(complete), "row")
                remedy = f"Fill them in, or type dataset.missing=drop to leave {incomplete} out"
            raise NnexpError(
                f"{self.source}: {counted(sum(counts.values()), 'value is', 'values are')} missing, the first in column "
                f"'{name}' in row {row}{f', {cell(mark)!r}' if mark else ''} (row 1 holds the first sample). Missing by "
                f"column: {gaps}. {remedy}.{self._a_word(mark)}"
            )
        if complete.empty:
            name = max(counts, key=counts.__getitem__)
            raise NnexpError(
                f"{self.source}: dataset.missing=drop leaves no row, for each misses a value; column '{name}' misses "
                f"{counts[name]} of {len(table)}. {self._how_to_drop(name)}."
            )
        return complete

    def _a_word(self, mark: str) -> str:
        """What to type where a mark for a missing value is a word; nothing where the cell is empty."""
        return f" If {mark!r} is a word here, type dataset.na=[]." if mark and self.form else ""

    def _how_to_drop(self, name: str) -> str:
        """What to do about a column."""
        if name == self.target:
            return "Choose another target: type dataset.target=NAME"
        return f"To leave the column out, type {override('dataset.drop', [*self.drop, name])}"

    def _words(self, name: str) -> str:
        """What to type where a column holds words that only look like something else."""
        return f"If they are names, type {override('dataset.text', [*self.text, name])}"

    def _check(self, column: pd.Series[Any], kind: str, remedy: str) -> None:
        """Refuse a column that is neither numbers nor categories."""
        where = f"{self.source}: column '{column.name}'"
        if kind not in ("number", "bool", "text", "date"):
            raise NnexpError(f"{where} holds {kind} values. Only numbers, true/false and text can be used. {remedy}.")
        if kind == "date":
            raise no_dates(where, column.iloc[0], column.index[0], remedy)
        if kind == "text":
            if str(column.dtype) != "category" and column.name not in self.text:
                refuse_numbers_and_text(column, where, remedy, self.form)
                refuse_decorated(column, where, self._words(str(column.name)), self.form)
                refuse_other_spellings(column, where, self._words(str(column.name)))
                refuse_dates(column, where, f"{remedy}. {self._words(str(column.name))}")
            distinct = len(categories_of(column))
            many = distinct > MOST_CATEGORIES and 2 * distinct > len(column)
            if many or (distinct > FEW_CATEGORIES and distinct > 0.9 * len(column) and column.name not in self.text):
                raise NnexpError(
                    f"{where} holds {distinct} different texts in {len(column)} rows: that looks like an identifier or "
                    f"free text, not like categories. {remedy}."
                )

    def _target(self, column: pd.Series[Any]) -> tuple[NDArray[Any], tuple[Label, ...], Task]:
        """The target as values or class indices, the class labels, and the task."""
        where, kind = f"{self.source}: the target '{self.target}'", self._kind(column)
        self._check(column, kind, self._how_to_drop(self.target))
        if kind == "number" and self.task in ("auto", "regression") and is_quantity(column):
            return numbers(column, self.source), (), "regression"
        labels, indices = classes_of(column, kind, self.source)
        if len(labels) < 2:
            raise NnexpError(
                f"{where} is {labels[0]!r} in every row: nothing to learn. {self._how_to_drop(self.target)}."
            )
        task = likely_task(labels, len(column)) if self.task == "auto" else cast("Task", self.task)
        if task == "regression":
            if kind == "text":
                raise NnexpError(
                    f"{where} holds text ({cell(column.iloc[0])!r} in row {column.index[0]}); dataset.task=regression "
                    "needs numbers. Type dataset.task=auto"
                )
            refuse_rounded(column, self.source, "For classes type dataset.task=multiclass")
            return numbers(column, self.source), (), task
        if task == "binary" and len(labels) > 2:
            other = "multiclass" if fit_for_classes(labels, len(column)) else "regression"
            raise NnexpError(
                f"{where} has {len(labels)} classes ({listed(map(str, labels), most=5)}); dataset.task=binary needs 2. "
                f"Type dataset.task={other}"
            )
        if not fit_for_classes(labels, len(column)):
            raise NnexpError(
                f"{where} has {len(labels)} distinct numbers ({listed(map(str, labels), most=5)}) in {len(column)} "
                "rows: too many for the classes of dataset.task=multiclass. Type dataset.task=regression"
            )
        return indices, labels, task
