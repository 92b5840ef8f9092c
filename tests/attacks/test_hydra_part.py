"""A stranger's file and ``hydra.*``: places, environment, launcher, logging and search path are for who types them."""

from __future__ import annotations

import pytest

from tests.attacks.scene import QUICK, Scene

GLOBAL = "# @package _global_\n"
JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
HANDLER = "class: logging.FileHandler, formatter: simple"

KEYS = {
    "the run's place": "run: {dir: ROOT/x}",
    "the run's place in the user's files": "run: {dir: ../thesis}",
    "the sweep's place": "sweep: {dir: ROOT/x}",
    "the jobs' places": "sweep: {subdir: ../../../../x}",
    "the place of Hydra's own files": "output_subdir: ../../../../.ssh",
    "the name of the log": "job: {name: ../../../../x}",
    "another name of the log": "job: {name: authorized_keys}",
    "a change of directory": "job: {chdir: true}",
    "the environment": "job: {env_set: {LD_PRELOAD: ROOT/x.so}}",
    "a copy of the environment": "job: {env_copy: [CANARY]}",
    "the configuration's name": "job: {config_name: x}",
    "what separates overrides": "job: {config: {override_dirname: {kv_sep: /../}}}",
    "a callback": "callbacks: {x: {_target_: os.system, command: touch ROOT/ran}}",
    "a callback of Hydra's own": "callbacks: {x: {_target_: hydra.experimental.callbacks.LogJobReturnCallback}}",
    "a callback that pickles": "callbacks: {x: {_target_: hydra.experimental.pickle_job_info_callback.PickleJobInfoCallback}}",
    "nnexp's callback with more": "callbacks: {nnexp: {_target_: nnexp.sweep.recorder.Recorder, x: 1}}",
    "nnexp's callback twice": "callbacks: {x: {_target_: nnexp.sweep.recorder.Recorder}}",
    "no callback": "callbacks: {nnexp: null}",
    "another place to search": "searchpath: ['file://ROOT/home/thesis']",
    "a package to search": "searchpath: [pkg://os]",
    "a launcher that is a program": "launcher: {_target_: subprocess.Popen, args: touch ROOT/ran, shell: true}",
    "a launcher's folder": f"launcher: {{_target_: {JOBLIB}, n_jobs: 1, temp_folder: ROOT/x}}",
    "a launcher's shell commands": "launcher: {setup: [touch ROOT/ran]}",
    "the launcher's class alone": f"launcher: {{_target_: {JOBLIB}}}",
    "a sweeper that is a class": "sweeper: {_target_: os.system}",
    "a sweeper's search space": "sweeper: {custom_search_space: os.system}",
    "a sweeper's batches": "sweeper: {max_batch_size: 1}",
    "more in the log": "verbose: true",
    "a log's level": "job_logging: {root: {level: DEBUG}}",
    "a log in the user's file": f'job_logging: {{handlers: {{file: {{{HANDLER}, filename: "ROOT/home/.bashrc"}}}}}}',
    "a log over the run": f"job_logging: {{handlers: {{x: {{{HANDLER}, filename: '${{hydra.run.dir}}/result.json'}}}}}}",
    "a log by an attribute of its handler": 'job_logging: {handlers: {file: {".": {baseFilename: "ROOT/home/.bashrc"}}}}',
    "an attribute of a stream": 'job_logging: {handlers: {x: {class: logging.StreamHandler, ".": {stream: x}}}}',
    "an attribute of a formatter": 'job_logging: {formatters: {simple: {".": {_style: x}}}}',
    "another class of handler": "job_logging: {handlers: {x: {class: logging.handlers.SocketHandler, host: h, port: PORT}}}",
    "a handler that is a program": "job_logging: {handlers: {file: {class: subprocess.Popen, args: touch ROOT/ran}}}",
    "a factory": "job_logging: {handlers: {file: {(): os.system, command: touch ROOT/ran}}}",
    "a factory of a filter": "job_logging: {filters: {x: {(): os.system, command: touch ROOT/ran}}}",
    "a formatter's class": "job_logging: {formatters: {simple: {class: os.system}}}",
    "a formatter's defaults": "job_logging: {formatters: {simple: {format: '%(x)s', defaults: {x: ext://os.environ}}}}",
    "an object by ext": "job_logging: {handlers: {file: {stream: ext://os.environ}}}",
    "an object by ext in a level": "job_logging: {root: {level: ext://os.environ}}",
    "an object by cfg": "job_logging: {handlers: {file: {filename: cfg://x}}, x: ROOT/home/.bashrc}",
    "another logger": "job_logging: {loggers: {mlflow: {handlers: [file], level: DEBUG}}}",
    "Hydra's log": "hydra_logging: {handlers: {console: {class: logging.FileHandler, filename: ROOT/x}}}",
    "Hydra's log by an attribute": 'hydra_logging: {handlers: {console: {".": {baseFilename: ROOT/x}}}}',
    "the help's text": "help: {template: '${oc.env:CANARY}'}",
    "the help's heading": "help: {header: '${hydra.runtime.cwd}'}",
    "the help's footer": "help: {footer: evil}",
    "what is known of the process": "runtime: {cwd: ROOT}",
    "where a run is": "runtime: {output_dir: ROOT/home/thesis}",
    "what was chosen": "runtime: {choices: {x: ../../x}}",
    "what was typed": "overrides: {task: ['tracking.uri=http://127.0.0.1:PORT']}",
    "what was typed of Hydra's": "overrides: {hydra: [hydra.run.dir=ROOT/x]}",
    "a key that Hydra does not know": "nonsense: 1",
    "a text in its place": "'${oc.env:CANARY}'",
}
"""Parts of ``hydra:`` in a preset."""

