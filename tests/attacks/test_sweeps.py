"""``resume`` on a sweep's directory that somebody sent: manifest and jobs' files are data, checked before they are used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.scene import QUICK, Scene, copied

SWEEP = "outputs/sweeps/s"
PICKLE = b"cposix\nsystem\n(S'touch ROOT/ran'\ntR."
"""What runs a command when it is unpickled."""


def sent(scene: Scene, a_sweep: Path, *, unfinished: bool = True) -> Path:
    """A stranger's sweep in the user's ``outputs/``; ``unfinished``: its second job is still to be done."""
    copied(a_sweep, scene.place / "outputs")
    directory = scene.place / SWEEP
    if unfinished:
        for path in sorted((directory / "1").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (directory / "1").rmdir()
    return directory


def changed(directory: Path, scene: Scene, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest."""
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(scene.filled(json.dumps(manifest)))


COMMANDS: dict[str, Any] = {
    "a pickle": ["-m", *QUICK, "seed=0,1", "--experimental-rerun", "../theirs/evil.pickle"],
    "a pickle by an abbreviation": ["-m", *QUICK, "seed=0,1", "--experimental-r=../theirs/evil.pickle"],
    "the environment": ["-m", *QUICK, "seed=0,1", "+hydra.job.env_set.MLFLOW_TRACKING_URI=http://127.0.0.1:PORT"],
    "a copy of the environment": ["-m", *QUICK, "seed=0,1", "hydra.job.env_copy=[CANARY]"],
    "a store": ["-m", "dataset=xor", "epochs=1", "seed=0,1", "tracking=mlflow", "tracking.uri=HTTP://127.0.0.1:PORT"],
    "a place": ["-m", *QUICK, "seed=0,1", "hydra.sweep.dir=ROOT/x"],
    "a directory of configurations": ["-m", *QUICK, "seed=0,1", "--config-dir=../theirs", "experiment=evil"],
    "a log in the user's file": [
        "-m",
        *QUICK,
        "seed=0,1",
        "hydra.job_logging.handlers.file.filename=ROOT/home/.bashrc",
    ],
    "another launcher": ["-m", *QUICK, "seed=0,1", "hydra/launcher=joblib", "hydra.launcher.temp_folder=ROOT/x"],
    "a search path": ["-m", *QUICK, "seed=0,1", "hydra.searchpath=[file://ROOT/home/theirs]"],
    "a single run": [*QUICK, "hydra.run.dir=ROOT/x"],
    "another command": ["new", "loss", "evil"],
    "a text": "-m seed=0,1",
    "numbers": [1, 2],
    "nothing": None,
}
"""What the ``command`` of a manifest says."""


@pytest.mark.parametrize("what", COMMANDS)
def test_a_manifests_command(what: str, quick: Scene, a_sweep: Path) -> None:
    """A command in a manifest is never carried out, whatever words it holds."""
    directory = sent(quick, a_sweep)
    quick.send({"evil.pickle": PICKLE.replace(b"ROOT", str(quick.root).encode())})
    quick.send({"experiment/evil.yaml": "# @package _global_\nseed: 9\n"})
    changed(directory, quick, lambda manifest: manifest.update(command=COMMANDS[what]))
    quick.attempt("resume", SWEEP, code=None)


def jobs(*overrides: Any) -> Callable[[dict[str, Any]], object]:
    """What gives the manifest's jobs these overrides."""
    return lambda manifest: manifest.update(jobs=[{"overrides": each, "state": "waiting"} for each in overrides])


def every(key: str, value: Any) -> Callable[[dict[str, Any]], object]:
    """What sets a key of the manifest."""
    return lambda manifest: manifest.update({key: value})


OVERRIDES = [*QUICK, "seed=0"]
MANIFESTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a job's store": jobs(OVERRIDES, [*OVERRIDES, "tracking=mlflow", "tracking.uri=http://127.0.0.1:PORT"]),
    "a job's log": jobs(OVERRIDES, [*OVERRIDES, "hydra.job_logging.handlers.file.filename=ROOT/x"]),
    "a job's place": jobs(OVERRIDES, [*OVERRIDES, "hydra.sweep.dir=ROOT/x"]),
    "a job's class": jobs(OVERRIDES, [*OVERRIDES, "+loss._target_=os.system"]),
    "a job's secret": jobs(OVERRIDES, [*OVERRIDES, "tracking.experiment=${oc.env:CANARY}"]),
    "a job's flag": jobs(OVERRIDES, [*OVERRIDES, "--experimental-rerun=ROOT/x"]),
    "a job of numbers": jobs(OVERRIDES, [1, 2.5, None]),
    "a job of mappings": jobs(OVERRIDES, [{"a": 1}]),
    "a job that is a text": jobs(OVERRIDES, "seed=1"),
    "a job that is a number": jobs(OVERRIDES, 5),
    "a job with escape sequences": jobs(OVERRIDES, ["seed=1", "\x1b]0;x\x07\x1b[2J=1"]),
    "a job of one long word": jobs(OVERRIDES, ["x" * 1_000_000]),
    "no jobs": jobs(),
    "jobs that are numbers": every("jobs", [1, 2]),
    "jobs that are a text": every("jobs", "all"),
    "jobs that are a mapping": every("jobs", {"0": {}}),
    "a million jobs": lambda manifest: manifest.update(jobs=manifest["jobs"][:1] * 1_000_000),
    "the sweep's store": every("overrides", [*QUICK, "tracking.uri=http://127.0.0.1:PORT"]),
    "the sweep's secret": every("overrides", [*QUICK, "tracking.experiment=${oc.env:CANARY}"]),
    "overrides that are numbers": every("overrides", [1, 2]),
    "overrides that are nothing": every("overrides", None),
    "a directory above": every("directory", "../thesis"),
    "a directory of the system": every("directory", "/"),
    "a directory that is a number": every("directory", 5),
    "a directory with an escape sequence": every("directory", "\x1b[2J"),
    "what is swept is a number": every("swept", 5),
    "what is swept are numbers": every("swept", [1, {}]),
    "versions that are a list": every("versions", ["nnexp"]),
    "versions with escape sequences": every("versions", {"nnexp": "\x1b[2J"}),
    "compositions that are numbers": every("compositions", [1]),
    "compositions of a class": every("compositions", [{"chosen": [], "config": {"_target_": "os.system"}}]),
    "words to type that are others": every("alone", ["; touch ROOT/ran", "\x1b[2J"]),
    "words to type that are numbers": every("alone", 5),
    "a grid that is a text": every("grid", "\x1b[2J"),
    "no grid": every("grid", False),
    "only a time": lambda manifest: [manifest.pop(key) for key in list(manifest) if key != "made"],
}
"""Other changes of a manifest."""


