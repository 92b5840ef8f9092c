"""What ``python -m nnexp plugins`` says, to people and to programs."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nnexp.commands import catalogue, catalogue_text
from nnexp.commands import subcommands as commands
from nnexp.discovery.installed import EXAMINED, entries
from nnexp.discovery.registry import GROUPS
from nnexp.errors import NnexpError
from nnexp.experiment.asked import asked
from nnexp.experiment.experiment import prepare
from nnexp.experiment.plan import plan
from nnexp.plugin import KINDS
from tests.command import Ended, environment, nnexp
from tests.discovery.test_installed_plugins import HUBER, install
from tests.discovery.test_presets import ROBUST, WIDE, add_conf

OWN = [
    (kind, name) for kind in EXAMINED for name, claims in entries()[kind].items() if claims[0].distribution == "nnexp"
]

ODD = """
from dataclasses import dataclass
import math
from typing import Optional
from nnexp.plugin import Activation, param

print("odd was imported")


@dataclass(frozen=True)
class Odd(Activation):
    path: str = param(doc="a file")
    names: tuple[str, ...] = ("a", "b")
    perhaps: float | None = param(None, above=0, below=math.inf)
    older: Optional[int] = 3
    on: bool = True

    def forward(self, z, out): out[...] = z
    def backward(self, grad, z, a): pass
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Distributions with a good plugin and presets, an odd plugin without a docstring, broken ones, and torn metadata."""
    folder = tmp_path_factory.mktemp("installed") / "site"
    install(
        folder, "nnexp-huber", {"nnexp.loss": "huber = my_huber:Huber", "nnexp.conf": "x = shown"}, {"my_huber": HUBER}
    )
    add_conf(folder, "shown", {"experiment/robust.yaml": ROBUST, "loss/huber_wide.yaml": WIDE})
    (folder / "shown" / "conf" / "experiment" / "a_folder.yaml").mkdir()
    (folder / "shown" / "conf" / "experiment" / "dangling.yaml").symlink_to("nowhere")
    install(folder, "nnexp-odd", {"nnexp.activation": "odd = my_odd:Odd"}, {"my_odd": ODD})
    install(folder, "nnexp-same", {"nnexp.optimizer": "huber = my_huber:Huber"}, {})
    install(
        folder,
        "nnexp-bad",
        {"nnexp.loss": "bad = my_bad:Bad", "nnexp.conf": "x = nowhere"},
        {"my_bad": "import lost\n"},
    )
    install(folder, "nnexp-torn", {}, {})
    (folder / "nnexp_torn-1.2.dist-info" / "entry_points.txt").write_text("[nnexp.loss]\ngarbled\n")
    return folder


def command(site: Path, *words: str) -> Ended:
    """``python -m nnexp plugins WORDS`` with the distributions of ``site`` installed, on 80 columns."""
    return nnexp("plugins", *words, cwd=site.parent, PYTHONPATH=str(site), COLUMNS="80")


@pytest.fixture(scope="module")
def facts(site: Path) -> dict[str, Any]:
    """All facts, as a program reads them."""
    found: dict[str, Any] = json.loads(command(site, "--json").out)
    return found


def test_every_plugin_is_there(facts: dict[str, Any]) -> None:
    """The listing for programs has every sound plugin, kinds in their order, nnexp's own first."""
    found = [(each["kind"], each["name"]) for each in facts["plugins"]]
    assert set(found) == {*OWN, ("loss", "huber"), ("activation", "odd")}
    assert [kind for kind, _ in found] == sorted((kind for kind, _ in found), key=list(EXAMINED).index)
    assert [name for kind, name in found if kind == "loss"] == ["bce", "cce", "mae", "mse", "huber"]


def test_the_facts_of_one(facts: dict[str, Any]) -> None:
    """A plugin's entry has everything that is known of it, under names that stay."""
    (huber,) = [each for each in facts["plugins"] if each["name"] == "huber"]
    assert huber == {
        "kind": "loss",
        "name": "huber",
        "groups": ["loss"],
        "summary": "J = mean(r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2)), r = y_pred - y (Huber, 1964).",
        "doc": "J = mean(r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2)), r = y_pred - y (Huber, 1964).",
        "distribution": "nnexp-huber",
        "version": "1.2",
        "class": "my_huber:Huber",
        "parameters": [
            {
                "name": "delta",
                "type": "float",
                "required": False,
                "default": 1.0,
                "bounds": {"above": 0},
                "rule": "a float above 0",
                "doc": "",
                "file": False,
            }
        ],
        "outputs": {"regression": "identity"},
    }


