"""Tables from a real HTTP server on 127.0.0.1, and from the cache: what comes out of them and what is refused."""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import json
import os
import threading
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from nnexp_openml import OpenML
from nnexp_openml.cache import directory
from nnexp_openml.client import Client, allowed
from sklearn.datasets import load_iris

from nnexp.errors import NnexpError
from nnexp.plugin import Data

if TYPE_CHECKING:
    from conftest import Server

RECORDED = Path(__file__).parent / "recorded"
TEXTS = ("name", "ticket", "cabin", "boat", "body", "home.dest")
"""Columns of the Titanic's table that are no categories, or nearly empty."""


def load(table: str, **given: Any) -> Data:
    """The data, as a run loads them."""
    return OpenML(table=table, **given).load(np.random.default_rng(0))


def refusal(table: str, **given: Any) -> str:
    """The one message that a table is refused with."""
    with pytest.raises(NnexpError) as caught:
        load(table, **given)
    message = str(caught.value)
    assert "\n" not in message
    return message


def digest(data: Data) -> str:
    """All of the data in one text."""
    described = repr(
        (data.names, data.task, data.classes, data.target, dict(data.categories), data.x.dtype, data.y.dtype)
    )
    return hashlib.sha256(described.encode() + data.x.tobytes() + data.y.tobytes()).hexdigest()


def rows_of(name: str) -> list[list[str]]:
    """The cells of a recorded table, read by Python's csv module."""
    text = gzip.decompress((RECORDED / f"{name}.arff.gz").read_bytes()).decode()
    lines = text[text.lower().index("@data") :].splitlines()[1:]
    return list(csv.reader((line for line in lines if line and not line.startswith("%")), skipinitialspace=True))


