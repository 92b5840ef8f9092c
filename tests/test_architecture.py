"""What design.md promises about the modules: imports go downwards, heavy ones stay outside, the core names no plugin."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "nnexp"
LAYERS = [
    {"errors", "files", "faults", "fields", "plugin", "plain", "companions", "removing", "exact", "bounded_yaml"},
    {
        "activations",
        "losses",
        "optimizers",
        "schedules",
        "initializers",
        "datasets",
        "installed",
        "registry",
        "objective",
        "network",
        "metrics",
        "preprocessing",
        "presets",
    },
    {"training", "model", "described", "checkpoint", "options", "contracts", "loaded", "configs"},
    {"tracking", "console", "pictures", "progress", "catalogue", "scaffold", "curve"},
    {
        "experiment",
        "ledger",
        "library",
        "ranking",
        "record",
        "run",
        "settings",
        "grid",
        "effects",
        "preview",
        "manifest",
        "growth",
    },
    {
        "explain",
        "safety",
        "composition",
        "sweep",
        "app",
        "watch",
        "commands",
        "__main__",
        "__init__",
        "testing",
        "shortcut",
        "composed",
        "guard",
        "reference",
        "quoting",
    },
]
"""The modules and folders of nnexp, the lowest layer first: table in section 2 of design.md. ``__init__`` only passes on."""

LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}
HYDRA = {
    "options",
    "explain",
    "safety",
    "composition",
    "sweep",
    "app",
    "watch",
    "configs",
    "shortcut",
    "composed",
    "guard",
    "reference",
    "quoting",
}
"""What may import Hydra and OmegaConf."""
MLFLOW = {"tracking"}
"""What may import MLflow."""


class Import(NamedTuple):
    """``module`` (its path below nnexp) imports ``target`` (a dotted name)."""

    module: str
    target: str

    @property
    def source_part(self) -> str:
        """The module or folder of nnexp that imports."""
        return self.module.split("/")[0].removesuffix(".py")

    @property
    def target_part(self) -> str:
        """The module or folder of nnexp that is imported; empty for anything else."""
        names = self.target.split(".")
        if names[0] != "nnexp":
            return ""
        return (
            names[1]
            if len(names) > 1 and (PACKAGE / names[1]).with_suffix(".py").exists() | (PACKAGE / names[1]).is_dir()
            else "__init__"
        )


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "conf" not in path.relative_to(PACKAGE).parts)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(*, typing_too: bool = False) -> Iterator[Import]:
    """Every import statement, within functions, too; those for type checkers alone only if asked for."""
    for path in modules():
        parsed = tree(path)
        skipped: set[ast.AST] = set()
        for node in ast.walk(parsed):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not typing_too:
                skipped.update(child for part in node.body for child in ast.walk(part))
            if node in skipped:
                continue
            name = path.relative_to(PACKAGE).as_posix()
            if isinstance(node, ast.Import):
                yield from (Import(name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}: relative imports hide the layer"
                yield from (Import(name, f"{node.module}.{alias.name}") for alias in node.names)


IMPORTS = list(imports())


def test_every_module_has_a_layer() -> None:
    """The table is complete and names nothing that is not there."""
    present = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()}
    assert present - set(LAYER) == set()
    assert set(LAYER) - present <= {"testing"}


def test_imports_go_downwards() -> None:
    """A module imports from its own layer and lower ones, those for type checkers included."""
    upwards = {
        f"{each.module} imports {each.target}"
        for each in imports(typing_too=True)
        if each.target_part and each.source_part != "__init__" and LAYER[each.target_part] > LAYER[each.source_part]
    }
    assert upwards == set()


def test_no_cycles() -> None:
    """Within a layer, too, nobody imports whom he is imported by, at whatever distance."""
    uses: dict[str, set[str]] = {name: set() for name in LAYER}
    for each in IMPORTS:
        if each.target_part and each.target_part != each.source_part:
            uses[each.source_part].add(each.target_part)
    while free := [name for name, used in uses.items() if not used]:
        for name in free:
            del uses[name]
        for used in uses.values():
            used.difference_update(free)
    assert uses == {}


def test_the_package_imports_the_library_alone() -> None:
    """``import nnexp`` brings what a library needs: errors and library."""
    own = {each.target_part for each in IMPORTS if each.module == "__init__.py" and each.target_part}
    assert own == {"errors", "library"}


@pytest.mark.parametrize(
    ("names", "allowed"), [({"hydra", "omegaconf"}, HYDRA), ({"mlflow"}, MLFLOW)], ids=["hydra", "mlflow"]
)
def test_who_may_import(names: set[str], allowed: set[str]) -> None:
    """Hydra and OmegaConf, and MLflow, are imported by the few modules that deal with them, also within functions."""
    found = {each.module for each in IMPORTS if each.target.split(".")[0] in names and each.source_part not in allowed}
    assert found == set()


@pytest.mark.parametrize("name", ["mlflow", "pandas", "sklearn", "matplotlib", "rich", "pyarrow", "sqlalchemy"])
def test_heavy_modules_are_imported_late(name: str) -> None:
    """What takes long to import is imported within the function that needs it."""
    top = [
        (path.name, ast.unparse(node))
        for path in modules()
        for node in tree(path).body
        if isinstance(node, ast.Import | ast.ImportFrom) and re.match(rf"(from|import) {name}\b", ast.unparse(node))
    ]
    assert top == []


def test_scikit_learn_is_never_imported() -> None:
    """The real datasets read scikit-learn's files and leave scikit-learn itself alone."""
    assert not [each for each in IMPORTS if each.target.split(".")[0] == "sklearn"]


