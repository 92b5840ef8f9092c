"""Entry points to classes, with distributions that are really on the path of a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from nnexp.builtin.activations import LeakyRelu, Relu
from nnexp.builtin.losses import Mae, Mse
from nnexp.builtin.optimizers import MiniBatch, Sgd
from nnexp.discovery import installed, registry
from nnexp.errors import NnexpError
from nnexp.plugin import KINDS

BUILT_IN = {
    "activation": {"identity", "sigmoid", "tanh", "relu", "leaky_relu", "softmax"},
    "loss": {"mse", "mae", "bce", "cce"},
    "optimizer": {"batch", "minibatch", "sgd"},
    "schedule": {"constant"},
    "initializer": {"normal", "he", "glorot", "zeros", "file"},
    "dataset": {"diabetes", "breast_cancer", "wine", "digits", "sine", "moons", "spiral", "xor", "blobs", "csv"},
    "engine": {"numpy"},
}


def test_the_built_ins() -> None:
    """Each kind has the plugins that the issue lists, as entry points of nnexp's own distribution."""
    assert set(BUILT_IN) == set(KINDS)
    for kind, names in BUILT_IN.items():
        ours = {name for name, claims in installed.entries()[kind].items() if claims[0].distribution == "nnexp"}
        assert ours == names
        assert names <= set(registry.available(kind))
        assert not [each for each in registry.broken(kind) if each.provider.name == "nnexp"]


def test_load_and_build() -> None:
    """A name is its class; a mapping is an object with its fields, and describe is the inverse."""
    assert registry.load("activation", "relu") is Relu
    assert registry.build("loss", {"name": "mae"}) == Mae()
    made = registry.build("optimizer", {"name": "minibatch", "batch_size": 8, "learning_rate": 1})
    assert made == MiniBatch(batch_size=8, learning_rate=1.0)
    assert registry.describe(made) == {"name": "minibatch", "batch_size": 8, "learning_rate": 1.0}
    assert registry.build("optimizer", registry.describe(made)) == made
    assert registry.named(LeakyRelu()) == "leaky_relu"


def test_build_leaves_the_mapping() -> None:
    """The caller's mapping is not changed."""
    spec = {"name": "sgd", "learning_rate": 0.5}
    assert registry.build("optimizer", spec) == Sgd(learning_rate=0.5)
    assert spec == {"name": "sgd", "learning_rate": 0.5}


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("loss", "maee", "No loss 'maee'. Did you mean 'mae'? Available: bce, cce, mae, mse."),
        ("loss", "MSE", "No loss 'MSE'. Did you mean 'mse'? Available: bce, cce, mae, mse."),
        ("loss", "cross_entropy", "No loss 'cross_entropy'. nnexp calls it 'cce'. Available: bce, cce, mae, mse."),
        ("loss", "zzz", "No loss 'zzz'. Available: bce, cce, mae, mse."),
        ("optimizer", "gradient_descent", "No optimizer 'gradient_descent'. nnexp calls it 'batch'. Available: batch, minibatch, sgd."),  # noqa: E501
    ],
)  # fmt: skip
def test_unknown_names(kind: str, name: str, text: str) -> None:
    """A name that is not installed is refused with the nearest one, or what nnexp calls it, and with all there are."""
    if set(registry.available(kind)) != BUILT_IN[kind]:
        pytest.skip("other plugins are installed, so the message names more")
    with pytest.raises(NnexpError) as error:
        registry.load(kind, name)
    assert str(error.value) == text


def test_objects_that_are_not_installed() -> None:
    """An object of a class without an entry point has no name; the message says which line its distribution needs."""

    class Mine(Mse):
        pass

    with pytest.raises(NnexpError, match=r"Mine is not installed .*\[project\.entry-points\.\"nnexp\.loss\"\]"):
        registry.named(Mine())


def test_distributions() -> None:
    """Plugins are traced to the distributions they come from."""
    assert set(registry.distributions([Mse(), Relu()])) == {"nnexp"}


# --- other people's distributions ---