def test_odd_parameters(facts: dict[str, Any]) -> None:
    """Every type a field may have is spelled as in Python; a missing docstring and an infinite bound are no words at all."""
    (odd,) = [each for each in facts["plugins"] if each["name"] == "odd"]
    assert odd["doc"] == odd["summary"] == ""
    assert odd["groups"] == ["output", "activation"]
    found = {each["name"]: (each["type"], each["required"], each["default"]) for each in odd["parameters"]}
    assert found == {
        "path": ("str", True, None),
        "names": ("tuple[str, ...]", False, ["a", "b"]),
        "perhaps": ("float | None", False, None),
        "older": ("typing.Optional[int]", False, 3),
        "on": ("bool", False, True),
    }
    assert [each["bounds"] for each in odd["parameters"]] == [{}, {}, {"above": 0}, {}, {}]


def test_what_is_broken(facts: dict[str, Any]) -> None:
    """What cannot be used is listed with its distribution, the reason and the remedy."""
    assert [(each["what"], each["distribution"], each["version"]) for each in facts["broken"]] == [
        ("loss=bad", "nnexp-bad", "1.2"),
        ("optimizer=huber", "nnexp-same", "1.2"),
        ("entry points", "nnexp-torn", "1.2"),
        ("presets", "nnexp-bad", "1.2"),
    ]
    assert facts["broken"][0] == {
        "what": "loss=bad",
        "kind": "loss",
        "name": "bad",
        "distribution": "nnexp-bad",
        "version": "1.2",
        "class": "my_bad:Bad",
        "reason": "importing my_bad:Bad failed: ModuleNotFoundError: No module named 'lost' (my_bad.py, line 1)",
        "remedy": "Upgrade it: pip install -U nnexp-bad, or remove it: pip uninstall nnexp-bad",
    }
    assert facts["broken"][1]["reason"] == "'Huber' is not a subclass of nnexp.plugin.Optimizer"


def test_presets_are_listed(facts: dict[str, Any], site: Path) -> None:
    """Presets, ready sweeps and files that extend an option are listed with their distribution and file."""
    found = {(each["group"], each["name"]): each for each in facts["presets"]}
    assert found["experiment", "regression"]["distribution"] == "nnexp"
    assert found["loss", "huber_wide"]["summary"] == "The Huber loss with a wide quadratic part."
    assert found["experiment", "robust"] == {
        "group": "experiment",
        "name": "robust",
        "summary": "A line through outliers: the Huber loss on diabetes.",
        "distribution": "nnexp-huber",
        "version": "1.2",
        "file": str(site / "shown" / "conf" / "experiment" / "robust.yaml"),
    }


def test_the_listing_for_people(site: Path) -> None:
    """The listing has, on 80 columns, every name, parameter, distribution and what is broken."""
    ended = command(site)
    assert ended.code == 0
    assert max(map(len, ended.out.splitlines())) <= 80
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    for line in (
        "loss: A cost J(y_pred, y), mean over samples, and exactly its gradient.",
        "nnexp-huber 1.2",
        "delta=1.0 a float above 0",
        "alpha=0.01 a float at least 0 and below 1: the slope for",
        "path=... a str: a file (has to be given)",
        "names=[a,b] a list of str",
        "perhaps=null a float or null above 0 and below inf",
        "on=true true or false",
        "experiment=robust",
        "loss=huber_wide",
        "loss=bad of nnexp-bad 1.2",
        "entry points of nnexp-torn 1.2",
    ):
        assert line in lines, line
    for _, name in OWN:
        assert any(line.partition(" ")[0] == name for line in lines)


def test_a_part_of_the_listing(site: Path) -> None:
    """With a kind the listing has its part alone, what is broken included; output stands for the activations."""
    losses = command(site, "loss").out
    assert "mae" in losses
    assert "loss=bad" in losses
    assert "relu" not in losses
    assert "entry points" not in losses
    assert "relu" in command(site, "output").out
    assert "experiment=robust" in command(site, "experiment").out
    assert {each["kind"] for each in json.loads(command(site, "loss", "--json").out)["plugins"]} == {"loss"}


def test_one_in_full(site: Path) -> None:
    """A plugin's page has its docstring, parameters, origin, tasks, and what to type next."""
    assert command(site, "loss.huber").out == (
        "loss=huber   nnexp-huber 1.2, my_huber:Huber\n\n"
        "J = mean(r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2)), r = y_pred -\n"
        "y (Huber, 1964).\n\n"
        "task        regression, with output=identity unless another is typed\n"
        "parameter   loss.delta=1.0  a float above 0\n"
        "next        python -m nnexp loss=huber\n"
        "            python -m nnexp check loss.huber\n"
    )
    assert command(site, "mae").out == command(site, "loss.mae").out == command(site, "loss=mae").out
    assert "next        python -m nnexp activation=odd activation.path=...\n" in command(site, "odd").out


