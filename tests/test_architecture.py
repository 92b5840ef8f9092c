"""What CONTRIBUTING promises about the modules: imports go downwards, heavy ones stay outside, the core names no plugin."""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "nnexp"
DOORS = {"plugin", "errors"}
"""What everybody may import."""
TOP = {"__init__", "__main__", "library", "serving", *DOORS}
"""What lies beside the folders."""
ALIASES = {"datasets/__init__.py", "datasets/frame.py", "tracking/serving.py"}
"""Old names that are data: of distributions and of models that MLflow has."""
HYDRA = {"composition", "sweep", "remote", "commands"}
"""What may import Hydra and OmegaConf."""
MLFLOW = {"tracking"}
"""What may import MLflow."""


def table() -> dict[str, set[str]]:
    """CONTRIBUTING's table: each folder, in order, with those that it may import, whatever they import included."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \|.*\| ([\w, ]*)\|$", text, re.MULTILINE)
    found: dict[str, set[str]] = {}
    for folder, listed in rows:
        named = set(filter(None, listed.replace(",", " ").split()))
        assert named <= set(found), f"{folder} imports from below: {named - set(found)}"
        found[folder] = named.union({"basics"} if found else (), *(found[each] for each in named))
    return found


FOLDERS = table()


class Import(NamedTuple):
    """``module`` (its path below nnexp) imports ``target`` (a dotted name)."""

    module: str
    target: str
    typing: bool = False
    """Whether it is for type checkers alone."""

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


@functools.cache  # every test looks through all of them
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def written() -> Iterator[Import]:
    """Every import statement, within functions, too."""
    for path in modules():
        typing: set[ast.AST] = set()
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.If) and any("TYPE_CHECKING" in vars(each).values() for each in ast.walk(node.test)):
                typing.update(child for part in node.body for child in ast.walk(part))
            name = path.relative_to(PACKAGE).as_posix()
            if isinstance(node, ast.Import):
                yield from (Import(name, alias.name, node in typing) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}: relative imports hide the layer"
                yield from (Import(name, f"{node.module}.{alias.name}", node in typing) for alias in node.names)


@functools.cache  # only who tests them looks for them, not everybody who collects the tests
def all_imports(*, typing_too: bool = False) -> list[Import]:
    """Every import statement; those for type checkers alone only if asked for."""
    return [*written()] if typing_too else [each for each in all_imports(typing_too=True) if not each.typing]


def test_every_folder_is_in_the_table() -> None:
    """The table is complete and names nothing that is not there."""
    present = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()}
    assert present == {*FOLDERS, *TOP, "datasets"}
    assert {each.module for each in all_imports() if each.source_part == "datasets"} <= ALIASES


def test_imports_go_by_the_table() -> None:
    """A folder imports what its row lists, what those import, and the doors; for type checkers, too."""
    wrong = {
        f"{each.module} imports {each.target}"
        for each in all_imports(typing_too=True)
        if each.source_part in FOLDERS
        and each.module not in ALIASES
        and each.target_part not in {"", each.source_part, *DOORS, *FOLDERS[each.source_part]}
    }
    assert wrong == set()


def test_only_models_of_tracking_knows_experiments() -> None:
    """Everything else of the store deals in names, numbers and files."""
    found = {
        each.module
        for each in all_imports()
        if each.source_part == "tracking" and each.target_part in {"experiment", "engine"}
    }
    assert found == {"tracking/models.py"}


def test_the_doors_open_downwards() -> None:
    """``errors`` imports nothing of nnexp, ``plugin`` the fields."""
    found = {
        (each.source_part, each.target_part) for each in all_imports() if each.source_part in DOORS and each.target_part
    }
    assert found == {("plugin", "basics")}


def module_of(target: str) -> str:
    """The path of the module that an import's target lies in."""
    names = target.split(".")[1:]
    for end in (len(names), len(names) - 1):
        path = "/".join(names[:end])
        if end and (PACKAGE / f"{path}.py").exists():
            return f"{path}.py"
    return ""


def test_no_circles() -> None:
    """Between modules, too, nobody imports whom he is imported by, at whatever distance, also within functions."""
    uses: dict[str, set[str]] = {path.relative_to(PACKAGE).as_posix(): set() for path in modules()}
    for each in all_imports():
        target = module_of(each.target) if each.target.startswith("nnexp.") else ""
        if target and target != each.module and each.module not in ALIASES:
            uses[each.module].add(target)
    while free := [name for name, used in uses.items() if not used]:
        for name in free:
            del uses[name]
        for used in uses.values():
            used.difference_update(free)
    assert uses == {}


def test_the_package_imports_the_library_alone() -> None:
    """``import nnexp`` brings what a library needs: errors, library and ``results``."""
    own = {each.target_part for each in all_imports() if each.module == "__init__.py" and each.target_part}
    assert own == {"comparison", "errors", "library"}


@pytest.mark.parametrize(
    ("names", "allowed"), [({"hydra", "omegaconf"}, HYDRA), ({"mlflow"}, MLFLOW)], ids=["hydra", "mlflow"]
)
def test_who_may_import(names: set[str], allowed: set[str]) -> None:
    """Hydra and OmegaConf, and MLflow, are imported by the few modules that deal with them, also within functions."""
    found = {
        each.module for each in all_imports() if each.target.split(".")[0] in names and each.source_part not in allowed
    }
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
    assert not [each for each in all_imports() if each.target.split(".")[0] == "sklearn"]


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