SOURCE = '''
from dataclasses import dataclass, field
from typing import ClassVar, Optional
import numpy as np
from nnexp.plugin import Activation, Dataset, Initializer, Loss, Optimizer, param


@dataclass(frozen=True)
class Good(Loss):
    """A loss with a field of every type."""

    outputs = {"regression": "identity"}
    number: float = param(1.0, above=0)
    count: int = 3
    switch: bool = False
    word: str = param("a", choices=("a", "b"))
    perhaps: float | None = None
    older: Optional[int] = None
    many: tuple[str, ...] = ()
    numbers: tuple[float, ...] = (1.0,)

    def value(self, y_pred, y):
        return 0.0

    def gradient(self, y_pred, y, out):
        out[...] = 0


@dataclass(frozen=True)
class Required(Good):
    path: str = param(doc="a file", default="x")


@dataclass
class Thawed(Loss):
    def value(self, y_pred, y): return 0.0
    def gradient(self, y_pred, y, out): pass
'''
THAWED = "\n\n@dataclass\nclass Thawed"
"""What ``SOURCE`` is cut off at for a module that can be imported."""
OTHERS = {
    "plain_class": "class X:\n    pass",
    "function": "def X():\n    pass",
    "another_kind": "@dataclass(frozen=True)\nclass X(Activation):\n    def forward(self, z, out): pass",
    "no_decorator": "class X(Good):\n    pass",
    "no_gradient": "@dataclass(frozen=True)\nclass X(Loss):\n    def value(self, y_pred, y): return 0.0",
    "no_methods": "@dataclass(frozen=True)\nclass X(Loss):\n    pass",
    "dict_field": "@dataclass(frozen=True)\nclass X(Good):\n    table: dict[str, int] = field(default_factory=dict)",
    "list_field": "@dataclass(frozen=True)\nclass X(Good):\n    several: list[int] = field(default_factory=list)",
    "union_field": "@dataclass(frozen=True)\nclass X(Good):\n    either: int | str = 1",
    "pair_field": "@dataclass(frozen=True)\nclass X(Good):\n    pair: tuple[int, int] = (1, 2)",
    "unknown_annotation": "@dataclass(frozen=True)\nclass X(Good):\n    lost: 'Nowhere' = 1",
    "name_field": "@dataclass(frozen=True)\nclass X(Good):\n    name: str = 'x'",
    "defaults_field": "@dataclass(frozen=True)\nclass X(Good):\n    defaults: str = 'x'",
    "bad_default": "@dataclass(frozen=True)\nclass X(Good):\n    rate: float = param(2.0, below=1)",
    "bad_type": "@dataclass(frozen=True)\nclass X(Good):\n    rate: float = 'fast'",
    "bad_and_required": "@dataclass(frozen=True, kw_only=True)\nclass X(Good):\n    p: str = param()\n    r: float = param(2.0, below=1)",  # noqa: E501
    "factory": "@dataclass(frozen=True)\nclass X(Good):\n    more: tuple[str, ...] = field(default_factory=tuple)",
    "number_file": "@dataclass(frozen=True)\nclass X(Good):\n    rate: float = param(1.0, file=True)",
    "optional_number_file": "@dataclass(frozen=True)\nclass X(Good):\n    rate: int | None = param(None, file=True)",
    "target_field": "@dataclass(frozen=True)\nclass X(Good):\n    _target_: str = 'os.system'",
    "wrong_annotation": "import numpy as np\n@dataclass(frozen=True)\nclass X(Good):\n    rate: 'np.Nowhere' = 1",
    "too_few_arguments": "@dataclass(frozen=True)\nclass X(Good):\n    def value(self, y_pred): return 0.0",
    "static": "@dataclass(frozen=True)\nclass X(Good):\n    @staticmethod\n    def gradient(y_pred, y, out): pass",
    "not_a_method": "@dataclass(frozen=True)\nclass X(Good):\n    on_logits = None",
    "task": "@dataclass(frozen=True)\nclass X(Good):\n    outputs = {'regresion': 'identity'}",
    "no_such_output": "@dataclass(frozen=True)\nclass X(Good):\n    outputs = {'regression': 'identiti'}",
    "no_mapping": "@dataclass(frozen=True)\nclass X(Good):\n    outputs = ('regression',)",
    "strange_exception": "class Stop(BaseException): pass\nraise Stop('no further')",
    "validate_fails": "@dataclass(frozen=True)\nclass X(Good):\n    def validate(self):\n        raise RuntimeError('no luck')",
    "raises": "raise ValueError('first line\\nsecond line')",
    "exits": "import sys\nsys.exit('bye')",
    "syntax": "def X(:",
    "missing_module": "import nowhere_to_be_found",
}  # fmt: skip
"""Modules that each hold a class X which is no usable loss."""
REASONS = {
    "plain_class": "'X' is not a subclass of nnexp.plugin.Loss",
    "function": "'X' is not a subclass of nnexp.plugin.Loss",
    "another_kind": "'X' is not a subclass of nnexp.plugin.Loss",
    "no_decorator": "X needs the line @dataclass(frozen=True)",
    "no_gradient": "X lacks gradient",
    "no_methods": "X lacks gradient, value",
    "dict_field": "the field 'table' has the unsupported type dict[str, int]; it may be int, float, bool, str, X | None or ",
    "list_field": "the field 'several' has the unsupported type list[int]",
    "union_field": "the field 'either' has the unsupported type int | str",
    "pair_field": "the field 'pair' has the unsupported type tuple[int, int]",
    "unknown_annotation": "the annotations of X cannot be read: name 'Nowhere' is not defined",
    "name_field": "the field name 'name' belongs to Hydra; choose another",
    "defaults_field": "the field name 'defaults' belongs to Hydra; choose another",
    "bad_default": "a default is outside its own bounds: loss.rate must be a float below 1. Got 2.0",
    "bad_type": "a default is outside its own bounds: loss.rate must be a float. Got 'fast'",
    "bad_and_required": "a default is outside its own bounds: loss.r must be a float below 1. Got 2.0",
    "factory": "the field 'more' has a default_factory; write its default as a value",
    "number_file": "the field 'rate' is declared to name a file and has the type a float; it may be str, str | None or tuple",
    "optional_number_file": "the field 'rate' is declared to name a file and has the type an int or null; it may be str, str",
    "target_field": "the field name '_target_' belongs to Hydra; choose another",
    "wrong_annotation": "the annotations of X cannot be read: module 'numpy' has no attribute 'Nowhere'",
    "too_few_arguments": "X.value must be a method that takes (self, y_pred, y)",
    "static": "X.gradient must be a method that takes (self, y_pred, y, out)",
    "not_a_method": "X.on_logits must be a method that takes (self, activation)",
    "task": (
        "X.outputs has the task 'regresion' (did you mean 'regression'?); the tasks are regression, binary, multiclass"
    ),
    "no_such_output": (
        "X.outputs has the activation 'identiti' for regression (did you mean 'identity'?), which is not installed"
    ),
    "no_mapping": 'X.outputs must be a mapping of tasks to output activations, such as {"regression": "identity"}',
    "strange_exception": "importing foreign_strange_exception:X failed: Stop: no further",
    "validate_fails": "X() failed: RuntimeError: no luck",
    "raises": "importing foreign_raises:X failed: ValueError: first line",
    "exits": "importing foreign_exits:X failed: SystemExit: bye",
    "syntax": "importing foreign_syntax:X failed: SyntaxError: ",
    "missing_module": "importing foreign_missing_module:X failed: ModuleNotFoundError: No module named 'nowhere_to_be_found'",
    "thawed": "importing foreign_thawed:Thawed failed: Thawed is a dataclass that is not frozen (foreign_thawed.py, line ",
    "absent_class": "importing foreign:Absent failed: AttributeError: ",
    "absent_module": "importing foreign_absent:X failed: ModuleNotFoundError: No module named 'foreign_absent'",
    "old": "it was built for nnexp<0.1, this is ",
    "new": "it was built for nnexp>=99, this is ",
    "double": "the name is claimed by double-one 1.0 and double-two 2.0",
    "mse": "the name is claimed by foreign-mse 1.0 and nnexp ",
    "auto": "the name 'auto' has a meaning of its own in nnexp",
    "null": "the name 'null' has a meaning of its own in nnexp",
    "a,b": "the name 'a,b' cannot be typed (letters, digits, _ and -, a letter first)",
    "no_form": "its entry point is 'not a path', which is not of the form module:Class",
    "no_class": "its entry point is 'foreign', which is not of the form module:Class",
}
REMEDIES = {
    "double": "Uninstall one of them: pip uninstall double-two",
    "mse": "Uninstall one of them: pip uninstall foreign-mse",
    "old": "Upgrade it: pip install -U foreign-old, or remove it: pip uninstall foreign-old",
    "auto": "Its author has to rename the entry point; remove it: pip uninstall foreign-names",
    "a,b": "Its author has to rename the entry point; remove it: pip uninstall foreign-names",
    "raises": "Upgrade it: pip install -U foreign-raises, or remove it: pip uninstall foreign-raises",
    "no_methods": "Upgrade it: pip install -U foreign-no_methods, or remove it: pip uninstall foreign-no_methods",
}


