"""The C++ sources: what they include, what the sanitizers say of random trainings, and a build without a compiler."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "cpp"
REQUIRED = "NNEXP_REQUIRE_CC"
"""Set where a compiler has to be there: what needs it then fails without one, and is not skipped."""

needs_sources = pytest.mark.skipif(not SOURCES.is_dir(), reason="the sources are not here, only the installed wheel")


def included(path: Path) -> set[str]:
    """What a file includes."""
    return set(re.findall(r"#include [<\"]([^>\"]+)", path.read_text(encoding="utf-8")))


@needs_sources
def test_targets_share_no_code() -> None:
    """What is compiled for an instruction set includes none of the standard library's inline functions.

    The linker keeps one copy of such a function, whichever: the baseline would run one that was compiled for AVX2.
    """
    allowed = {"cstddef", "cstdint"}
    reached, waiting = set[str](), ["target.cpp"]
    while waiting:
        name = waiting.pop()
        if name in reached or not (SOURCES / name).exists():
            continue
        reached.add(name)
        found = included(SOURCES / name)
        assert {each for each in found if not (SOURCES / each).exists()} <= allowed, name
        waiting += found
    assert "products_simd.hpp" in reached


@needs_sources
def test_one_file_knows_python() -> None:
    """Python is included by the door alone."""
    assert [path.name for path in sorted(SOURCES.iterdir()) if any("nanobind" in each for each in included(path))] == [
        "door.cpp"
    ]


@needs_sources
def test_files_are_short() -> None:
    """No file is longer than 300 lines, no line than 120 characters."""
    for path in SOURCES.iterdir():
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 300, path.name
        assert max(map(len, lines)) <= 120, path.name


def cmake() -> str:
    """CMake, from the system or from its Python package; empty where there is none."""
    if found := shutil.which("cmake"):
        return found
    package = importlib.util.find_spec("cmake")
    return str(Path(package.origin).parent / "data" / "bin" / "cmake") if package and package.origin else ""


def missing(why: str) -> None:
    """Skip, or fail where a compiler is required."""
    (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(why)


@needs_sources
def test_sanitizers(tmp_path: Path) -> None:
    """Random trainings read and write no address that is not theirs, and agree with the plain loops.

    Vectors have 16 bytes and, where the processor has AVX2, 64, which are put together from two: AVX-512's code is run, too.
    """
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        missing("there is no C++ compiler (c++, g++ or clang++)")
    if not cmake():
        missing("there is no cmake")
    (tmp_path / "empty.cpp").write_text("int main() {}\n")
    compiler = os.environ.get("CXX", "c++")
    options = ["-fsanitize=address,undefined", "-o", str(tmp_path / "empty"), str(tmp_path / "empty.cpp")]
    if subprocess.run([compiler, *options], capture_output=True, check=False).returncode:
        missing(f"{compiler} has no sanitizers (Debian: libasan and libubsan come with gcc)")
    build = tmp_path / "build"
    configured = [cmake(), "-S", str(ROOT), "-B", str(build), "-DNNEXP_FUZZ=ON", "-DCMAKE_BUILD_TYPE=None"]
    for command in (configured, [cmake(), "--build", str(build), "--parallel", "2"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([build / "fuzz", "500", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"500 trainings on .*: 0 differ\n", done.stdout)


@needs_sources
def test_a_machine_without_a_compiler(tmp_path: Path) -> None:
    """The build ends with one line that says what is missing and how it is installed."""
    pytest.importorskip("scikit_build_core")
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'backend')!r}); import nnexp_native_backend as b; b.build_wheel('.')"
    environment = {key: value for key, value in os.environ.items() if key != "CXX"} | {"PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "nnexp-native is C++, and there is no C++ compiler here. Install one and try again: 'apt install g++'"
    )