def test_a_preset_in_full(site: Path) -> None:
    """A preset's page is its file, with where it comes from and what to type next."""
    shown = command(site, "robust").out
    assert shown.startswith("experiment=robust   nnexp-huber 1.2\n")
    assert ROBUST in shown
    assert shown.endswith("next        python -m nnexp experiment=robust\n")
    assert command(site, "loss.huber_wide").out.endswith("python -m nnexp loss=huber_wide\n")
    assert command(site, "sweep.activations").out.endswith("python -m nnexp -m sweep=activations\n")


def test_parts_that_are_no_kinds(site: Path) -> None:
    """``presets`` lists the files alone, ``tracking`` the ways to record, and ``auto`` is explained."""
    shown = command(site, "presets").out
    assert shown.startswith("presets: Files of values;")
    assert "experiment=regression" in shown
    assert "experiment=robust" in shown
    assert "loss: " not in shown
    shown = command(site, "tracking").out
    assert shown.startswith("tracking: Where runs are recorded;")
    assert [line.strip() for line in shown.splitlines() if "=" in line][1:] == ["tracking=mlflow", "tracking=none"]
    assert command(site, "tracking.none").out.endswith("next        python -m nnexp tracking=none\n")
    assert command(site, "loss.auto").out.startswith(
        "loss=auto    The dataset's own loss, where it names one, or the task's:"
    )
    assert command(site, "output=auto").out.startswith(
        "output=auto  The output activation that is natural for the loss"
    )


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (
            "los",
            "Nothing is called 'los'. Did you mean 'loss'? Kinds: activation, loss, optimizer, schedule, initializer, dataset",
        ),
        ("hubre", "Nothing is called 'hubre'. Did you mean 'loss.huber'?"),
        ("qqq", "Nothing is called 'qqq'. Kinds: activation, loss, "),
        ("los.mae", "No kind 'los'. Did you mean 'loss'? Kinds: "),
        ("loss.maee", "No loss 'maee'. Did you mean 'mae'? Available: bce, cce, huber, mae, mse, huber_wide."),
        ("experiment.x", "No experiment 'x'. Available: digits_three_ways, regression, "),
        (
            "loss.bad",
            "No module named 'lost' (my_bad.py, line 1). Upgrade it: pip install -U nnexp-bad, or remove it: ",
        ),
        (
            "huber",
            "'huber' is the name of several: loss.huber, optimizer.huber. Type python -m nnexp plugins loss.huber",
        ),
        ("--jsn", "unrecognized arguments: --jsn. usage: python -m nnexp plugins [-h] [--json] [what]"),
    ],
)
def test_wrong_words(word: str, text: str, site: Path) -> None:
    """A word that names nothing, or something broken, costs one message with what to type."""
    ended = command(site, word)
    assert text in ended.err
    assert (ended.code, ended.out) == (1, "")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, name in OWN if kind in KINDS])
def test_what_to_type_next_works(kind: str, name: str) -> None:
    """The command on a plugin's page makes an experiment, where no value has to be filled in."""
    words = catalogue_text.command(catalogue.facts(kind, name))
    assert words[0] == f"{kind}={name}"
    if any(word.endswith("=...") for word in words):
        assert name in {"csv", "file"}
        return
    config = {"dataset": "diabetes", **dict(word.split("=") for word in words)}
    assert math.isfinite(next(prepare(plan(config)).epochs()).cost)


@pytest.mark.parametrize("name", [name for kind, name in OWN if kind == "picture"])
def test_what_to_type_next_draws(name: str, tmp_path: Path) -> None:
    """The command on a picture's page asks for this picture."""
    said = nnexp("plugins", f"picture.{name}", cwd=tmp_path).out
    assert f"next        python -m nnexp pictures=[{name}]" in said
    assert [each for each, _ in asked([name])] == [name]


def test_nothing_heavy_is_imported() -> None:
    """The listing needs neither Hydra nor MLflow, pandas, matplotlib or scikit-learn, so it is there at once."""
    program = (
        "import sys; from nnexp.commands import subcommands as commands; commands.main(['plugins']); "
        "print(set(sys.modules) & {'hydra', 'omegaconf', 'mlflow', 'pandas', 'sklearn', 'matplotlib'})"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    assert done.stdout.endswith("\nset()\n")


def test_a_reader_that_has_seen_enough(site: Path) -> None:
    """A closed pipe, as with head, ends the listing without a word."""
    command = [sys.executable, "-m", "nnexp", "plugins"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=site.parent, env=environment()
    ) as run:
        assert run.stdout
        assert run.stderr
        run.stdout.close()
        assert run.stderr.read() == b""


def test_the_commands_are_suggested() -> None:
    """A misspelt command is compared with plugins, too."""
    with pytest.raises(NnexpError, match=r"No command 'plugin'\. Did you mean 'plugins'\?"):
        commands.main(["plugin"])


def test_every_group_can_be_asked_for() -> None:
    """Every kind and every group of a configuration stands for a part of the listing."""
    for place in (*KINDS, *GROUPS):
        assert catalogue.contents(place)["plugins"]
