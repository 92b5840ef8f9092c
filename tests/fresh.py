"""A fresh environment with wheels of nnexp's own distributions, and everything else borrowed: nothing is downloaded."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import ROOT, Ended, environment

DISTRIBUTIONS = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml"))
COMPILED = ("nnexp-native",)
"""Those that need a C++ compiler."""
OF_A_BUILD = ("cpp", "backend", "CMakeLists.txt")
"""What is compiled, and by what, of those that are."""
REQUIRED = "NNEXP_REQUIRE_CC"
"""Set where a compiler has to be there: what needs it then fails without one, and is not skipped."""

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


def need_compiler() -> None:
    """Skip where there is no C++ compiler, or fail where one is required."""
    chosen = os.environ.get("CXX")
    if not any(map(shutil.which, [shlex.split(chosen)[0]] if chosen else ("c++", "g++", "clang++"))):
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


def made(built: Path, place: Path, names: Sequence[str]) -> Fresh:
    """Build the wheels of these distributions, install them without a network, then borrow every other package."""
    wheels: dict[str, Path] = {}
    for name in names:
        folder = ROOT if name == "nnexp" else ROOT / "plugins" / name
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
        if name in COMPILED:
            need_compiler()
            command = [
                sys.executable,
                "-m",
                "pip",
                "wheel",
                "--quiet",
                "--no-build-isolation",
                "--no-deps",
                "-w",
                str(built),
                ".",
            ]
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        (wheels[name],) = built.glob(f"{module_of(name)}-*.whl")
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", *map(str, wheels.values())], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    borrowed = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (site / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    return Fresh(python, site, wheels)


def own_tests(distribution: str, fresh: Fresh, place: Path) -> Ended:
    """Run a distribution's tests against the wheels, away from its module's sources; every warning is an error."""
    folder = ROOT / "plugins" / distribution
    for name in ("tests", "README.md", "pyproject.toml", *OF_A_BUILD):
        if (folder / name).exists():
            copy = shutil.copytree if (folder / name).is_dir() else shutil.copy
            copy(folder / name, place / name)
    (place / "conftest.py").write_text(GUARD.format(module=module_of(distribution)), encoding="utf-8")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    warnings = "".join(f"    {each}\n" for each in settings["filterwarnings"])
    (place / "pytest.ini").write_text(f"[pytest]\nfilterwarnings =\n{warnings}", encoding="utf-8")
    options = ["-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--import-mode=importlib", "--strict-markers"]
    return fresh.run("-m", "pytest", *options, "tests", cwd=place, timeout=1200)
