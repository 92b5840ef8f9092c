"""What nnexp removes is its own: single files by their names, what it has just made, and folders that are empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnexp.basics.removing import NewFolder, remove


@pytest.mark.parametrize(
    "name",
    [
        "delivery.json",
        "journal.jsonl",
        ".stopped",
        "checkpoint.npz",
        "checkpoint.previous.npz",
        ".weights.npz.partial",
        ".mlflow.db.new-wal",
        ".mlflow.db.new",
        ".open/0123456789abcdef",
    ],
)
def test_files_of_nnexps_own_go(name: str, tmp_path: Path) -> None:
    """A file with one of nnexp's names is removed; where it is gone already nothing happens."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    remove(path)
    assert not path.exists()
    remove(path)


@pytest.mark.parametrize(
    "name",
    [
        "thesis.txt",
        "delivery.json.bak",
        "x.partial",
        "mlflow.db",
        "mlflow.db-wal",
        ".open/notes",
        "0123456789abcdef",
        "weights.npz",
    ],
)
def test_any_other_file_stays(name: str, tmp_path: Path) -> None:
    """A file with any other name is not removed, whoever asks."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    with pytest.raises(ValueError, match="no name of nnexp's own"):
        remove(path)
    assert path.exists()


def test_a_site_is_cleared_of_what_was_made(tmp_path: Path) -> None:
    """The files and folders that were made go, with the folders on the way to them that were not there before."""
    (tmp_path / "mine").mkdir()
    site = NewFolder.of(tmp_path / "mine" / "outputs" / "run", (".hydra/config.yaml", "nnexp.log"))
    (site.folder / ".hydra").mkdir(parents=True)
    (site.folder / ".hydra" / "config.yaml").touch()
    (site.folder / "nnexp.log").touch()
    site.clear()
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    """An empty folder that was there before is there afterwards."""
    site = NewFolder.of(tmp_path, ("nnexp.log",))
    (tmp_path / "nnexp.log").touch()
    site.clear()
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_else_puts_there_stays(tmp_path: Path) -> None:
    """A file of another name in the folder, which came meanwhile, keeps it and all folders above it."""
    site = NewFolder.of(tmp_path / "a" / "run", (".hydra/config.yaml",))
    (site.folder / ".hydra").mkdir(parents=True)
    (site.folder / ".hydra" / "theirs.yaml").write_text("x")
    site.clear()
    assert (site.folder / ".hydra" / "theirs.yaml").read_text() == "x"
