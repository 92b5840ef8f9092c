"""A head and three hosts in network namespaces: hosts that are killed and cut off at random, under sweeps on a Dask cluster.

``python -m tests.hosts [--blows 50] [--minutes 15] [--seed 0]``

The namespaces are joined by a bridge, so a host that is cut off (its link goes down) neither says nor hears anything. The
head's folders are hidden from the hosts. A host comes back some seconds later, as a new one. After each sweep of 32 runs the
head's directories and MLflow must hold what an untouched sweep on one machine left: under each run's key the same series, each
step once, and the same weights, bit by bit.

It takes root, and ``ip`` of iproute2.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.command import ROOT, environment
from tests.torture import Place, Untouched, differences, rest, untouched

SWEEP = (
    "-m",
    "dataset=digits,moons",
    "optimizer=minibatch,batch",
    "keep=last,best",
    "dtype=float64,float32",
    "seed=0,1",
    "epochs=300",
    "split.test=0.1",
    "checkpoint.epochs=20",
)
JOBS = 32
HOSTS = 3
HOW = ("host killed", "host cut off", "process killed")
PORT = 8786
IP = shutil.which("ip") or "ip"
SOURCES = os.pathsep.join(filter(None, (str(ROOT / "plugins" / "nnexp-dask" / "src"), os.environ.get("PYTHONPATH"))))


def missing() -> str:
    """What is missing here for namespaces; nothing where they can be made."""
    if os.geteuid() != 0:
        return "network namespaces take root"
    if not shutil.which("ip") or not shutil.which("unshare"):
        return "there is no ip (iproute2) or unshare (util-linux)"
    name = f"nx{os.getpid()}try"
    made = subprocess.run([IP, "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"network namespaces cannot be made here ({made.stderr.strip()})"
    ip("netns", "del", name)
    return ""


def ip(*words: str) -> None:
    """Run ``ip``."""
    subprocess.run([IP, *words], check=True, capture_output=True)


@dataclass
class Host:
    """A network namespace with an address of its own."""

    name: str
    address: str
    link: str
    """The bridge's end of its link."""
    bridge: str
    """The namespace of that."""
    hidden: Path | None = None
    """A folder that its processes do not see."""

    def command(self, *words: str) -> list[str]:
        """A command in this namespace, with a host name of its own, and without the hidden folder."""
        hide = f'mount -t tmpfs tmpfs "{self.hidden}" && ' if self.hidden else ""
        script = f'hostname {self.name} && {hide}exec "$@"'
        return [IP, "netns", "exec", self.name, "unshare", "--uts", "sh", "-c", script, "sh", *words]

    def pids(self) -> list[int]:
        """All its processes."""
        found = subprocess.run([IP, "netns", "pids", self.name], capture_output=True, text=True, check=False)
        return [int(each) for each in found.stdout.split()]

    def kill(self, most: int | None = None) -> None:
        """End its processes at once, or so many of them, the newest first."""
        for pid in sorted(self.pids(), reverse=True)[:most]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def connect(self, up: str) -> None:
        """``up`` or ``down``: whether anything of it reaches the bridge."""
        ip("-n", self.bridge, "link", "set", self.link, up)


