"""Sweeps that are killed at random moments and resumed, held against a sweep that nobody touched.

``python -m tests.torture [--kills 100] [--minutes 15] [--seed 0] [--server | --search | --files]``

A sweep of 32 runs is started with the command that a user types, and SIGKILL goes to its process, to one of its workers or to
all of them, again and again, also while it is resumed. With ``--server`` the runs go to ``mlflow server``, which is killed and
restarted as well. With ``--search`` the jobs are the trials of a search, each of which follows from those before it. The
victims and moments follow from the seed; what they meet depends on the machine, so it is looked up and counted. With
``--files`` nothing is left to chance: a small sweep is killed once before each operation on a file of its own (see
``crashing/``).

At the end of every sweep the directories and MLflow must hold what the untouched sweep left: under each run's key the same
metric series, each step once, and the same weights, bit by bit. At the end of all no run is open, doubled or waiting.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from tests.command import environment, nnexp
from tests.forked import Command
from tests.servers import Server, serving, unused_port

SWEEP = (
    "-m",
    "dataset=xor,moons",
    "optimizer=minibatch,batch",
    "keep=last,best",
    "dtype=float64,float32",
    "seed=0,1",
    "epochs=400",
    "patience=150",
    "split.test=0.1",
    "checkpoint.epochs=20",
)
JOBS = 32
SEARCH = (
    "-m",
    "search=tpe",
    f"search.trials={JOBS}",
    "search.startup=8",
    "optimizer.learning_rate=tag(log,interval(0.01,1))",
    "network.hidden=[4],[8],[8,4]",
    "activation=relu,tanh",
    "dataset=moons",
    "epochs=300",
    "split.test=0.1",
    "checkpoint.epochs=20",
)
SMALL = ("-m", "dataset=xor", "seed=0,1,2", "epochs=5", "split.test=0.1", "checkpoint.epochs=2")
"""The sweep of ``--files``; its jobs 0 and 2 do what job 1 does."""
LIKE_OTHERS = r"sweeps/untouched/[02]/|mlflow\.db(\.new)?-|\.(tmp|partial) #|artifacts/RUN/artifacts/.* #[23]"
"""Operations that need no kill of their own: other jobs', SQLite's, and the one before a file's new content takes its place."""
CRASHING = Path(__file__).parent / "crashing"
MOMENTS = ("before the manifest", "before the first job", "in training", "in delivery", "at the end")
VICTIMS = ("sweep", "worker", "all")
WAITS = "MLflow does not have all of this sweep yet. Nothing is lost; type python -m nnexp sync"
"""How a command ends that survived the process which delivers (it has a session of its own, and may be the only victim)."""
ALIVE = "still trains job"
"""What a sweep says that is resumed before the workers of a killed one have gone."""
MOST_ATTEMPTS = 80


class Left(NamedTuple):
    """What a run left: every point of each metric in order, and its weights."""

    series: Mapping[str, Sequence[tuple[int, str]]]
    weights: str


@dataclass
class Tally:
    """What was done, and what was found."""

    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By victim and moment."""
    resumed: int = 0
    """Kills of a command that was a ``resume``."""
    sweeps: int = 0
    runs: int = 0
    problems: list[str] = field(default_factory=list)
    waited: int = 0
    """So often a sweep was not resumed at once, because a worker of the killed one was not gone yet."""


@dataclass(frozen=True)
class Place:
    """A directory of one's own for sweeps of one kind, and the tracking server in it, if there is one."""

    folder: Path
    server: Restarted | None = None
    words: Sequence[str] = SWEEP
    jobs: int = JOBS
    forked: bool = False
    """Whether a command is forked by a process that has imported everything."""

    def begun(self, words: Sequence[str], said: int | IO[bytes], err: int, **more: str) -> subprocess.Popen[Any]:
        """``python -m nnexp WORDS`` under way in a session of its own, with ``more`` in its environment."""
        how: dict[str, Any] = {"cwd": self.folder, "env": environment(**more), "stdout": said, "stderr": err}
        if self.forked:
            return Command(words, session=True, tables=True, text=True, **how)
        return subprocess.Popen([sys.executable, "-m", "nnexp", *words], start_new_session=True, text=True, **how)

    @property
    def uri(self) -> str:
        """The store's address."""
        return self.server.uri if self.server else f"sqlite:///{self.folder}/outputs/mlflow.db"

    @property
    def store(self) -> list[str]:
        """The words by which a command is told of a server, which no file may say."""
        return ["--uri", self.uri] if self.server else []


