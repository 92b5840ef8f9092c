"""The format ``cpp``: a trained model as one file of C++17 that anybody can read, compile and call.

The file is made from ``templates/``. What a table says (names, categories, classes, the mark between its cells) gets into it by
``cpp_text`` alone, as a literal, and into no comment.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from nnexp.errors import NnexpError, counted, listed
from nnexp.plugin import Described, Export, Trained
from nnexp_native.cpp_activations import function, known
from nnexp_native.cpp_text import array, braced, character_literal, number_literal, numbers, text_literal
from nnexp_native.plugins import ACTIVATIONS

TEMPLATES = Path(__file__).parent / "templates"
KINDS_OF_MARKS = (" \u00a0\u202f\u2009", "'\u2019")
"""Blanks of any width, and apostrophes: between thousands each stands for all of its kind."""


@dataclass(frozen=True)
class Cpp(Export):
    """One file of C++17 with weights, scaling, categories and a main that answers for the rows of a table."""

    suffix = ".cpp"

    def text(self, model: Trained) -> str:
        main = filled("table", **reading(model)) + "\n" + filled("main", answers=answers(model))
        return filled("model", **network(model), **about(model), main=main.rstrip())

    def remarks(self, model: Trained) -> Sequence[str]:
        if model.reading.get("units") != "strip":
            return ()
        beside: Mapping[str, str] = model.reading.get("beside", {})
        units = [f"'{unit}' in '{name}'" for name, unit in beside.items() if unit]
        named = f" ({listed(units)})" if units else ""
        return (f"the program reads numbers alone: leave out units{named}, which predict strips.",)

    def usage(self, path: str) -> str:
        path = f"./{path}" if path.startswith("-") else path
        program = str(Path(path).with_suffix(""))
        run = program if "/" in program else f"./{program}"
        program = run if program.startswith("-") else program
        return f"c++ -O2 -std=c++17 -o {shlex.quote(program)} {shlex.quote(path)} && {shlex.quote(run)} TABLE.csv"


def filled(template: str, **words: str) -> str:
    """A template with its blanks filled in."""
    return Template((TEMPLATES / f"{template}.cpp.template").read_text(encoding="utf-8")).substitute(words)


def formula(key: str, activation: Described, dtype: str) -> tuple[str, str]:
    """The name of an activation's formula, and the function ``key`` that computes it. Raises NnexpError for a stranger's."""
    found = ACTIVATIONS.get(activation.defined)
    if found is None or found.name not in known():
        raise NnexpError(
            f"--to cpp has no C++ for {key}={activation}. It has some for {listed(sorted(known()), most=40)}. Train with one "
            "of these, or answer in Python: python -m nnexp predict RUN TABLE"
        )
    values = {name: activation.values[name] for name in found.fields}
    return found.name, function(key, found.name, values, dtype)


def about(model: Trained) -> dict[str, str]:
    """What the comment at the top says of the model and of its table."""
    line, below = header(model)
    where = f"in line {line}" if line else "c1, c2, ..., which are not written"
    rows = f" and rows from line {line + below + 1} on" if below else ""
    outs = {
        "regression": "in original units",
        "binary": "the probability of each class" if model.probabilities else "a score",
        "multiclass": "of each class, in the order of CLASSES",
    }[model.task]
    declared = "std::size_t predicted(const double* out);  // the class's index" if model.classes else ""
    hidden = [formula("activation", model.hidden, model.dtype)[0]] if len(model.sizes) > 2 else []
    layers = [*hidden, formula("output", model.output, model.dtype)[0]]
    return {
        "version": model.version,
        "summary": f"{'-'.join(map(str, model.sizes))}, {' and '.join(layers)}, {model.task}, {model.dtype}",
        "header": f"{where}{rows}",
        "separator": "blanks" if separator(model) == " " else text_literal(separator(model)).removesuffix("sv"),
        "numbers": spelling(model),
        "n_features": counted(len(model.features), "number"),
        "outs": f"{counted(n_answers(model), 'number')}, {outs}",
        "declared": f"//     {declared}\n" if declared else "",
    }


def n_answers(model: Trained) -> int:
    """How many numbers ``predict`` writes."""
    return 2 if model.task == "binary" and model.probabilities else model.sizes[-1]


def separator(model: Trained) -> str:
    """What stands between the cells of a table; a blank stands for any number of them."""
    return str(model.reading.get("separator", ","))


def between_thousands(model: Trained) -> Sequence[str]:
    """What may stand between thousands: the characters that are read as the mark of training's table."""
    mark = str(model.reading.get("thousands", ""))
    return next((kind for kind in KINDS_OF_MARKS if mark and mark in kind), mark) or ("",)


def header(model: Trained) -> tuple[int, int]:
    """The number of the line with the columns' names, 0 where there is none, and of how many below it are no rows."""
    said = str(model.reading.get("header", "auto"))
    if said in ("auto", "none"):
        return int(said == "auto"), 0
    lines = re.fullmatch(r"(\d+)(?:-(\d+))?", said, re.ASCII)
    if not lines:
        raise NnexpError(
            f"--to cpp does not know what header={said!r} of this model's table means. Upgrade nnexp-native."
        )
    return int(lines[1]), int(lines[2] or lines[1]) - int(lines[1])