def distribution(directory: Path, name: str, points: str, requires: str = "", version: str = "1.0") -> None:
    """A distribution's metadata as pip writes it."""
    info = directory / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (info / "METADATA").write_text(text + "".join(f"Requires-Dist: {each}\n" for each in requires.split(" | ") if each))
    (info / "entry_points.txt").write_text(points)


def with_path(directory: Path) -> dict[str, str]:
    """The environment in which Python finds what lies in ``directory``."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(directory), os.environ.get("PYTHONPATH")]))}


PROGRAM = """
import json, sys
from nnexp.discovery import registry
from nnexp.errors import NnexpError
from nnexp.plugin import KINDS
found = {
    "available": {kind: registry.available(kind) for kind in KINDS},
    "broken": {b.entry.name: [b.reason, b.remedy, str(b)] for kind in KINDS for b in registry.broken(kind)},
    "imported": [name for name in sys.modules if name.startswith("foreign")],
    "messages": {},
}
for kind, spec in json.loads(sys.argv[1]):
    try:
        found["messages"][spec["name"]] = repr(registry.build(kind, spec))
    except NnexpError as error:
        found["messages"][spec["name"]] = str(error)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the registry says in a process that has all these distributions on its path."""
    directory = tmp_path_factory.mktemp("site")
    (directory / "foreign.py").write_text(SOURCE.partition(THAWED)[0])
    (directory / "foreign_thawed.py").write_text(SOURCE)
    (directory / "foreign_old.py").write_text(SOURCE)
    for name, body in OTHERS.items():
        head = textwrap.dedent("""
            from dataclasses import dataclass, field
            from nnexp.plugin import Activation, Loss, param
            from foreign import Good
        """)
        (directory / f"foreign_{name}.py").write_text(f"{head}\n\n{body}\n")
        distribution(directory, f"foreign-{name}", f"[nnexp.loss]\n{name} = foreign_{name}:X\n")
    good = "[nnexp.loss]\ngood = foreign:Good\nrequired = foreign:Required\nabsent_class = foreign:Absent\n"
    distribution(directory, "foreign-good", good + "absent_module = foreign_absent:X\n", "numpy | nnexp>=0.0.1", "3.2")
    distribution(directory, "foreign-thawed", "[nnexp.loss]\nthawed = foreign_thawed:Thawed\n")
    distribution(directory, "foreign-old", "[nnexp.loss]\nold = foreign_old:Good\n", "nnexp<0.1", "0.9")
    distribution(directory, "foreign-new", "[nnexp.loss]\nnew = foreign_old:Good\n", "numpy | nnexp >=99")
    distribution(directory, "foreign-extra", "[nnexp.loss]\nextra = foreign:Good\n", 'nnexp<0.1 ; extra == "old"')
    distribution(directory, "foreign-relative", "[nnexp.loss]\nrelative = foreign:Good\n", "nnexp-tools<0.1")
    distribution(directory, "double-one", "[nnexp.loss]\ndouble = foreign:Good\n")
    distribution(directory, "double-two", "[nnexp.loss]\ndouble = foreign:Good\n", version="2.0")
    distribution(directory, "foreign-mse", "[nnexp.loss]\nmse = foreign:Good\n")
    names = "auto = foreign:Good\nnull = foreign:Good\na,b = foreign:Good\nno_form = not a path\nno_class = foreign\n"
    distribution(directory, "foreign-names", f"[nnexp.loss]\n{names}")
    distribution(directory, "foreign-twice", "[nnexp.loss]\ntwice = foreign:Good\ntwice = foreign:Good\n")
    distribution(directory, "foreign-loud", "[nnexp.loss]\nloud = foreign_loud:Good\n")
    (directory / "foreign_loud.py").write_text(f"print('hello')\nimport warnings\n{SOURCE.partition(THAWED)[0]}")
    distribution(directory, "foreign-kind", "[nnexp.layer]\nunheard = foreign:Good\n")
    asked = [
        ["loss", {"name": "good", "number": 2, "many": ["x", "y"], "perhaps": 3}],
        ["loss", {"name": "raises"}],
        ["loss", {"name": "double"}],
        ["loss", {"name": "mse"}],
        ["loss", {"name": "mae"}],
        ["loss", {"name": "goood"}],
    ]
    command = [sys.executable, "-W", "error", "-c", PROGRAM, json.dumps(asked)]
    environment = with_path(directory)
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_third_partys_plugin(found: dict[str, Any]) -> None:
    """An installed class is available with its typed fields, lists and whole numbers becoming what they are declared."""
    assert {"good", "required", "mae", "bce", "cce"} <= set(found["available"]["loss"])
    expected = (
        "Good(number=2.0, count=3, switch=False, word='a', perhaps=3.0, older=None, many=('x', 'y'), numbers=(1.0,))"
    )
    assert found["messages"]["good"] == expected


@pytest.mark.parametrize("name", REASONS)
def test_a_broken_plugin(found: dict[str, Any], name: str) -> None:
    """Each kind of defect is reported with the option, the distribution, its version and the reason, and is not available."""
    assert name not in found["available"]["loss"]
    reason, remedy, text = found["broken"][name]
    assert reason.startswith(REASONS[name])
    assert text.startswith(f"loss={name} of ")
    assert text.endswith(f": {reason}. {remedy}")
    assert "\n" not in text


@pytest.mark.parametrize("name", REMEDIES)
def test_the_remedy(found: dict[str, Any], name: str) -> None:
    """Every defect comes with what to type; nobody is ever told to uninstall nnexp."""
    assert found["broken"][name][1] == REMEDIES[name]


def test_others_work(found: dict[str, Any]) -> None:
    """Broken plugins stop nobody: the other options are available and can be built."""
    assert found["messages"]["mae"] == "Mae()"
    for kind in set(BUILT_IN) - {"loss"}:
        assert set(found["available"][kind]) >= BUILT_IN[kind]
    assert set(found["available"]["loss"]) >= {"mae", "bce", "cce", "good", "extra", "relative", "twice", "loud"}


def test_choosing_a_broken_plugin(found: dict[str, Any]) -> None:
    """Who chooses it gets the reason, and what works instead."""
    message = found["messages"]["raises"]
    assert message.startswith(
        "loss=raises of foreign-raises 1.0: importing foreign_raises:X failed: ValueError: first line "
        "(foreign_raises.py, line 7). Upgrade it: pip install -U foreign-raises, or remove it: pip uninstall foreign-raises. "
    )
    assert "Other options work: " in message


def test_choosing_a_name_of_two(found: dict[str, Any]) -> None:
    """A name that two distributions claim, or that is nnexp's own, is an error that names both."""
    assert "double-one 1.0 and double-two 2.0" in found["messages"]["double"]
    assert "foreign-mse 1.0 and nnexp " in found["messages"]["mse"]