class Restarted:
    """A tracking server that can be killed, and started again at the same address."""

    def __init__(self, folder: Path, database: str = "") -> None:
        self._folder = folder
        self._database = database
        self._port = unused_port()
        self._running = contextlib.ExitStack()
        self._server: Server | None = None
        self.uri = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._server = self._running.enter_context(serving(self._folder, self._port, self._database))

    def kill(self) -> None:
        """End it at once."""
        if self._server:
            self._server.kill()
        self._running.close()


def series(points: Sequence[tuple[str, int, float]]) -> dict[str, list[tuple[int, str]]]:
    """Points by metric, in order; none is left out, so that a doubled one shows."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name, step, value in sorted(points, key=lambda point: point[:2]):
        found.setdefault(name, []).append((step, repr(float(value))))
    return found


def weights(path: Path) -> str:
    """A hash of the arrays of ``weights.npz``."""
    digest = hashlib.sha256()
    with np.load(path, allow_pickle=False) as arrays:
        for name in sorted(arrays):
            digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
            digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def records(directory: Path) -> list[dict[str, Any]]:
    """A journal's records; what a kill tore off at its end is none."""
    lines = (directory / "journal.jsonl").read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines]


def in_directories(sweep: Path) -> dict[str, Left]:
    """What each run left in its directory, by the run's key."""
    found = {}
    for directory in sweep.glob("[0-9]*"):
        kept = records(directory)
        points = [
            (name, int(each["epoch" if "epoch" in each else "score"]), value)
            for each in kept
            if "metrics" in each
            for name, value in each["metrics"].items()
        ]
        key = kept[0]["opened"]["tags"]["nnexp.key"]
        found[key] = Left(series(points), weights(directory / "weights.npz"))
    return found


class Stored(NamedTuple):
    """What MLflow has of a sweep: its runs by key, the keys of those with a model, and what is wrong with it in itself."""

    runs: Mapping[str, Left]
    models: Sequence[str]
    wrong: list[str]


def in_mlflow(place: Place, sweep: str, tag: str = "nnexp.sweep") -> Stored:
    """Read what MLflow has of a sweep, or of what else a tag says."""
    from mlflow import MlflowClient

    client = MlflowClient(place.uri)
    experiment = client.get_experiment_by_name("nnexp")
    assert experiment
    runs = client.search_runs([experiment.experiment_id], f"tags.`{tag}` = '{sweep}'", max_results=1000)
    found, wrong = {}, []
    for run in runs:
        if run.info.status != "FINISHED":
            wrong.append(f"{sweep}: run {run.info.run_id} in {run.data.tags['nnexp.directory']} is {run.info.status}")
            continue
        points = [
            (name, point.step, point.value)
            for name in run.data.metrics
            for point in client.get_metric_history(run.info.run_id, name)
        ]
        with tempfile.TemporaryDirectory() as folder:
            files = {each.path for each in client.list_artifacts(run.info.run_id)}
            if missing := {"weights.npz", "cost.png", "config.yaml", "model.json"} - files:
                wrong.append(f"{sweep}: run {run.info.run_id} has no {missing}")
                continue
            stored = weights(Path(client.download_artifacts(run.info.run_id, "weights.npz", folder)))
            picture = Path(client.download_artifacts(run.info.run_id, "cost.png", folder)).read_bytes()
        if not whole(picture):
            wrong.append(f"{sweep}: the picture of run {run.info.run_id} is torn")
        found[run.data.tags["nnexp.key"]] = Left(series(points), stored)
    if len(runs) != place.jobs or len({run.data.tags["nnexp.directory"] for run in runs}) != place.jobs:
        wrong.append(f"{sweep}: {len(runs)} runs in MLflow, not {place.jobs}")
    keys = {run.info.run_id: run.data.tags["nnexp.key"] for run in runs}
    models = [each for each in client.search_logged_models([experiment.experiment_id]) if each.source_run_id in keys]
    wrong += [f"{sweep}: model {each.model_id} is {each.status}" for each in models if str(each.status) != "READY"]
    return Stored(found, [keys[each.source_run_id or ""] for each in models], wrong)


