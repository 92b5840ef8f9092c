"""``predict`` with a model, and runs with tables and weights, that somebody sent: they are read as data of a bounded size."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.attacks.scene import QUICK, Scene, copied

TABLE = "x1,x2\n1,2\n3,4\n"
RUN = "outputs/sweeps/s/0"


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


def npz(**arrays: Any) -> bytes:
    """The file that NumPy makes of arrays, of objects, too."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


EVIL = Evil("touch ../../ran")
EVIL_ARRAY: Any = np.array([EVIL], dtype=object)


def archive(**members: bytes) -> bytes:
    """A zip file of these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return file.getvalue()


def header(shape: str, kind: str = "<f8") -> bytes:
    """The beginning of an .npy file that claims a shape."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


FILES: dict[str, bytes] = {
    "an array of objects": npz(model=EVIL_ARRAY),
    "an array of objects beside others": npz(model=np.array("{}"), W1=EVIL_ARRAY),
    "a pickle": pickle.dumps(EVIL),
    "a name that leads elsewhere": archive(**{"../../x.npy": header("(1,)") + bytes(8), "model.npy": b""}),
    "an array larger than any memory": archive(**{"model.npy": header("(1000000000000,)")}),
    "an array with a negative size": archive(**{"model.npy": header("(-1,)")}),
    "an array of a million dimensions": archive(**{"model.npy": header("(" + "1," * 20000 + ")")}),
    "an array of an unknown kind": archive(**{"model.npy": header("(1,)", "|O")}),
    "a header that is a program": archive(**{"model.npy": header("__import__('os').system('touch x')")}),
    "a bomb": archive(**{"model.npy": header("(40000000,)", "|u1") + bytes(40_000_000)}),
    "an archive of nothing": archive(),
    "half an archive": npz(model=np.array("{}"))[:100],
    "an empty file": b"",
    "a description that is torn": npz(model=np.array('{"format": 1, ')),
    "a description that is a list": npz(model=np.array("[1]")),
    "a description too deep": npz(model=np.array("[" * 100_000)),
    "a description that is a number": npz(model=np.array(5)),
    "a description of control characters": npz(model=np.array('"\x1b[2J"')),
}
"""Files in a saved model's place."""


@pytest.mark.parametrize("what", FILES)
def test_a_saved_model(what: str, quick: Scene) -> None:
    """A file that is no model is refused in a line; nothing of it is carried out or unpacked."""
    quick.send({"model.npz": FILES[what], "table.csv": TABLE})
    quick.attempt("predict", "../theirs/model.npz", "../theirs/table.csv")


DESCRIPTIONS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a class": lambda model: model.update(activation={"_target_": "os.system", "name": "relu"}),
    "a plugin that is a path": lambda model: model.update(activation={"name": "../../x"}),
    "a plugin that is a module": lambda model: model.update(output={"name": "os:system"}),
    "a plugin that is a number": lambda model: model.update(activation=5),
    "a plugin with escape sequences": lambda model: model.update(activation={"name": "\x1b[2J"}),
    "a layer of a billion units": lambda model: model.update(sizes=[2, 10**9, 1]),
    "a million layers": lambda model: model.update(sizes=[2] * 1_000_000),
    "layers of negative sizes": lambda model: model.update(sizes=[2, -5, 1]),
    "layers that are texts": lambda model: model.update(sizes=["2", "a"]),
    "another dtype": lambda model: model.update(dtype="O"),
    "a newer format": lambda model: model.update(format=10**9, nnexp="\x1b[2J"),
    "a format that is a text": lambda model: model.update(format="1"),
    "features that are numbers": lambda model: model.update(features=[1, 2]),
    "features with escape sequences": lambda model: model.update(features=[{"name": "\x1b[2J", "categories": []}] * 2),
    "classes that are lists": lambda model: model.update(classes=[[1], {}]),
    "classes with escape sequences": lambda model: model.update(classes=["\x1b]0;x\x07", "=cmd|' /C calc'!A0"]),
    "classes with half a character": lambda model: model.update(classes=["\ud800", "b"]),
    "two features of one name": lambda model: model.update(features=model["features"][:1] * len(model["features"])),
    "a format that is true": lambda model: model.update(format=True),
    "a task of its own": lambda model: model.update(task="evil"),
    "a threshold that is a text": lambda model: model.update(threshold="x"),
    "scaling that is no number": lambda model: model.update(inputs={"shift": ["a"], "scale": [None]}),
    "scaling of another size": lambda model: model.update(inputs={"shift": [0.0] * 9, "scale": [1.0] * 9}),
    "nothing": lambda model: model.clear(),
}
"""Changes of a run's ``model.json``."""


@pytest.mark.parametrize("what", DESCRIPTIONS)
def test_a_runs_description(what: str, quick: Scene, a_sweep: Path) -> None:
    """What ``model.json`` says is checked before a network is made of it."""
    copied(a_sweep, quick.place / "outputs")
    path = quick.place / RUN / "model.json"
    model = json.loads(path.read_text())
    table = ",".join(each["name"] for each in model["features"]) + "\n1,2\n"
    DESCRIPTIONS[what](model)
    path.write_text(json.dumps(model))
    quick.send({"table.csv": table})
    answers = ("-o", "answers.csv")  # what is printed for another program is the table as it is
    quick.attempt("predict", RUN, "../theirs/table.csv", *answers, code=None, may_write="answers.csv")


