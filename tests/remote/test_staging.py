"""What jobs take along: files by their digests, no secrets; and what differs between machines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nnexp.basics.secrets import masked, unmasked
from nnexp.errors import NnexpError
from nnexp.remote.facts import Facts, differences, facts, processor
from nnexp.remote.staging import StagedFiles
from nnexp.remote.worker import surroundings
from nnexp.sweep.inputs import states
from nnexp.sweep.manifest import Manifest, write_manifest


@pytest.fixture
def sweep(tmp_path: Path) -> tuple[Path, Manifest]:
    """A sweep that reads a table and a folder."""
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "images").write_bytes(b"\0\1")
    (tmp_path / "folder" / "labels").write_bytes(b"\2")
    manifest = Manifest(files=states([str(tmp_path / "table.csv"), str(tmp_path / "folder"), "nowhere"]))
    directory = tmp_path / "outputs" / "sweeps" / "s"
    directory.mkdir(parents=True)
    write_manifest(directory, manifest)
    return directory, manifest


def test_files_are_unpacked_with_their_names_and_content(sweep: tuple[Path, Manifest], tmp_path: Path) -> None:
    """A table and a folder of files; a path at which there is nothing stays as it is."""
    packed = StagedFiles.packed("outputs/sweeps/s", *sweep)
    root = tmp_path / "worker"
    root.mkdir()
    where = packed.unpack(root)
    assert set(where) == {str(tmp_path / "table.csv"), str(tmp_path / "folder")}
    table, folder = Path(where[str(tmp_path / "table.csv")]), Path(where[str(tmp_path / "folder")])
    assert (table.name, table.read_text()) == ("table.csv", "a,b\n1,2\n")
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == {"images": b"\0\1", "labels": b"\2"}
    assert all(Path(each).is_relative_to(root) for each in where.values())
    assert (root / "outputs/sweeps/s/manifest.json").read_bytes() == (sweep[0] / "manifest.json").read_bytes()


def test_a_table_that_changes_is_refused(sweep: tuple[Path, Manifest], tmp_path: Path) -> None:
    """Jobs on other machines are trained on what the sweep began with."""
    (tmp_path / "table.csv").write_text("a,b\n1,3\n")
    with pytest.raises(NnexpError, match=r"table\.csv has changed since the sweep began"):
        StagedFiles.packed("outputs/sweeps/s", *sweep)


def test_no_secret_is_taken_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment the names of stores go along, without passwords; on a worker they are shown as at the head."""
    there = {
        "MLFLOW_TRACKING_URI": "http://me:hunter22@store.example:5000",
        "MLFLOW_TRACKING_PASSWORD": "hunter23",
        "AWS_SECRET_ACCESS_KEY": "hunter24",
        "MLFLOW_RUN_NAME": "mine",
        "COLOUR": "blue",
    }
    found = surroundings(there, ["COLOUR"], ["postgresql://me:***@db.example/x"])
    assert "hunter" not in json.dumps(found)
    assert (found["MLFLOW_RUN_NAME"], found["COLOUR"]) == ("mine", "blue")
    monkeypatch.setenv("NNEXP_TRACKING_URIS", found["NNEXP_TRACKING_URIS"])
    assert masked(found["MLFLOW_TRACKING_URI"]) == "http://me:***@store.example:5000"
    assert masked(unmasked("postgresql://me:***@db.example/x")) == "postgresql://me:***@db.example/x"
    assert surroundings({}, [], []) == {}


def test_what_differs_between_machines() -> None:
    """Versions and Python's minor one; the same machine differs in nothing."""
    here = facts(["numpy", "no-such-thing"])
    assert here.versions["no-such-thing"] == "none"
    assert [*differences(here, facts(["numpy", "no-such-thing"]))] == []
    other = replace(here, python="3.0", versions={"numpy": "0.1"})
    assert [*differences(here, other)] == [
        f"Python {here.python} here, 3.0 there",
        f"numpy {here.versions['numpy']} here, 0.1 there",
    ]


def test_a_machine_is_named_with_its_processor() -> None:
    """The processor's name, and the kernels that its matrix products take."""
    assert isinstance(facts([]), Facts)
    assert len(processor()) > 3