def whole(picture: bytes) -> bool:
    """Whether a PNG is there from its first byte to its last."""
    return picture.startswith(b"\x89PNG") and picture[-8:-4] == b"IEND"


class Untouched(NamedTuple):
    """The sweep that nobody disturbed: its runs by key, the key of the best one, and how long each moment lasted."""

    runs: Mapping[str, Left]
    best: str
    lengths: Mapping[str, float]


def differences(sweep: Path, place: Place, expected: Untouched) -> list[str]:
    """How a sweep that was resumed until it was finished differs from the one that nobody touched."""
    stored, untouched = in_mlflow(place, sweep.name), expected.runs
    wrong = stored.wrong
    # A sweep that ended once without some of its jobs had another best run, whose model is there, too.
    if expected.best not in stored.models or len(set(stored.models)) != len(stored.models):
        wrong.append(f"{sweep.name}: the models are of {stored.models}, the best run is {expected.best}")
    for where, found in (("directories", in_directories(sweep)), ("MLflow", stored.runs)):
        if found.keys() != untouched.keys():
            wrong.append(f"{sweep.name}: {len(found.keys() & untouched.keys())} of {place.jobs} keys in {where}")
        for key in found.keys() & untouched.keys():
            if found[key].weights != untouched[key].weights:
                wrong.append(f"{sweep.name}: other weights in {where} under {key}")
            if found[key].series != untouched[key].series:
                wrong.append(f"{sweep.name}: another series in {where} under {key}")
    return [*wrong, *unfinished(sweep, place.jobs)]


def unfinished(sweep: Path, jobs: int) -> list[str]:
    """What the sweep's own files leave open: pictures that are torn, jobs that are not said to be finished."""
    pictures = (sweep / "comparison.png", *(sweep / str(number) / "cost.png" for number in range(jobs)))
    wrong = [f"{each} is torn or missing" for each in pictures if not (each.exists() and whole(each.read_bytes()))]
    results = [json.loads(path.read_text()) for path in sweep.glob("[0-9]*/result.json")]
    if Counter(each["status"] for each in results) != {"FINISHED": jobs}:
        wrong.append(f"{sweep.name}: result.json has {Counter(each['status'] for each in results)}")
    states = Counter(job["state"] for job in json.loads((sweep / "manifest.json").read_text())["jobs"])
    if states != {"finished": jobs}:
        wrong.append(f"{sweep.name}: manifest.json has {states}")
    return wrong


def rest(place: Place) -> list[str]:
    """What is still open in a place where all sweeps are finished: in MLflow, in ``outputs/.open``, for ``sync``, on disk.

    A power failure may take a run from MLflow's database that has a folder of artifacts already; the folder counts for nothing.
    """
    from mlflow import MlflowClient

    wrong = []
    client = MlflowClient(place.uri)
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()], max_results=5000)
    statuses = Counter(run.info.status for run in runs)
    doubled = [key for key, times in Counter(run.data.tags["nnexp.directory"] for run in runs).items() if times > 1]
    if statuses.keys() != {"FINISHED"} or doubled:
        wrong.append(f"{place.folder.name}: MLflow has {statuses}; twice: {doubled}")
    outputs = place.folder / "outputs"
    if entries := list((outputs / ".open").iterdir()):
        wrong.append(f"{place.folder.name}: {len(entries)} entries in .open: {entries[0].read_text()[:200]}")
    done = nnexp("sync", *place.store, cwd=place.folder)
    if done.code or "Nothing waits" not in done.out:
        wrong.append(f"{place.folder.name}: sync says {done.out} {done.err}")
    torn = re.compile(r".*\.(tmp|partial|new|lock)|\.(?!hydra|open).*")
    remains = [path.relative_to(outputs) for path in outputs.rglob("*") if torn.fullmatch(path.name)]
    known = {run.info.run_id for run in runs}
    if left := [
        str(path)
        for path in remains
        if path.name != ".mlflow.db.lock" and not (path.parts[0] == "artifacts" and path.parts[1] not in known)
    ]:
        wrong.append(f"{place.folder.name}: files that remain: {left}")
    return wrong


