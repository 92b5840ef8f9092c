"""A fresh environment with wheels of nnexp's own distributions, and everything else borrowed: nothing is downloaded."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.command import ROOT, Ended, environment
from tests.forked_pytest import Run

DISTRIBUTIONS = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml"))
COMPILED = ("nnexp-native",)
"""Those that need a C++ compiler."""
LAUNCHED = ("nnexp-dask", "nnexp-search")
"""Those whose tests start clusters and searches, and take minutes."""
PRELOADED = (
    "hypothesis",
    "matplotlib.backends.backend_agg",
    "nnexp.commands.run",
    "nnexp.testing",
    "pandas",
    "scipy.stats",
    "sklearn.datasets",
    "sklearn.neural_network",
)
"""What tests of plugins import, of others and of nnexp."""
OF_A_BUILD = ("cpp", "backend", "CMakeLists.txt")
"""What is compiled, and by what, of those that are."""
REQUIRED = "NNEXP_REQUIRE_CC"
"""Set where a compiler has to be there: what needs it then fails without one, and is not skipped."""

BUILT = ROOT / ".pytest_cache" / "wheels"
"""Where wheels are, until the next time."""
A_DAY = 24 * 3600
OF_NNEXP = (".gitignore", "pyproject.toml", "README.md", "LICENSE", "nnexp", "conf", "plugins/nnexp-launcher/src")
"""What nnexp's own wheel is made of."""
BUILDERS = ("hatchling", "scikit-build-core", "nanobind", "cmake", "ninja")
"""Distributions that build wheels."""
OF_COMPILERS = ("CXX", "CPPFLAGS", "LDFLAGS", "CMAKE", "SKBUILD", "NINJA")
"""How the names begin of what the environment says to those that compile."""

GUARD = """
import sys
from pathlib import Path
import {module}, nnexp
for each in ({module}, nnexp):
    assert Path(each.__file__).is_relative_to(sys.prefix), each.__file__
"""
"""A conftest.py: were a checkout's module imported instead of the wheel's, pytest would end with exit code 4."""


def module_of(distribution: str) -> str:
    """The module that a distribution installs."""
    return distribution.replace("-", "_")


def compiler() -> list[str]:
    """The command of the C++ compiler; empty where there is none."""
    chosen = shlex.split(os.environ.get("CXX", "")) or [next(filter(shutil.which, ("c++", "g++", "clang++")), "")]
    return chosen if shutil.which(chosen[0]) else []


def need_compiler() -> None:
    """Skip where there is no C++ compiler, or fail where one is required."""
    if not compiler():
        assert not os.environ.get(REQUIRED), "there is no C++ compiler (c++, g++ or clang++)"
        pytest.skip("there is no C++ compiler (c++, g++ or clang++)")


@dataclass(frozen=True)
class Fresh:
    """An environment with nothing but wheels, and what it borrows."""

    python: Path
    site: Path
    wheels: dict[str, Path]
    """By distribution."""

    def run(self, *words: str, cwd: Path, timeout: float = 300) -> Ended:
        """``python WORDS`` in ``cwd``, which must not be a checkout."""
        done = subprocess.run(
            [self.python, *words],
            cwd=cwd,
            env={key: value for key, value in environment().items() if key != "PYTHONPATH"},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)


def wheel(name: str) -> Path:
    """The wheel of a distribution. It is built once for all processes that test, and anew where anything has changed."""
    if name in COMPILED:
        need_compiler()
    folder = BUILT / name / digest(name)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (found := [*folder.glob("*.whl")]):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                build(name, place)
                (made,) = Path(place).glob(f"{module_of(name)}-*.whl")
                found = [made.rename(folder / made.name)]
            for other in folder.parent.iterdir():
                if other != folder and other.stat().st_mtime < time.time() - A_DAY:
                    shutil.rmtree(other)
        return found[0]


def build(name: str, place: str) -> None:
    """Build a wheel into an empty folder."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place]
    if name in COMPILED:
        options = ["--quiet", "--no-build-isolation", "--no-deps", "-w", place]
        command = [sys.executable, "-m", "pip", "wheel", *options, "."]
    done = subprocess.run(command, cwd=sources(name), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def sources(name: str) -> Path:
    """The folder of a distribution."""
    return ROOT if name == "nnexp" else ROOT / "plugins" / name


def digest(name: str) -> str:
    """What a wheel follows from: every file of the distribution, what builds it, and what the environment says to that."""
    folder = sources(name)
    parts = [folder / each for each in OF_NNEXP] if name == "nnexp" else [folder]
    files = (path for part in parts for path in ([part] if part.is_file() else part.rglob("*")))
    known = hashlib.sha256()
    for path in sorted(each for each in files if each.is_file() and each.parent.name != "__pycache__"):
        content = path.read_bytes()
        known.update(f"{path.relative_to(folder)} {len(content)}\n".encode() + content)
    known.update(repr([sys.version, *((each, version(each)) for each in BUILDERS)]).encode())
    if name in COMPILED:
        known.update(
            repr(sorted((key, os.environ[key]) for key in os.environ if key.startswith(OF_COMPILERS))).encode()
        )
        known.update(subprocess.run([*compiler(), "--version"], capture_output=True, check=True).stdout)
    return known.hexdigest()[:16]


def made(place: Path, names: Sequence[str]) -> Fresh:
    """Install the wheels of these distributions without a network, then borrow every other package."""
    wheels = {name: wheel(name) for name in names}
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", *map(str, wheels.values())], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    borrowed = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (site / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    return Fresh(python, site, wheels)


def own_tests(distribution: str, fresh: Fresh, place: Path, run: Run | None = None) -> Ended:
    """Run a distribution's tests against the wheels, away from its module's sources; every warning is an error.

    Where a process that has imported ``PRELOADED`` from the environment is there, ``run`` has them run in a fork of it.
    """
    folder = ROOT / "plugins" / distribution
    for name in ("tests", "README.md", "pyproject.toml", *OF_A_BUILD):
        if (folder / name).exists():
            copy = shutil.copytree if (folder / name).is_dir() else shutil.copy
            copy(folder / name, place / name)
    (place / "conftest.py").write_text(GUARD.format(module=module_of(distribution)), encoding="utf-8")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    warnings = "".join(f"    {each}\n" for each in settings["filterwarnings"])
    (place / "pytest.ini").write_text(f"[pytest]\nfilterwarnings =\n{warnings}", encoding="utf-8")
    options = ["-q", "-rs", "-p", "no:xdist", "-p", "no:cacheprovider", "--import-mode=importlib", "--strict-markers"]
    if run:
        return Ended(*run(place, [*options, "tests"]), "")
    return fresh.run("-m", "pytest", *options, "tests", cwd=place, timeout=1200)
