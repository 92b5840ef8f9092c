"""``export`` hands a model to a format that another distribution brings, prints or writes its text, and overwrites nothing."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

from nnexp import fit
from nnexp.tracking.delivery import run_id_of
from tests.command import Ended, nnexp, python, runs
from tests.discovery.test_installed_plugins import install

FACTS = '''
import json
from dataclasses import dataclass, fields
from nnexp.errors import NnexpError
from nnexp.plugin import Export, Trained

@dataclass(frozen=True)
class Facts(Export):
    """All that a format is told, as JSON."""

    suffix = ".json"

    def text(self, model):
        if model.task == "multiclass":
            raise NnexpError("facts has no words for several classes. Use predict.")
        told = {each.name: getattr(model, each.name) for each in fields(Trained)}
        return json.dumps(told, default=lambda array: array.tolist()) + chr(10)

    def usage(self, path):
        return f"less {path}"

    def remarks(self, model):
        return (f"facts has no words for {model.dtype}.",)

@dataclass(frozen=True)
class Mute(Export):
    pass

class Other:
    pass
'''
TABLE = "town,size,price\n" + "".join(f"{'abc'[n % 3]},{n},{n * n + 5 * (n % 3)}\n" for n in range(30))
NEW = "size,town\n3.5,c\n11,a\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a run on a table, saved models, new rows, and a folder of installed formats."""
    folder = tmp_path_factory.mktemp("place")
    points = {"nnexp.export": "facts = facts:Facts\nmute = facts:Mute\nother = facts:Other\n1st = facts:Facts"}
    install(folder / "site", "nnexp-facts", points, {"facts": FACTS})
    (folder / "t.csv").write_text(TABLE)
    (folder / "new.csv").write_text(NEW)
    words = ("dataset=csv", "dataset.path=t.csv", "dataset.target=price", "epochs=20", "activation=sigmoid")
    ended = nnexp(*words, "network.hidden=[3]", cwd=folder)
    assert ended.code == 0, ended.err
    fit([[0.0], [1.0], [2.0]] * 4, ["a", "b", "c"] * 4, epochs=1).save(folder / "classes.npz")
    fit([[0.0], [1.0], [2.0]] * 4, [0.5, 1.5, 2.5] * 4, epochs=1).save(folder / "own.npz")
    return folder


def export(place: Path, *words: str) -> Ended:
    """``export`` with the formats of ``place`` installed."""
    return nnexp("export", *words, cwd=place, PYTHONPATH=str(place / "site"))


def run_in(place: Path) -> str:
    """The run's directory, as it is typed there."""
    (run,) = runs(place)
    return str(run.relative_to(place))


def by_hand(told: dict[str, Any], row: dict[str, str]) -> float:
    """What the network answers for a row, by the equations that ``Trained`` states."""
    x: list[float] = []
    for name, categories in told["features"]:
        x += [float(row[name] == each) for each in categories] if categories else [float(row[name])]
    a = [(value - shift) / scale for value, shift, scale in zip(x, *told["inputs"], strict=True)]
    for layer, (matrix, bias) in enumerate(told["weights"], 1):
        z = [
            sum(w * each for w, each in zip(weights, a, strict=True)) + b
            for weights, b in zip(matrix, bias, strict=True)
        ]
        a = z if layer == len(told["weights"]) else [1 / (1 + math.exp(-each)) for each in z]
    return float(a[0] * told["outputs"][1][0] + told["outputs"][0][0])


def test_what_a_format_is_told_is_the_model(place: Path) -> None:
    """From the plain values alone, by the equations, come predict's answers; plugins are told by name, class and fields."""
    ended = export(place, run_in(place), "--to", "facts")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told["hidden"] == ["sigmoid", "nnexp.builtin.activations.Sigmoid", {}]
    assert told["output"] == ["identity", "nnexp.builtin.activations.Identity", {}]
    assert told["features"] == [["town", ["a", "b", "c"]], ["size", []]]
    assert (told["task"], told["target"], told["dtype"], told["sizes"]) == ("regression", "price", "float64", [4, 3, 1])
    predicted = nnexp("predict", run_in(place), "new.csv", cwd=place).out.splitlines()[1:]
    rows = list(csv.DictReader(NEW.splitlines()))
    assert [float(each) for each in predicted] == pytest.approx([by_hand(told, row) for row in rows], rel=1e-12)


def test_a_new_file_is_written(place: Path) -> None:
    """With -o the text is the file's, and what is printed says so and what to type next; there is no other file."""
    before = set(place.iterdir())
    ended = export(place, "own.npz", "--to", "facts", "-o", "net.json")
    assert ended.code == 0, ended.err
    assert ended.out == "wrote    net.json (1-16-1, 49 parameters)\nnext     less net.json\n"
    assert ended.err == "nnexp: facts has no words for float64.\n"
    assert (place / "net.json").read_text() == export(place, "own.npz", "--to", "facts").out
    assert set(place.iterdir()) - before == {place / "net.json"}