class TestLoading:
    """What comes out of tables that are fine."""

    def test_iris(self, server: Server) -> None:
        """OpenML's iris is scikit-learn's, apart from the two flowers that UCI's copy has other than Fisher's paper."""
        data = load("iris")
        x, y = load_iris(return_X_y=True)
        assert np.flatnonzero((data.x != x).any(axis=1)).tolist() == [34, 37]
        np.testing.assert_array_equal(data.x[[34, 37]], [[4.9, 3.1, 1.5, 0.1]] * 2)
        np.testing.assert_array_equal(data.y, y)
        assert data.names == ("sepallength", "sepalwidth", "petallength", "petalwidth")
        assert data.classes == ("Iris-setosa", "Iris-versicolor", "Iris-virginica")
        assert (data.task, data.target, data.categories) == ("multiclass", "class", {})
        assert len(server.requests) == 5

    def test_a_nominal_feature(self, server: Server) -> None:
        """A nominal column becomes categories, in the order of their texts; a numeric target is a regression."""
        data = load("cpu")
        rows = rows_of("cpu")
        vendors = sorted({row[0] for row in rows})
        assert data.categories == {"vendor": tuple(vendors)}
        np.testing.assert_array_equal(data.x[:, 0], [vendors.index(row[0]) for row in rows])
        np.testing.assert_array_equal(data.x[:, 1:], [[float(cell) for cell in row[1:-1]] for row in rows])
        np.testing.assert_array_equal(data.y, [float(row[-1]) for row in rows])
        assert (data.task, data.classes) == ("regression", ())
        assert server.requests

    def test_missing_values_and_numbers_as_classes(self, server: Server) -> None:
        """Rows that miss a value can be left out; classes that look like numbers are classes."""
        data = load("titanic", drop=TEXTS, missing="drop")
        names = ["pclass", "survived", "name", "sex", "age", "sibsp", "parch", "ticket", "fare", "cabin", "embarked"]
        kept = ["pclass", "sex", "age", "sibsp", "parch", "fare", "embarked"]
        rows = [dict(zip(names, row, strict=False)) for row in rows_of("titanic")]
        complete = [row for row in rows if "?" not in [row[name] for name in kept]]
        assert (len(rows), len(complete)) == (1309, 1043)
        assert data.names == tuple(kept)
        np.testing.assert_array_equal(data.x[:, 2], [float(row["age"]) for row in complete])
        np.testing.assert_array_equal(data.x[:, 1], [["female", "male"].index(row["sex"]) for row in complete])
        np.testing.assert_array_equal(data.y, [int(row["survived"]) for row in complete])
        assert (data.task, data.classes) == ("binary", ("0", "1"))
        assert data.categories == {"sex": ("female", "male"), "embarked": ("C", "Q", "S")}
        assert server.requests

    def test_another_target_and_task(self, server: Server) -> None:
        """``target`` may be any column, and OpenML's own is a feature then; ``task`` may be said."""
        data = load("iris", target="sepalwidth")
        assert (data.task, data.target, data.names[-1]) == ("regression", "sepalwidth", "class")
        server.make("counts", {"a": "numeric", "y": "numeric"}, [f"{n},{n % 3}" for n in range(12)])
        assert load("counts").task == "multiclass"
        assert load("counts", task="regression").task == "regression"

    def test_columns_of_every_type(self, server: Server) -> None:
        """Row identifiers are left out; numbers of a nominal column are categories; quotes are no part of a text."""
        server.make(
            "mixed",
            {"id": "numeric!", "a": "numeric", "code": "nominal", "city": "string", "y": "numeric"},
            ["1,2.5,10,'New York',1.5", "2,3,9,Bern,2.5", "3,4,10,Bern,7.5"],
            types={"id": "INTEGER", "code": "{9,10}", "city": "STRING"},
        )
        data = load("mixed")
        assert data.names == ("a", "code", "city")
        assert data.categories == {"code": ("10", "9"), "city": ("Bern", "New York")}
        np.testing.assert_array_equal(data.x, [[2.5, 0, 1], [3, 1, 0], [4, 0, 0]])

    def test_from_the_cache(self, server: Server) -> None:
        """From the cache come the same data, digit by digit, without a request and without OpenML being there."""
        first = [digest(load("iris")), digest(load("titanic", drop=TEXTS, missing="drop")), digest(load("cpu"))]
        server.requests.clear()
        server.stop()
        assert [digest(load("iris")), digest(load("titanic", drop=TEXTS, missing="drop")), digest(load("cpu"))] == first
        assert server.requests == []

    def test_loaded_anew(self, server: Server, cache: Path) -> None:
        """A cache that was deleted gives the same data again, and the checksum is kept."""
        first = digest(load("iris"))
        (kept,) = cache.rglob("iris-1.parquet")
        checksum = kept.with_name("iris-1.sha256").read_text()
        kept.unlink()
        assert digest(load("iris")) == first
        assert kept.with_name("iris-1.sha256").read_text() == checksum
        assert len(server.requests) == 10

    def test_capitals(self, server: Server) -> None:
        """OpenML's names are the same in capitals, in the cache, too."""
        load("iris")
        server.requests.clear()
        assert load("IRIS").task == "multiclass"
        assert server.requests == []

    def test_where_the_cache_is(self, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each server has a directory of its own, so that a mirror's tables never pass for OpenML's."""
        host = server.address.removeprefix("http://").replace(":", "_")
        assert directory() == cache / "nnexp" / "openml" / host
        monkeypatch.delenv("NNEXP_OPENML_SERVER")
        assert directory() == cache / "nnexp" / "openml" / "openml.org"
        monkeypatch.setenv("NNEXP_OPENML_SERVER", "https://mirror.example/open/ml/")
        assert directory() == cache / "nnexp" / "openml" / "mirror.example_open_ml"
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert directory().is_relative_to(Path.home())

    def test_a_deactivated_version(self, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
        """A version that OpenML has deactivated is found, and OpenML's reason to doubt it is passed on."""
        server.make("old", {"a": "numeric", "y": "numeric"}, ["1,1.5", "2,2.5", "3,3.5"], status="deactivated")
        path = "/api/v1/json/data/list/data_name/old/limit/2/data_version/1"
        server.replies[f"{path}/status/deactivated"] = server.replies.pop(path)
        assert load("old").task == "regression"
        loading, doubt = capsys.readouterr().err.splitlines()
        assert loading.startswith("note: loading OpenML's old (version 1) from 127.0.0.1:")
        assert doubt.startswith("note: Version 1 of dataset old is inactive, meaning that issues have been found ")

    def test_redirections_within_openml(self, server: Server) -> None:
        """OpenML may move a table's file to another of its hosts."""
        path = "/data/v1/download/61/iris.arff"
        server.replies["/moved"] = server.replies[path]
        server.replies[path] = replace(
            server.replies[path], status=302, headers={"Location": "https://data.openml.org/moved"}, body=b""
        )
        assert load("iris").x.shape == (150, 4)
        assert "/moved" in server.requests

    def test_packed_answers(self, server: Server) -> None:
        """Answers are taken packed and as they are."""
        for path, reply in server.replies.items():
            server.replies[path] = replace(reply, packed=not reply.packed)
        assert load("iris").x.shape == (150, 4)


class TestRefusals:
    """Each is one message that names the table, says why and what to type."""

    def test_unknown_table(self, server: Server) -> None:
        """OpenML's status 412 means that there is no such table or version."""
        assert refusal("irsi") == (
            "OpenML has no table 'irsi' with version 1. Look for it at https://www.openml.org/search?type=data&q=irsi and "
            "type dataset.table=NAME dataset.version=N"
        )
        assert refusal("iris", version=9).startswith("OpenML has no table 'iris' with version 9.")
        assert server.requests[-1].endswith("data_name/iris/limit/2/data_version/9/status/deactivated")

    def test_offline(self, server: Server, cache: Path) -> None:
        """Without a network, the host and the cache are named."""
        server.stop()
        host = server.address.removeprefix("http://")
        reason = f"[Errno {errno.ECONNREFUSED}] {os.strerror(errno.ECONNREFUSED)}"
        assert refusal("iris") == (
            f"OpenML's iris (version 1) is not in the cache {cache}/nnexp/openml/{host.replace(':', '_')}, and {host} cannot "
            f"be reached ({reason}). Type the command again with a network; once loaded, a table needs "
            "none."
        )
        assert not cache.exists()

    def test_a_server_that_says_nothing(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        """A server that does not answer in time is given up."""
        monkeypatch.setattr("nnexp_openml.client.TIMEOUT", 0.05)
        path = "/api/v1/json/data/61"
        server.replies[path] = replace(server.replies[path], pause=0.3)
        assert "cannot be reached (timed out). Type the command again with a network;" in refusal("iris")

    @pytest.mark.parametrize(("status", "reason"), [(404, "Not Found"), (500, "Internal Server Error")])
    @pytest.mark.parametrize("place", ["/api/v1/json/data/list/", "/api/v1/json/data/61", "/data/v1/download"])
    def test_server_errors(self, status: int, reason: str, place: str, server: Server, cache: Path) -> None:
        """Whichever of OpenML's answers is an error, it is named at once, and nothing is kept."""
        (path,) = (
            each
            for each in server.replies
            if each.startswith(place) and each.endswith(("iris.arff", "/61", "ris/limit/2/data_version/1"))
        )
        server.replies[path] = replace(server.replies[path], status=status)
        message = refusal("iris")
        assert message.startswith("OpenML's iris (version 1) is not in the cache ")
        assert message.endswith(
            f", and OpenML answered {status} {reason} to {server.address}{path}. Type the command again later."
        )
        assert server.requests.count(path) == 1
        assert not cache.exists()

    @pytest.mark.parametrize("packed", [False, True])
    @pytest.mark.parametrize("name", ["/api/v1/json/data/61", "/data/v1/download/61/iris.arff"])
    def test_cut_answers(self, name: str, packed: bool, server: Server, cache: Path) -> None:
        """An answer that ends early is told by its length, expected and received, and nothing is kept."""
        server.replies[name] = replace(server.replies[name], cut=100, packed=packed)
        message = refusal("iris")
        assert "cannot be reached (its answer ended after 100 of " in message
        assert not cache.exists()
        server.replies[name] = replace(server.replies[name], cut=None)
        assert load("iris").x.shape == (150, 4)

    def test_another_md5(self, server: Server) -> None:
        """A file that is not the one OpenML's description gives the MD5 checksum of is refused."""
        path = "/data/v1/download/61/iris.arff"
        body = server.replies[path].body.replace(b"5.1,3.5", b"9.1,3.5")
        server.replies[path] = replace(server.replies[path], body=body)
        message = refusal("iris")
        host = server.address.removeprefix("http://")
        assert message.startswith(
            f"OpenML's iris (version 1) cannot be read from what {host} answered (ValueError: The md5 checksum of the file "
        )
        assert "expected ad484452702105cbf3d30f8deaba39a9 but got " in message
        assert message.endswith("Nothing of it was kept. Type the command again, or choose another dataset.version.")

    @pytest.mark.parametrize(
        "body", [b"<html>Please log in</html>", b"", b"[]", b'{"data": {}}', b'{"data": {"dataset": []}}']
    )
    def test_answers_that_are_not_openml(self, body: bytes, server: Server) -> None:
        """What answers in OpenML's place, such as a page to log in, is refused without a traceback."""
        for path in server.replies:
            server.replies[path] = replace(server.replies[path], body=body)
        message = refusal("iris")
        assert message.startswith("OpenML's iris (version 1) cannot be read from what 127.0.0.1:")
        assert message.endswith("Nothing of it was kept. Type the command again, or choose another dataset.version.")

    @pytest.mark.parametrize("rows", [["1,2", "3"], ["1,2,3", "4,5,6"], ["a,b", "c,d"], []])
    def test_files_that_do_not_fit(self, rows: list[str], server: Server) -> None:
        """A file without rows, with more or fewer cells, or with texts for numbers is refused."""
        server.make("odd", {"a": "numeric", "y": "numeric"}, rows)
        assert refusal("odd").startswith("OpenML's odd (version 1) cannot be read from what 127.0.0.1:")

    def test_a_sparse_table(self, server: Server) -> None:
        """Sparse tables are named as such."""
        server.make(
            "sparse",
            {"a": "numeric", "y": "numeric"},
            ["{0 1, 1 2}", "{1 3}"],
            format="Sparse_ARFF",
        )
        assert refusal("sparse") == (
            "OpenML's sparse (version 1) is a sparse table; nnexp takes dense ones. Choose another one."
        )

    def test_no_and_several_targets(self, server: Server) -> None:
        """Where OpenML names no target or several, the columns to choose from are listed; then the choice works."""
        rows = ["1,1.5", "2,2.5", "3,3.5"]
        server.make("free", {"a": "numeric", "y": "numeric"}, rows, target=None)
        assert refusal("free") == (
            "OpenML's free (version 1) has no target of its own. Type dataset.target=COLUMN; its columns: a, y."
        )
        assert load("free", target="y").target == "y"
        server.make("both", {"a": "numeric", "b": "numeric", "y": "numeric"}, ["1,2,3", "2,3,4"], target="b,y")
        assert refusal("both").startswith(
            "OpenML's both (version 1) has several targets (b,y). Type dataset.target=COLUMN; "
        )

    def test_a_column_that_is_not_there(self, server: Server) -> None:
        """A target's name is looked up among the columns, as csv does it."""
        assert server.replies
        assert refusal("iris", target="clas") == (
            "OpenML's iris (version 1) has no column 'clas', which dataset.target names. Did you mean 'class'? Its columns: "
            "sepallength, sepalwidth, petallength, petalwidth, class."
        )

    def test_missing_values_and_identifiers(self, server: Server) -> None:
        """Both are refused in csv's words, and what the messages say to type works in the end."""
        assert server.replies
        assert refusal("titanic").startswith(
            "OpenML's titanic (version 1): 3,855 values are missing, the first in column 'age' in row 16 "
        )
        message = refusal("titanic", missing="drop", drop=TEXTS[2:])
        assert message.endswith(
            "looks like an identifier or free text, not like categories. To leave the column out, type "
            "dataset.drop=[cabin,boat,body,home.dest,name]."
        )
        assert len(load("titanic", missing="drop", drop=TEXTS).y) == 1043

    def test_the_table_has_changed_at_openml(self, server: Server, cache: Path) -> None:
        """A table that OpenML replaced is refused after the cache was deleted, until its checksum is deleted as well."""
        columns = {"a": "numeric", "y": "numeric"}
        server.make("moving", columns, ["1,1.5", "2,2.5", "3,3.5"])
        load("moving")
        (kept,) = cache.rglob("moving-1.parquet")
        kept.unlink()
        server.make("moving", columns, ["1,1.5", "2,2.5", "3,9.5"])
        message = refusal("moving")
        assert message.startswith(
            "OpenML's moving (version 1) is not the table that was first loaded here: its SHA-256 is "
        )
        assert message.endswith(
            f"To load it anew, delete the latter; to accept it as it is now, delete {kept.with_name('moving-1.sha256')}. Then "
            "type the command again."
        )
        assert not kept.exists()
        kept.with_name("moving-1.sha256").unlink()
        np.testing.assert_array_equal(load("moving").y, [1.5, 2.5, 9.5])

    @pytest.mark.parametrize("change", ["value", "name", "type", "target", "order"])
    def test_the_cached_table_has_changed(self, change: str, server: Server, cache: Path) -> None:
        """Any change of the cached table is refused: of a value, a name, a type, the target or the order of rows."""
        load("iris")
        (kept,) = cache.rglob("iris-1.parquet")
        frame = pd.read_parquet(kept)
        attributes = dict(frame.attrs)
        if change == "value":
            frame["sepalwidth"] = frame["sepalwidth"].where(frame.index != 3, 3.1 + 1e-9)
        elif change == "name":
            frame = frame.rename(columns={"sepalwidth": "sepalwidht"})
        elif change == "type":
            frame["petalwidth"] = frame["petalwidth"].astype(str)
        elif change == "order":
            frame = frame[::-1].reset_index(drop=True)
        else:
            attributes = {"target": "petalwidth"}
        frame.attrs = attributes
        frame.to_parquet(kept)
        assert "is not the table that was first loaded here" in refusal("iris")
        kept.unlink()
        assert load("iris").target == "class"
        assert server.requests

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"a,b\n1,2\n"])
    def test_a_damaged_cache(self, content: bytes, server: Server, cache: Path) -> None:
        """A cached file that is no table is named; deleted, as the message says, it is loaded anew."""
        load("iris")
        (kept,) = cache.rglob("iris-1.parquet")
        kept.write_bytes(content)
        message = refusal("iris")
        assert message.startswith(f"The cached table {kept} cannot be read (")
        assert message.endswith("Delete it and type the command again to load it anew.")
        kept.unlink()
        assert load("iris").target == "class"
        assert len(server.requests) == 10

    def test_a_cache_that_cannot_be_written(self, server: Server, cache: Path) -> None:
        """Where the cache's directory cannot be made, the message says how to choose another."""
        cache.write_text("a file, not a directory")
        message = refusal("iris")
        assert message.startswith(f"{cache}/nnexp/openml/")
        assert message.endswith(
            "cannot be written (Not a directory). Type XDG_CACHE_HOME=DIRECTORY before the command, with a directory of yours."
        )
        assert server.requests


