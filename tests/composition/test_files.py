"""What is wrong with a preset's file is said with its name, and with what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import nnexp


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "defaults:\n  - 3\n",
            "experiment/mine.yaml: Unsupported type in defaults : int. An item of its defaults list is",
        ),
        ("defaults: xor\n", "experiment/mine.yaml: Invalid defaults list in 'experiment/mine'"),
        (
            "defaults:\n  - dataset: xor\n",
            "experiment/mine.yaml names 'experiment/dataset/xor', and there is no such file.",
        ),
        ("defaults:\n  - override /dataset: xorr\n", "mine.yaml: No dataset 'xorr'. Did you mean 'xor'?"),
        ("defaults:\n  - override /datset: xor\n", "In 'experiment/mine': Could not override 'datset'"),
        ("epochs: [", 'mine.yaml", line 2, column 10'),
    ],
)
def test_slips_in_a_preset(text: str, message: str, tmp_path: Path) -> None:
    """The file is named in one message, and nothing is written."""
    (tmp_path / "my" / "experiment").mkdir(parents=True)
    (tmp_path / "my" / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{text}")
    ended = nnexp("--config-dir", "my", "experiment=mine", cwd=tmp_path)
    assert ended.code == 1
    assert message in ended.err
    assert "bug of nnexp" not in ended.err
    assert not (tmp_path / "outputs").exists()