@pytest.mark.parametrize("kind", ["a file", "a folder", "a link to nothing"])
def test_nothing_is_overwritten(kind: str, place: Path, tmp_path: Path) -> None:
    """A name that is taken is refused, and what has it stays."""
    taken = tmp_path / "net.json"
    if kind == "a file":
        taken.write_text("mine")
    elif kind == "a folder":
        taken.mkdir()
    else:
        taken.symlink_to(tmp_path / "nowhere")
    ended = export(place, "own.npz", "--to", "facts", "-o", str(taken))
    assert (ended.code, ended.out) == (1, "")
    said = f"'{taken}' is there already. To write over it add --replace, or choose another name."
    assert (
        ended.err
        == f"nnexp: {f'-o {taken} is no file that could be replaced. Choose another name.' if kind == 'a folder' else said}\n"
    )
    assert list(tmp_path.iterdir()) == [taken]
    assert kind != "a file" or taken.read_text() == "mine"


def test_a_run_may_be_named_by_its_id(place: Path) -> None:
    """MLflow's id of a run stands for its model, as for predict."""
    named = export(place, run_id_of(place / run_in(place)), "--to", "facts")
    assert named.code == 0, named.err
    assert named.out == export(place, run_in(place), "--to", "facts").out


REFUSED: dict[str, str] = {
    "own.npz --to fcats": "No export 'fcats'. Did you mean 'facts'? Available: facts.",
    "own.npz --to cpp": "'cpp' comes with nnexp-native, which is not installed (plugins/nnexp-native).",
    "own.npz --to c++": "'cpp' comes with nnexp-native, which is not installed (plugins/nnexp-native).",
    "own.npz --to other": "'Other' is not a subclass of nnexp.plugin.Export.",
    "own.npz --to mute": "export=mute of nnexp-facts 1.2: Mute lacks text.",
    "own.npz --to 1st": "the name '1st' cannot be typed",
    "own.npz": "the following arguments are required: --to",
    "classes.npz --to facts": "facts has no words for several classes. Use predict.",
    "nothing.npz --to facts": "nothing.npz",
    "own.npz --to facts -o nowhere/x.json": "Cannot write 'nowhere/x.json': there is no folder 'nowhere'.",
    "t.csv --to facts": "'t.csv' is not a model that nnexp saved",
    "outputs --to facts": "'outputs' is no run. Type python -m nnexp export outputs/runs/",
    "outputs --to facts -o x.json": "--to facts",
}
"""What is typed, and what the message says."""
ASK = """
import sys
from nnexp.commands import subcommands
from nnexp.errors import NnexpError
for words in sys.argv[1:]:
    try:
        subcommands.main(["export", *words.split()])
        print("taken")
    except NnexpError as error:
        print(str(error).replace(chr(10), " "))
"""


def test_what_is_refused(place: Path) -> None:
    """A format or a model that there is not, or that do not go together, is named, and nothing is written."""
    before = set(place.iterdir())
    done = python("-c", ASK, *REFUSED, cwd=place, PYTHONPATH=str(place / "site"))
    for (words, message), said in zip(REFUSED.items(), done.out.splitlines(), strict=True):
        assert message in said, words
    assert set(place.iterdir()) == before


def test_without_any_format(place: Path) -> None:
    """Where none is installed, the message says which distribution brings the one that was asked for; help says none."""
    ended = nnexp("export", "own.npz", "--to", "cpp", cwd=place)
    assert ended.code == 1
    assert ended.err == (
        "nnexp: No export 'cpp'. 'cpp' comes with nnexp-native, which is not installed (plugins/nnexp-native). "
        "Available: none.\n"
    )
    assert "installed: none" in nnexp("export", "--help", cwd=place).out
    assert "installed: 1st, facts, mute, other" in export(place, "--help").out


def test_no_part_of_a_run(place: Path) -> None:
    """A format is neither listed nor taken as a plugin, and a run says nothing of a broken one."""
    site = str(place / "site")
    ended = nnexp("plugins", cwd=place, PYTHONPATH=site)
    assert ended.code == 0
    assert "facts" not in ended.out
    assert "No kind 'export'" in nnexp("check", "export.facts", cwd=place, PYTHONPATH=site).err
    assert "No plugin 'facts' is installed" in nnexp("check", "facts", cwd=place, PYTHONPATH=site).err
    assert nnexp("--help", cwd=place, PYTHONPATH=site).err == ""