class Stand(NamedTuple):
    """How far a sweep has come, as its files say."""

    moment: str
    written: int
    """Bytes in all journals."""


def stand(sweep: Path, jobs: int, before: int) -> Stand:
    """How far a command has come with a sweep, whose journals had so many bytes ``before`` it was started."""
    if not (sweep / "manifest.json").exists():
        return Stand(MOMENTS[0], 0)
    journals = [path for number in range(jobs) if (path := sweep / str(number) / "journal.jsonl").exists()]
    written = sum(path.stat().st_size for path in journals)
    if len(journals) == jobs and all(has_ended(path) for path in journals):
        entries = list((sweep.parent.parent / ".open").glob("*"))
        return Stand(MOMENTS[3] if entries else MOMENTS[4], written)
    return Stand(MOMENTS[1] if written <= before else MOMENTS[2], written)


def has_ended(journal: Path) -> bool:
    """Whether a journal's last record says that its run finished."""
    with journal.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 100))
        return b'"ended":"FINISHED"' in file.read()


class Process(NamedTuple):
    """A process of the system."""

    number: int
    parent: int


def workers(command: int) -> list[int]:
    """The processes that train for a sweep: those that the server, which the command has started, was asked to fork."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout  # noqa: S607
    every = [Process(*map(int, line.split())) for line in listed.splitlines()]
    servers = {each.number for each in every if each.parent == command}
    return [each.number for each in every if each.parent in servers]


def is_gone(group: int) -> bool:
    """Whether no process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@dataclass(frozen=True)
class Blow:
    """A kill to come: whom, from which moment on, and how long after its beginning."""

    victim: str
    moment: str
    after: float
    which: float
    """Of several workers: from 0, the first one, to 1."""


def blows(draw: random.Random, lengths: Mapping[str, float], victims: Sequence[str], number: int) -> list[Blow]:
    """So many kills for one sweep, in the order in which their moments come."""
    moments = sorted(draw.choices(MOMENTS, [1, 2, 5, 3, 3], k=number), key=MOMENTS.index)
    return [  # early in their moment more often than late: a command that is killed late is nearly done when it is resumed
        Blow(draw.choice(victims), each, lengths[each] * draw.random() ** 3, draw.random()) for each in moments
    ]


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    said: str
    hit: bool
    """Whether a blow met it."""


def carried_out(
    place: Place, words: Sequence[str], sweep: Path, coming: list[Blow], tally: Tally, **more: str
) -> Ended:
    """Run a command until it ends, by itself or by the next of the blows; those that it survives are followed by others."""
    before = stand(sweep, place.jobs, 0).written
    log = place.folder / "said.txt"
    with log.open("wb") as said:
        process = place.begun(words, said, subprocess.STDOUT, **more)
        hit = False
        while coming and process.poll() is None:
            blow = coming.pop(0)
            if not reached(process, blow, sweep, place.jobs, before):
                break
            moment = stand(sweep, place.jobs, before).moment
            if strike(blow, process, place):
                hit = True
                tally.kills[blow.victim, moment] += 1
                tally.resumed += words[0] == "resume"
        process.wait(timeout=900)
    return Ended(process.returncode, log.read_text(), hit)


def reached(process: subprocess.Popen[Any], blow: Blow, sweep: Path, jobs: int, before: int) -> bool:
    """Wait until a blow is due; says whether the command is still there then."""
    due = None
    while process.poll() is None:
        if due is None and MOMENTS.index(stand(sweep, jobs, before).moment) >= MOMENTS.index(blow.moment):
            due = time.monotonic() + blow.after
        if due is not None and time.monotonic() >= due:
            return True
        time.sleep(0.01)
    return False


