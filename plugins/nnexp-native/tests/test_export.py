"""Models as C++: compiled without a warning, run, and held against what nnexp answers for the same rows."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from nnexp_native.cpp_text import number_literal, text_literal
from nnexp_native.export_cpp import Cpp
from nnexp_native.plugins import ACTIVATIONS

from nnexp import NnexpError
from nnexp.commands import subcommands
from nnexp.commands.export import trained
from nnexp.discovery import registry
from nnexp.engine.network import MLP
from nnexp.experiment.model import Model
from nnexp.experiment.preprocessing import Feature, Preprocessing, Scaling
from nnexp.plugin import Activation

NUMBERS = (Feature("a"), Feature("b"), Feature("c"))
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror", "-std=c++17")
RTOL = {"float64": 1e-12, "float32": 2e-5}


def compiler() -> str:
    """The C++ compiler; without one the test is skipped, or fails where one is required."""
    found = next(filter(shutil.which, ("c++", "g++", "clang++")), "")
    if not found:
        assert not os.environ.get("NNEXP_REQUIRE_CC"), "there is no C++ compiler (c++, g++ or clang++)"
        pytest.skip("there is no C++ compiler (c++, g++ or clang++)")
    return found


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options with which a compiler takes the standard library's headers as it has read them once, which halves its time.

    That a file itself includes what it needs is seen where these are not used.
    """
    header = tmp_path_factory.mktemp("headers") / "headers.hpp"
    header.write_text("\n".join(re.findall("#include <.*>", Cpp().text(trained(network())))))
    command = [compiler(), "-O0", *WARNINGS, "-x", "c++-header", "-o", f"{header}.gch", str(header)]
    subprocess.run(command, check=True)
    return "-include", str(header)


def compiled(source: Path, *more: str) -> Path:
    """The program of a source file; a warning is an error. Compiled as fast as can be, unless -O2 is among the options."""
    program = source.with_suffix("")
    command = [compiler(), "-O0", *WARNINGS, *more, "-o", str(program), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:5000]
    return program


def activation(name: str, **fields: Any) -> Activation:
    """An installed activation."""
    made = registry.build("activation", {"name": name, **fields})
    assert isinstance(made, Activation)
    return made


def network(  # of random weights
    features: Sequence[Feature] = NUMBERS,
    task: Any = "regression",
    classes: tuple[Any, ...] = (),
    *,
    n_outputs: int = 1,
    hidden: Activation | None = None,
    output: str = "identity",
    dtype: str = "float64",
    threshold: float = 0.5,
    reading: Mapping[str, Any] | None = None,
    target: str = "y",
) -> Model:
    """A model that nobody trained: weights and scalings are drawn."""
    rng = np.random.default_rng(7)
    width = sum(each.width for each in features)
    made = MLP((width, 5, 4, len(classes) if task == "multiclass" else n_outputs), hidden or activation("tanh"),
               activation(output), dtype)  # fmt: skip
    made.theta[...] = rng.normal(size=made.theta.size)
    one_hot = np.concatenate([np.full(each.width, bool(each.categories)) for each in features])
    shift, scale = np.where(one_hot, 0, rng.normal(size=width)), np.where(one_hot, 1, rng.uniform(0.5, 2, width))
    outputs = Scaling(rng.normal(size=n_outputs) * 10, rng.uniform(5, 20, n_outputs))
    plain = Scaling(np.zeros(n_outputs), np.ones(n_outputs))
    prepared = Preprocessing(
        tuple(features), task, target, classes, Scaling(shift, scale), outputs if task == "regression" else plain,
        reading or {},
    )  # fmt: skip
    return Model(made, prepared, threshold)


def typed(*words: str | Path) -> None:
    """``python -m nnexp WORDS``."""
    subcommands.main([str(word) for word in words])