def test_suggestions_know_them(found: dict[str, Any]) -> None:
    """A misspelt name is compared with third parties' options, too."""
    assert found["messages"]["goood"].startswith("No loss 'goood'. Did you mean 'good'? Available: ")


def test_an_incompatible_plugin_is_not_imported(found: dict[str, Any]) -> None:
    """What was built for another nnexp is told by its metadata alone."""
    assert "foreign_old" not in found["imported"]
    assert "foreign" in found["imported"]


def test_a_group_that_nobody_reads(found: dict[str, Any], tmp_path: Path) -> None:
    """An entry point of a kind that nnexp does not have is nobody's option, and said with its distribution."""
    assert set(found["available"]) == set(BUILT_IN)
    assert "unheard" not in found["broken"]
    distribution(tmp_path, "foreign-slip", "[nnexp.los]\nslip = foreign:Good\n[nnexp.conf]\nx = foreign\n")
    out, _ = listed_in(tmp_path)
    assert (
        "entry point slip in the group nnexp.los of foreign-slip 1.0: there is no kind 'los'. Did you mean 'loss'? Kinds: "
        "activation, loss, optimizer, schedule, initializer, dataset, engine. Upgrade it: pip install -U foreign-slip, or"
    ) in out
    assert out.count("entry point ") == 1