def strike(blow: Blow, process: subprocess.Popen[Any], place: Place) -> bool:
    """Kill; says whether there was somebody to kill."""
    if blow.victim == "all":
        os.killpg(process.pid, signal.SIGKILL)
    elif blow.victim == "sweep":
        process.kill()
    elif blow.victim == "server":
        assert place.server
        place.server.kill()
        place.server.start()
    else:
        there = workers(process.pid)
        with contextlib.suppress(ProcessLookupError):
            if there:
                os.kill(there[int(blow.which * len(there))], signal.SIGKILL)
        return bool(there)
    return True


def tortured(place: Place, name: str, coming: list[Blow], tally: Tally, **first: str) -> Path:
    """One sweep, killed as often as blows come, resumed until it is finished; ``first``: what its first command finds set."""
    sweep = place.folder / "outputs" / "sweeps" / name
    where = [f"hydra.sweep.dir=outputs/sweeps/{name}", *([f"tracking.uri={place.uri}"] if place.server else [])]
    failed, more = False, first
    for _ in range(MOST_ATTEMPTS):
        resumed = (sweep / "manifest.json").exists()
        if not resumed:
            shutil.rmtree(sweep, ignore_errors=True)  # as a user would: nothing has begun there
        again = ["resume", f"outputs/sweeps/{name}", *place.store, *["--failed"] * failed]
        words = again if resumed else [*place.words, *where]
        planned = more.get("CRASH_AT", "")
        ended, more = carried_out(place, words, sweep, coming, tally, **more), {}
        if planned and ended.code:
            tally.kills["all", planned] += 1
        if ended.code == 0:
            break
        failed = "--failed" in ended.said
        if ALIVE in ended.said:
            tally.waited += 1
        elif not (ended.hit or failed or ended.code == -signal.SIGKILL or (planned and WAITS in ended.said)):
            tally.problems.append(f"{name}: {' '.join(words)} ended with {ended.code}:\n{ended.said[-1500:]}")
    else:
        tally.problems.append(f"{name}: not finished after {MOST_ATTEMPTS} commands")
    tally.sweeps += 1
    tally.runs += place.jobs
    return sweep


def untouched(place: Place, **more: str) -> Untouched:
    """Run a sweep undisturbed, in a place of its own."""
    place.folder.mkdir()
    sweep = place.folder / "outputs" / "sweeps" / "untouched"
    words = (*place.words, "hydra.sweep.dir=outputs/sweeps/untouched")
    process = place.begun(words, subprocess.DEVNULL, subprocess.PIPE, **more)
    lengths = dict.fromkeys(MOMENTS, 0.0)
    seen = time.monotonic()
    while process.poll() is None:
        time.sleep(0.01)
        now = time.monotonic()
        lengths[stand(sweep, place.jobs, 0).moment] += now - seen
        seen = now
    _, err = process.communicate()
    assert (process.returncode, err) == (0, ""), err
    (best,) = in_mlflow(place, sweep.name).models
    found = Untouched(in_directories(sweep), best, lengths)
    assert len(found.runs) == place.jobs
    assert not (wrong := differences(sweep, place, found)), wrong
    return found


def torture(
    folder: Path, kills: int, seconds: float, seed: int, *, server: bool = False, words: Sequence[str] = SWEEP
) -> Tally:
    """Kill and resume sweeps until there were so many kills, or the time is up; each sweep, one at least, is finished."""
    tally, draw, until = Tally(), random.Random(seed), time.monotonic() + seconds  # noqa: S311
    left = untouched(Place(folder / "untouched", words=words))
    print("an untouched sweep:", ", ".join(f"{key} {value:.1f} s" for key, value in left.lengths.items()), flush=True)
    victims = (*VICTIMS, "server") if server else VICTIMS
    place: Place | None = None
    while not tally.sweeps or (tally.kills.total() < kills and time.monotonic() < until):
        told = len(tally.problems)
        if place is None or draw.random() < (
            0 if server else 0.25
        ):  # from time to time in a store that does not exist yet
            tally.problems += rest(place) if place else []
            place = new_place(folder / f"place{tally.sweeps}", words, server=server)
        coming = blows(draw, left.lengths, victims, min(draw.randint(10, 16), kills - tally.kills.total()))
        sweep = tortured(place, f"sweep{tally.sweeps}", coming, tally)
        tally.problems += differences(sweep, place, left)
        print(f"{sweep.name}: {tally.kills.total()} kills so far", *tally.problems[told:], sep="\n", flush=True)
    tally.problems += rest(place) if place else []
    if place and place.server:
        place.server.kill()
    return tally


