"""``python -m nnexp new``: what it writes works as it stands, and what it refuses leaves nothing behind.

The distributions are made, installed and run in an environment of their own, where nnexp is installed from its wheel. They pass
the conformance kit, and README's 'Write a plugin' works word for word.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from string import Template

import pytest

from nnexp.commands import scaffold
from nnexp.commands import subcommands as commands
from nnexp.discovery.installed import EXAMINED
from nnexp.errors import NnexpError
from nnexp.plugin import KINDS
from tests.command import ROOT, Ended, runs
from tests.discovery.test_installed_plugins import install
from tests.forked import Forked
from tests.forked_pytest import pytest_in
from tests.fresh import PRELOADED, Fresh, made

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("\n## Write a plugin\n")[2].partition("\n## ")[0]
PIP = ["-m", "pip", "--quiet", "--disable-pip-version-check"]
CACHE = str(ROOT / ".mypy_cache" / "written")
"""What mypy keeps of NumPy until the next time."""
OFFLINE = ["--no-deps", "--no-build-isolation"]


def install_in(fresh: Fresh, cwd: Path, *words: str) -> None:
    """``python -m pip install WORDS``; not editable, since what that needs comes from the network."""
    plain = [word for word in words if word != "-e"]
    subprocess.run([fresh.python, *PIP, "install", *OFFLINE, *plain], cwd=cwd, check=True)


WRITTEN = """
import importlib, os, pathlib, sys, tomllib
from nnexp.commands import subcommands
place = os.getcwd()
for kind in sys.argv[1:]:
    subcommands.main(["new", kind, f"my_{kind}"])
    os.chdir(f"nnexp-my-{kind}")
    project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())
    importlib.import_module(project["build-system"]["build-backend"]).build_wheel(f"{place}/wheels")
    os.chdir(place)