@contextlib.contextmanager
def network(hidden: Path) -> Iterator[list[Host]]:
    """A head, the first, and three hosts from which a folder is hidden, joined by a bridge."""
    prefix = f"nx{os.getpid()}"
    bridge, made = f"{prefix}n", []
    names = [f"{prefix}h{number}" for number in range(HOSTS + 1)]
    try:
        for name in (bridge, *names):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", bridge, "link", "add", "bridge", "type", "bridge")
        ip("-n", bridge, "link", "set", "bridge", "up")
        for number, name in enumerate(names):
            link, address = f"v{number}", f"10.77.0.{number + 1}"
            ip("link", "add", link, "netns", bridge, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("-n", bridge, "link", "set", link, "master", "bridge", "up")
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            made.append(Host(name, address, link, bridge, hidden if number else None))
        yield made
    finally:
        for host in made:
            host.kill()
        for name in (*names, bridge):
            subprocess.run([IP, "netns", "del", name], capture_output=True, check=False)


@dataclass
class Cluster:
    """A scheduler on the head, and a worker on each host."""

    folder: Path
    head: Host
    hosts: Sequence[Host]
    started: int = 0
    back: dict[str, float] = field(default_factory=dict)
    """When each host that is away comes back."""

    @property
    def address(self) -> str:
        """The scheduler's."""
        return f"tcp://{self.head.address}:{PORT}"

    def begin(self) -> None:
        """Start everything."""
        words = ("scheduler", "--host", self.head.address, "--port", str(PORT), "--no-dashboard")
        self.dask(self.head, *words)
        for host in self.hosts:
            self.worker(host)

    def worker(self, host: Host) -> None:
        """Start a worker for two jobs at a time, with a nanny that replaces it where it dies alone."""
        self.dask(host, "worker", self.address, "--nthreads", "2", "--no-dashboard", "--death-timeout", "60")

    def dask(self, host: Host, *words: str) -> None:
        """Start a process of Dask's in a folder of its own."""
        self.started += 1
        place = self.folder / f"{self.started}-{host.name}"
        place.mkdir(parents=True)
        with (place / "log").open("wb") as log:
            local = ("--local-directory", str(place)) if words[0] == "worker" else ()
            command = host.command(sys.executable, "-m", "dask", *words, *local)
            subprocess.Popen(command, cwd=place, env=environment(PYTHONPATH=SOURCES), stdout=log, stderr=log)

    def strike(self, draw: random.Random) -> str:
        """Have something happen to a host that is there; what it was, or nothing where none is."""
        there = [host for host in self.hosts if host.name not in self.back]
        if not there:
            return ""
        host, how = draw.choice(there), draw.choice(HOW)
        if how == "process killed":  # the newest: the one that trains
            host.kill(1)
            return how
        if how == "host killed":
            host.kill()
        else:
            host.connect("down")
        self.back[host.name] = time.monotonic() + draw.uniform(2, 10)
        return how

    def bring_back(self) -> None:
        """Start the hosts again whose time has come."""
        for host in self.hosts:
            if self.back.get(host.name, float("inf")) < time.monotonic():
                del self.back[host.name]
                host.kill()
                host.connect("up")
                self.worker(host)


@dataclass
class Tally:
    """What was done, and what was found."""

    blows: Counter[str] = field(default_factory=Counter)
    sweeps: int = 0
    problems: list[str] = field(default_factory=list)


def sweep(  # noqa: PLR0917
    place: Place, cluster: Cluster, draw: random.Random, blows: int, tally: Tally, left: Untouched
) -> None:
    """Carry out a sweep on the cluster under so many blows, and look at what it has left."""
    name = f"sweep{tally.sweeps}"
    launcher = ("hydra/launcher=dask", f"hydra.launcher.address={cluster.address}", "hydra.launcher.insecure=true")
    words = (*place.words, *launcher, "hydra.launcher.patience=4", f"hydra.sweep.dir=outputs/sweeps/{name}")
    log = place.folder / f"{name}.log"
    with log.open("wb") as out:
        command = cluster.head.command(sys.executable, "-m", "nnexp", *words)
        head = subprocess.Popen(
            command, cwd=place.folder, env=environment(PYTHONPATH=SOURCES), stdout=out, stderr=subprocess.STDOUT
        )
    until, ends = time.monotonic() + draw.uniform(2, 6), time.monotonic() + 600
    while head.poll() is None:
        time.sleep(0.1)
        cluster.bring_back()
        if blows and time.monotonic() > until and [*place.folder.glob(f"outputs/sweeps/{name}/*/journal.jsonl")]:
            if how := cluster.strike(draw):
                tally.blows[how] += 1
                blows -= 1
            until = time.monotonic() + draw.uniform(0.5, 4)
        if time.monotonic() > ends:
            head.kill()
            tally.problems.append(f"{name} did not end:\n{log.read_text()[-2000:]}")
            break
    if head.wait():
        tally.problems.append(f"{name} ended with {head.returncode}:\n{log.read_text()[-2000:]}")
    else:
        tally.problems += differences(place.folder / "outputs" / "sweeps" / name, place, left)
    tally.sweeps += 1


def torture(  # noqa: PLR0917
    folder: Path, blows: int, seconds: float, seed: int, words: Sequence[str] = SWEEP, jobs: int = JOBS
) -> Tally:
    """Sweeps on a cluster until there were so many blows, or the time is up; one sweep at least."""
    tally, draw, until = Tally(), random.Random(seed), time.monotonic() + seconds  # noqa: S311
    left = untouched(Place(folder / "untouched", words=words, jobs=jobs))
    place = Place(folder / "head", words=words, jobs=jobs)
    place.folder.mkdir()
    with tempfile.TemporaryDirectory() as elsewhere, network(folder) as (head, *hosts):
        cluster = Cluster(Path(elsewhere), head, hosts)
        cluster.begin()
        while not tally.sweeps or (tally.blows.total() < blows and time.monotonic() < until):
            told = len(tally.problems)
            sweep(place, cluster, draw, min(draw.randint(8, 14), blows - tally.blows.total()), tally, left)
            print(f"{tally.sweeps} sweeps, {dict(tally.blows)}", *tally.problems[told:], sep="\n", flush=True)
    tally.problems += rest(place)
    return tally


def main() -> int:
    """Torture, print what was done; 1 where anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.hosts", description=__doc__)
    parser.add_argument("--blows", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if why := missing():
        print(f"skipped: {why}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        tally = torture(Path(folder), given.blows, given.minutes * 60, given.seed)
    print(f"{tally.sweeps} sweeps of {JOBS} runs under {tally.blows.total()} blows: {dict(tally.blows)}")
    print(f"lost or wrong: {len(tally.problems)}", *tally.problems, sep="\n")
    return 1 if tally.problems else 0


if __name__ == "__main__":
    sys.exit(main())