def at_every_file(folder: Path, seconds: float, every: int = 1) -> Tally:
    """Kill a small sweep once before each (or each so-many-th) of its operations on files, and resume it, within the time."""
    tally, until = Tally(), time.monotonic() + seconds
    listed = folder / "moments"
    first = Place(folder / "untouched", words=SMALL, jobs=3, forked=True)
    left = untouched(first, PYTHONPATH=str(CRASHING), CRASH_LIST=str(listed))
    moments = list(dict.fromkeys(listed.read_text().splitlines()))
    moments = [each for each in moments if not re.search(LIKE_OTHERS, each)][::every]
    for number, moment in enumerate(moments):
        if time.monotonic() > until:
            print(f"no time for the last {len(moments) - number} of {len(moments)} operations")
            break
        told = len(tally.problems)
        place = Place(folder / f"file{number}", words=SMALL, jobs=3, forked=True)
        place.folder.mkdir()
        at = moment.replace("untouched", "crashed")
        sweep = tortured(place, "crashed", [], tally, PYTHONPATH=str(CRASHING), CRASH_AT=at)
        tally.problems += [*differences(sweep, place, left), *rest(place)]
        print(f"{number + 1}/{len(moments)} {at}", *tally.problems[told:], sep="\n   ", flush=True)
    return tally


def new_place(folder: Path, words: Sequence[str], *, server: bool) -> Place:
    """An empty directory, with a tracking server that runs if one is wanted."""
    folder.mkdir()
    place = Place(folder, Restarted(folder / "server") if server else None, words)
    if place.server:
        place.server.start()
    return place


def installed(distribution: str, folder: Path) -> str:
    """Install one of the distributions into a folder of its own, and return that folder."""
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--target", str(folder)]
    source = Path(__file__).parent.parent / "plugins" / distribution
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True)
    return str(folder)


def table(tally: Tally, seconds: float) -> str:
    """The kills by victim and moment, and what was lost."""
    victims = sorted({victim for victim, _ in tally.kills}, key=[*VICTIMS, "server"].index)
    lines = [f"| {' | '.join(['SIGKILL of', *MOMENTS, 'times'])} |", "|---" * (len(MOMENTS) + 2) + "|"]
    for victim in victims:
        numbers = [tally.kills[victim, moment] for moment in MOMENTS]
        lines.append(f"| {' | '.join([victim, *map(str, [*numbers, sum(numbers)])])} |")
    numbers = [sum(tally.kills[victim, moment] for victim in victims) for moment in MOMENTS]
    lines.append(f"| {' | '.join(['together', *map(str, [*numbers, sum(numbers)])])} |")
    told = f"{tally.sweeps} sweeps of {JOBS} runs, {tally.resumed} kills of a resume, {seconds:.0f} s"
    lines.append(f"\n{told}; not resumed at once {tally.waited} times; lost or wrong: {len(tally.problems)}")
    return "\n".join([*lines, *tally.problems])


def main() -> int:
    """Torture, print the table; 1 where anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seed", type=int, default=0)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--server", action="store_true", help="runs go to mlflow server, which is killed, too")
    what.add_argument("--search", action="store_true", help="searches instead of sweeps, with nnexp-search")
    what.add_argument("--files", action="store_true", help="a kill before each operation on a file, nothing at random")
    given = parser.parse_args()
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="nnexp-torture-"))
    if given.files:
        tally = at_every_file(folder, given.minutes * 60)
        print(f"killed before {len(tally.kills)} operations on files, lost or wrong: {len(tally.problems)}")
    else:
        if given.search:
            os.environ["PYTHONPATH"] = installed("nnexp-search", folder / "installed")
        words = SEARCH if given.search else SWEEP
        tally = torture(folder, given.kills, given.minutes * 60, given.seed, server=given.server, words=words)
        print(table(tally, time.monotonic() - began))
    if tally.problems:
        print(f"What the sweeps left is in {folder}")
        return 1
    import shutil

    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
