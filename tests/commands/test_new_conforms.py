"""What ``new`` writes passes the conformance kit as it stands, and README's 'Write a plugin' works word for word."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from nnexp.discovery.installed import EXAMINED
from tests.command import ROOT
from tests.commands.test_scaffold import Environment

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("\n## Write a plugin\n")[2].partition("\n## ")[0]


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment in which a new plugin of each kind is installed."""
    made = Environment(tmp_path_factory.mktemp("conforms"))
    for kind in EXAMINED:
        assert made.nnexp("new", kind, f"my_{kind}").code == 0
        made.install(f"./nnexp-my-{kind}")
    return made


@pytest.mark.parametrize("kind", EXAMINED)
def test_check_passes(env: Environment, kind: str) -> None:
    """The command finds nothing wrong with a new plugin, by its name and by its file."""
    for name in (f"{kind}.my_{kind}", f"nnexp-my-{kind}/src/nnexp_my_{kind}/__init__.py:My{kind.capitalize()}"):
        ended = env.nnexp("check", name)
        assert ended.code == 0, ended.out + ended.err
        assert re.search(r"^\d+ checks: \d+ passed(, \d+ skipped)?$", ended.out, re.MULTILINE), ended.out
        assert "failed" not in ended.out


@pytest.mark.parametrize("kind", EXAMINED)
def test_its_own_tests_pass(env: Environment, kind: str) -> None:
    """A new distribution's tests pass in its own directory, as its README says to run them."""
    ended = env.run("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=env.place / f"nnexp-my-{kind}")
    assert ended.code == 0, ended.out
    assert " passed" in ended.out


def test_write_a_plugin(tmp_path: Path) -> None:
    """README's section, from ``new`` to a run: every command works in turn, with the code that it shows put in between."""
    made = Environment(tmp_path)
    assert len(SECTION.splitlines()) <= 60
    assert len(re.findall(r"```", SECTION)) == 6
    for language, first, block in re.findall(r"```(sh|python)\n(.*)\n((?:.*\n)*?)```", SECTION):
        if language == "python":
            place = made.place / first.removeprefix("# ")
            assert place.exists()
            place.write_text(block, encoding="utf-8")
            made.install("./nnexp-cauchy")  # an editable installation would see the change by itself
            continue
        for line in f"{first}\n{block}".splitlines():
            python, *words = shlex.split(line, comments=True)
            assert python == "python"
            if words[:3] == ["-m", "pip", "install"]:
                made.install(*words[3:])
                continue
            ended = made.run(*words)
            assert ended.code == 0, f"{line}\n{ended.out}{ended.err}"
    assert "cauchy" in (made.place / "outputs" / "runs").glob("*/config.yaml").__next__().read_text(encoding="utf-8")