def listed_in(directory: Path, *flags: str) -> tuple[str, str]:
    """What the registry says of losses in a process with ``directory`` on its path, and what goes to stderr."""
    program = (
        "from nnexp.discovery import installed, registry; "
        "print(registry.available('loss'), [str(b) for b in registry.broken('loss')], "
        "[str(each) for each in installed.points()[1]])"
    )
    command = [sys.executable, *flags, "-c", program]
    environment = with_path(directory)
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


DAMAGED = {
    None: "loss=lost of a distribution without a name in ",
    "Name: x\nVersion: 1\nRequires-Dist: nnexp >=\n": "loss=lost of x 1: its metadata cannot be read: ",
    "Name: x\n": "loss=lost of x without a version: ",
    "Version: 1\n": "ModuleNotFoundError: No module named 'nowhere'. Remove it: delete its .dist-info in ",
    "\x00": "loss=lost of a distribution without a name in ",
}


@pytest.mark.parametrize("metadata", DAMAGED)
def test_damaged_metadata(tmp_path: Path, metadata: str | None) -> None:
    """A distribution with entry points whose other metadata are missing or garbled stops nothing, and is described."""
    info = tmp_path / "damaged-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[nnexp.loss]\nlost = nowhere:X\n")
    if metadata:
        (info / "METADATA").write_text(metadata)
    out, _ = listed_in(tmp_path)
    assert "'mae'" in out
    assert DAMAGED[metadata] in out