def exported(model: Model, place: Path) -> Path:
    """The source that ``export --to cpp`` makes of a model."""
    typed("export", model.save(place / "model.npz"), "--to", "cpp", "-o", place / "model.cpp")
    return place / "model.cpp"


def among_others(text: str, number: int) -> str:
    """A source as a part of a program of several: its namespace and its main have other names."""
    text, renamed = re.subn(r"\b(namespace )?model(?= {|::run)", rf"\g<1>m{number}", text)
    assert renamed == 4
    text, ended = re.subn(r"}\n#endif\n\Z", "    return 0;\n}\n#endif\n", text)  # which only main can be without
    assert ended == 1
    return f"#define main main_{number}\n{text}#undef main\n"


def together(models: Mapping[str, Model], place: Path, *more: str, called: str = "") -> Path:
    """One program of several exported models, each as it is in a namespace of its own; its first word says whose main runs.

    Alone, the word has ``called`` run instead, statements that call the namespace ``model``. The standard library's headers,
    which take a compiler longest, are read once so.
    """
    source, cases = place / "together.cpp", ""
    with source.open("w", encoding="ascii") as to:
        for number, (name, model) in enumerate(models.items()):
            (place / f"{number}").mkdir()
            to.write(among_others(exported(model, place / f"{number}").read_text(encoding="ascii"), number))
            cases += f'    if (words[1] == std::string("{name}")) {{\n'
            if called:
                cases += f"        if (n == 2) {{ namespace model = m{number}; {called} return 0; }}\n"
            cases += f"        return main_{number}(n - 1, words + 1);\n    }}\n"
        to.write(f"int main(int n, char** words) {{\n{cases}    return 9;\n}}\n")
    return compiled(source, *more)