"""
"""Write a plugin of each kind, and have its wheel built by what its pyproject.toml names; pip would start three processes."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with nnexp's wheel, and everything that nnexp needs from this one."""

    place: Path
    """Where commands are typed."""
    fresh: Fresh
    forked: Forked
    """What starts commands more quickly."""

    def run(self, *words: str, cwd: Path | None = None) -> Ended:
        """``python WORDS`` in the environment."""
        return self.fresh.run(*words, cwd=cwd or self.place)

    def nnexp(self, *words: str, **more: str) -> Ended:
        """``python -m nnexp WORDS`` in the environment."""
        answer = self.forked.nnexp(words, self.place, 30, **more)
        assert answer.code is not None, answer
        return Ended(answer.code, answer.out, answer.err)


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment in which a new plugin of each kind is installed."""
    place = tmp_path_factory.mktemp("scaffold")
    fresh = made(place / "venv", ["nnexp"])
    ended = fresh.run("-c", WRITTEN, *EXAMINED, cwd=place)
    assert (ended.code, ended.err) == (0, "")
    install_in(fresh, place, "--no-index", *map(str, (place / "wheels").iterdir()))
    with Forked(tmp_path_factory.mktemp("said"), *PRELOADED, python=fresh.python) as forked:
        yield Environment(place, fresh, forked)


def test_nnexp_is_the_wheels(env: Environment, tmp_path: Path) -> None:
    """What commands import is nnexp as it is installed, also those that are forked."""
    code = "import nnexp; print(nnexp.__file__)"
    install(tmp_path / "site", "nnexp-where", {"nnexp.loss": "where = where:Where"}, {"where": code})
    forked = env.forked.nnexp(["plugins", "loss.where"], env.place, PYTHONPATH=str(tmp_path / "site")).err
    for said in (env.run("-c", code).out, forked):
        assert Path(said.splitlines()[0]).is_relative_to(env.place / "venv")


@pytest.mark.parametrize("kind", EXAMINED)
def test_what_is_written(env: Environment, kind: str) -> None:
    """A whole distribution: metadata with the entry point and the range of nnexp, a typed package, tests, a README."""
    folder = env.place / f"nnexp-my-{kind}"
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    package = f"src/nnexp_my_{kind}"
    assert [each for each in files if "__pycache__" not in each] == [
        "README.md",
        "pyproject.toml",
        f"{package}/__init__.py",
        f"{package}/py.typed",
        f"tests/test_my_{kind}.py",
    ]
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    major, minor = (int(each) for each in version("nnexp").split(".")[:2])
    assert project["name"] == f"nnexp-my-{kind}"
    assert project["dependencies"][0] == f"nnexp>={major}.{minor},<{major}.{minor + 1}"
    assert project["entry-points"] == {f"nnexp.{kind}": {f"my_{kind}": f"nnexp_my_{kind}:My{kind.capitalize()}"}}


def test_its_needs_are_nnexps() -> None:
    """The templates ask for the NumPy, Python and pytest that nnexp itself asks for."""
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (scaffold.TEMPLATES / "pyproject.toml.template").read_text()
    made = tomllib.loads(Template(text).substitute(scaffold.terms("loss", "mine")))["project"]
    assert made["requires-python"] == own["requires-python"]
    assert made["dependencies"][1] in own["dependencies"]
    assert set(made["optional-dependencies"]["dev"]) <= set(own["optional-dependencies"]["dev"])


def test_help_lists_them(env: Environment) -> None:
    """--help has each of them, and no complaint."""
    ended = env.nnexp("--help")
    assert (ended.code, ended.err) == (0, "")
    assert all(f"my_{kind}" in ended.out for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_it_trains(env: Environment, kind: str) -> None:
    """The option is listed, shown in full and trains, and the cost falls."""
    name = f"my_{kind}"
    page = env.nnexp("plugins", f"{kind}.{name}")
    assert page.out.startswith(f"{kind}={name}   nnexp-my-{kind} 0.1.0, nnexp_my_{kind}:My{kind.capitalize()}\n")
    ended = env.nnexp(f"{kind}={name}", "epochs=5", "log_every=1", "tracking=none")
    assert (ended.code, ended.err) == (0, "")
    costs = [float(line.split()[3]) for line in ended.out.splitlines() if line.startswith("epoch")]
    assert len(costs) == 5
    assert costs[-1] < costs[0]


def test_a_new_picture_is_drawn(env: Environment) -> None:
    """It is listed with how it is asked for, and a run draws it."""
    page = env.nnexp("plugins", "picture.my_picture")
    assert page.out.startswith("pictures=[my_picture]   nnexp-my-picture 0.1.0")
    ended = env.nnexp("pictures=[my_picture]", "epochs=1", "tracking=none", "hydra.run.dir=drawn")
    assert (ended.code, ended.err) == (0, "")
    assert (env.place / "drawn/pictures/my_picture.png").read_bytes().startswith(b"\x89PNG")


def test_a_new_search_searches(env: Environment) -> None:
    """It is listed, and chooses the trials of a search, as the command says to type that ``new`` ends with."""
    page = env.nnexp("plugins", "search.my_search")
    assert page.out.startswith("search=my_search   nnexp-my-search 0.1.0")
    words = shlex.split(scaffold.terms("search", "my_search")["typed"])
    ended = env.nnexp(*words, "search.trials=12", "epochs=2", "tracking=none", "hydra.sweep.dir=searched")
    assert (ended.code, ended.err) == (0, "")
    assert " runs, best first by cost/validation" in ended.out


@pytest.mark.parametrize(
    "plugin", ["nnexp-my-activation/src/nnexp_my_activation/__init__.py:MyActivation", "loss.my_loss"]
)
def test_check_passes(env: Environment, plugin: str) -> None:
    """The command finds nothing wrong with a new plugin, by its file or by its name; own tests have the checks of each kind."""
    ended = env.nnexp("check", plugin)
    assert ended.code == 0, ended.out + ended.err
    assert re.search(r"^\d+ checks: \d+ passed(, \d+ skipped)?$", ended.out, re.MULTILINE), ended.out
    assert not re.search(r"^\s*failed\b", ended.out, re.MULTILINE), ended.out


@pytest.mark.parametrize("kind", EXAMINED)
def test_its_own_tests_pass(env: Environment, kind: str) -> None:
    """A new distribution's tests pass in its own directory."""
    code, said = pytest_in(env.forked, env.place / f"nnexp-my-{kind}", ["-q", "-p", "no:cacheprovider"])
    assert code == 0, said
    assert " passed" in said