@pytest.mark.parametrize("content", [b"[nnexp.loss]\na line that is none\n", b"[nnexp.loss]\n\xff\xfe = x:Y\n"])
def test_damaged_entry_points(tmp_path: Path, content: bytes) -> None:
    """Entry points that cannot be read are reported with their distribution; those of the others are read."""
    distribution(tmp_path, "torn", "")
    (tmp_path / "torn-1.0.dist-info" / "entry_points.txt").write_bytes(content)
    out, _ = listed_in(tmp_path)
    assert "'mae', 'mse'] []" in out
    assert "entry points of torn 1.0: they cannot be read: " in out
    assert "Upgrade it: pip install -U torn, or remove it: pip uninstall torn" in out


def test_what_an_import_prints(tmp_path: Path) -> None:
    """What a plugin's import prints or warns goes to stderr, where it spoils no output that is read by programs."""
    distribution(tmp_path, "loud", "[nnexp.loss]\nloud = foreign_loud:Good\n")
    text = f"print('hello')\nimport warnings\nwarnings.warn('careful')\n{SOURCE.partition(THAWED)[0]}"
    (tmp_path / "foreign_loud.py").write_text(text)
    out, err = listed_in(tmp_path)
    assert "'loud'" in out
    assert "hello" not in out
    assert "hello" in err
    assert "UserWarning: careful" in err


def test_an_interrupted_import(tmp_path: Path) -> None:
    """Ctrl-C while a plugin is imported ends the program, as Ctrl-C does, and is no defect of the plugin."""
    distribution(tmp_path, "slow", "[nnexp.loss]\nslow = foreign_slow:X\n")
    (tmp_path / "foreign_slow.py").write_text("raise KeyboardInterrupt\n")
    command = [sys.executable, "-m", "nnexp", "loss=slow", "tracking=none"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=with_path(tmp_path), check=False)
    assert done.returncode == 130
    assert done.stderr.strip() == "interrupted"
