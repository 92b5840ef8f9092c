"""``python -m nnexp new KIND NAME``: a complete distribution with a plugin that works, to be replaced by one's own.

The files are made from ``templates/``: ``<kind>.py.template`` for the plugin, the others for every kind. Another kind needs a
template of that name, and nothing here.
"""

from __future__ import annotations

import builtins
import keyword
import os
import re
import secrets
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from string import Template

from nnexp import plugin
from nnexp.basics.removing import NewFolder
from nnexp.discovery import installed, registry
from nnexp.discovery.installed import EXAMINED
from nnexp.errors import NnexpError, did_you_mean, listed
from nnexp.plugin import Picture, Search
from nnexp.terminal.console import say

TEMPLATES = Path(__file__).parent / "templates"
TYPED: Mapping[str, str] = {
    Picture.kind: "pictures=[$name]",
    Search.kind: "-m search=$name 'optimizer.learning_rate=tag(log,interval(1e-3,1))'",
}
"""What is typed to have one used, where that is not ``$kind=$name``."""
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", re.ASCII)


def new(kind: str, name: str, parent: Path) -> Path:
    """Write the distribution into ``parent`` in one step, say what was written and what to type next; its directory.

    Raises NnexpError for a kind, a name or a place that cannot be, and leaves nothing behind then.
    """
    check(kind, name)
    words = terms(kind, name)
    target = parent / words["distribution"]
    if os.path.lexists(target):
        raise NnexpError(f"There is a '{target.name}' here already. Choose another name, or remove it.")
    files = templates(kind, words)
    unfinished = NewFolder.of(parent / f".{target.name}-{secrets.token_hex(3)}", map(str, files))
    try:
        write(unfinished.folder, files, words)
        unfinished.folder.rename(target)
    except BaseException:
        unfinished.clear()
        raise
    for number, path in enumerate(files):
        note = "   the plugin: replace its formula by yours" if path.name == "__init__.py" else ""
        say(f"{'' if number else 'wrote':<9}{Path(target.name, path)}{note}")
    say(f"next     python -m pip install -e ./{target.name}")
    say(f"         python -m nnexp check {kind}.{name}")
    say(f"         python -m nnexp {words['typed']}")
    return target


def check(kind: str, name: str) -> None:
    """Refuse a kind that there is not, and a name that cannot be used or is taken."""
    if kind not in EXAMINED:
        swapped = f" The kind comes first: python -m nnexp new {name} {kind}" if name in EXAMINED else ""
        raise NnexpError(f"No kind '{kind}'.{did_you_mean(kind, EXAMINED)} Kinds: {listed(EXAMINED)}.{swapped}")
    if not NAME.fullmatch(name):
        better = "_".join(re.findall(r"\w+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower().replace("_", " ")))
        hint = f" Type python -m nnexp new {kind} {better}" if NAME.fullmatch(better) else ""
        raise NnexpError(
            f"'{name}' cannot be a name: it must be words of a-z and 0-9, joined by _, a letter first.{hint}"
        )
    if keyword.iskeyword(name):
        raise NnexpError(f"'{name}' is a word of Python's own. Choose another name, such as {name}_{kind}.")
    if name in (*registry.RESERVED, *installed.WORDS):
        raise NnexpError(f"'{name}' has a meaning of its own in nnexp. Choose another name, such as {name}_{kind}.")
    if name in installed.entries()[kind]:
        taken = installed.entries()[kind][name][0].provider
        raise NnexpError(f"{kind}={name} is there already, from {taken}. Choose another name, such as my_{name}.")


def terms(kind: str, name: str) -> dict[str, str]:
    """What the templates leave open."""
    plain = "".join(word.capitalize() for word in name.split("_"))
    used = hasattr(plugin, plain) or hasattr(builtins, plain)
    major, minor = version("nnexp").split(".")[:2]
    return {
        "kind": kind,
        "name": name,
        "Class": plain + kind.capitalize() if used else plain,
        "distribution": f"nnexp-{name.replace('_', '-')}",
        "module": f"nnexp_{name}",
        "typed": TYPED.get(kind, "$kind=$name").replace("$kind", kind).replace("$name", name),
        "option": f"pictures=['{name} FIELD=VALUE']" if kind == Picture.kind else f"{kind}.FIELD=VALUE",
        "needs": "matplotlib>=3.9" if kind == Picture.kind else "numpy>=2.2,<3",
        "range": f">={major}.{minor},<{major}.{int(minor) + 1}",
    }


def templates(kind: str, words: dict[str, str]) -> dict[Path, str]:
    """The files of the distribution, by their paths within it, each with the template that it is made from."""
    package = Path("src", words["module"])
    return {
        Path("pyproject.toml"): "pyproject.toml",
        Path("README.md"): "README.md",
        package / "__init__.py": f"{kind}.py",
        package / "py.typed": "",
        Path("tests", f"test_{words['name']}.py"): "test.py",
    }


def write(folder: Path, files: Mapping[Path, str], words: dict[str, str]) -> None:
    """Make the files in ``folder``."""
    for path, template in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        text = (TEMPLATES / f"{template}.template").read_text(encoding="utf-8") if template else ""
        (folder / path).write_text(Template(text).substitute(words), encoding="utf-8")
