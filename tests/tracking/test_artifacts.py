"""Artifacts have names from a fixed set, and go to places that nnexp or the user chose, past every link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nnexp.errors import NnexpError
from nnexp.tracking.artifacts import Elsewhere, Folder, Places, may_be_called, sendable

NAMES = ("config.yaml", "cost.png", "weights.npz", "model.json", "pictures/network.png", "pictures/a-b_1.2.gif")
OTHERS = (
    "authorized_keys",
    ".bashrc",
    "../cost.png",
    "/etc/passwd",
    "pictures/../cost.png",
    "pictures/.a.png",
    "",
    "pictures/a.svg",
    "pictures/a/b.png",
    "pictures/a.png/",
    "pictures/\u00e4.png",
    "pictures/a.png\n",
    "MLmodel",
    "PICTURES/a.png",
    "pictures/a b.png",
    "pictures//a.png",
    "./cost.png",
    "cost.png/..",
    "pictures/-",
    "config.yaml ",
)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A folder ``outputs``, and beside it one that nobody chose."""
    (tmp_path / "outputs").mkdir()
    (tmp_path / "home").mkdir()
    return tmp_path / "outputs"


def places(outputs: Path, typed: str | None = None, uri: str = "sqlite:///x.db") -> Places:
    """Where the artifacts of a store may go."""
    return Places.of(uri, outputs, typed)


def test_only_nnexps_own_names_are_artifacts() -> None:
    """Four files and pictures; everything else that a journal may say is none."""
    assert [name for name in (*NAMES, *OTHERS) if may_be_called(name)] == list(NAMES)