class TestWhereRequestsGo:
    """A configuration from a stranger, or a table from one, cannot make requests anywhere else."""

    @pytest.mark.parametrize(
        "url",
        [
            "http://169.254.169.254/latest",
            "https://openml.org.evil.example/x",
            "https://notopenml.org/x",
            "file:///etc/passwd",
        ],
    )
    def test_a_table_that_lies_elsewhere(self, url: str, server: Server) -> None:
        """A description whose file is at another host, or on this machine, is refused before it is asked."""
        server.make("trap", {"a": "numeric", "y": "numeric"}, ["1,2", "3,4"], url=f"{server.address}/trap")
        description = json.loads(server.replies["/api/v1/json/data/7"].body)
        description["data_set_description"]["url"] = url
        server.replies["/api/v1/json/data/7"] = replace(
            server.replies["/api/v1/json/data/7"], body=json.dumps(description).encode()
        )
        assert refusal("trap") == (
            f"The table's description points to {url}, which is not at openml.org: refused. Download the file yourself if you "
            "trust it, and type dataset=csv dataset.path=FILE"
        )

    def test_a_redirection_elsewhere(self, server: Server) -> None:
        """A redirection to another host is not followed."""
        path = "/data/v1/download/61/iris.arff"
        server.replies[path] = replace(server.replies[path], status=302, headers={"Location": "http://127.0.0.1:9/x"})
        assert refusal("iris").startswith(
            "The table's description points to http://127.0.0.1:9/x, which is not at openml.org"
        )

    @pytest.mark.parametrize(
        "table", ["../../x", "iris/limit/9", "iris?a=b", "", " iris", "a b", "-x", "%2e%2e", "a\nb", "ä"]
    )
    def test_names_that_are_no_names(self, table: str) -> None:
        """A name that would change the address or the file's place is refused before anything is done."""
        with pytest.raises(NnexpError, match=r"^dataset\.table must be a table's name at OpenML: "):
            OpenML(table=table)

    @pytest.mark.parametrize(
        "table", ["iris", "mnist_784", "credit-g", "BNG(tic-tac-toe)", "kin8nm", "2dplanes", "a.b,c+d"]
    )
    def test_names_that_are_names(self, table: str) -> None:
        """Names as OpenML has them are taken."""
        assert OpenML(table=table).table == table

    def test_openml_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without a mirror, OpenML's hosts are asked by https, whatever else an address contains."""
        monkeypatch.delenv("NNEXP_OPENML_SERVER", raising=False)
        for given, asked in {
            "https://www.openml.org/api/v1/json/data/61": "https://www.openml.org/api/v1/json/data/61",
            "http://data.openml.org/x?a=1": "https://data.openml.org/x?a=1",
            "http://openml.org/x": "https://openml.org/x",
            "https://user:secret@api.openml.org:8443/x": "https://api.openml.org/x",
        }.items():
            assert allowed(given) == asked
        for given in ("http://127.0.0.1/x", "ftp://www.openml.org/x", "https://openml.org@127.0.0.1/x", "https:///x"):
            with pytest.raises(NnexpError, match=r"which is not at openml[.]org: refused"):
                allowed(given)

    @pytest.mark.parametrize(
        "given", ["127.0.0.1:8000", "file:///x", "http://", "http://a/?b", "ftp://a", "http://u:p@a"]
    )
    def test_a_mirror_that_is_none(self, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """The environment variable has to hold an address."""
        monkeypatch.setenv("NNEXP_OPENML_SERVER", given)
        assert refusal("iris").startswith("NNEXP_OPENML_SERVER must be an address such as http://127.0.0.1:8000. Got ")

    def test_other_threads_are_left_alone(self, server: Server, tmp_path: Path) -> None:
        """While a table is fetched, other threads' ``urlopen`` asks whom it likes; afterwards everything is as it was."""
        url, answers = f"{server.address}/api/v1/json/data/61", []

        def other() -> None:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (the server above)
                answers.append(answer.status)

        before = urllib.request.build_opener()
        urllib.request.install_opener(before)
        try:
            with Client(tmp_path, "why").installed():
                thread = threading.Thread(target=other)
                thread.start()
                thread.join()
                with pytest.raises(NnexpError, match=r"which is not at openml[.]org"):
                    urllib.request.urlopen("http://127.0.0.1:9/", timeout=10)
            assert vars(urllib.request)["_opener"] is before
        finally:
            urllib.request.install_opener(None)
        assert answers == [200]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"version": 0}, "dataset.version must be an int at least 1. Got 0."),
        ({"task": "both"}, "dataset.task must be one of auto, regression, binary, multiclass. Got 'both'."),
        ({"missing": "fill"}, "dataset.missing must be one of refuse, drop. Got 'fill'."),
    ],
)
def test_fields(given: dict[str, Any], message: str) -> None:
    """Fields are typed and bounded."""
    with pytest.raises(NnexpError) as caught:
        OpenML(table="iris", **given)
    assert str(caught.value) == message