@pytest.mark.parametrize("what", ["an array of objects", "a pickle", "half an archive", "an empty file", "a bomb"])
@pytest.mark.parametrize("name", ["weights.npz", "checkpoint.npz"])
def test_a_runs_arrays(what: str, name: str, quick: Scene, a_sweep: Path) -> None:
    """Weights and checkpoints that are something else are refused or passed over."""
    copied(a_sweep, quick.place / "outputs")
    quick.send({f"{RUN}/{name}": FILES[what]}, quick.place)
    quick.send({"table.csv": TABLE})
    quick.attempt("predict", RUN, "../theirs/table.csv", code=None)
    quick.attempt("resume", RUN, "epochs=2", code=None)


@pytest.mark.parametrize(
    "what", ["an array of objects", "a pickle", "half an archive", "an array larger than any memory", "a bomb"]
)
def test_weights_to_begin_with(what: str, quick: Scene) -> None:
    """``initializer=file`` reads arrays alone."""
    quick.send({"w.npz": FILES[what]})
    quick.attempt(*QUICK, "initializer=file", "initializer.path=../theirs/w.npz")


TABLES: dict[str, str | bytes] = {
    "no text": b"\xff\xfe\x00\x01" * 50,
    "null bytes": b"a,y\n1,\0\n\0,2\n" * 10,
    "null bytes alone": bytes(4096),
    "one line of ten megabytes": b"a" * 10_000_000,
    "fifty thousand columns": b",".join([b"1"] * 50_000) + b"\n",
    "escape sequences in names": "\x1b]0;x\x07a,y\x1b[2J\n" + "1,2\n" * 20,
    "escape sequences in cells": "a,y\n" + "\x1b[2J,\x1b]0;x\x07\n" * 20,
    "names that are paths": "../../x,y\n" + "1,2\n3,4\n" * 20,
    "formulas": "a,y\n" + "=cmd|' /C calc'!A0,1\n=1+1,2\n" * 20,
    "a quote that never ends": 'a,y\n1,"' + "2\n" * 10_000,
    "nothing": "",
    "a name alone": "y\n",
    "numbers beyond all": "a,y\n" + "1e999,9" + "9" * 400 + "\n",
    "the same name twice": "a,a,y,y\n1,2,3,4\n" * 10,
}
"""Tables as text."""


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("what", TABLES)
def test_a_table(what: str, suffix: str, quick: Scene) -> None:
    """A table of anything is learned from or refused in a line, and no cell or name is more than text."""
    content = TABLES[what]
    quick.send({f"t.{suffix}": content})
    quick.attempt(
        *QUICK,
        "dataset=csv",
        f"dataset.path=../theirs/t.{suffix}",
        "dataset.target=y",
        code=None if suffix == "csv" else 1,
    )


@pytest.mark.parametrize(
    "metadata", [b'{"columns": [{"name": "a", "pandas_type": "os.system"}], "index_columns": [5]}', b"torn", b"\xff"]
)
def test_a_parquet_files_metadata(metadata: bytes, quick: Scene) -> None:
    """What a parquet file says to pandas of its columns is not believed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"a": [1.0, 2.0] * 20, "y": ["u", "v"] * 20}).replace_schema_metadata({b"pandas": metadata})
    pq.write_table(table, quick.theirs / "t.parquet")
    quick.attempt(*QUICK, "dataset=csv", "dataset.path=../theirs/t.parquet", "dataset.target=y", code=None)


def test_a_parquet_files_pickled_type(quick: Scene) -> None:
    """A column of Arrow's old pickled extension type is never unpickled."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    evil = pickle.dumps(EVIL)
    field = pa.field(
        "a",
        pa.int64(),
        metadata={b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": evil},
    )
    schema = pa.schema([field, pa.field("y", pa.int64())])
    pq.write_table(pa.table([[1, 2] * 20, [0, 1] * 20], schema=schema), quick.theirs / "t.parquet")
    quick.attempt(*QUICK, "dataset=csv", "dataset.path=../theirs/t.parquet", "dataset.target=y", code=None)


PLACES = (
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/environ",
    "/proc/self/mem",
    "/",
    ".",
    "../theirs/pipe.csv",
    "../theirs/folder.csv",
    "../theirs/zero.csv",
    "../theirs/environ.csv",
    "../theirs/zero.parquet",
    "http://127.0.0.1:PORT/t.csv",
    "HTTP://127.0.0.1:PORT/t.csv",
    "s3://127.0.0.1:PORT/t.parquet",
    "zip://x::http://127.0.0.1:PORT/t.csv",
    "file://ROOT/canary.txt",
)
"""Where a table may be said to be."""


@pytest.mark.parametrize("place", PLACES)
def test_a_table_that_is_no_file(place: str, quick: Scene) -> None:
    """Devices, pipes, folders and addresses in a table's place are refused; nothing is fetched or waited for."""
    os.mkfifo(quick.theirs / "pipe.csv")
    (quick.theirs / "folder.csv").mkdir()
    for name, target in {
        "zero.csv": "/dev/zero",
        "zero.parquet": "/dev/zero",
        "environ.csv": "/proc/self/environ",
    }.items():
        (quick.theirs / name).symlink_to(target)
    quick.send({"experiment/evil.yaml": f"# @package _global_\ndataset: {{name: csv, path: '{place}', target: y}}\n"})
    quick.attempt(*QUICK, "dataset=csv", f"dataset.path='{place}'", "dataset.target=y")