SWEPT = {
    "a place": "hydra.run.dir: 'ROOT/x,ROOT/y'",
    "a place of one value": "hydra.sweep.dir: ROOT/x",
    "a place that is added": "+hydra.job.env_set.A: a,b",
    "a place that is forced": "++hydra.run.dir: ROOT/x",
    "a launcher": "hydra/launcher: joblib,basic",
    "a store": "tracking.uri: 'http://127.0.0.1:PORT,x'",
    "a store within a mapping": "tracking: '{name: mlflow, uri: http://127.0.0.1:PORT},none'",
    "a variable of the environment": "tracking.experiment: '${oc.env:CANARY},x'",
    "a variable that is escaped": "tracking.experiment: '\\${oc.env:CANARY},x'",
    "a class": "loss._target_: os.system,x",
    "a class within a mapping": "loss: '{_target_: os.system},mae'",
    "a path": "experiment: ../../canary,regression",
    "more jobs than a machine holds": "seed: range(1000000000)",
    "a flag": "'--experimental-rerun': ROOT/x",
}
"""What a ready sweep varies."""

CHOICES = ("hydra/launcher: joblib", "hydra/sweeper: basic", "hydra/job_logging: stdout", "hydra/hydra_logging: disabled",
           "hydra/output: default", "hydra/help: default", "hydra/env: default")  # fmt: skip
"""Options of Hydra's own."""


OF_SWEEPS = [what for what in KEYS if any(word in what for word in ("sweep", "launcher", "job", "callback", "log by"))]
MODES = [*((what, "one run") for what in KEYS), *((what, "a sweep") for what in OF_SWEEPS)]


@pytest.mark.parametrize(("what", "mode"), MODES)
def test_a_preset_and_hydras_keys(what: str, mode: str, quick: Scene) -> None:
    """Whatever of ``hydra.*`` is not known to be harmless is refused, in a run and in a sweep, and named."""
    quick.send(
        {
            "experiment/evil.yaml": f"{GLOBAL}hydra:\n  {KEYS[what]}\n"
            if ": " in KEYS[what]
            else f"{GLOBAL}hydra: {KEYS[what]}\n"
        }
    )
    words = ("experiment=evil", *QUICK, *(("seed=0,1",) if mode == "a sweep" else ()))
    many = ("-m",) if mode == "a sweep" else ()
    quick.attempt(*many, "--config-dir", "../theirs", *words, says="hydra")
    assert not (quick.place / "outputs").exists()


@pytest.mark.parametrize("what", ["the help's text", "the help's heading", "a callback", "the run's place"])
def test_help_is_no_way_round(what: str, quick: Scene) -> None:
    """``--help`` with a stranger's preset shows no secret and runs nothing."""
    quick.send({"experiment/evil.yaml": f"{GLOBAL}hydra:\n  {KEYS[what]}\n"})
    for flags in (("--help",), ("--cfg", "all"), ("--cfg", "hydra", "--resolve")):
        quick.attempt("--config-dir", "../theirs", "experiment=evil", *flags, code=None)
    assert not (quick.place / "outputs").exists()


@pytest.mark.parametrize("what", SWEPT)
def test_what_a_ready_sweep_varies(what: str, quick: Scene) -> None:
    """A ready sweep varies nnexp's own keys by plain values."""
    quick.send({"sweep/evil.yaml": f"{GLOBAL}hydra:\n  sweeper:\n    params:\n      {SWEPT[what]}\n"})
    own = QUICK[:2] if what.startswith("a store") else QUICK
    quick.attempt("-m", "--config-dir", "../theirs", "sweep=evil", *own)
    assert not (quick.place / "outputs").exists()


@pytest.mark.parametrize("choice", CHOICES)
def test_what_a_preset_chooses_of_hydras(choice: str, quick: Scene) -> None:
    """A preset that chooses a launcher, sweeper or logging is refused with the words to type, not ignored."""
    group, name = choice.split(": ")
    quick.send({"experiment/evil.yaml": f"{GLOBAL}defaults:\n  - override /{choice}\n"})
    quick.attempt("-m", "--config-dir", "../theirs", "experiment=evil", "seed=0,1", *QUICK, says=f"{group}={name}")
    assert not (quick.place / "outputs").exists()


@pytest.mark.parametrize("group", ["launcher", "sweeper", "callbacks", "job_logging", "hydra_logging", "env"])
def test_an_option_of_hydras_that_a_stranger_brings(group: str, quick: Scene) -> None:
    """A file of a group of Hydra's, chosen by a preset's defaults, is refused."""
    quick.send({
        "experiment/evil.yaml": f"{GLOBAL}defaults:\n  - override /hydra/{group}: evil\n",
        f"hydra/{group}/evil.yaml": "_target_: os.system\ncommand: touch ROOT/ran\n",
    })  # fmt: skip
    quick.attempt("-m", "--config-dir", "../theirs", "experiment=evil", "seed=0,1", *QUICK)
    assert not (quick.place / "outputs").exists()