def test_only_plain_files_are_sent(tmp_path: Path) -> None:
    """A link, a folder, a pipe, and what lies behind a link of a folder, are left out though the name is right."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("x")
    (run / "weights.npz").symlink_to(tmp_path / "secret")
    (run / "model.json").mkdir()
    os.mkfifo(run / "cost.png")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "a.png").write_text("secret")
    (run / "pictures").symlink_to(tmp_path / "theirs")
    assert sendable(run, [*NAMES, "pictures/a.png", "config.yaml"]) == ["config.yaml"]


ELSEWHERE = [
    "file:///TMP/home",
    "/TMP/home",
    "file:///TMP/outputs/artifacts/../../home",
    "file:///TMP/outputs/artifacts/%2e%2e/%2e%2e/home",
    "/TMP/outputs/artifacts/%2e%2e/%2e%2e/home",
    "file:///TMP/outputs/artifacts-of-others",
    "file:///TMP/outputs",
    "file://localhost/TMP/outputs/artifacts",
    "file://host/TMP/outputs/artifacts",
    "FILE:///TMP/outputs/artifacts",
    "file:outputs/artifacts",
    "outputs/artifacts",
    "./mlruns",
    "",
    " /TMP/outputs/artifacts",
    "//TMP/outputs/artifacts",
    "C:\\Users",
    "C:/Users",
    "\\\\host\\share",
    "file:///TMP/outputs/artifacts?x",
    "file:///TMP/outputs/artifacts#x",
    "file:///TMP/outputs/artifacts/a\\..\\b",
    "/TMP/outputs/artifacts/\x00",
    "~/art",
    "s3://bucket/x",
    "mlflow-artifacts:/1",
    "mlflow-artifacts://evil.example/1",
    "http://evil.example/api/2.0/mlflow-artifacts/artifacts",
    "ftp://evil.example/x",
    "runs:/x",
    "dbfs:/x",
]


@pytest.mark.parametrize("location", ELSEWHERE)
def test_a_location_that_nobody_chose_is_refused(location: str, outputs: Path) -> None:
    """However it is spelled; the message names experiment and location and says what to type."""
    location = location.replace("/TMP", str(outputs.parent))
    with pytest.raises(NnexpError, match=r"'theirs' keeps its artifacts in '.*tracking\.experiment=NAME"):
        places(outputs).checked(location, "theirs")


def test_a_folder_that_was_typed_is_one_more(outputs: Path) -> None:
    """And what lies below it; the message of before says these very words."""
    home = outputs.parent / "home"
    with pytest.raises(NnexpError, match=f"type tracking.artifacts={home}/a "):
        places(outputs).checked(f"file://{home}/a", "e")
    for typed in (str(home), f"file://{home}", f"{home}/"):
        assert places(outputs, typed).checked(f"file://{home}/a%20b/c", "e") == Folder(home, ("a b", "c"))
        with pytest.raises(NnexpError, match="keeps its artifacts"):
            places(outputs, typed).checked(f"{home}-other/a", "e")


def test_an_address_that_was_typed_is_one_more() -> None:
    """A location is below it by whole parts, and cannot climb out of it."""
    here = places(Path("outputs"), "s3://bucket/x")
    assert here.checked("s3://bucket/x", "e") == Elsewhere("s3://bucket/x", "sqlite:///x.db")
    assert here.checked("s3://bucket/x/1/a/artifacts", "e").location == "s3://bucket/x/1/a/artifacts"  # type: ignore[union-attr]
    for other in ("s3://bucket/xy", "s3://bucket", "s3://bucket/x/../y", "s3://bucket/x/%2e%2e/y", "s3://bucket/x/a?b"):
        with pytest.raises(NnexpError, match="keeps its artifacts"):
            here.checked(other, "e")
    with pytest.raises(NnexpError, match=r"tracking\.artifacts=nowhere is no place"):
        places(Path("outputs"), "nowhere")


def test_a_server_takes_files_itself_and_sends_them_nowhere_else() -> None:
    """Its own address has no host in it; another host, and a folder of this machine that it names, are refused."""
    here = places(Path("outputs"), uri="HTTP://me:secret@host:5000")
    assert here.checked("mlflow-artifacts:/1/a/artifacts", "e") == Elsewhere(
        "mlflow-artifacts:/1/a/artifacts", "http://me:secret@host:5000"
    )
    for other in (
        "mlflow-artifacts://evil/1",
        "mlflow-artifacts:/../1",
        "mlflow-artifacts:/%252e%252e/1",
        "/home/me/.ssh",
    ):
        with pytest.raises(NnexpError, match="keeps its artifacts"):
            here.checked(other, "e")


def test_a_folder_that_was_moved_is_told_so(outputs: Path) -> None:
    """The database says where the artifacts of the old place are; the message knows both."""
    with pytest.raises(
        NnexpError, match=r"another directory's.*moved or copied.*tracking\.artifacts=/old/outputs/artifacts "
    ):
        places(outputs).checked("file:///old/outputs/artifacts/a/artifacts", "nnexp")


@pytest.mark.parametrize("link", ["artifacts", "artifacts/1", "artifacts/1/artifacts"])
def test_a_link_in_the_artifacts_folder_leads_nowhere(link: str, outputs: Path) -> None:
    """A stranger's outputs/ may hold links to the user's folders."""
    (outputs / link).parent.mkdir(parents=True, exist_ok=True)
    (outputs / link).symlink_to(outputs.parent / "home")
    with pytest.raises(NnexpError, match="nobody has chosen that"):
        places(outputs).checked(f"file://{outputs}/artifacts/1/artifacts", "e")


def test_a_copy_goes_past_links_and_over_its_own_kind_only(outputs: Path) -> None:
    """Links in place of a folder, of the file and of its partial are not followed; the file is replaced in one step."""
    run, home, place = outputs / "run", outputs.parent / "home", Folder(outputs / "artifacts", ("1",))
    run.mkdir()
    (run / "cost.png").write_text("picture")
    (home / "mine").write_text("mine")
    place.put(run, "cost.png")
    into = outputs / "artifacts" / "1"
    (into / "cost.png").unlink()
    for name in ("cost.png", ".cost.png.partial"):
        (into / name).symlink_to(home / "mine")
    place.put(run, "cost.png")
    assert (into / "cost.png").read_text() == "picture"
    assert not (into / "cost.png").is_symlink()
    (into / "pictures").symlink_to(home)
    (run / "pictures").mkdir()
    (run / "pictures" / "a.png").write_text("x")
    with pytest.raises(OSError, match="Not a directory"):
        place.put(run, "pictures/a.png")
    assert {path.name: path.read_text() for path in home.iterdir()} == {"mine": "mine"}
    (run / "weights.npz").symlink_to(home / "mine")
    with pytest.raises(OSError, match="symbolic links"):
        place.put(run, "weights.npz")


def test_a_link_is_not_fetched(outputs: Path) -> None:
    """What a link in the artifacts folder leads to stays unread."""
    place = Folder(outputs / "artifacts", ("1",))
    (outputs / "artifacts" / "1").mkdir(parents=True)
    (outputs / "artifacts" / "1" / "weights.npz").symlink_to(outputs.parent / "secret")
    (outputs.parent / "secret").write_text("secret")
    with pytest.raises(OSError, match="symbolic links"):
        place.get("weights.npz", outputs.parent / "home")
    assert not list((outputs.parent / "home").iterdir())
