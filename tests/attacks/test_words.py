"""Words that lead elsewhere: names of plugins, of new distributions and of answers, and options by another spelling."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.attacks.scene import QUICK, Scene, copied

PICKLE = b"cposix\nsystem\n(S'touch ROOT/ran'\ntR."

NAMES = {
    "a path": ("loss=../../x",),
    "a path within the group": ("loss=a/../../../canary",),
    "a path from the root": ("loss=/etc/hostname",),
    "a module": ("loss=os.system",),
    "a module and a class": ("loss=os:system",),
    "a class": ("+loss._target_=os.system",),
    "a class in a list": ("network.hidden=[{_target_:os.system}]",),
    "a class in the place of all": ("++_target_=os.system",),
    "a secret": ("tracking.experiment=${oc.env:CANARY}",),
    "a secret within a sweep": ("-m", "tracking.experiment=${oc.env:CANARY},x"),
    "a secret in a place": ("hydra.run.dir=outputs/${oc.env:CANARY}",),
    "a secret in a group": ("initializer=${oc.env:CANARY}",),
    "a secret with Hydra's resolver": ("tracking.experiment=${hydra:job.env_set}",),
    "a secret copied": ("hydra.job.env_copy=[CANARY_SECRET]",),
    "a field that is a path": ("dataset.name=../../x",),
    "a package": ("loss@hydra.run=mae",),
    "a preset above": ("experiment=../../../home/theirs/evil",),
    "a configuration above": ("--config-name", "../../home/theirs/evil"),
    "escape sequences": ("loss=\x1b]0;x\x07",),
    "an unknown key with escape sequences": ("\x1b[2J=1",),
    "a callback": ("+hydra.callbacks.x._target_=os.system",),
    "a callback that pickles": (
        "+hydra.callbacks.x._target_=hydra.experimental.pickle_job_info_callback.PickleJobInfoCallback",
    ),
    "a launcher that is a class": ("-m", "hydra.launcher._target_=os.system", "seed=0,1"),
    "a sweeper that is a class": ("-m", "hydra.sweeper._target_=os.system", "seed=0,1"),
    "a factory of the log": ("+hydra.job_logging.handlers.x.()=os.system",),
    "a class of the log": ("hydra.job_logging.handlers.file.class=subprocess.Popen",),
}
"""Typed words: they may set places, launcher, logging and environment, but neither run code nor read secrets."""


@pytest.mark.parametrize("what", NAMES)
def test_a_name(what: str, quick: Scene) -> None:
    """A plugin is chosen by its name; a class, a path or a resolver is refused also where it is typed."""
    quick.send({"evil.yaml": "seed: 1\n"})
    quick.attempt(*NAMES[what], *QUICK)
    assert not (quick.place / "outputs").exists()


OPTIONS = (
    ("--experimental-rerun", "FILE"),
    ("--experimental-rerun=FILE",),
    ("--experimental-r=FILE",),
    ("--experimental", "FILE"),
    ("--exp", "FILE"),
    ("--e=FILE",),
    ("-m", "--experimental-re", "FILE"),
    ("-me", "FILE"),
)
"""Spellings of the option by which Hydra unpickles a file."""


@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
def test_a_pickle_by_an_option(words: tuple[str, ...], quick: Scene) -> None:
    """Hydra's option that unpickles a file is refused in every spelling, before the file is opened."""
    quick.send({"evil.pickle": PICKLE.replace(b"ROOT", str(quick.root).encode())})
    given = [word.replace("FILE", "../theirs/evil.pickle") for word in words]
    quick.attempt(*given, *QUICK)
    assert not (quick.place / "outputs").exists()


@pytest.mark.parametrize(
    "name", ["../x", "/x", "a/b", "..", ".", "", "a\x1b[2J", "os.system", "x" * 300, "-rf", "class"]
)
@pytest.mark.parametrize("kind", ["loss", "../loss"])
def test_a_new_distribution(kind: str, name: str, quick: Scene) -> None:
    """``new`` makes ./nnexp-NAME or nothing."""
    quick.attempt("new", kind, name)


def test_a_new_distribution_over_a_folder(quick: Scene) -> None:
    """``new`` leaves a folder or a link with its name as it is."""
    (quick.place / "nnexp-mine").mkdir()
    (quick.place / "nnexp-other").symlink_to(quick.home / "thesis")
    quick.attempt("new", "loss", "mine")
    quick.attempt("new", "loss", "other")


@pytest.mark.parametrize(
    "plugin", ["loss.../x", "../x", "x.py:Evil", "../theirs:Evil", ":", "a:b:c", "\x1b[2J", "loss.\x1b[2J"]
)
def test_what_is_examined(plugin: str, quick: Scene) -> None:
    """``check`` and ``plugins`` say of what is no plugin that it is none."""
    quick.attempt("check", plugin)
    quick.attempt("plugins", plugin)


ANSWERS = (
    "../thesis",
    "thesis.csv",
    ".",
    "/",
    "../thesis/chapter.txt",
    "new/x.csv",
    "\x1b[2J.csv",
    "x" * 300 + ".csv",
    "pipe.csv",
)
"""Names of files of answers that cannot be written."""


@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_over_what_is_no_file_of_answers(answer: str, quick: Scene, a_sweep: Path) -> None:
    """``predict -o`` replaces a file and never a directory, pipe or device."""
    copied(a_sweep, quick.place / "outputs")
    quick.send({"table.csv": "x1,x2\n1,2\n"})
    (quick.place / "thesis.csv").mkdir()
    (quick.place / "thesis.csv" / "a.txt").write_text("mine")
    os.mkfifo(quick.place / "pipe.csv")
    quick.attempt("predict", "outputs/sweeps/s/0", "../theirs/table.csv", "--replace", "-o", answer)


def test_answers_through_a_link(quick: Scene, a_sweep: Path) -> None:
    """``predict -o`` on a link replaces the link, or is refused; what the link leads to stays."""
    copied(a_sweep, quick.place / "outputs")
    quick.send({"table.csv": "x1,x2\n1,2\n"})
    (quick.place / "link.csv").symlink_to(quick.home / "thesis" / "chapter.txt")
    quick.attempt(
        "predict",
        "outputs/sweeps/s/0",
        "../theirs/table.csv",
        "--replace",
        "-o",
        "link.csv",
        code=None,
        may_write="link.csv",
    )


@pytest.mark.parametrize(
    "words", [("-m", "seed=0,1", "hydra.sweep.dir=../thesis"), ("hydra.run.dir=../thesis",)], ids=" ".join
)
def test_a_place_that_is_taken(words: tuple[str, ...], quick: Scene) -> None:
    """A folder that holds something is no place for a run or a sweep, whoever names it."""
    quick.attempt(*words, *QUICK)
    assert not (quick.place / "outputs").exists()
