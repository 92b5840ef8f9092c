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
from tests.forked import Forked
from tests.forked_pytest import ASKING, OF_PYTEST, answering, pytest_in

DISTRIBUTIONS = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml"))
COMPILED = ("nnexp-native",)
"""Those that need a C++ compiler."""
LAUNCHED = ("nnexp-dask", "nnexp-search")
"""Those whose tests start clusters and searches, and take minutes."""
PRELOADED = (
    *OF_PYTEST,
    "hypothesis",
    "nnexp.testing",
    "scipy.stats",
    "sklearn.datasets",
    "sklearn.neural_network",
)
"""What tests of plugins import, beside what commands import."""
OF_A_BUILD = ("cpp", "backend", "CMakeLists.txt")
"""What is compiled, and by what, of those that are."""
REQUIRED = "NNEXP_REQUIRE_CC"
"""Set where a compiler has to be there: what needs it then fails without one, and is not skipped."""

BUILT = ROOT / ".pytest_cache" / "wheels"
"""Where wheels are, and what pip installs of them, until the next time."""
INSTALLED = "site-packages"
A_DAY = 24 * 3600
OF_NNEXP = (".gitignore", "pyproject.toml", "README.md", "LICENSE", "nnexp", "conf", "plugins/nnexp-launcher/src")
"""What nnexp's own wheel is made of."""
BUILDERS = ("pip", "hatchling", "scikit-build-core", "nanobind", "cmake", "ninja")
"""Distributions that build wheels and install them."""
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


def kept(name: str) -> Path:
    """Where a distribution's wheel is, and what pip installs of it.

    It is built and installed once for all processes that test, and anew where anything has changed.
    """
    if name in COMPILED:
        need_compiler()
    folder = BUILT / name / digest(name)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / INSTALLED).exists():
            with tempfile.TemporaryDirectory(dir=folder) as place:
                build(name, place)
                (made,) = Path(place).glob(f"{module_of(name)}-*.whl")
                install(made, Path(place) / INSTALLED)
                for each in (made, Path(place) / INSTALLED):
                    each.rename(folder / each.name)
            for other in folder.parent.iterdir():
                if other != folder and other.stat().st_mtime < time.time() - A_DAY:
                    shutil.rmtree(other)
        return folder


def build(name: str, place: str) -> None:
    """Build a wheel into an empty folder."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place]
    if name in COMPILED:
        options = ["--quiet", "--no-build-isolation", "--no-deps", "-w", place]
        command = [sys.executable, "-m", "pip", "wheel", *options, "."]
    done = subprocess.run(command, cwd=sources(name), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def install(made: Path, place: Path) -> None:
    """Have pip install a wheel in a new folder, without a network."""
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--target", str(place)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(made)], check=True)
    shutil.rmtree(place / "bin", ignore_errors=True)  # scripts have a place of their own


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
    """An environment with what pip installs of the wheels of these distributions; every other package is borrowed."""
    venv.create(place, with_pip=False, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    folders = {name: kept(name) for name in names}
    for folder in folders.values():
        shutil.copytree(folder / INSTALLED, site, dirs_exist_ok=True)
    borrowed = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (site / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    return Fresh(place / "bin" / "python", site, {name: next(folder.glob("*.whl")) for name, folder in folders.items()})


def own_tests(distribution: str, fresh: Fresh, place: Path, forked: Forked | None = None) -> Ended:
    """Run a distribution's tests against the wheels, away from its module's sources; every warning is an error.

    Where a process of the environment is there that has imported ``PRELOADED``, they are ``forked`` from it, as the commands
    are that they start.
    """
    folder = ROOT / "plugins" / distribution
    for name in ("tests", "README.md", "pyproject.toml", *OF_A_BUILD):
        if (folder / name).exists():
            copy = shutil.copytree if (folder / name).is_dir() else shutil.copy
            copy(folder / name, place / name)
    guard = GUARD.format(module=module_of(distribution))
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    warnings = "".join(f"    {each}\n" for each in settings["filterwarnings"])
    (place / "pytest.ini").write_text(f"[pytest]\nfilterwarnings =\n{warnings}", encoding="utf-8")
    options = ["-q", "-rs", "-p", "no:xdist", "-p", "no:cacheprovider", "--import-mode=importlib", "--strict-markers"]
    if forked:
        with answering(forked) as address:
            (place / "conftest.py").write_text(guard + ASKING.format(address=address), encoding="utf-8")
            return Ended(*pytest_in(forked, place, [*options, "tests"]), "")
    (place / "conftest.py").write_text(guard, encoding="utf-8")
    return fresh.run("-m", "pytest", *options, "tests", cwd=place, timeout=1200)
