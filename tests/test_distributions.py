"""Every distribution under plugins/: built, installed as wheels beside nnexp's own in a fresh environment, tested there.

The environment has nnexp and the plugins from their wheels and everything else from the environment of these tests, by a
.pth file, so that nothing is downloaded. The environment of these tests itself never gets the plugins.
"""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.command import ROOT, python, result, runs, sweeps
from tests.forked import TRACKING, Forked
from tests.fresh import COMPILED, DISTRIBUTIONS, LAUNCHED, PRELOADED, Fresh, made, module_of, own_tests

PURE = [name for name in DISTRIBUTIONS if name not in COMPILED]

PUBLIC = {"nnexp.plugin", "nnexp.errors", "nnexp.testing", "nnexp.tables.frame"}
"""What a plugin may import of nnexp."""
LAUNCHERS_OWN = {
    "nnexp-dask": re.compile(
        r"nnexp\.(remote\.\w+|terminal\.console|experiment\.checkpoint)|hydra_plugins\.nnexp_launcher\._\w+"
    )
}
"""What a launcher of nnexp's own sweeps may import beside: the jobs of a sweep elsewhere, and what all launchers share."""


def project(distribution: str) -> dict[str, Any]:
    """What its pyproject.toml says in [project]."""
    path = ROOT / "plugins" / distribution / "pyproject.toml"
    read: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    return read


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """An environment with the wheels of nnexp and of the plugins that need no compiler (``test_native`` has the other)."""
    return made(tmp_path_factory.mktemp("fresh"), ["nnexp", *PURE])


@pytest.fixture(scope="module")
def forked(fresh: Fresh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forked]:
    """What starts its commands, and the tests of the plugins."""
    with Forked(tmp_path_factory.mktemp("said"), *TRACKING, *PRELOADED, python=fresh.python) as forked:
        yield forked


def test_the_core_wheel(fresh: Fresh) -> None:
    """The wheel of nnexp holds nnexp with conf/, and nothing of plugins/ or tests/."""
    names = zipfile.ZipFile(fresh.wheels["nnexp"]).namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"nnexp", "hydra_plugins"}
    assert {name.split("/")[1] for name in names if name.startswith("hydra_plugins/")} == {"nnexp_launcher"}
    assert "nnexp/conf/config.yaml" in names
    assert not [name for name in names if name.startswith("plugins/") or "tests/" in name]