def built_ins() -> set[str]:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    return {name for group in points.values() for name in group}


def test_the_core_decides_nothing_by_a_name() -> None:
    """No condition and no comparison of nnexp holds a built-in plugin's name or class: names are data, not cases.

    (Words that are plugins' names and something else as well are left out: "batch", "csv", "file", "zeros".)
    """
    names = built_ins() - {"batch", "csv", "file", "normal", "zeros"}
    found = []
    for path in modules():
        for node in ast.walk(tree(path)):
            tests: list[ast.expr] = []
            if isinstance(node, ast.Compare):
                tests = [node]
            elif isinstance(node, ast.If | ast.IfExp | ast.While):
                tests = [node.test]
            elif isinstance(node, ast.MatchValue):
                tests = [node.value]
            for test in tests:
                words = {
                    leaf.value
                    for leaf in ast.walk(test)
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                }
                if words & names:
                    found.append((path.name, ast.unparse(test)))
    assert found == []


def test_the_core_imports_no_built_in() -> None:
    """Apart from each other's helpers, nobody imports the modules that hold the built-in plugins by name."""
    holders = {"activations", "losses", "optimizers", "schedules", "initializers"}
    found = {f"{each.module} imports {each.target}" for each in IMPORTS if each.target_part in holders}
    assert found == set()


def test_there_is_no_junk_drawer() -> None:
    """No utils, helpers or common."""
    assert not {path.stem for path in modules()} & {"utils", "util", "helpers", "helper", "common", "misc"}


def test_global_random_state_is_never_touched() -> None:
    """Randomness comes from generators that are handed down: no np.random.seed, np.random.normal and so on."""
    allowed = {"default_rng", "Generator", "SeedSequence"}
    found = {
        (path.name, ast.unparse(node))
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in {"np.random", "numpy.random"}
        and node.attr not in allowed
    }
    assert found == set()
    assert not [each for each in IMPORTS if each.target.split(".")[0] == "random"]


def test_pickle_is_never_used() -> None:
    """Nothing is written to or read from pickles, and np.load always refuses them."""
    assert not [e for e in IMPORTS if e.target.split(".")[0] in {"pickle", "cloudpickle", "dill", "shelve", "marshal"}]
    for path in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.load":
                assert "allow_pickle=False" in ast.unparse(node), path.name


REMOVING = {"unlink", "rmdir", "removedirs"}
"""Names of what removes one file or an empty folder; ``remove``, which lists have as well, counts where it is of ``os``."""
REMOVER = "nnexp/removing.py"
"""The one module of the package that removes."""
RENAMERS = {
    "nnexp/files.py",
    "nnexp/checkpoint.py",
    "nnexp/commands.py",
    "nnexp/ledger.py",
    "nnexp/scaffold.py",
    "nnexp/tracking/database.py",
    "nnexp/tracking/store.py",
    "nnexp/tracking/artifacts.py",
    "nnexp/tracking/result.py",
    "plugins/nnexp-openml/src/nnexp_openml/cache.py",
    "plugins/nnexp-openml/src/nnexp_openml/client.py",
}
"""What puts a finished file, or one that is set aside, in its place."""


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call in the package and in the distributions beside it, with the file it is in."""
    for path in (*modules(), *sorted(ROOT.glob("plugins/*/src/**/*.py"))):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                yield path.relative_to(ROOT).as_posix(), node


def called(node: ast.Call) -> tuple[str, str]:
    """What a call is of, and its last name: ``("os", "remove")``."""
    owner, _, name = ast.unparse(node.func).rpartition(".")
    return owner, name


def test_no_tree_is_ever_removed() -> None:
    """Nothing removes a folder with what is in it, under whatever name it was imported."""
    found = {path for path, node in calls() if "rmtree" in ast.unparse(node.func)}
    named = {each.module for each in IMPORTS if each.target in {"shutil.rmtree", "shutil.move"}}
    assert found | named == set()


def test_one_module_removes() -> None:
    """Files and empty folders are removed by one module, whose rules hold so for all."""
    found = set()
    for path, node in calls():
        owner, name = called(node)
        if name in REMOVING or (name == "remove" and owner == "os"):
            found.add(path)
    assert found == {REMOVER}
    functions = {f"{module}.{name}" for module in ("os", "pathlib.Path") for name in (*REMOVING, "remove")}
    assert {each.module for each in IMPORTS if each.target in functions} == set()


def test_who_puts_files_in_their_places() -> None:
    """A file takes another one's name in a few modules: one argument beside the path, which text and tables do not have."""
    found = set()
    for path, node in calls():
        owner, name = called(node)
        of_a_path = owner not in {"", "dataclasses"} and len(node.args) == 1 and not node.keywords
        moves = name in {"replace", "rename"} and of_a_path
        if moves or (owner in {"os", "shutil"} and name in {"replace", "rename", "renames", "move"}):
            found.add(path)
    assert found - RENAMERS == set()
