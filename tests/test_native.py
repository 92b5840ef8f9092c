"""``engine=native`` from its wheel: built, installed beside nnexp's wheel, its own tests, and what a user types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.command import result, runs, sweeps
from tests.forked import Forked
from tests.fresh import Fresh, made, need_compiler, own_tests


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """An environment with the wheels of nnexp, of the plugins that native has code for, and its own."""
    need_compiler()
    names = ["nnexp", "nnexp-activations", "nnexp-losses", "nnexp-optimizers", "nnexp-native"]
    return made(tmp_path_factory.mktemp("fresh"), names)


@pytest.fixture(scope="module")
def forked(fresh: Fresh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forked]:
    """What starts its commands."""
    with Forked(tmp_path_factory.mktemp("said"), python=fresh.python) as forked:
        yield forked


def nnexp(forked: Forked, place: Path, *words: str) -> str:
    """What a command that ends well prints."""
    ended = forked.nnexp(words, place, seconds=300)
    assert ended.code == 0, ended.out + ended.err
    return ended.out


def test_its_own_tests_pass(fresh: Fresh, tmp_path: Path) -> None:
    """The distribution's tests pass against the wheel, the conformance kit among them."""
    ended = own_tests("nnexp-native", fresh, tmp_path)
    assert ended.code == 0, ended.out + ended.err


def test_auto_takes_it(forked: Forked, tmp_path: Path) -> None:
    """With engine=auto the run is native's, its target decided, by the terminal, config.yaml, recorded parameters and tags."""
    out = nnexp(forked, tmp_path, "engine=auto", "epochs=3", "dataset=digits", "tracking=none")
    (run,) = runs(tmp_path)
    engine = yaml.safe_load((run / "config.yaml").read_text())["engine"]
    assert engine["name"] == "native"
    assert engine["target"] != "auto"
    assert f"engine   native (target {engine['target']}, matmul simd), auto" in out
    opened = json.loads((run / "journal.jsonl").read_text().splitlines()[0])["opened"]
    assert opened["params"]["engine"] == "native"
    assert opened["params"]["engine.target"] == engine["target"]
    assert opened["tags"]["nnexp.engine"] == f"native (target {engine['target']}, matmul simd), auto"


def test_the_same_numbers_as_numpy(forked: Forked, tmp_path: Path) -> None:
    """A run of 30 epochs ends where NumPy's ends, but for rounding, in its metrics, its weights and its kept epoch."""
    for engine in ("numpy", "native"):
        words = [
            f"engine={engine}",
            "dataset=wine",
            "epochs=30",
            "tracking=none",
            "keep=best",
            f"hydra.run.dir={engine}",
        ]
        nnexp(forked, tmp_path, *words)
    left, right = (result(tmp_path / engine) for engine in ("numpy", "native"))
    assert left["kept_epoch"] == right["kept_epoch"]
    for name, values in left["history"].items():
        assert np.allclose(values, right["history"][name], rtol=1e-8, atol=1e-10)
    weights = [np.load(tmp_path / engine / "weights.npz") for engine in ("numpy", "native")]
    for name in weights[0].files:
        assert np.allclose(weights[0][name], weights[1][name], rtol=0, atol=1e-10)


def test_alone_in_a_sweep_and_resumed(forked: Forked, tmp_path: Path) -> None:
    """The same bits alone, as a job among others, and from two parts that a resume puts together."""
    words = ["engine=native", "optimizer=adam", "dataset=wine", "tracking=none"]
    nnexp(forked, tmp_path, *words, "epochs=20", "seed=1", "hydra.run.dir=alone")
    nnexp(forked, tmp_path, "-m", *words, "epochs=20", "seed=0,1,2")
    nnexp(forked, tmp_path, *words, "epochs=8", "seed=1", "checkpoint.epochs=8", "hydra.run.dir=parts")
    nnexp(forked, tmp_path, "resume", "parts", "epochs=20")
    (sweep,) = sweeps(tmp_path)
    whole = (tmp_path / "alone" / "weights.npz").read_bytes()
    assert (sweep / "1" / "weights.npz").read_bytes() == whole
    assert (tmp_path / "parts" / "weights.npz").read_bytes() == whole


def test_a_target_that_is_not_there(forked: Forked, tmp_path: Path) -> None:
    """A run whose target the processor lacks is refused in one line, also when it is resumed, and leaves nothing behind."""
    ended = forked.nnexp(["engine=native", "engine.target=neon", "tracking=none"], tmp_path)
    if ended.code == 0:
        pytest.skip("this processor has all targets")
    assert ended.code == 1
    assert ended.err.count("\n") == 1
    assert "engine.target=neon" in ended.err
    assert "Type engine.target=auto" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_what_it_has_no_code_for(forked: Forked, tmp_path: Path) -> None:
    """A plugin of somebody else's is refused by name with engine=native, and left to NumPy, with the reason, by auto."""
    nnexp(forked, tmp_path, "new", "activation", "mine")
    source = tmp_path / "nnexp-mine" / "src"
    info = source / "nnexp_mine-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: nnexp-mine\nVersion: 0.1.0\nRequires-Dist: nnexp>=0.1\n"
    )
    (info / "entry_points.txt").write_text("[nnexp.activation]\nmine = nnexp_mine:Mine\n")
    words = ["activation=mine", "tracking=none", "epochs=2"]
    ended = forked.nnexp([*words, "engine=native"], tmp_path, PYTHONPATH=str(source))
    assert ended.code == 1
    assert "engine=native has no code for activation" in ended.err.replace("the activation", "activation")
    assert "Mine" in ended.err
    ended = forked.nnexp([*words, "engine=auto"], tmp_path, PYTHONPATH=str(source))
    assert ended.code == 0, ended.err
    assert "engine   numpy, auto; engine=native has no code for" in ended.out


def test_the_sweep_of_products(forked: Forked, tmp_path: Path) -> None:
    """-m sweep=matmul trains with NumPy and three products of native's, and ends with their times and a picture."""
    out = nnexp(forked, tmp_path, "-m", "sweep=matmul", "epochs=3", "tracking=none")
    (sweep,) = sweeps(tmp_path)
    assert "4 jobs: 4 finished" in out
    for words in (
        "engine=numpy",
        "engine=native_naive",
        "engine=native_blocked",
        "engine=native",
        "predict",
        "1000",
        "share",
    ):
        assert words in out
    times = [result(sweep / str(job))["metrics"] for job in range(4)]
    for each in times:
        assert 0 < each["time/products_share"] < 1
        assert all(each[f"time/{name}"] > 0 for name in ("epoch", "predict_1", "predict_1000"))
    assert (sweep / "comparison.png").stat().st_size > 20_000
