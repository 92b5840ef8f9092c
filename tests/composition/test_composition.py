"""A job of a sweep composed by the shortcut is the job that Hydra composes, down to the last flag."""

from __future__ import annotations

import shutil
import string
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from hydra._internal.callbacks import Callbacks
from hydra.errors import HydraException
from hydra.types import HydraContext
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from nnexp.basics.files import own_directory
from nnexp.composition import shortcut
from nnexp.composition.command import Command
from nnexp.composition.composed import plain
from nnexp.composition.loader import GuardedLoader
from nnexp.composition.patches import patched
from nnexp.errors import NnexpError
from tests.composed import Watched, in_full, loader, state, store, sweep

__all__ = ["store"]


def outcome(compose: Any, *arguments: Any) -> Any:
    """All that can be seen of a composed job, or the error's type and text."""
    try:
        config = compose(*arguments)
    except Exception as error:  # noqa: BLE001 (any, as long as it is the same)
        return type(error), str(error)
    return state(config), OmegaConf.to_yaml(config), plain(config)


def refusal(by: GuardedLoader, master: DictConfig, lines: list[str]) -> Any:
    """The error's type and text where a job is refused before the first begins; None where it is not."""
    try:
        by.validate(master, [lines])
    except Exception as error:  # noqa: BLE001
        return type(error), str(error)
    return None


GROUPS = {
    "dataset": ["moons", "digits", "diabetes", "csv", "sine"],
    "loss": ["mse", "cce", "bce", "auto"],
    "output": ["softmax", "auto", "identity"],
    "activation": ["tanh", "leaky_relu"],
    "optimizer": ["sgd", "batch", "minibatch"],
    "schedule": ["constant"],
    "initializer": ["normal", "file", "he"],
    "tracking": ["none", "mlflow"],
    "experiment": ["regression", "softmax_classifier", "digits_three_ways", "null"],
    "sweep": ["learning_rate", "activations", "null"],
    "hydra/launcher": ["basic", "joblib"],
}
KEYS = [
    *("epochs", "seed", "dtype", "shuffle", "patience", "keep", "log_every", "threads", "reuse"),
    *("network.hidden", "split.validation", "split.seed", "scale.features", "checkpoint.epochs"),
    *("optimizer.learning_rate", "optimizer.batch_size", "dataset.noise", "dataset.path", "initializer.std"),
    *("activation.slope", "tracking.uri", "tracking.experiment", "tracking.name", "loss.name"),
    *("sede", "network", "optimizer", "optimizer._target_", "hydra", "hydra.verbose", "hydra.job.name", "nosuch.key"),
    *("network.hidden.0", "hydra.run.dir", "hydra.searchpath", "experiment.x", "network[hidden]", "$x", "a/b"),
]
WORDS = [
    *("0", "1", "-3", "07", "1_000", "0.1", "1e-3", ".5", "5.", "-1E+2", "1e400", "inf", "-inf", "nan", "0x10"),
    *("true", "False", "yes", "on", "null", "", "none", "???", "relu", "float32", "minmax", "best", "a b", "é", "a:b"),
    *("'0.1'", '"quoted, text"', r"a\,b", r"'it\'s'", "'${seed}'", "${seed}", "${oc.env:HOME}", "${now:%Y}", r"\${x}"),
    *("[]", "[16]", "[30, 10]", "[a,'b c']", "[[1],2]", "[null]", "[${seed}]", "[{a:1}]", "{}", "{a:1}", "{name:sgd}"),
    *("1,2", "a,b", "range(3)", "choice(1,2)", "interval(0,1)", "glob(*)", "int(3.7)", "shuffle([1,2])", "sort([2,1])"),
    *("sqlite:///x.db", "sqlite:////tmp/x.db", "http://a", "postgresql://a/b", "[", "'", "a=b", "a,", "=", "  ", "\t1"),
]
good = st.one_of(
    st.builds("seed={}".format, st.integers(0, 9)),
    st.builds("optimizer.learning_rate={}".format, st.floats(1e-6, 1, allow_nan=False)),
    st.builds("epochs={}".format, st.integers(1, 9)),
    st.builds("network.hidden={}".format, st.lists(st.integers(1, 9), max_size=3)),
    st.sampled_from(["split.validation=0.25", "scale.features=minmax", "keep=best", "shuffle=false", "patience=3"]),
)
choice = st.sampled_from([f"{group}={name}" for group, names in GROUPS.items() for name in names])
value = st.one_of(st.sampled_from(WORDS), st.text(string.printable + "äß𝛼", max_size=4), st.floats().map(str))
wild = st.builds("{}{}={}".format, st.sampled_from(["", "", "", "+", "++", "~"]), st.sampled_from(KEYS), value)
bare = st.sampled_from(["~loss", "~network.hidden", "~seed", "loss", "+loss=mse", "loss@output=mse", "loss=nosuch", ""])
job = st.lists(st.one_of(good, good, choice, choice, wild, bare), max_size=6) | st.lists(
    st.one_of(good, choice), max_size=8
)
LOADERS: dict[str, tuple[Watched, DictConfig]] = {}