def spelling(model: Trained) -> str:
    """How numbers have to be written."""
    marks = "a decimal comma" if model.reading.get("decimal") == "," else "a decimal point"
    return f"numbers with {marks}{', and nothing beside them' if model.reading.get('units') == 'strip' else ''}"


def reading(model: Trained) -> dict[str, str]:
    """How the program reads a table: as the one of training was written, but for units."""
    line, below = header(model)
    return {
        "separator": text_literal(separator(model)),
        "thousands": braced(map(text_literal, between_thousands(model)), ""),
        "decimal": character_literal("," if model.reading.get("decimal") == "," else "."),
        "header": str(line),
        "below": str(below),
        "numbers": text_literal(spelling(model)),
    }


def names(model: Trained) -> Iterator[str]:
    """The columns with their categories, the target, and the classes."""
    columns = []
    truth = set(model.reading.get("booleans", ()))
    for number, (name, categories) in enumerate(model.features, 1):
        listing = f"CATEGORIES_{number}" if categories else "nullptr"
        if categories:
            yield array(f"inline constexpr std::string_view {listing}[]", map(text_literal, categories))
        true = "true" if name in truth else "false"
        columns.append(braced([text_literal(name), listing, str(len(categories)), true], ""))
    yield array("inline constexpr Column COLUMNS[]", columns)
    yield f"inline constexpr std::string_view TARGET = {text_literal(model.target)};"
    if model.classes:
        yield array("inline constexpr std::string_view CLASSES[]", [text_literal(str(each)) for each in model.classes])
    yield f"inline constexpr std::size_t N_COLUMNS = {len(model.features)}, N_OUT = {n_answers(model)};"


def network(model: Trained) -> dict[str, str]:
    """The numbers and the functions of the network."""
    dtype, last = model.dtype, len(model.weights)
    functions = [formula("output", model.output, dtype)[1]]
    if last > 1:
        functions.insert(0, formula("activation", model.hidden, dtype)[1])
    weights, forward = [], [f"    Number a0[{model.sizes[0]}];", "    inputs(sample, a0);"]
    for number, (matrix, bias) in enumerate(model.weights, 1):
        n_out, n_in = matrix.shape
        weights.append(numbers(f"constexpr Number W{number}[{n_in}][{n_out}]", matrix.T, dtype))
        weights.append(numbers(f"constexpr Number b{number}[{n_out}]", bias, dtype))
        forward.append(f"    Number a{number}[{n_out}];")
        forward.append(f"    layer(W{number}, b{number}, a{number - 1}, a{number});")
        forward.append(f"    {'output' if number == last else 'activation'}(a{number});")
    scalings = zip(("SHIFT", "SCALE"), model.inputs, strict=True)
    return {
        "number": "double" if dtype == "float64" else "float",
        "names": "\n".join(names(model)) + "\n",
        "inputs": "\n".join(
            numbers(f"constexpr double {name}[{len(each)}]", each, "float64") for name, each in scalings
        ),
        "activations": "\n".join(functions),
        "weights": "\n".join(weights),
        "forward": "\n".join(forward),
        **finish(model, f"a{last}"),
    }


def finish(model: Trained, a: str) -> dict[str, str]:
    """The end of ``predict``, from the last layer's outputs to what the caller gets, and the function ``predicted``."""
    threshold = number_literal(model.threshold, model.dtype)
    if model.task == "regression":
        scalings = zip(("OUTPUT_SHIFT", "OUTPUT_SCALE"), model.outputs, strict=True)
        arrays = [f"    {numbers(f'constexpr double {name}[N_OUT]', each, 'float64')}" for name, each in scalings]
        loop = f"    for (std::size_t k = 0; k < N_OUT; ++k) out[k] = {a}[k] * OUTPUT_SCALE[k] + OUTPUT_SHIFT[k];"
        return {"finish": "\n".join([*arrays, loop]), "predicted": ""}
    if model.task == "binary" and model.probabilities:
        lines = f"    out[0] = 1 - {a}[0];\n    out[1] = {a}[0];"
        choice = f"static_cast<Number>(out[1]) > {threshold} ? 1 : 0"
    elif model.task == "binary":
        lines, choice = f"    out[0] = {a}[0];", f"static_cast<Number>(out[0]) > {threshold} ? 1 : 0"
    else:
        lines = f"    for (std::size_t k = 0; k < N_OUT; ++k) out[k] = {a}[k];"
        choice = "static_cast<std::size_t>(std::max_element(out, out + N_OUT) - out)"
    what = "the largest's" if model.task == "multiclass" else "1 above the threshold"
    function = f"std::size_t predicted(const double* out) {{ return {choice}; }}"
    return {"finish": lines, "predicted": f"\n// The index of the class in CLASSES: {what}.\n{function}\n"}


def answers(model: Trained) -> str:
    """The functions that write what ``predict`` does."""
    if model.task == "regression":
        return filled("values")
    blanks: dict[str, Any] = {"and_probabilities": "", "probability_names": "", "probabilities": ""}
    if model.probabilities:
        blanks = {
            "and_probabilities": ", and the probability of each",
            "probability_names": "    for (const std::string_view label : CLASSES) "
            'table += "," + cell("probability_" + std::string(label));\n',
            "probabilities": '        for (const double p : out) table += "," + written(static_cast<Number>(p));\n',
        }
    return filled("labels", **blanks)