def test_its_readme_says_how_to_run_them(env: Environment) -> None:
    """What the README of a new distribution says to type runs its tests."""
    folder = env.place / "nnexp-my-loss"
    assert "python -m pytest\n" in (folder / "README.md").read_text(encoding="utf-8")
    ended = env.run("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
    assert ended.code == 0, ended.out
    assert " passed" in ended.out


def test_write_a_plugin(env: Environment) -> None:
    """README's section, from ``new`` to a run: every command works in turn, with the code that it shows put in between."""
    assert len(SECTION.splitlines()) <= 60
    assert len(re.findall(r"```", SECTION)) == 6
    anew = env.place / "nothing"  # where there is one folder more, what is installed is looked up anew
    anew.mkdir()
    for language, first, block in re.findall(r"```(sh|python)\n(.*)\n((?:.*\n)*?)```", SECTION):
        if language == "python":
            place = env.place / first.removeprefix("# ")
            # An editable installation would see the change by itself.
            for written in (place, env.fresh.site / place.relative_to(env.place / "nnexp-cauchy" / "src")):
                assert written.exists()
                written.write_text(block, encoding="utf-8")
            continue
        for line in f"{first}\n{block}".splitlines():
            python, *words = shlex.split(line, comments=True)
            assert python == "python"
            if words[:3] == ["-m", "pip", "install"]:
                install_in(env.fresh, env.place, *words[3:])
                continue
            assert words[:2] == ["-m", "nnexp"]
            ended = env.nnexp(*words[2:], PYTHONPATH=str(anew))
            assert ended.code == 0, f"{line}\n{ended.out}{ended.err}"
    assert "cauchy" in (runs(env.place)[-1] / "config.yaml").read_text(encoding="utf-8")


def test_it_is_clean(env: Environment) -> None:
    """Ruff has nothing to say about what is written, nor has mypy in its strict mode."""
    bin_ = Path(sys.executable).parent
    rules = "PLC0415,COM812,CPY001,D102,D105,D107,D203,D213,D401,ARG002,INP001,RUF012,TC"
    folders = [f"nnexp-my-{kind}" for kind in EXAMINED]
    for tool, words in (
        ("ruff", ["check", *folders]),
        ("ruff", ["check", "--select", "ALL", "--ignore", rules, *folders]),
        ("ruff", ["format", "--check", *folders]),
        (
            "mypy",
            [
                "--strict",
                "--cache-dir",
                CACHE,
                "--python-executable",
                str(env.fresh.python),
                *(f"{folder}/src" for folder in folders),
            ],
        ),
    ):
        done = subprocess.run([bin_ / tool, *words], cwd=env.place, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says which files it wrote and what to type next."""
    monkeypatch.chdir(tmp_path)
    commands.main(["new", "loss", "log_cosh"])
    assert capsys.readouterr().out == (
        "wrote    nnexp-log-cosh/pyproject.toml\n"
        "         nnexp-log-cosh/README.md\n"
        "         nnexp-log-cosh/src/nnexp_log_cosh/__init__.py   the plugin: replace its formula by yours\n"
        "         nnexp-log-cosh/src/nnexp_log_cosh/py.typed\n"
        "         nnexp-log-cosh/tests/test_log_cosh.py\n"
        "next     python -m pip install -e ./nnexp-log-cosh\n"
        "         python -m nnexp check loss.log_cosh\n"
        "         python -m nnexp loss=log_cosh\n"
    )
    assert "class LogCosh(Loss):" in (tmp_path / "nnexp-log-cosh/src/nnexp_log_cosh/__init__.py").read_text()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["los", "mine"], "No kind 'los'. Did you mean 'loss'? Kinds: activation, loss, "),
        (["huber", "loss"], "The kind comes first: python -m nnexp new loss huber"),
        (["loss", "Huber"], "must be words of a-z and 0-9, joined by _, a letter first. Type python -m nnexp new loss huber"),
        (["loss", "LogCosh"], "Type python -m nnexp new loss log_cosh"),
        (["loss", "log-cosh"], "Type python -m nnexp new loss log_cosh"),
        (["loss", "huber_"], "Type python -m nnexp new loss huber"),
        (["loss", "../huber"], "Type python -m nnexp new loss huber"),
        (["loss", "2nd"], "'2nd' cannot be a name"),
        (["loss", "grün"], "'grün' cannot be a name: it must be words of a-z and 0-9, joined by _, a letter first."),
        (["loss", ""], "'' cannot be a name"),
        (["loss", "lambda"], "'lambda' is a word of Python's own. Choose another name, such as lambda_loss."),
        (["loss", "name"], "'name' has a meaning of its own in nnexp. Choose another name, such as name_loss."),
        (["loss", "defaults"], "'defaults' has a meaning of its own"),
        (["output", "mine"], "No kind 'output'."),
        (["loss", "auto"], "'auto' has a meaning of its own"),
        (["loss", "mae"], "loss=mae is there already, from nnexp "),
        (["loss"], "the following arguments are required: name. usage: python -m nnexp new [-h] kind name"),
    ],
)  # fmt: skip
def test_refused(words: list[str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind or a name that cannot be is refused with what to type instead; nothing is written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NnexpError) as error:
        commands.main(["new", *words])
    assert text in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["directory", "file", "dangling link"])
def test_what_is_there_stays(there: str, tmp_path: Path) -> None:
    """Whatever has the directory's name is left as it is, and the name is refused."""
    place = tmp_path / "nnexp-mine"
    if there == "directory":
        place.mkdir()
    elif there == "file":
        place.write_text("mine")
    else:
        place.symlink_to("nowhere")
    with pytest.raises(NnexpError, match=r"There is a 'nnexp-mine' here already\. Choose another name"):
        scaffold.new("loss", "mine", tmp_path)
    assert list(tmp_path.iterdir()) == [place]


def test_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be written, here a template that is not there, leaves no directory behind."""
    monkeypatch.setattr(scaffold, "TEMPLATES", tmp_path / "templates")
    (tmp_path / "templates").mkdir()
    with pytest.raises(FileNotFoundError):
        scaffold.new("loss", "mine", tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["templates"]


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("loss", "huber", "Huber"),
        ("activation", "hard_sigmoid", "HardSigmoid"),
        ("loss", "loss", "LossLoss"),
        ("optimizer", "layer", "LayerOptimizer"),
        ("dataset", "warning", "WarningDataset"),
        ("loss", "l1", "L1"),
    ],
)
def test_class_names(kind: str, name: str, expected: str) -> None:
    """The class is the name in capitals; where Python or nnexp.plugin has that word, the kind follows."""
    assert scaffold.terms(kind, name)["Class"] == expected