def answered(program: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """What a program says."""
    return subprocess.run([program, *words], capture_output=True, encoding="utf-8", check=False)


def predicted(model: Model, table: Path) -> list[list[str]]:
    """The rows, names included, that ``predict`` writes for a table."""
    saved, out = model.save(table.with_suffix(".model.npz")), table.with_suffix(".answers.csv")
    typed("predict", saved, table, "--replace", "-o", out)
    with out.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


def compare(said: str, expected: list[list[str]], dtype: str = "float64") -> None:
    """The same names and labels, and numbers that are equal but for rounding."""
    rows = list(csv.reader(io.StringIO(said, newline="")))
    assert rows[0] == expected[0]
    numeric = [name != "prediction" for name in rows[0]]
    if len(rows[0]) == 1 and spells_numbers([row[0] for row in expected[1:]]):
        numeric = [True]
    for row, right in zip(rows[1:], expected[1:], strict=True):
        for each, other, number in zip(row, right, numeric, strict=True):
            if number:
                np.testing.assert_allclose(float(each), float(other), rtol=RTOL[dtype], atol=RTOL[dtype] / 10)
            else:
                assert each == other


def spells_numbers(texts: Sequence[str]) -> bool:
    """Whether all are numbers with a fraction."""
    return all(re.fullmatch(r"-?\d+\.\d+(e[+-]\d+)?", each) for each in texts)


PROGRAM = """
#include <cstdio>
{includes}
int main() {{
    const double samples[][3] = {{{samples}}};
    double out[2];
    for (const auto& sample : samples) {{
        {calls}
    }}
}}
"""


def test_names_of_files(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name ends as a compiler wants it; one that begins with a dash is no option in the command that is printed."""
    monkeypatch.chdir(tmp_path)
    network().save("my.npz")
    for name in ("model", "model.txt", "-"):
        with pytest.raises(NnexpError, match=r"the name must end in \.cpp"):
            typed("export", "my.npz", "--to", "cpp", "-o", name)
    typed("export", "my.npz", "--to", "cpp", "-o", "./-x.cpp")
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == "next     c++ -O2 -std=c++17 -o ./-x ./-x.cpp && ./-x TABLE.csv"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_activation_in_one_program(dtype: str, tmp_path: Path, headers: tuple[str, ...]) -> None:
    """Each formula, hidden and as output, for small z and far out; models under other names, called from one program."""
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(size=(30, 3)), rng.normal(size=(30, 3)) * 30, rng.normal(size=(10, 3)) * 300])
    names = sorted({each.name for each in ACTIVATIONS.values()})
    assert len(names) == 17
    includes, calls, expected = ["#define NO_MAIN"], [], []
    for name in names:
        fields = {"leaky_relu": {"alpha": 0.1}, "elu": {"alpha": 0.7}, "sine": {"omega": 3.0}}.get(name, {})
        one = activation(name, **fields)
        hidden = activation("tanh") if name == "exp" else one  # of large numbers nothing is left
        model = network(n_outputs=2, hidden=hidden, dtype=dtype)
        model = replace(model, network=MLP(model.network.sizes, hidden, one, dtype, model.network.theta))
        text = Cpp().text(trained(model)).replace("namespace model {", f"namespace of_{name} {{")
        (tmp_path / f"{name}.cpp").write_text(text, encoding="ascii")
        includes.append(f'#include "{name}.cpp"')
        calls.append(f'of_{name}::predict(sample, out); std::printf("%.17g %.17g\\n", out[0], out[1]);')
        expected.append(model.predict(x))
    samples = ", ".join("{" + ", ".join(number_literal(each, "float64") for each in row) + "}" for row in x)
    program = PROGRAM.format(includes="\n".join(includes), samples=samples, calls="\n        ".join(calls))
    (tmp_path / "all.cpp").write_text(program)
    done = answered(compiled(tmp_path / "all.cpp", *headers))
    found = np.array([line.split() for line in done.stdout.splitlines()], float).reshape(len(x), len(names), 2)
    for index, name in enumerate(names):
        rows = slice(30 if name == "sine" else None)  # far out three sines in a row make much of the last digit
        left, right = found[rows, index], expected[index][rows]
        atol = RTOL[dtype] * float(np.abs(right).max())
        np.testing.assert_allclose(left, right, rtol=RTOL[dtype], atol=atol, err_msg=name)


TOWNS = Feature("town", ("Köln", "New York", "a,b", 'say "hi"'))
TABLE = {
    "c": [0.5, -1.25, 3e-5, 2.0],
    "ignored": ["x", "y", "z", ""],
    "town": ["a,b", "Köln", 'say "hi"', "New York"],
    "a": [1, 2, -3, 4],
    "b": [1e3, 2.5, 1.0, -0.125],
}
MODELS: dict[str, dict[str, Any]] = {
    "regression": {},
    "several outputs": {"n_outputs": 3},
    "float32": {"dtype": "float32", "n_outputs": 2},
    "binary": {"task": "binary", "classes": ("no", "yes"), "output": "sigmoid"},
    "binary in float32": {"task": "binary", "classes": (0, 1), "output": "sigmoid", "dtype": "float32"},
    "scores": {"task": "binary", "classes": (False, True), "threshold": 0.0},
    "multiclass": {"task": "multiclass", "classes": ("p", "q", "r"), "output": "softmax"},
    "multiclass in float32": {
        "task": "multiclass",
        "classes": (1.5, 2.0, 3.0),
        "output": "softmax",
        "dtype": "float32",
    },
    "scores of classes": {"task": "multiclass", "classes": (1, 2, 3)},
}


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program of all these models, compiled as users are told to."""
    models = {kind: network((*NUMBERS, TOWNS), **MODELS[kind]) for kind in MODELS}
    return together(models, tmp_path_factory.mktemp("every_kind"), "-O2")


@pytest.mark.parametrize("kind", MODELS)
def test_the_answers_of_predict(kind: str, tmp_path: Path, every_kind: Path) -> None:
    """Every task, both dtypes, numbers and categories: the program, compiled as users are told to, prints what predict does."""
    model = network((*NUMBERS, TOWNS), **MODELS[kind])
    pd.DataFrame(TABLE).to_csv(tmp_path / "t.csv", index=False)
    done = answered(every_kind, kind, tmp_path / "t.csv")
    assert (done.returncode, done.stderr) == (0, "")
    compare(done.stdout, predicted(model, tmp_path / "t.csv"), str(model.network.dtype))


@pytest.mark.parametrize("name", ["g++", "clang++"])
def test_no_compiler_warns(name: str, tmp_path: Path) -> None:
    """Each compiler that is there takes the file as a part of a program and as one, in silence.

    All models are in one file, each in a namespace and with a main of its own; the parts come first, which include less.
    """
    if not shutil.which(name):
        pytest.skip(f"there is no {name}")
    texts = [Cpp().text(trained(network((*NUMBERS, TOWNS), **MODELS[kind]))) for kind in MODELS]
    parts = [among_others(text, number) for number, text in enumerate(texts)]
    programs = [among_others(text, number) for number, text in enumerate(texts, len(texts))]
    source = tmp_path / "all.cpp"
    source.write_text("\n".join(["#define NO_MAIN", *parts, "#undef NO_MAIN", *programs]), encoding="ascii")
    command = [name, *WARNINGS, "-Wshadow", "-Wconversion", "-fsyntax-only", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


WRITTEN: dict[str, tuple[dict[str, Any], str]] = {
    "decimal commas": ({"separator": ";", "decimal": ","}, 'a;b;c\n1,5;-2,25e1;,5\n"3,";4;+5\n'),
    "a tab": ({"separator": "\t"}, "a\tb\tc\n1\t2\t3\n"),
    "names in line 3": ({"header": "3"}, "a title\n\na,b,c\n1,2,3\n"),
    "units below the names": ({"header": "2-3"}, "of 2026\na,b,c\nm,s,kg\n1,2,3\n"),
    "true and false": ({"booleans": ["b"]}, "a,b,c\n1,TRUE,3\n2,0,3\n1,false,3\n5,1,1\n"),
    "without names": ({"header": "none"}, "7,1,2,3\n8,4,5,6\n"),
    "units in training": ({"units": "strip", "beside": {"a": "kg"}}, "a,b,c\n1,2,3\n"),
    "points between thousands": (
        {"separator": ";", "decimal": ",", "thousands": ".", "header": "3"},
        "of 2026\n\na;b;c\n3.682,18;-1.234.567;1e3\n12;+999;1.000e-2\n123.456;0,5;,5\n",
    ),
    "blanks between thousands": (
        {"thousands": " "},
        "a,b,c\n1 234.5,\u22121\u00a0234,1\u202f000\u202f000\n 12 , 1 000 ,3\n",
    ),
    "apostrophes between thousands": ({"thousands": "'"}, "a,b,c\n1'234,1\u2019234\u2019567.25,3\n"),
    "blanks between cells": ({"separator": " "}, '  a b\t c  \n\n1   2 \t3\n -1 "2" 3e-1  \n'),
    "blanks between cells, without names": ({"separator": " ", "header": "none"}, "7 1 2  3\n 8\t4 5 6\n"),
    "a hash before names": ({"separator": " "}, "# a b c\n1 2 3\n"),
    "comments": ({}, "# of 2026, by A and B\n\n#\na,b,c\n1,2,3\n"),
    "Excel's separator": ({"separator": ";"}, "sep=;\r\na;b;c\r\n1;2;3\r\n"),
    "another separator": ({}, '"sep=;"\n# a comment\na;b;c\n1;2;3\n'),
}


def read_as(how: str) -> Model:
    """A model whose table of training was written like this."""
    named = tuple(Feature(f"c{n}") for n in (4, 2, 3)) if how.endswith("without names") else NUMBERS
    return network(named, reading=WRITTEN[how][0])


def of_one_number() -> Model:
    """A model whose answer is the number itself."""
    made = MLP((1, 1), activation("tanh"), activation("identity"))
    made.theta[...] = (1, 0)
    none = Scaling(np.zeros(1), np.ones(1))
    return Model(made, Preprocessing((Feature("x"),), "regression", "y", (), none, none))


def exploding() -> Model:
    """A model that answers infinity far from 0."""
    model = network(hidden=activation("exp"))
    model.network.theta[...] = np.abs(model.network.theta)
    return model


HOSTILE_CLASSES = ("a,b", 'say "hi"', "two\nlines", "plain", "Größe")
OTHERS: dict[str, Callable[[], Model]] = {
    "a column of true and false": lambda: network((Feature("on"),), reading={"booleans": ["on"]}),
    "exploding": exploding,
    "one number": of_one_number,
    "hostile classes": lambda: network(NUMBERS, "multiclass", HOSTILE_CLASSES, output="softmax"),
}


@pytest.fixture(scope="module")
def every_table(tmp_path_factory: pytest.TempPathFactory, headers: tuple[str, ...]) -> Path:
    """A program of all these models, and of the others."""
    models = {how: read_as(how) for how in WRITTEN} | {name: make() for name, make in OTHERS.items()}
    return together(models, tmp_path_factory.mktemp("every_table"), *headers)


@pytest.mark.parametrize("how", WRITTEN)
def test_tables_as_that_of_training(how: str, tmp_path: Path, every_table: Path) -> None:
    """A table is read as that of training was written."""
    (tmp_path / "t.csv").write_text(WRITTEN[how][1])
    done = answered(every_table, how, tmp_path / "t.csv")
    assert (done.returncode, done.stderr) == (0, "")
    compare(done.stdout, predicted(read_as(how), tmp_path / "t.csv"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Model]:
    """A program of a regression by two numbers and a category, and its model."""
    place = tmp_path_factory.mktemp("program")
    model = network((Feature("a"), Feature("the b"), Feature("town", ("Köln", "x, y", "l1\nl2"))))
    return compiled(exported(model, place), "-fsanitize=address,undefined", "-fno-sanitize-recover"), model


@pytest.mark.parametrize(
    "text",
    [
        "a,the b,town\n1,2,Köln\n",
        "\ufeffa,the b,town\r\n1,2,Köln\r\n",
        "town,other,the b,a\nKöln,,2,1",
        'a, the b ,town\n" 1 ", 2 ,"x, y"\n1,2,  "x, y"\n',
        '\n  \na,the b,town\n\n1,2,Köln\n \n3,4,"l1\nl2"\n\n\n',
        '"a","the b","town"\n1,2,"Köln"\n1,2,"K"öln\n',
        "a,the b,town,\n1,2,Köln,\n",
        "a,the b,town\n1e3,.5,Köln\n-0,+1.,Köln\n1E-300,0001,Köln\n\u22125,2,Köln\n",
        "town,a,the b,note\nKöln,1,2\n",
    ],
)
def test_tables_as_people_have_them(text: str, program: tuple[Path, Model], tmp_path: Path) -> None:
    """Byte order marks, line ends, quotes, blank lines, spaces, short rows, other columns and orders: as predict has it."""
    (tmp_path / "t.csv").write_bytes(text.encode())
    done = answered(program[0], tmp_path / "t.csv")
    assert (done.returncode, done.stderr) == (0, "")
    compare(done.stdout, predicted(program[1], tmp_path / "t.csv"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,town\n1,Köln\n", "no column 'the b'. Its columns: 'a', 'town'"),
        ("a,the b,town,a\n1,2,Köln,3\n", "more than one column 'a'"),
        ("a;the b;town\n1;2;Köln\n", "no column 'a'. Its columns: 'a;the b;town'"),
        (
            "a,the b,town\n1,2,Köln\n1,2,Bonn\n",
            "column 'town' holds 'Bonn', which is not one of the categories of training, in row 2",
        ),
        ("a,the b,town\n1,2 kg,Köln\n", "column 'the b' has to hold numbers with a decimal point. Got '2 kg' in row 1"),
        *(
            (f'a,the b,town\n1,"{cell}",Köln\n', f"Got '{cell}' in row 1")
            for cell in ("1,5", "1_000", "0x10", "nan", "inf", "1e999", "1e", "-", ".", "1 2", "true", "--1")
        ),
        ("a,the b,town\n1,,Köln\n", "column 'the b' misses a value in row 1"),
        ("a,the b,town\n1,2\n", "column 'town' misses a value in row 1"),
        ("a,the b,town\n1,2,Köln,4\n", "more cells than there are columns in row 1"),
        ('a,the b,town\n1,2,"Köln\n', 'a quote (") is never closed'),
        ('a,the b,town\n1,2,"K" öln\n', "holds 'K öln', which"),
        ("a,the b,town\n1,2,\x1b[2J\x9b31m\n", "holds '.[2J..31m', which"),
        ("a,the b,town\n1e308,2,Köln\n-1e308,2,Köln\n", ""),
        ("a,the b,town\n", "there are columns' names but no rows"),
        ("", "the table is empty"),
        ("\n\n", "the table is empty"),
    ],
)
def test_what_is_refused(text: str, message: str, program: tuple[Path, Model], tmp_path: Path) -> None:
    """What is wrong is one line on stderr that names file, column and row; nothing is printed, the exit code is 1."""
    (tmp_path / "t.csv").write_bytes(text.encode())
    done = answered(program[0], tmp_path / "t.csv")
    if not message:  # far away, but tanh takes it
        assert done.returncode == 0
        return
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"'{tmp_path / 't.csv'}: "[:40])
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_single_column_of_true_and_false(tmp_path: Path, every_table: Path) -> None:
    """Lines end as on Windows, too, where a blank one is a value that is missing; another number than 1 and 0 is refused."""
    model, table = OTHERS["a column of true and false"](), tmp_path / "t.csv"
    for text, message in (
        ("on\r\ntrue\r\nFALSE\r\n1\r\n\r\n", ""),
        ("on\n1\n\n0\n", "column 'on' misses a value in row 2"),
        ("on\n1\n2\n", "column 'on' has to hold true or false. Got '2' in row 2"),
        ("on\nyes\n", "column 'on' has to hold true or false. Got 'yes' in row 1"),
    ):
        table.write_bytes(text.encode())
        done = answered(every_table, "a column of true and false", table)
        assert (done.returncode, bool(done.stderr)) == (bool(message), bool(message))
        assert message in done.stderr
        if not message:
            compare(done.stdout, predicted(model, table))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "usage: "),
        (("t.csv", "--time"), "usage: "),
        (("t.csv", "--time", "0"), "usage: "),
        (("t.csv", "--time", "ten"), "usage: "),
        (("t.csv", "--tmie", "10"), "usage: "),
        (("nowhere.csv",), "'nowhere.csv' cannot be read"),
        (("/",), "'/' cannot be read"),
    ],
)
def test_words_that_are_refused(words: tuple[str, ...], message: str, program: tuple[Path, Model]) -> None:
    """What is typed wrongly is answered with what can be typed, and a file that is not there with its name."""
    done = answered(program[0], *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def test_a_prediction_that_is_not_finite(tmp_path: Path, every_table: Path) -> None:
    """A row that is too far from training is named, as by predict."""
    (tmp_path / "t.csv").write_text("a,b,c\n0,0,0\n1e9,1e9,1e9\n")
    done = answered(every_table, "exploding", tmp_path / "t.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the prediction for row 2 is not finite: its values are too far from training's" in done.stderr
    with pytest.raises(NnexpError, match="The prediction for sample 1 is not finite"):
        predicted(exploding(), tmp_path / "t.csv")


HARD = (0.1, 1 / 3, 25.0, 1e15, 1e16, 123456789012345680.0, 1e-4, 1e-5, 1.5e-7, 5e-324, 2.2250738585072014e-308, -7.25,
        1.7976931348623157e308, 9007199254740993.0, 0.30000000000000004, 1e22, 1e23, 0.0)  # fmt: skip


def test_numbers_are_written_as_python_writes_them(tmp_path: Path, every_table: Path) -> None:
    """As few digits as tell a number from all others, with an exponent where Python has one; and read back to the last bit."""
    (tmp_path / "t.csv").write_text("x\n" + "".join(f"{each!r}\n" for each in HARD))
    done = answered(every_table, "one number", tmp_path / "t.csv")
    assert done.stdout.splitlines()[1:] == [repr(each) for each in HARD]


NASTY = (
    "main",
    "*/ int x = 1; /*",
    "// \\",
    'a"; std::system("touch ran"); "',
    "line\nend\r\n#include <nothing>",
    "??/??'??(",
    "\\u0022\\x41\\101\\",
    ')"; )delimiter"',
    "%s%n${version}$main",
    "Größe 漢字 🙂 \u202e",
    "a\x00b\x1b[31m",
    "1" * 300,
    "digits\u0001" + "7",
    "'",
)
"""Names that would like to be code."""


HOSTILE_FEATURES = tuple(
    Feature(f"{each} " if each == "main" else each, NASTY if n % 2 else ()) for n, each in enumerate(NASTY)
)
HOSTILE_ROW = [float(n % len(NASTY)) for n in range(len(NASTY))]
CALLED = """
const double x[][model::N_COLUMNS] = {{{rows}}};
double out[model::N_OUT];
for (const auto& sample : x) {{
    model::predict(sample, out);
    for (double p : out) std::printf("%.17g ", p);
    const std::string_view label = model::CLASSES[model::predicted(out)];
    std::fwrite(label.data(), 1, label.size(), stdout);
    std::putchar('\\x03');
}}
"""


def nastily_named(task: Any) -> Model:
    """A model all of whose names would like to be code."""
    classes = NASTY[3:5] if task == "binary" else NASTY
    output = "sigmoid" if task == "binary" else "softmax"
    return network(HOSTILE_FEATURES, task, classes, output=output, target=NASTY[1])


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program of such a model for either task, compiled with trigraphs on."""
    rows = ", ".join("{" + ", ".join(map(repr, row)) + "}" for row in (HOSTILE_ROW, HOSTILE_ROW[::-1]))
    models = {task: nastily_named(task) for task in ("binary", "multiclass")}
    return together(models, tmp_path_factory.mktemp("nasty"), "-trigraphs", called=CALLED.format(rows=rows))


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_names_stay_texts(task: Any, tmp_path: Path, nasty: Path) -> None:
    """Columns, categories, classes and target may be called anything: it compiles with trigraphs on, and none of it runs."""
    model, x = nastily_named(task), np.array([HOSTILE_ROW, HOSTILE_ROW[::-1]])
    done = subprocess.run([nasty, task], cwd=tmp_path, capture_output=True, check=True)
    answers = done.stdout.split(b"\x03")
    assert answers.pop() == b""
    for row, said, label in zip(model.predict_proba(x), answers, model.predict(x), strict=True):
        *numbers, name = said.split(b" ", len(row))
        np.testing.assert_allclose([float(each) for each in numbers], row, rtol=1e-12)
        assert name.decode() == label
    assert answered(nasty, task, nasty.with_suffix(".cpp")).returncode == 1  # it is no table
    assert not (tmp_path / "ran").exists()


def test_hostile_cells_are_quoted(tmp_path: Path, every_table: Path) -> None:
    """Classes with separators, quotes and line ends are cells that read back as they are, in the header and below."""
    rows = np.random.default_rng(3).normal(size=(40, 3)) * 3
    pd.DataFrame(rows, columns=["a", "b", "c"]).to_csv(tmp_path / "t.csv", index=False)
    done = answered(every_table, "hostile classes", tmp_path / "t.csv")
    expected = predicted(OTHERS["hostile classes"](), tmp_path / "t.csv")
    assert len({row[0] for row in expected}) > 3
    compare(done.stdout, expected)


def test_a_stranger_is_refused() -> None:
    """An activation that there is no C++ for is named with its class and what to do, be it called like one that there is."""
    told = trained(network())
    other = told.hidden._replace(defined="my_module.Tanh")
    with pytest.raises(NnexpError) as refused:
        Cpp().text(replace(told, hidden=other))
    message = str(refused.value)
    assert message.startswith("--to cpp has no C++ for activation=tanh (my_module.Tanh). It has some for elu, exp,")
    assert message.endswith("Train with one of these, or answer in Python: python -m nnexp predict RUN TABLE")
    with pytest.raises(NnexpError, match=re.escape("no C++ for output=tanh (my_module.Tanh)")):
        Cpp().text(replace(told, output=other))
    without_hidden = replace(told, hidden=other, sizes=(3, 1), weights=((np.ones((1, 3)), np.ones(1)),))
    assert "3-1, identity" in Cpp().text(without_hidden)


def test_what_an_answer_takes(program: tuple[Path, Model], tmp_path: Path) -> None:
    """--time says it in one line, for the rows of a table."""
    (tmp_path / "t.csv").write_text("a,the b,town\n1,2,Köln\n3,4,Köln\n")
    done = answered(program[0], tmp_path / "t.csv", "--time", "100")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"[\d.e-]+ us an answer \(2 rows, 100 times\)\n", done.stdout)


def test_what_to_type_next(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that is printed compiles the file, and its program runs."""
    compiler()
    monkeypatch.chdir(tmp_path)
    network().save("my.npz")
    (tmp_path / "TABLE.csv").write_text("a,b,c\n1,2,3\n")
    typed("export", "my.npz", "--to", "cpp", "-o", "my net.cpp")
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == "next     c++ -O2 -std=c++17 -o 'my net' 'my net.cpp' && './my net' TABLE.csv"
    done = subprocess.run(line.removeprefix("next     "), shell=True, capture_output=True, text=True, check=True)  # noqa: S602
    typed("predict", "my.npz", "TABLE.csv")
    compare(done.stdout, list(csv.reader(capsys.readouterr().out.splitlines())))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_keep_their_digits(dtype: str) -> None:
    """A literal is a floating one and reads back as the number, to the last bit."""
    drawn = np.random.default_rng(0).normal(size=2000) * 10.0 ** np.random.default_rng(1).integers(-37, 37, 2000)
    for each in np.array([0, 1, -2.5, 1e22, *drawn], dtype):
        literal = number_literal(each, dtype)
        assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?f?", literal)
        assert "." in literal or "e" in literal
        assert literal.endswith("f") == (dtype == "float32")
        assert np.dtype(dtype).type(literal.removesuffix("f")) == each


def test_texts_of_any_kind(tmp_path: Path) -> None:
    """Whatever a text is, the compiled literal has its bytes: each byte, each pair with a digit behind it."""
    texts = [chr(code) + tail for code in range(0x180) for tail in ("", "7", '"')]
    literals = ",\n".join(map(text_literal, texts))
    (tmp_path / "t.cpp").write_text(
        "#include <cstdio>\n#include <string_view>\nusing namespace std::literals;\n"
        f"constexpr std::string_view TEXTS[] = {{{literals}}};\n"
        "int main() { for (const auto& each : TEXTS) std::fwrite(each.data(), 1, each.size(), stdout); }\n"
    )
    done = subprocess.run([compiled(tmp_path / "t.cpp", "-trigraphs")], capture_output=True, check=True)
    assert done.stdout == "".join(texts).encode()
