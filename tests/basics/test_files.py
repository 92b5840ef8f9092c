"""Files that are replaced in one step."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nnexp.basics.files import replace_json, replacing

TOO_LARGE = """
import resource, signal, sys
from pathlib import Path
from nnexp.basics.files import replace_json

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    replace_json(Path(sys.argv[1]), {"x": "x" * 1000})
except OSError:
    print("refused")
"""


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """The new content is there, and no other file."""
    for content in ({"a": [1, None]}, {"b": "é"}):
        replace_json(tmp_path / "file.json", content)
        assert json.loads((tmp_path / "file.json").read_text(encoding="utf-8")) == content
    assert [path.name for path in tmp_path.iterdir()] == ["file.json"]


def test_what_does_not_fit_leaves_the_old_file(tmp_path: Path) -> None:
    """Where the disk takes only a part, the old content stays and nothing lies beside it."""
    path = tmp_path / "file.json"
    path.write_text("[1]")
    ended = subprocess.run([sys.executable, "-c", TOO_LARGE, str(path)], capture_output=True, text=True, check=True)
    assert ended.stdout == "refused\n"
    assert path.read_text() == "[1]"
    assert [each.name for each in tmp_path.iterdir()] == ["file.json"]


KILLED = """
import os, signal, sys
from pathlib import Path
from nnexp.composition import configs
from nnexp.pictures import curve
from nnexp.experiment import model
from nnexp.pictures import comparison as pictures
from nnexp.run import start as run
import nnexp.basics.files

def killed(self, target):
    os.kill(os.getpid(), signal.SIGKILL)

Path.replace = killed
directory = Path(sys.argv[1])
{}
"""
"""A process that is killed when a new file is about to take its place."""
WRITERS = {
    "cost.png": "curve.cost_curve({'cost/train': [1.0, 0.5]}, 1, 'title', directory / 'cost.png')",
    "comparison.png": (
        "with pictures.compared([pictures.Panel({'a': [1.0, 0.5]}, 'cost/train', '')], directory / 'comparison.png', print):"
        " pass"
    ),
    "config.yaml": "run.write_yaml({'seed': 1}, directory / 'config.yaml')",
    "hydra.yaml": (
        "from omegaconf import OmegaConf; configs.save(OmegaConf.create({'seed': 1}), 'hydra.yaml', directory)"
    ),
    "result.json": "nnexp.basics.files.replace_json(directory / 'result.json', {'status': 'FINISHED'})",
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_killed_writer_leaves_the_old_file(name: str, tmp_path: Path) -> None:
    """A picture, a configuration or a result that is being written when its process is killed is the old one, or none."""
    (tmp_path / name).write_text("old")
    ended = subprocess.run([sys.executable, "-c", KILLED.format(WRITERS[name]), str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / name).read_text() == "old"


def test_a_writer_that_fails_leaves_nothing_beside(tmp_path: Path) -> None:
    """Whatever ends the block, the old file stays, and the new one's beginning goes."""
    (tmp_path / "file.txt").write_text("old")

    def interrupted() -> None:
        with replacing(tmp_path / "file.txt") as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"file.txt": "old"}