def test_the_sdist(tmp_path: Path) -> None:
    """The source distribution of nnexp holds the plugins' sources as well."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        parts = [name.split("/") for name in archive.getnames()]
    assert sorted(each[2] for each in parts if each[1] == "plugins" and each[3:] == ["pyproject.toml"]) == DISTRIBUTIONS


def test_everything_is_from_the_wheels(fresh: Fresh, forked: Forked, tmp_path: Path) -> None:
    """Of nnexp and the plugins, code and metadata are those of the fresh environment, where processes are forked, too."""
    code = (
        "import importlib, importlib.metadata as m, sys\n"
        "for name in sys.argv[1:]:\n"
        "    print(importlib.import_module(name.replace('-', '_')).__file__, m.distribution(name).locate_file(''), sep='|')\n"
    )
    ended = forked.carry_out(["-c", code, *fresh.wheels], tmp_path, 30, {}, whole=False, program="python")
    assert ended.code == 0, ended.err
    expected = [f"{fresh.site / module_of(name) / '__init__.py'}|{fresh.site}" for name in fresh.wheels]
    assert [line.rstrip("/") for line in ended.out.splitlines()] == expected


LAUNCHERS = """
import hydra_plugins.hydra_joblib_launcher
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
found = {each.__name__: each for each in Plugins.instance().discover(Launcher)}
assert {"NnexpLauncher", "JoblibLauncher", "BasicLauncher"} <= set(found), found
import sys
print(sys.modules[found["NnexpLauncher"].__module__].__file__)
"""


def test_the_launcher_is_found_in_a_wheel_and_in_a_checkout(fresh: Fresh, tmp_path: Path) -> None:
    """Both ways of installing bring nnexp's launcher, from where they should, and leave the joblib launcher beside it."""
    inside = Path("hydra_plugins") / "nnexp_launcher" / "launcher.py"
    ended = fresh.run("-c", LAUNCHERS, cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert ended.out.strip() == str(fresh.site / inside)
    here = python("-c", LAUNCHERS, cwd=tmp_path)
    assert here.code == 0, here.err
    assert here.out.strip() == str(ROOT / "plugins" / "nnexp-launcher" / "src" / inside)


@pytest.fixture(scope="module")
def providers() -> Mapping[str, Sequence[str]]:
    """Which distributions of this environment bring a package."""
    return packages_distributions()


def test_this_environment_has_none_of_them(providers: Mapping[str, Sequence[str]]) -> None:
    """Tests of the core see the built-in plugins alone."""
    installed = {canonicalize_name(name) for names in providers.values() for name in names}
    assert not installed & set(DISTRIBUTIONS)


def test_the_core_runs_from_its_wheel(forked: Forked, tmp_path: Path) -> None:
    """The wheel carries conf/ and runs from any directory, presets of one's own included."""
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text("# @package _global_\nepochs: 2\n")
    ended = forked.nnexp(["--config-dir", "mine", "experiment=own", "tracking=none"], tmp_path)
    assert ended.code == 0, ended.err
    assert len(runs(tmp_path)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "outputs"]


@pytest.mark.parametrize("distribution", PURE)
def test_the_wheel(distribution: str, fresh: Fresh) -> None:
    """A wheel holds one module, typed, without its tests, and depends on nnexp by a range."""
    names = zipfile.ZipFile(fresh.wheels[distribution]).namelist()
    module = module_of(distribution)
    assert {name.split("/")[0].partition("-")[0] for name in names} - {"hydra_plugins"} == {module}
    assert {name.split("/")[1] for name in names if name.startswith("hydra_plugins/")} <= {module}
    assert f"{module}/py.typed" in names
    assert "nnexp>=0.1,<0.2" in [need.replace(" ", "") for need in project(distribution)["dependencies"]]


def imported(folder: Path) -> Iterator[str]:
    """The modules that Python files import, within functions, too."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield str(node.module)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_imports_are_declared(distribution: str, providers: Mapping[str, Sequence[str]]) -> None:
    """A distribution imports what it declares, and of nnexp the public modules alone."""
    modules = set(imported(ROOT / "plugins" / distribution / "src"))
    more = LAUNCHERS_OWN.get(distribution, re.compile("(?!)"))
    assert {name for name in modules if name.split(".")[0] == "nnexp" and not more.fullmatch(name)} <= PUBLIC
    modules = {name for name in modules if not more.fullmatch(name)}
    declared = {canonicalize_name(Requirement(need).name) for need in project(distribution)["dependencies"]}
    foreign = {name.split(".")[0] for name in modules} - {*sys.stdlib_module_names, module_of(distribution)}
    provided = {name: {canonicalize_name(each) for each in [name, *providers.get(name, ())]} for name in foreign}
    assert {name for name in foreign if not declared & provided[name]} == set()


def test_the_core_imports_none_of_them() -> None:
    """No plugin of plugins/ is imported by nnexp."""
    assert not {name.split(".")[0] for name in imported(ROOT / "nnexp")} & {*map(module_of, DISTRIBUTIONS)}


@pytest.mark.parametrize("distribution", [name for name in PURE if name not in LAUNCHED])
def test_its_own_tests_pass(distribution: str, fresh: Fresh, forked: Forked, tmp_path: Path) -> None:
    """A distribution's tests pass against the wheels, away from its sources; every warning is an error.

    Those that take minutes have files of their own: ``test_dask.py``, ``test_search.py`` and ``test_native.py``.
    """
    ended = own_tests(distribution, fresh, tmp_path, forked)
    assert ended.code == 0, ended.out + ended.err


def test_the_eight() -> None:
    """What plugins/ holds."""
    assert PURE == [
        "nnexp-activations",
        "nnexp-dask",
        "nnexp-idx",
        "nnexp-losses",
        "nnexp-openml",
        "nnexp-optimizers",
        "nnexp-search",
    ]
    assert sorted({*DISTRIBUTIONS} - {*PURE}) == ["nnexp-native"]


def test_a_sweep_mixes_built_in_and_third_party_options(fresh: Fresh, tmp_path: Path) -> None:
    """Every combination of built-in and third-party losses, activations and optimizers trains, in one sweep."""
    choices = [("loss", ("huber", "mse")), ("activation", ("gelu", "relu")), ("optimizer", ("adam", "minibatch"))]
    words = [f"{group}={','.join(names)}" for group, names in choices]
    ended = fresh.run("-m", "nnexp", "-m", *words, "epochs=2", "tracking=none", cwd=tmp_path)
    assert ended.code == 0, ended.out + ended.err
    assert "8 runs, best first by " in ended.out
    (sweep,) = sweeps(tmp_path)
    configs = [yaml.safe_load((job / "config.yaml").read_text()) for job in sweep.iterdir() if job.name.isdigit()]
    chosen = {tuple(config[group]["name"] for group, _ in choices) for config in configs}
    assert chosen == set(itertools.product(*(names for _, names in choices)))
    assert {result(job)["status"] for job in sweep.iterdir() if job.name.isdigit()} == {"FINISHED"}
    assert "hydra/launcher: nnexp" in (sweep / "0" / ".hydra" / "hydra.yaml").read_text()


def test_all_third_party(forked: Forked, tmp_path: Path) -> None:
    """The loss, the activation and the optimizer of one run may all be third-party, and the record names where from."""
    words = ["loss=huber", "activation=gelu", "optimizer=adam", "epochs=3", "tracking=none"]
    ended = forked.nnexp(words, tmp_path)
    assert ended.code == 0, ended.out + ended.err
    (run,) = runs(tmp_path)
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert [config[group]["name"] for group in ("loss", "activation", "optimizer")] == ["huber", "gelu", "adam"]
    assert set(result(run)["requirements"]) == {
        f"{name}=={project(name)['version']}" for name in ("nnexp-losses", "nnexp-activations", "nnexp-optimizers")
    }