@pytest.mark.parametrize("what", MANIFESTS)
def test_a_manifests_values(what: str, quick: Scene, a_sweep: Path) -> None:
    """Whatever a manifest holds is checked: it is refused in a line, or means what a harmless one means."""
    directory = sent(quick, a_sweep, unfinished=what.startswith(("a job", "the sweep's")))
    changed(directory, quick, MANIFESTS[what])
    quick.attempt("resume", SWEEP, code=None)


TEXTS: dict[str, str | bytes] = {
    "torn": '{"made": "2020-01-01", "jobs": [{"overr',
    "empty": "",
    "null bytes": "\0" * 4096,
    "a list": "[1, 2]",
    "a number": "5",
    "not a number": "NaN",
    "too deep": "[" * 100_000,
    "large": '{"jobs": [' + "1," * 2_000_000 + "1]}",
    "a whole number too long": '{"jobs": ' + "9" * 10_000 + "}",
    "no text": b"\xff\xfe\x00",
}
"""Files that are no manifest."""


@pytest.mark.parametrize("what", TEXTS)
@pytest.mark.parametrize(
    "name", ["manifest.json", "0/result.json", "0/journal.jsonl", "0/delivery.json", "0/.hydra/overrides.yaml"]
)
def test_a_file_that_is_torn_or_foreign(what: str, name: str, quick: Scene, a_sweep: Path) -> None:
    """A file of a sweep that holds anything is named or passed over, and stops nothing but what needs it."""
    directory = sent(quick, a_sweep, unfinished=False)
    quick.send({name: TEXTS[what]}, directory)
    quick.attempt("resume", SWEEP, code=None)


THINGS = {
    "a pipe": "pipe",
    "a directory": "folder",
    "a link to the user's file": "HOME/thesis/chapter.txt",
    "a link to the user's folder": "HOME/thesis",
    "a link to nothing": "HOME/new",
    "a link to a device": "/dev/zero",
}
"""What can be in a file's place."""


@pytest.mark.parametrize("what", THINGS)
@pytest.mark.parametrize("name", ["manifest.json", "1", "0/result.json", "0/journal.jsonl", ".stopped"])
def test_another_thing_in_a_files_place(what: str, name: str, quick: Scene, a_sweep: Path) -> None:
    """Pipes, directories and links in a file's place are not followed, waited for or written through."""
    directory = sent(quick, a_sweep)
    path = directory / name
    if path.exists():
        path.unlink()
    quick.put(THINGS[what], path)
    quick.attempt("resume", SWEEP, code=None)


def test_a_sweep_that_is_a_link(quick: Scene, a_sweep: Path) -> None:
    """A sweep's directory that is a link into the user's files is not worked in."""
    sent(quick, a_sweep)
    copied(quick.place / SWEEP, quick.home / "thesis" / "s")
    (quick.place / "outputs" / "sweeps" / "t").symlink_to(quick.home / "thesis" / "s")
    quick.attempt("resume", "outputs/sweeps/t", code=None)


@pytest.mark.parametrize("name", ["config.yaml", "hydra.yaml"])
def test_hydras_own_files_of_a_job(name: str, quick: Scene, a_sweep: Path) -> None:
    """What ``.hydra`` of an interrupted job says is not resolved: no secret is in any file, output or request afterwards."""
    directory = sent(quick, a_sweep, unfinished=False)
    interrupted(directory / "1")
    evil = "tracking: {name: mlflow, uri: 'http://127.0.0.1:PORT/${oc.env:CANARY}', experiment: '${oc.env:CANARY}'}\n"
    quick.send({f"1/.hydra/{name}": evil}, directory)
    changed(directory, quick, jobs(OVERRIDES, [*OVERRIDES, "tracking.uri='http://127.0.0.1:PORT/${oc.env:CANARY}'"]))
    quick.attempt("resume", SWEEP, code=None)
    quick.attempt("resume", f"{SWEEP}/1", code=None)


def interrupted(job: Path) -> None:
    """Have a job look as if it had been killed in training."""
    journal = job / "journal.jsonl"
    journal.write_text("".join(f"{line}\n" for line in journal.read_text().splitlines() if '"ended"' not in line))
    (job / "result.json").unlink()