def test_nobody_imports_a_built_in() -> None:
    """Nobody imports the modules that hold the built-in plugins."""
    found = {f"{each.module} imports {each.target}" for each in all_imports() if each.target_part == "builtin"}
    assert {each for each in found if not each.startswith("builtin/")} == set()


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
    assert not [each for each in all_imports() if each.target.split(".")[0] == "random"]


def test_pickle_is_never_used() -> None:
    """Nothing is written to or read from pickles, and np.load always refuses them."""
    assert not [
        e for e in all_imports() if e.target.split(".")[0] in {"pickle", "cloudpickle", "dill", "shelve", "marshal"}
    ]
    for path in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.load":
                assert "allow_pickle=False" in ast.unparse(node), path.name


REMOVING = {"unlink", "rmdir", "removedirs"}
"""Names of what removes one file or an empty folder; ``remove``, which lists have as well, counts where it is of ``os``."""
REMOVER = "nnexp/basics/removing.py"
"""The one module of the package that removes."""
RENAMERS = {
    "nnexp/basics/files.py",
    "nnexp/experiment/checkpoint.py",
    "nnexp/commands/subcommands.py",
    "nnexp/sweep/ledger.py",
    "nnexp/commands/scaffold.py",
    "nnexp/tracking/database.py",
    "nnexp/tracking/store.py",
    "nnexp/tracking/artifacts.py",
    "nnexp/journal/result.py",
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


def sources() -> list[Path]:
    """Every module of the package and of the distributions beside it."""
    return [*modules(), *sorted(ROOT.glob("plugins/*/src/**/*.py"))]


MEMOS = {"nnexp/composition/configs.py": {"ENTRIES"}}
"""Dictionaries of a module that keep what was computed, and change nothing but the time it takes."""


def class_variables_written(parsed: ast.Module) -> Iterator[str]:
    """What assigns to an attribute of a class by the class's name, or of ``cls``."""
    for node in ast.walk(parsed):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and re.fullmatch(r"cls|([\w.]+\.)?[A-Z]\w*[a-z]\w*", ast.unparse(node.value))
        ):
            yield ast.unparse(node)
        if isinstance(node, ast.Global):
            yield f"global {' '.join(node.names)}"


def empty_containers(parsed: ast.Module) -> Iterator[str]:
    """Names of a module that begin as empty containers: somebody fills them."""
    for node in parsed.body:
        if isinstance(node, ast.AnnAssign):
            targets: list[ast.expr] = [node.target]
        elif isinstance(node, ast.Assign):
            targets = node.targets
        else:
            continue
        if node.value is not None and ast.unparse(node.value) in {"[]", "{}", "set()", "dict()", "list()"}:
            yield from map(ast.unparse, targets)


def test_no_state_in_classes_and_modules() -> None:
    """No class variable is assigned from a function, no name of a module is global or begins as an empty container."""
    found = set()
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        found |= {(name, each) for each in class_variables_written(tree(path))}
        found |= {(name, each) for each in set(empty_containers(tree(path))) - MEMOS.get(name, set())}
    assert found == set()


def test_one_module_writes_the_environment() -> None:
    """Variables of the environment are set and taken out by one module."""
    found = set()
    for path in sources():
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.Subscript)
                and not isinstance(node.ctx, ast.Load)
                and ast.unparse(node.value).endswith("environ")
            ):
                found.add(path.relative_to(ROOT).as_posix())
            if isinstance(node, ast.Call):
                owner, name = called(node)
                if owner.endswith("environ") and name in {"update", "pop", "setdefault", "clear", "popitem"}:
                    found.add(path.relative_to(ROOT).as_posix())
                if owner == "os" and name in {"putenv", "unsetenv"}:
                    found.add(path.relative_to(ROOT).as_posix())
    assert found == {"nnexp/basics/environment.py"}


def test_one_module_replaces_what_others_have() -> None:
    """What belongs to Hydra and OmegaConf is replaced by one module, and put back (tests/composition/test_patches.py)."""
    found = {path for path, node in calls() if ast.unparse(node.func) == "setattr"}
    assert found == {"nnexp/composition/patches.py"}


def test_no_tree_is_ever_removed() -> None:
    """Nothing removes a folder with what is in it, under whatever name it was imported."""
    found = {path for path, node in calls() if "rmtree" in ast.unparse(node.func)}
    named = {each.module for each in all_imports() if each.target in {"shutil.rmtree", "shutil.move"}}
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
    assert {each.module for each in all_imports() if each.target in functions} == set()


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


LONGEST_FILE, LONGEST_FUNCTION = 300, 60
"""Lines that one sees at a time: of a module, of a function with its docstring."""


def test_nothing_is_too_long() -> None:
    """Modules are read in one go, functions on one screen."""
    files = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()
    }
    assert {name: lines for name, lines in files.items() if lines > LONGEST_FILE} == {}
    functions = {
        f"{path.relative_to(ROOT).as_posix()}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef)
    }
    assert {name: lines for name, lines in functions.items() if lines > LONGEST_FUNCTION} == {}