def kept(*lines: str) -> tuple[Watched, DictConfig]:
    """A loader and a sweep that last for the whole test, so that templates are met again."""
    words = " ".join(lines)
    if words not in LOADERS:
        by = loader()
        LOADERS[words] = by, sweep(by, *lines)
    return LOADERS[words]


@settings(max_examples=60, deadline=None)
@given(job, st.sampled_from([(), ("hydra.job.config.override_dirname.exclude_keys=[seed]", "hydra.verbose=true")]))
def test_the_shortcut_leads_where_hydra_does(lines: list[str], typed: tuple[str, ...]) -> None:
    """Whatever a job overrides, the result, or the error and its words, are those of the full composition."""
    by, master = kept(*typed)
    refused = refusal(by, master, lines)
    found = outcome(by.load_sweep_config, master, lines)
    assert found == outcome(in_full, by, master, lines)
    assert refused == (found if len(found) == 2 else None)


TRAPS = [
    ["seed=1", "++seed=2", "seed=3"],
    ["network.hidden=[5]", "network={hidden:[3]}"],
    ["optimizer.learning_rate=0.5", "~optimizer.learning_rate"],
    ["split.seed=${seed}", "seed=4"],
    ["optimizer.learning_rate=0.5", "optimizer=sgd", "seed=2"],
    ["optimizer=sgd", "optimizer=batch"],
    ["dataset=csv", "dataset.path=a.csv", "dataset.target=y"],
    ["tracking.uri=sqlite:////tmp/elsewhere.db"],
    ["epochs='3'", "network.hidden=['4']", "scale.features='minmax'"],
    ["hydra.job.name=other", "seed=1"],
    ["experiment=regression", "epochs=2", "optimizer.batch_size=4"],
    ["network=5", "network.hidden=[1]"],
    ["seed=1", "seed=2"],
    [],
]


@pytest.mark.parametrize("lines", TRAPS, ids=" ".join)
def test_traps(lines: list[str]) -> None:
    """Overrides of one key that meet, in every order Hydra allows, end as Hydra has them end."""
    by, master = kept()
    refused = refusal(by, master, lines)
    found = outcome(by.load_sweep_config, master, lines)
    assert found == outcome(in_full, by, master, lines)
    assert refused == (found if len(found) == 2 else None)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["seed=1", "sede=2"], "Did you mean 'seed'"),
        (["optimizer.learning_rate=-1"], "optimizer.learning_rate"),
        (["loss=mea"], "Did you mean 'mae'"),
        (["seed=abc"], "seed must be"),
        (["optimizer.name=sgd"], "Type optimizer=sgd"),
        (["dataset.noise=0.1"], "dataset"),
    ],
)
def test_a_mistake_is_told_as_ever(lines: list[str], words: str) -> None:
    """A job with a mistake is refused in the words of the full composition, before and after good jobs."""
    by, master = kept()
    for _ in range(2):
        with pytest.raises(NnexpError, match=words):
            by.load_sweep_config(master, lines)
        by.load_sweep_config(master, ["seed=1"])


def test_jobs_share_their_composition() -> None:
    """Sixty-four jobs with two plain values are one composition; another choice is one more."""
    by = loader()
    master = sweep(by)
    jobs = [[f"optimizer.learning_rate={rate / 10}", f"seed={seed}"] for rate in range(1, 9) for seed in range(8)]
    for lines in [*jobs, *([*each, "loss=mae"] for each in jobs)]:
        by.load_sweep_config(master, lines)
    assert (by.templates, by.full) == (2, 0)


def test_compositions_leave_the_files_that_they_share_as_they_were_read() -> None:
    """Each has copies: what it writes into them is in no other one, nor are flags and parents."""
    by = loader()
    master = sweep(by)
    for lines in (["loss=mse", "seed=1"], ["loss=mae"], ["optimizer=sgd", "dataset=digits"], ["experiment=regression"]):
        by.load_sweep_config(master, lines)
    shared = {path: found for path, found in by._read.items() if found}
    assert {"config", "experiment/regression", "hydra/output/default"} <= {*shared}
    for path, found in shared.items():
        alone = by.repository.load_config(path)
        assert alone is not None
        assert found.config._get_parent() is None
        assert state(found.config) == state(alone.config), path


def test_jobs_are_independent() -> None:
    """What happens to one job's configuration reaches neither the next job nor its template."""
    by = loader()
    master = sweep(by)
    first = by.load_sweep_config(master, ["seed=1"])
    before = state(first)
    OmegaConf.set_readonly(first.hydra, True)
    OmegaConf.set_struct(first, False)
    first.network.hidden.append(3)
    first.more = {"a": 1}
    assert state(by.load_sweep_config(master, ["seed=1"])) == before


