"""``python -m nnexp check``: which plugin is meant, the table, the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnexp.errors import NnexpError
from nnexp.testing.command import check
from tests.command import Ended, nnexp
from tests.discovery.test_installed_plugins import HUBER, install

LEAKY = '''
from dataclasses import dataclass
import numpy as np
from nnexp.plugin import Activation, param

@dataclass(frozen=True)
class Leaky(Activation):
    """a = z where z > 0, else alpha z (Maas et al., 2013)."""

    kinks = (0.0,)
    alpha: float = param(0.1, above=0, below=1, doc="the slope for negative z")

    def forward(self, z, out):
        np.copyto(out, np.where(z > 0, z, self.alpha * z))

    def backward(self, grad, z, a):
        grad[z < 0] = self.alpha
        grad[z == 0] = 0
'''


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a file of a leaky relu that replaces the gradient, on a terminal of 80 columns."""
    (tmp_path / "my_leaky.py").write_text(LEAKY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("word", ["mae", "loss.mae", "nnexp.builtin.losses:Mae"])
def test_a_right_plugin(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A name, a kind and a name, or a module and a class: a row for each check, the counts, and nothing failed."""
    assert check(word, []) is True
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("nnexp.builtin.losses:Mae" if ":" in word else "loss=mae of nnexp 0")
    assert sum(line.startswith("ok ") for line in lines) == 27
    assert "skipped  complex_step        analytic is False" in {line.rstrip() for line in lines}
    assert lines[-1] == "32 checks: 27 passed, 5 skipped"
    assert max(len(line.rstrip()) for line in lines) <= 80


@pytest.mark.usefixtures("place")
def test_a_file_with_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """The seeds' leaky relu in a file: the failing rows say what is wrong, and fit 80 columns."""
    assert check("my_leaky.py:Leaky", []) is False
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    start = lines.index("FAILED   gradient_multiplied  backward replaces the incoming gradient instead of")
    assert lines[start + 1].startswith(30 * " " + "multiplying it: at z = ")
    assert lines[-1] == "29 checks: 23 passed, 3 failed, 3 skipped"
    assert max(map(len, lines)) <= 80


def test_values_for_fields(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """FIELD=VALUE makes an object of these values; the kind may stand before it, and null, lists and true are read."""
    assert check("initializer.normal", ["std=0", "initializer.bias_std=0.5"]) is True
    assert capsys.readouterr().out.startswith(
        "initializer=normal of nnexp 0.1.0 (nnexp.builtin.initializers:Normal) std=0 "
    )
    (place / "table.csv").write_text("id,x,y\n" + "".join(f"{i},{i % 7},{i % 5 * 0.3}\n" for i in range(20)))
    assert check("csv", ["path=table.csv", "target=y", "task=regression", "drop=[id]"]) is True
    assert capsys.readouterr().out.endswith("20 checks: 17 passed, 3 skipped\n")


@pytest.mark.usefixtures("place")
def test_a_class_that_needs_values(capsys: pytest.CaptureFixture[str]) -> None:
    """Without values for a field that needs one, what can be checked is, and the last line says what to type."""
    assert check("csv", []) is True
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "To check the rest type: python -m nnexp check dataset.csv path=... target=..."


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("maee", "No plugin 'maee' is installed. Did you mean 'loss.mae'? All: python -m nnexp plugins. "),
        (
            "nothing",
            "No plugin 'nothing' is installed. All: python -m nnexp plugins. A class that is not installed is named",
        ),
        ("l1", "No plugin 'l1' is installed. nnexp calls it 'loss.mae'."),
        ("loss.maee", "No loss 'maee'. Did you mean 'mae'?"),
        (
            "los.mae",
            "No kind 'los'. Did you mean 'loss'? Kinds: activation, loss, optimizer, schedule, initializer, dataset",
        ),
        ("output.softmax", "output is no kind: its options are of the kind activation. Type check activation.softmax"),
        ("json:JSONDecoder", "JSONDecoder is no plugin. A plugin is a class of its own"),
        (
            "nnexp.builtin.losses:Maae",
            "'nnexp.builtin.losses' has no 'Maae'. Did you mean 'Mae'? Its plugins: Mse, Mae, Bce",
        ),
        ("json:Mae", "'json' has no 'Mae'. It has no plugin."),
        ("nowhere:Mae", "No module 'nowhere'. It has to be installed, or lie in"),
        ("my_leaky.py", "Which class of 'my_leaky.py'? Type check my_leaky.py:Leaky"),
        ("my_leakey.py:Leaky", "No file 'my_leakey.py'. Did you mean 'my_leaky.py'?"),
        ("my_leaky.py:Lekay", "'my_leaky.py' has no 'Lekay'. Did you mean 'Leaky'? Its plugins: Leaky."),
        ("raises.py:Leaky", "importing raises.py failed: ZeroDivisionError: division by zero (raises.py, line 2)"),
        ("mae delta=2", "loss=mae has no option 'delta'. It has no options."),
        ("normal sdt=2", "initializer=normal has no option 'sdt'. Did you mean 'std'? It has std, bias_std."),
        ("normal std", "'std' is not of the form field=value. Type check initializer.normal std=..."),
        ("normal std=-1", "initializer.std must be a float at least 0. Got -1.0."),
        ("normal std=wide", "initializer.std must be a float at least 0. Got 'wide'."),
        ("csv path=x.csv", "dataset.csv also needs target. Add target=..."),
    ],
)
def test_what_cannot_be_checked(words: str, text: str, place: Path) -> None:
    """Each is refused with what is wrong and what to type."""
    (place / "raises.py").write_text("\n1 / 0\n")
    word, *fields = words.split()
    with pytest.raises(NnexpError) as error:
        check(word, fields)
    assert str(error.value).startswith(text)


def command(tmp_path: Path, *words: str) -> Ended:
    """``python -m nnexp check`` with the distributions of tmp_path/site installed."""
    return nnexp("check", *words, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"), COLUMNS="80")


def test_the_command(tmp_path: Path) -> None:
    """Exit code 0 where all is right, 1 where a check fails; an installed plugin is named with its distribution."""
    documented = HUBER.replace("param(1.0, above=0)", 'param(1.0, above=0, doc="the width")')
    install(tmp_path / "site", "nnexp-huber", {"nnexp.loss": "huber = my_huber:Huber"}, {"my_huber": documented})
    (tmp_path / "my_leaky.py").write_text(LEAKY)
    right = command(tmp_path, "huber", "delta=2")
    assert (right.code, right.err) == (0, "")
    assert right.out.startswith("loss=huber of nnexp-huber 1.2 (my_huber:Huber) delta=2\n")
    wrong = command(tmp_path, "my_leaky:Leaky")
    assert (wrong.code, wrong.err) == (1, "")
    assert "FAILED   gradient_multiplied" in wrong.out


def test_one_name_of_two_kinds(tmp_path: Path) -> None:
    """A name that two kinds have needs its kind, and the message says what to type."""
    install(tmp_path / "site", "nnexp-huber", {"nnexp.loss": "wine = my_huber:Huber"}, {"my_huber": HUBER})
    ended = command(tmp_path, "wine")
    assert ended.code == 1
    assert (
        ended.err == "nnexp: 'wine' is the name of a loss and a dataset. Type check loss.wine or check dataset.wine\n"
    )


def test_a_broken_plugin(tmp_path: Path) -> None:
    """A plugin that cannot be used is refused with its distribution and the reason."""
    install(tmp_path / "site", "nnexp-bad", {"nnexp.loss": "bad = my_bad:Bad"}, {"my_bad": "import does_not_exist\n"})
    ended = command(tmp_path, "bad")
    assert ended.code == 1
    assert "nnexp: loss=bad of nnexp-bad 1.2: importing my_bad:Bad failed: ModuleNotFoundError: No module" in ended.err
