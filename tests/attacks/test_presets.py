"""A preset that somebody sent, chosen with ``--config-dir``: it chooses and sets nnexp's own keys, and can do nothing else."""

from __future__ import annotations

import pytest

from tests.attacks.scene import QUICK, Scene

GLOBAL = "# @package _global_\n"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [*{before},*{before},*{before},*{before},*{before},*{before},*{before},*{before},*{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

OWN_KEYS = {
    "a class to be built": "loss: {_target_: os.system}",
    "a class within a list": "network: {hidden: [{_target_: os.system}]}",
    "a class among plain keys": "_target_: os.system",
    "a variable of the environment": "tracking: {experiment: '${oc.env:CANARY}'}",
    "a variable of the environment with another spelling": "tracking: {experiment: '${oc.env: CANARY ,x}'}",
    "a variable within a text": "tracking: {experiment: 'a${oc.env:CANARY}b'}",
    "a variable within a list": "network: {hidden: ['${oc.env:CANARY}']}",
    "a variable in a defaults list": "defaults: [{override /initializer: '${oc.env:CANARY}'}]",
    "a variable as key": "'${oc.env:CANARY}': 1",
    "a resolver within a resolver": "tracking: {experiment: \"${oc.decode:'${oc.env:CANARY}'}\"}",
    "a reference that is computed": "tracking: {experiment: '${${seed}}'}",
    "a reference into Hydra's part": "tracking: {experiment: '${hydra.runtime.cwd}'}",
    "a reference into Hydra's part by brackets": "tracking: {experiment: '${[hydra][runtime][cwd]}'}",
    "a relative reference into Hydra's part": "tracking: {experiment: '${..hydra.runtime.cwd}'}",
    "Hydra's own resolver": "tracking: {experiment: '${hydra:runtime.cwd}'}",
    "a reference to itself": "tracking: {experiment: '${tracking.experiment}'}",
    "a YAML tag that calls": "seed: !!python/object/apply:os.system ['touch ROOT/ran']",
    "a YAML tag that makes an object": "seed: !!python/object:os.environ {}",
    "a YAML tag that names a function": "seed: !!python/name:os.system",
    "a YAML tag of a stranger's": "seed: !evil x",
    "a bomb of anchors": BOMB,
    "a list too deep": "seed: " + "[" * 3000 + "]" * 3000,
    "a mapping too deep": "".join(f"{' ' * depth}a:\n" for depth in range(600)),
    "twenty thousand keys": "".join(f"k{number}: {number}\n" for number in range(20_000)),
    "an anchor that holds itself": "network: &a {hidden: *a}",
    "a merge key": "x: &x {_target_: os.system}\nloss: {<<: *x}",
    "bytes": "seed: !!binary aGVsbG8=",
    "a control character in a value": 'tracking: {experiment: "a\\e]0;x\\ab"}',
    "a control character in a key": '"a\\e[2Jb": 1',
    "a key that is a number": "1: 2",
    "a key that is a list": "? [a, b]\n: 1",
    "a name that is a path": "dataset: {name: ../../x}",
    "a name with a module": "loss: {name: 'os:system'}",
    "a date": "seed: 2020-01-01",
}
"""What is tried by the keys of an experiment."""

STORES = {
    "a server that gets the token": "http://127.0.0.1:PORT",
    "a server in capitals": "HTTP://127.0.0.1:PORT",
    "a server in mixed spelling": "hTTp://127.0.0.1:PORT/",
    "a server with a user": "http://me@127.0.0.1:PORT",
    "a server in a list": "[http://127.0.0.1:PORT]",
    "a server behind a space": "' http://127.0.0.1:PORT'",
    "a database server": "postgresql://user@127.0.0.1:PORT/db",
    "a database server by its driver": "postgresql+psycopg2://user@127.0.0.1:PORT/db?sslmode=disable",
    "a database outside": "sqlite:///ROOT/x.db",
    "a database outside by a relative path": "sqlite:///../../x.db",
    "a database outside by its driver": "sqlite+pysqlite:///ROOT/x.db",
    "a database by a file's address": "'sqlite:///file:ROOT/x.db?mode=rwc&uri=true'",
    "a database in the user's file": "sqlite:///../thesis/chapter.txt",
    "a folder": "file:ROOT/x",
    "a folder's path": "ROOT/x",
    "another's cloud": "databricks://evil",
    "a plugin of MLflow's": "evil://127.0.0.1:PORT",
}
"""Addresses of stores."""


def test_a_preset_that_is_harmless(scene: Scene) -> None:
    """A preset that sets values of nnexp's own is what the directory is for."""
    scene.send({"experiment/mine.yaml": f"{GLOBAL}seed: 3\nnetwork: {{hidden: [4]}}\n"})
    scene.attempt("--config-dir", "../theirs", "experiment=mine", *QUICK, code=0)


@pytest.mark.parametrize("what", OWN_KEYS)
def test_the_experiments_keys(what: str, quick: Scene) -> None:
    """What an experiment's keys hold is a plain value, checked; whatever else is refused."""
    quick.send({"experiment/evil.yaml": GLOBAL + OWN_KEYS[what] + "\n"})
    quick.attempt("--config-dir", "../theirs", "experiment=evil", *QUICK)
    assert not (quick.place / "outputs").exists()


@pytest.mark.parametrize("what", STORES)
def test_the_stores_address(what: str, tracked: Scene) -> None:
    """A preset's address only proposes: nobody connects there, and nothing is made there, unless it is typed."""
    tracked.send({"experiment/evil.yaml": f"{GLOBAL}tracking:\n  uri: {STORES[what]}\n"})
    tracked.attempt("--config-dir", "../theirs", "experiment=evil", "dataset=xor", "epochs=1", says="tracking.uri")
    assert not (tracked.place / "outputs").exists()


@pytest.mark.parametrize("address", ["http://127.0.0.1:PORT", "HTTP://127.0.0.1:PORT"])
def test_an_address_that_is_swept(address: str, tracked: Scene) -> None:
    """A ready sweep does not send its runs elsewhere either."""
    tracked.send({"sweep/evil.yaml": f"{GLOBAL}hydra: {{sweeper: {{params: {{tracking.uri: '{address},x'}}}}}}\n"})
    tracked.attempt("-m", "--config-dir", "../theirs", "sweep=evil", "dataset=xor", "epochs=1")
    assert not (tracked.place / "outputs").exists()


FILES: dict[str, tuple[dict[str, str | bytes], str]] = {
    "a file that extends an option by a class": (
        {"loss/evil.yaml": "defaults: [mae, _self_]\n_target_: os.system\n"},
        "loss=evil",
    ),
    "a file that extends an option by Hydra's keys": (
        {"loss/evil.yaml": f"{GLOBAL}hydra: {{run: {{dir: ROOT/x}}}}\nloss: {{name: mae}}\n"},
        "loss=evil",
    ),
    "a file with an option's name": ({"loss/mae.yaml": "name: mse\n"}, "loss=mae"),
    "a file that is packed into Hydra's part": (
        {"experiment/evil.yaml": "# @package hydra.run\ndir: ROOT/x\n"},
        "experiment=evil",
    ),
    "a file of trackings": ({"tracking/evil.yaml": "name: mlflow\nuri: HTTP://127.0.0.1:PORT\n"}, "tracking=evil"),
    "a file that is moved by the defaults list": (
        {"experiment/evil.yaml": f"{GLOBAL}defaults: [/other@hydra.run: x]\n", "other/x.yaml": "dir: ROOT/x\n"},
        "experiment=evil",
    ),
    "a file outside by the defaults list": (
        {"experiment/evil.yaml": "defaults: [../../../../canary]\n"},
        "experiment=evil",
    ),
    "a file that is optional and Hydra's": (
        {
            "experiment/evil.yaml": f"{GLOBAL}defaults: [optional /hydra/callbacks@hydra.callbacks: x]\n",
            "hydra/callbacks/x.yaml": "x: {_target_: os.system}\n",
        },
        "experiment=evil",
    ),
    "two files that include each other": (
        {"experiment/evil.yaml": "defaults: [other]\n", "experiment/other.yaml": "defaults: [evil]\n"},
        "experiment=evil",
    ),
    "a file with a null byte": ({"experiment/evil.yaml": b"seed: 1\0\n"}, "experiment=evil"),
    "a file that is no text": ({"experiment/evil.yaml": b"\xff\xfe\x00\xd8" * 20}, "experiment=evil"),
    "a file of one long line": ({"experiment/evil.yaml": b"a" * 3_000_000}, "experiment=evil"),
}
"""Other files of a configuration's directory, and the words that choose them."""


@pytest.mark.parametrize("what", FILES)
def test_other_files(what: str, quick: Scene) -> None:
    """Wherever in the directory a file lies and whatever package it claims, it is held to the same rules."""
    files, word = FILES[what]
    quick.send(files)
    own = ("dataset=xor", "epochs=1") if word.startswith("tracking") else QUICK
    quick.attempt("--config-dir", "../theirs", word, *own)
    assert not (quick.place / "outputs").exists()


def test_a_pipe_in_a_files_place(scene: Scene) -> None:
    """A named pipe where a preset should be is not waited for."""
    import os

    (scene.theirs / "experiment").mkdir()
    os.mkfifo(scene.theirs / "experiment" / "evil.yaml")
    scene.attempt("--config-dir", "../theirs", "experiment=evil", *QUICK)


PRIMARY = {
    "Hydra's places": "hydra: {run: {dir: ROOT/x}}",
    "a callback": "hydra: {callbacks: {x: {_target_: os.system}}}",
    "a launcher": "defaults: [{override hydra/launcher: joblib}]",
    "nothing of nnexp's": "a: 1",
    "a search path": "hydra: {searchpath: ['file://ROOT/home/thesis']}",
    "a class": "loss: {_target_: os.system}",
}


@pytest.mark.parametrize("option", ["--config-dir", "--config-path"])
@pytest.mark.parametrize("what", PRIMARY)
def test_a_primary_configuration(what: str, option: str, quick: Scene) -> None:
    """A whole configuration of a stranger's, chosen by ``--config-name``, is a file like any other."""
    quick.send({"evil.yaml": PRIMARY[what] + "\n"})
    quick.attempt(option, str(quick.theirs), "--config-name", "evil", "+epochs=1")
    assert not (quick.place / "outputs").exists()