def test_the_environment_is_read_for_every_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """hydra.job.env_copy and the working directory are those of the moment, as with Hydra."""
    by = loader()
    monkeypatch.setenv("NNEXP_TEST", "none")
    master = sweep(by, "hydra.job.env_copy=[NNEXP_TEST]", "+hydra.job.env_set.OTHER=1")
    for value in ("one", "two"):
        monkeypatch.setenv("NNEXP_TEST", value)
        monkeypatch.chdir(tmp_path)
        job = by.load_sweep_config(master, ["seed=1"])
        assert (job.hydra.job.env_set.NNEXP_TEST, job.hydra.runtime.cwd) == (value, str(tmp_path))
        tmp_path = tmp_path / "deeper"
        tmp_path.mkdir()


def test_times_and_random_words_are_the_sweeps() -> None:
    """``${now:}`` and ``${nnexp.hex:}`` are for all jobs what they were for the sweep."""
    by = loader()
    master = sweep(by)
    where = master.hydra.sweep.dir
    assert {by.load_sweep_config(master, [f"seed={seed}"]).hydra.sweep.dir for seed in range(3)} == {where}


def test_a_sweep_keeps_the_configuration_it_began_with(tmp_path: Path) -> None:
    """A file that is edited in the middle of a sweep changes none of the jobs whose like was composed, here or elsewhere."""
    conf = tmp_path / "conf"
    shutil.copytree(own_directory(), conf)
    by = loader(conf)
    master = sweep(by)
    before = OmegaConf.to_yaml(by.load_sweep_config(master, ["seed=1"]))
    file = conf / "config.yaml"
    file.write_text(file.read_text().replace("epochs: 80", "epochs: 7"))
    elsewhere: Any = cloudpickle.loads(cloudpickle.dumps(by))  # as a launcher's worker gets it
    assert OmegaConf.to_yaml(by.load_sweep_config(master, ["seed=1"])) == before
    assert OmegaConf.to_yaml(elsewhere.load_sweep_config(master, ["seed=1"])) == before
    assert by.load_sweep_config(master, ["seed=1", "loss=mae"]).epochs == 80
    assert elsewhere.load_sweep_config(master, ["seed=1", "loss=mae"]).epochs == 7


def test_templates_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many choices a sweep goes round, the loader keeps a bounded number, and those that it keeps serve."""
    monkeypatch.setattr(shortcut, "MOST", 3)
    by = loader()
    master = sweep(by)
    choices = [[f"activation={name}", "epochs=3"] for name in ("relu", "tanh", "sigmoid", "identity", "leaky_relu")]
    for lines in choices:
        by.load_sweep_config(master, lines)
    assert (by.templates, len(by._templates._made)) == (5, 3)
    for lines in [*choices[:2], choices[-1]]:
        by.load_sweep_config(master, lines)
    assert (by.templates, by.full) == (5, 0)


def test_the_basic_sweeper_validates_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra's sweeper, which asks of every job before the first is launched whether it can be composed, has none made."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper  # Hydra loads it anew when it looks for plugins

    by = loader()
    sweeper = BasicSweeper(max_batch_size=None)
    sweeper.hydra_context, sweeper.config = HydraContext(by, Callbacks()), sweep(by)
    monkeypatch.setattr(shortcut.Templates, "job", None)
    with patched(Command()):
        sweeper.validate_batch_is_legal([["optimizer.learning_rate=0.1", f"seed={seed}"] for seed in range(100)])
        assert (by.templates, by.full) == (1, 0)
        with pytest.raises(NnexpError, match="seed must be"):
            sweeper.validate_batch_is_legal([["seed=1"], ["seed=abc"]])


def test_a_job_is_refused_for_what_it_refers_to(tmp_path: Path) -> None:
    """Where a file's keys refer to others, what is checked before the first job are the values that each would have."""
    conf = tmp_path / "conf"
    shutil.copytree(own_directory(), conf)
    file = conf / "config.yaml"
    file.write_text(file.read_text().replace("epochs: 80", "epochs: ${seed}"))
    by = loader(conf)
    master = sweep(by, "seed=1")
    by.validate(master, [["seed=1"], ["seed=2"]])
    with pytest.raises(NnexpError, match="epochs must be an int at least 1"):
        by.validate(master, [["seed=3"], ["seed=0"]])


numbers = st.integers().map(str) | st.floats(allow_nan=False).map(str) | st.floats().map("{:e}".format)
odd = st.from_regex(r"[-+]?[0-9]{0,3}\.?[0-9]{0,3}(e[-+]?[0-9]{0,2})?", fullmatch=True)


@given(st.sampled_from(["seed", "optimizer.learning_rate", "a_1.b2.C", "network.0", "true", "E5"]), numbers | odd)
def test_a_number_is_read_as_hydra_reads_it(key: str, typed: str) -> None:
    """The same override, of the same type to the last bit, as Hydra's parser makes of the word; or left to that parser."""
    line = f"{key}={typed}"
    try:
        theirs = shortcut.parser().parse_override(line)
    except HydraException:
        with pytest.raises((HydraException, shortcut.Doubt)):
            shortcut.read(line)
        return
    ours = shortcut.read(line)
    assert (repr(ours), type(ours.value())) == (repr(theirs), type(theirs.value()))
