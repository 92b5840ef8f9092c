"""Files that are replaced in one step."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from nnexp.files import replace_json

TOO_LARGE = """
import resource, signal, sys
from pathlib import Path
from nnexp.files import replace_json

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
