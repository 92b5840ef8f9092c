"""Wrong input: one clear message, exit code 1, no traceback, nothing left behind. Real processes."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from nnexp.__main__ import refused_by_the_system
from tests.command import ROOT, nnexp

CASES = [
    ("loss=maee", "No loss 'maee'. Did you mean 'mae'? Available: auto, bce, cce, mae, mse."),
    ("activation=linear", "No activation 'linear'. nnexp calls it 'identity'."),
    ("output=sigmoit", "No output 'sigmoit'. Did you mean 'sigmoid'?"),
    ("activatoin=relu", "No option group or key 'activatoin'. Did you mean 'activation'? Groups: dataset, loss"),
    ("serch=tpe", "Did you mean 'search'? Groups: dataset, loss, "),
    ("serch=tpe", ", experiment, sweep, search. Keys: "),
    ("loss=mea", "No loss 'mea'. Did you mean 'mae'?"),
    (
        "checkpoint.second=5",
        "No key 'checkpoint.second'. Did you mean 'checkpoint.seconds'? There are checkpoint.epochs,",
    ),
    ("checkpoint.seconds=soon", "checkpoint.seconds must be a float or null above 0. Got 'soon'."),
    ("reus=true", "No option group or key 'reus'. Did you mean 'reuse'?"),
    ("reuse=maybe", "reuse must be true or false. Got 'maybe'."),
    ("seconds=5", "Did you mean 'checkpoint.seconds'?"),
    ("schedule=cosin", "No schedule 'cosin'. 'cosine' comes with nnexp-optimizers, which is not installed"),
    ("optimizer=adam", "No optimizer 'adam'. 'adam' comes with nnexp-optimizers"),
    ("sweep=matmul", "No ready sweep 'matmul'. 'matmul' comes with nnexp-native, which is not installed"),
    ("epoch=3", "No option group or key 'epoch'. Did you mean 'epochs'?"),
    ("hidden=[3]", "Did you mean 'network.hidden'?"),
    ("network.hiden=[3]", "No key 'network.hiden'. Did you mean 'network.hidden'?"),
    ("optimizer.learning_rte=3", "optimizer=minibatch has no option 'learning_rte'. Did you mean 'learning_rate'?"),
    ("+foo=1", "No key 'foo'."),
    ("+loss.foo=1", "loss=auto has no option 'foo'"),
    ("loss.delta=3", "loss=auto has no option 'delta'. Name the loss: type loss=NAME"),
    ("optimizer.learning_rate=abc", "optimizer.learning_rate must be a float above 0. Got 'abc'."),
    ("optimizer.learning_rate=-1", "optimizer.learning_rate must be a float above 0. Got -1.0."),
    ("optimizer.batch_size=0", "optimizer.batch_size must be an int at least 1. Got 0."),
    ("optimizer.batch_size=[1]", "optimizer.batch_size must be an int at least 1. Got [1]."),
    ("optimizer.batch_size=abc seed=1", "optimizer.batch_size must be an int at least 1. Got 'abc'."),
    ("dataset=moons dataset.noise=[1]", "dataset.noise must be a float at least 0. Got [1]."),
    ("dataset=csv dataset.drop=area", "dataset.drop must be a list of str. Got 'area'. Type dataset.drop=[area]."),
    ("pictures=", "pictures must be a list of str or null. Got ''. Type pictures=[]."),
    ("dataset=csv dataset.drop=5", "dataset.drop must be a list of str. Got '5'. Type dataset.drop=[5]."),
    ("dataset=csv dataset.drop={a:1}", "dataset.drop must be a list of str. Got {'a': 1}."),
    ("dataset=csv dataset.path=[x]", "dataset.path must be a str. Got ['x']."),
    ("dataset=csv dataset.path=null", "dataset.path"),
    ("-m dataset=csv dataset.drop=b,[a]", "dataset.drop must be a list of str. Got 'b'. Type dataset.drop=[b]."),
    (
        "optimizer={name:sgd}",
        "optimizer={name:sgd} would keep the fields of the optimizer that is chosen already. Type optimizer=sgd",
    ),
    ("optimizer={name:sgd,learning_rate:0.1}", "Type optimizer=sgd optimizer.learning_rate=0.1"),
    (
        "optimizer.name=sgd",
        "optimizer.name=sgd would keep the fields of the optimizer that is chosen already. Type optimizer=sgd",
    ),
    ("schedule=none", "No schedule 'none'. nnexp calls it 'constant'. Available: constant"),
    ("schedule.warmup=3", "schedule=constant has no option 'warmup'. It has no options."),
    ("optimizer.batch_size=1.5", "optimizer.batch_size must be an int at least 1. Got '1.5'."),
    ("epochs=0", "epochs must be an int at least 1. Got 0."),
    ("epochs=many", "epochs must be an int at least 1. Got 'many'."),
    ("network.hidden='[8]'", "Got '[8]'. Type network.hidden=[8]"),
    ("-m seed=0, 1", "seed=0, 1: there is no blank between two values. Type seed=0,1"),
    (
        "dataset=csv dataset.target=[k] dataset.path=t.csv",
        "If the brackets belong to the text, type 'dataset.target=\"[k]\"'",
    ),
    ("dataset=csv dataset.path=a,b.csv", "If the comma belongs to the text, type 'dataset.path=\"a,b.csv\"'"),
    ("network.hidden=3", "network.hidden must be a list of int, each at least 1. Got 3. Type network.hidden=[3]."),
    ("scale.features=standart", "scale.features must be one of standard, minmax, none. Got 'standart'. Did you mean"),
    ("split.validation=1.5", "split.validation must be a float at least 0 and below 1. Got 1.5."),
    ("tracking.modle=all", "No key 'tracking.modle'. Did you mean 'tracking.model'?"),
    ("tracking=mlfow", "No tracking option 'mlfow'. Did you mean 'mlflow'?"),
    ("experiment=regresion", "No preset 'regresion'. Did you mean 'regression'?"),
    ("+experiment=regression", "To choose it type experiment=regression, without the +."),
    ("dataset=iris", "No dataset 'iris'. Available: blobs, breast_cancer"),
    ("sweep=learning_rate", "This is a sweep (it has hydra.sweeper.params). Type -m sweep=learning_rate"),
    ("--config-dir nowhere", "there is no folder"),
    ("hydra.run.dir=[x]", "hydra.run.dir must be a text. Got [x]"),
    ("loss=mse,mae", "loss=mse,mae is several values, which is a sweep: type -m loss=mse,mae."),
    (
        "loss mse",
        "results, report, search-export, diff, verify. A run is started with key=value: python -m nnexp loss=mae",
    ),
    ("optimizer=sgd loss", "'loss' is not of the form key=value. Type loss=..."),
    ("-m --cfg job", "-m and --cfg job do not go together. Type --cfg job without -m."),
    ("--run --info all", "--run and --info do not go together. Type --info without --run."),
    ("network.hidden=[100000000,100000000] tracking=none", "Not enough memory (Unable to allocate"),
    ("dataset=spiral dataset.n_samples=100000000000000000", "of the data (dataset.*)"),
    ("--multi-run", "unrecognized arguments: --multi-run. Did you mean '--multirun'?"),
    ("predcit", "No command 'predcit'. Did you mean 'predict'?"),
    ("--experimental-rerun=x", "--experimental-rerun reads a pickle"),
    (
        "dataset=diabetes loss=cce",
        "loss=cce is for multiclass; this is a regression (target 'target'). Type loss=mse (or mae).",
    ),
    ("dataset=moons loss=bce output=tanh", "output=tanh does not go with loss=bce"),
    (
        "dataset=moons loss=mse output=softmax",
        "over the one output of a binary task it is always 1. Type output=sigmoid.",
    ),
    ("dataset=csv", "dataset=csv needs dataset.path (the file"),
    ("dataset=csv dataset.path=nowhere.csv dataset.target=y", "nowhere.csv does not exist"),
    ("initializer=file", "initializer=file needs initializer.path"),
    (
        f"initializer=file initializer.path={ROOT}/README.md",
        "README.md' is not a readable .npz file (it is no archive of arrays). Give one with W1, b1, ..., such as",
    ),
    ("initializer=file initializer.path=nowhere.npz", "initializer.path: no file 'nowhere.npz'"),
    (
        "split.validation=0.001",
        "split.validation=0.001 of 442 samples leaves none for validation. Type split.validation=0.",
    ),
    ("tracking.uri=http://127.0.0.1:9", "The tracking store does not answer: tracking.uri=http://127.0.0.1:9"),
    ("tracking.uri=http://me:geheim@127.0.0.1:9", "connection refused"),
    ("-m loss=mse,maee", "No loss 'maee'. Did you mean 'mae'?"),
    ("-m epochs=1,0 tracking=none", "epochs must be an int at least 1. Got 0."),
    ("loss._target_=os.system", "loss=auto has no option '_target_'"),
    ("+loss._target_=os.system", "a configuration cannot run code"),
    ("+x=${oc.env:HOME}", "not call a resolver"),
    ("seed=${oc.decode:1}", "not call a resolver"),
    ("seed=${hydra:job.num}", "not call a resolver"),
    ("seed=${hydra.job.num}", "look into hydra.*"),
    ("+hydra.callbacks.x._target_=os.system", "a configuration cannot run code"),
    ("hydra.callbacks=${hydra.job.name}", "it is a group of keys. Type hydra.callbacks.KEY=VALUE"),
    ("hydra.run=${hydra.job.name}", "it is a group of keys. Type hydra.run.KEY=VALUE"),
    ("hydra.sweep=${hydra.job.name}", "it is a group of keys. Type hydra.sweep.KEY=VALUE"),
    ("hydra.help=${hydra.job.name}", "it is a group of keys. Type hydra.help.KEY=VALUE"),
    ("hydra.launcher._target_=os.system", "a configuration cannot run code"),
    ("+hydra.job_logging.handlers.x.class=subprocess.Popen", "logging may only use"),
    ("epochs=9007199254740993", "epochs=9007199254740993 is a slip: at most 1000000000 are trained."),
    ("tracking.artifacts='file://[x'", "tracking.artifacts=file://[x is no place."),
    (
        "checkpoint=-1e999",
        "checkpoint must be a group of keys (epochs, seconds). Got -inf.",
    ),
    ("hydra.job.env_set=${now:%Y}", "hydra.job.env_set"),
    ("scale.features=\ufeffx", "\\ufeff"),
    ("hydra.rundir=x", "No key 'hydra.rundir'. Did you mean 'hydra.run'?"),
    ("hydra.job.nme=x", "No key 'hydra.job.nme'. Did you mean 'hydra.job.name'?"),
    ("hydra.run=x", "hydra.run=x: hydra.run is a group of keys (dir). Type hydra.run.dir=x"),
    ("hydra.mode=multi", "hydra.mode=multi: hydra.mode must be one of RUN, MULTIRUN."),
    ("hydra.launcher.wrkers=2", "The launcher 'nnexp' has hydra.launcher.workers"),
    ("hydra.launcher.workers.x=2", "No key 'hydra.launcher.workers.x'. Did you mean 'hydra.launcher.workers'?"),
    (
        "-m hydra.launcher.workers=1,2 seed=0,1",
        "hydra.launcher.workers is of the command as a whole and takes one value.",
    ),
    ("-m hydra/launcher=basic,joblib seed=0,1", "hydra/launcher is of the command as a whole and takes one value."),
    ("hydra/launcher=joblib hydra.launcher.njobs=2", "Did you mean 'hydra.launcher.n_jobs'? The launcher 'joblib' has"),
    ("hydra/launcher=joblib hydra.launcher.n_jobs=all", "hydra.launcher.n_jobs must be an int. Got 'all'."),
    ("hydra/launcher=basic hydra.launcher.workers=2", "The launcher 'basic' has none. Others: hydra/launcher=NAME."),
    ("hydra/job_logging=stdout", "there are console. To log to them, type 'hydra.job_logging.root.handlers=[console]'"),
    ("hydra/job_logging=none", "there are none. To log to them, type 'hydra.job_logging.root.handlers=[]'"),
    ("hydra.output_subdir=config.yaml", "hydra.output_subdir=config.yaml is what nnexp calls a file of its own."),
    ("hydra.run.dir=outputs", "hydra.run.dir=outputs is where nnexp keeps files of all runs."),
    ("hydra.run.dir=outputs/.open", "hydra.run.dir=outputs/.open is where nnexp keeps files of all runs."),
    ("-m hydra.sweep.dir=outputs/artifacts/x seed=1,2", "outputs/artifacts/x is where nnexp keeps files of all runs."),
    ("hydra.run.dir=~/x", "only a shell reads ~, and there at the beginning of a word. Type hydra.run.dir=$HOME/x"),
    ("network.hidden=[16, 8]", "network.hidden=[16, is no complete list: a list has no blanks, or stands in quotes."),
    ("optimizer.learning_rate=it's", """Quote a value with special characters: 'optimizer.learning_rate="it'"'"'s"'"""),
]


@pytest.mark.parametrize(("words", "text"), CASES, ids=[words for words, _ in CASES])
def test_wrong_input(words: str, text: str, tmp_path: Path) -> None:
    """A mistake costs one message that names it and says what to type; no run, no directory, no traceback."""
    ended = nnexp(*words.split(" "), cwd=tmp_path)
    assert text in ended.err.replace("\n", " ")
    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert "geheim" not in ended.err
    assert len(ended.err.splitlines()) <= 12
    assert list(tmp_path.iterdir()) == []


SWEEP = "hydra:\n  mode: MULTIRUN\n  sweeper:\n    params: {{seed: '0,1', {}}}\n"
"""A preset that sweeps of its own accord."""


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "empty"),
        ("a,y\n", "no rows"),
        ("a,y\n1,2\n", "single row"),
        ("a,y\n1,2\n,3\n4,5\n", "1 value is missing, the first in column 'a' in row 2"),
        ("a,y\n1,2\nx,3\n4,5\n5,6\n", "holds numbers and text: 'x' in row 2"),
        ("a,b\n1,2\n3,4\n", "has no column 'y'"),
        ("a,y\n1,2\n3,2\n4,2\n", "in every row: nothing to learn"),
    ],
)
def test_wrong_table(content: str, text: str, tmp_path: Path) -> None:
    """A table that cannot be learned from is refused with the column and the row, before anything is trained."""
    (tmp_path / "t.csv").write_text(content)
    ended = nnexp("dataset=csv", "dataset.path=t.csv", "dataset.target=y", cwd=tmp_path)
    assert ended.code == 1
    assert text in ended.err
    assert not (tmp_path / "outputs").exists()


def test_unwritable_outputs(tmp_path: Path) -> None:
    """Where outputs/ cannot be made, the message says which path is in the way."""
    (tmp_path / "outputs").write_text("a file")
    ended = nnexp("epochs=1", cwd=tmp_path)
    assert ended.code == 1
    assert "outputs" in ended.err
    assert "Traceback" not in ended.err


def test_what_the_system_refuses(tmp_path: Path) -> None:
    """A file is named, with what to do where nothing can be written; without a name nothing is taken for its cause."""
    said = refused_by_the_system(OSError(errno.EROFS, "Read-only file system", "outputs"))
    assert said == "Read-only file system: 'outputs'. Go to a folder that can be written to."
    readable = tmp_path / "run"
    readable.touch()
    assert refused_by_the_system(PermissionError(errno.EACCES, "Denied", str(readable))) == f"Denied: '{readable}'"
    said = refused_by_the_system(OSError(errno.ENOSPC, "No space left on device"))
    assert said == "No space left on device: no file is named. HYDRA_FULL_ERROR=1 python -m nnexp ... shows where"


def test_traceback_on_request(tmp_path: Path) -> None:
    """HYDRA_FULL_ERROR=1 shows where an error came from."""
    ended = nnexp("loss=maee", cwd=tmp_path, HYDRA_FULL_ERROR="1")
    assert "Traceback" in ended.err
    assert ended.code == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hydra:\n  run:\n    dir: /tmp/elsewhere\n", "type it: hydra.run.dir=/tmp/elsewhere"),
        ("hydra:\n  sweep:\n    subdir: ../../x\n", "hydra.sweep.subdir=../../x is set in a file"),
        ("hydra:\n  job:\n    env_copy: [HOME]\n", "type it: hydra.job.env_copy=[HOME]"),
        ("hydra:\n  job:\n    env_set: {A: b}\n", "type it: hydra.job.env_set.A=b"),
        ("hydra:\n  callbacks:\n    x:\n      _target_: os.system\n", "hydra.callbacks.x._target_=os.system is set"),
        (
            "hydra:\n  job_logging:\n    formatters: {x: {(): os.system}}\n",
            "formatters.x.()=os.system is set in a file",
        ),
        (
            "hydra:\n  job_logging:\n    handlers:\n      file:\n        filename: /tmp/x.log\n",
            "hydra.job_logging.handlers.file.filename=/tmp/x.log is set in a file",
        ),
        ("seed: ${oc.env:HOME}\n", "not call a resolver"),
        ("loss:\n  _target_: os.system\n", "a configuration cannot run code"),
        ("tracking:\n  uri: ${oc.env:HOME}\n", "not call a resolver"),
        (
            "tracking:\n  uri: sqlite:////tmp/elsewhere/x.db\n",
            "tracking.uri=sqlite:////tmp/elsewhere/x.db is set in a file",
        ),
        ("tracking:\n  uri: sqlite:///../x.db\n", "is set in a file"),
        ("defaults:\n  - override /dataset: ${oc.env:HOME}\n", "Error resolving interpolation '${oc.env:HOME}'"),
        ("epochs: [1\n", "is not YAML that can be read"),
        (
            SWEEP.format("'+hydra.job.env_set.PATH': /tmp/bin"),
            "a sweep varies the experiment's own keys by plain values",
        ),
        (SWEEP.format("hydra.sweep.dir: /tmp/elsewhere"), "a sweep varies the experiment's own keys by plain values"),
        (SWEEP.format("hydra.output_subdir: ../../../x"), "a sweep varies the experiment's own keys by plain values"),
        (
            SWEEP.format("tracking.uri: 'sqlite:////tmp/x.db'"),
            "a sweep varies the experiment's own keys by plain values",
        ),
        (
            SWEEP.format("tracking.experiment: '${oc.env:HOME},b'"),
            "a sweep varies the experiment's own keys by plain values",
        ),
        (SWEEP.format("'lo ss@(': mse"), "a sweep varies the experiment's own keys by plain values"),
        (SWEEP.format("loss: 'mse,mae)'"), "hydra.sweeper.params: Cannot read 'loss=mse,mae)'"),
        ("hydra:\n  job:\n    chdir: true\n", "hydra.job.chdir=True is set in a file"),
        (
            "hydra:\n  job_logging:\n    formatters: {simple: {format: '%(nope'}}\n",
            "hydra.job_logging.formatters.simple.format=%(nope is set in a file",
        ),
    ],
)
def test_a_strangers_preset(text: str, message: str, tmp_path: Path) -> None:
    """A preset from a stranger cannot run code, read the environment or write elsewhere; it is refused as a whole."""
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(f"# @package _global_\n{text}")
    ended = nnexp("--config-dir", "conf", "experiment=mine", cwd=tmp_path)
    assert message in ended.err
    assert ended.code == 1
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("file", "text", "words", "message"),
    [
        (
            "optimizer/slow.yaml",
            "defaults: [sgd, _self_]\nlearning_rte: 1\n",
            "optimizer=slow",
            "conf/optimizer/slow.yaml: optimizer=sgd has no option 'learning_rte'. Did you mean 'learning_rate'?",
        ),
        (
            "optimizer/slow.yaml",
            "defaults: [sgd, _self_]\nlearning_rate: low\n",
            "optimizer=slow",
            "conf/optimizer/slow.yaml: optimizer.learning_rate must be a float above 0. Got 'low'.",
        ),
        (
            "optimizer/slow.yaml",
            "defaults: [sgd, _self_]\nlearning_rate: 0.1\n",
            "optimizer=slow optimizer.learning_rte=1",
            "optimizer=slow has no option 'learning_rte'. Did you mean 'learning_rate'? It has learning_rate.",
        ),
        (
            "experiment/mine.yaml",
            "# @package _global_\ndefaults: [{override /optimizer: sgd}]\noptimizer: {learning_rte: 1}\n",
            "experiment=mine",
            "conf/experiment/mine.yaml: optimizer=sgd has no option 'learning_rte'. Did you mean 'learning_rate'?",
        ),
        (
            "experiment/mine.yaml",
            "# @package _global_\ndefaults: [{override /optimizer: sgd}]\n",
            "experiment=mine optimizer.batch_size=1",
            "optimizer=sgd has no option 'batch_size'. It has learning_rate.",
        ),
        (
            "experiment/mine.yaml",
            "# @package _global_\ndefaults: [{override /optimizer: sdg}]\n",
            "experiment=mine",
            "conf/experiment/mine.yaml: No optimizer 'sdg'. Did you mean 'sgd'?",
        ),
        (
            "experiment/mine.yaml",
            "# @package _global_\noptimizer: sgd\n",
            "experiment=mine",
            "conf/experiment/mine.yaml: optimizer: sgd stands where its keys belong. To choose it, write 'defaults: [override",
        ),
        (
            "experiment/mine.yaml",
            "# @package _global_\ndefaults: [{/loss: mae}]\n",
            "experiment=mine",
            "A defaults list chooses a second loss. Write there: override /loss: mae",
        ),
        (
            "experiment/mine.yaml",
            "# @package _global_\ndefaults: [{override loss: mae}]\n",
            "experiment=mine",
            "experiment/mine.yaml overrides 'loss', which is none of its own folder's. For the whole configuration's write",
        ),
        (
            "experiment/mine.yaml",
            "# @package _global_\ndefaults: [{loss: mae}]\n",
            "experiment=mine",
            "experiment/mine.yaml names 'experiment/loss/mae', and there is no such file. For the whole configuration's 'loss'",
        ),
        (
            "experiment/mine.yaml",
            "# @package _global_\ndefaults: [{override /experiment: regression}]\n",
            "experiment=mine",
            "experiment/mine.yaml chooses experiment=regression, and a preset chooses no other. Copy what you need of it.",
        ),
        (
            "experiment/mine.yaml",
            "# @package _global_\nnetwork: [16, 8]\n",
            "experiment=mine",
            "conf/experiment/mine.yaml: network: [16, 8] stands where its keys belong. Write 'network: {hidden: ...}'",
        ),
        (
            "experiment/mine.yaml",
            "# @package _global_\nnetwork: {hidden: 16 8}\n",
            "experiment=mine",
            "conf/experiment/mine.yaml: network.hidden must be a list of int, each at least 1. Got '16 8'.\n",
        ),
        (
            "experiment/mine.yaml",
            "# @package _global_\nhydra: {run: {dir: /tmp/x y}}\n",
            "experiment=mine",
            "hydra.run.dir=/tmp/x y is set in a file",
        ),
        (
            "experiment/mine.yaml",
            "# @package _global_\nhydra: null\n",
            "experiment=mine",
            "hydra=None is set in a file, experiment/mine.yaml, and is a group of keys. Leave it out there.",
        ),
    ],
)
def test_wrong_fields_in_files(file: str, text: str, words: str, message: str, tmp_path: Path) -> None:
    """A field that a file sets wrongly, or that is typed for the option a file chooses, gets the message of any other."""
    path = tmp_path / "conf" / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    ended = nnexp("--config-dir", "conf", *words.split(), cwd=tmp_path)
    assert ended.err.startswith(f"nnexp: {message}")
    assert ended.code == 1


def test_a_preset_that_would_not_count(tmp_path: Path) -> None:
    """A preset without its package line, which Hydra would leave without effect, is refused with the line to add."""
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("epochs: 2\n")
    ended = nnexp("--config-dir", "conf", "experiment=mine", cwd=tmp_path)
    assert "The file experiment/mine.yaml must begin with the line '# @package _global_'" in ended.err
    assert ended.code == 1


def test_a_preset_in_another_encoding(tmp_path: Path) -> None:
    """A preset that an editor has saved as UTF-16 is named."""
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("# @package _global_\nseed: 2\n", encoding="utf-16")
    ended = nnexp("--config-dir", "conf", "experiment=mine", cwd=tmp_path)
    assert ended.err == f"nnexp: '{folder / 'mine.yaml'}' is no text in UTF-8 (byte 1). Save it as UTF-8.\n"
    assert ended.code == 1


def test_help_for_an_option_that_needs_values(tmp_path: Path) -> None:
    """--help shows the fields of an option whose values are not given yet."""
    ended = nnexp("dataset=csv", "--help", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert "separator" in ended.out


def test_help_names_every_installed_option(tmp_path: Path) -> None:
    """--help lists the options of every group, and says how to run."""
    ended = nnexp("--help", cwd=tmp_path)
    assert ended.code == 0
    assert "activation: identity, leaky_relu, relu, sigmoid, softmax, tanh" in ended.out
    assert "python -m nnexp -m loss=mse,mae optimizer=batch,minibatch,sgd" in ended.out
    assert max(map(len, ended.out.partition("== Options")[0].splitlines())) <= 80
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words", ["--hydra-help", "--cfg job", "--cfg job --resolve loss=mae", "--info defaults", "--version"]
)
def test_hydras_own_options(words: str, tmp_path: Path) -> None:
    """Hydra's options work as they do in any Hydra app, and leave nothing behind."""
    ended = nnexp(*words.split(), cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_outputs_is_named(tmp_path: Path) -> None:
    """Where outputs is a file, runs, sweeps and commands say so and leave it as it is."""
    (tmp_path / "outputs").write_text("mine")
    for words in (("dataset=xor",), ("-m", "dataset=xor", "seed=1,2"), ("sync",)):
        ended = nnexp(*words, cwd=tmp_path)
        assert ended.code == 1
        assert f"{tmp_path / 'outputs'} is a file" in ended.err
    assert (tmp_path / "outputs").read_text() == "mine"


def test_the_table_of_nnexps_own_distributions_is_true() -> None:
    """What messages say that a distribution brings is what its entry points are, and the files of its conf/."""
    import tomllib

    from nnexp.discovery.companions import BROUGHT

    found = {}
    for path in (ROOT / "plugins").glob("*/pyproject.toml"):
        project = tomllib.loads(path.read_text())["project"]
        points = {kind.removeprefix("nnexp."): tuple(names) for kind, names in project.get("entry-points", {}).items()}
        groups = {kind: names for kind, names in points.items() if kind != "conf"}
        launchers = {each.name.removeprefix("nnexp_") for each in path.parent.glob("src/hydra_plugins/nnexp_*")}
        if own := tuple(sorted(launchers - {"launcher"})):  # which comes with nnexp itself
            groups["hydra/launcher"] = own
        for file in path.parent.glob("src/*/conf/*/*.yaml"):
            groups[file.parent.name] = tuple(sorted({*groups.get(file.parent.name, ()), file.stem}))
        if groups:
            found[project["name"]] = groups
    assert found == BROUGHT


def test_defaults_are_stated_once() -> None:
    """conf/config.yaml, the settings and fit() have the same defaults."""
    import inspect

    import yaml

    from nnexp.experiment.plan import Settings
    from nnexp.library import fit

    config = yaml.safe_load((ROOT / "conf" / "config.yaml").read_text())
    settings = Settings()
    for key in ("epochs", "seed", "dtype", "shuffle", "patience", "keep", "log_every", "threads"):
        assert config[key] == getattr(settings, key)
    assert tuple(config["network"]["hidden"]) == settings.network.hidden
    assert config["split"] == vars(settings.split)
    assert config["scale"] == vars(settings.scale)
    given = {name: parameter.default for name, parameter in inspect.signature(fit).parameters.items()}
    assert given["epochs"] == settings.epochs
    assert given["hidden"] == settings.network.hidden
    assert given["validation"] == settings.split.validation
    chosen = {key: value for line in config["defaults"] if isinstance(line, dict) for key, value in line.items()}
    for key in ("loss", "output", "activation", "optimizer", "schedule", "initializer"):
        assert given[key] == chosen[key]
