"""The launcher under an application that knows nothing of nnexp: order, failures, killed workers, the files of jobs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import Ended, environment, python

APPLICATION = '''
import logging, os, signal, sys, time, warnings
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback


class Unpicklable(Exception):
    def __init__(self, one, two):
        super().__init__(f"{{one}} and {{two}}")


class Noted(Callback):
    def on_job_start(self, config, **kwargs):
        Path("started").touch()

    def on_job_end(self, config, job_return, **kwargs):
        Path("ended").write_text(job_return.status.name)


def task(cfg):
    logging.getLogger("app").info("job %s", cfg.a)
    if cfg.kind == "slow":
        time.sleep(1.5 if cfg.a == 0 else 0)
    elif cfg.kind == "raises" and cfg.a == 1:
        raise Unpicklable("salt", "pepper")
    elif cfg.kind == "returns":
        return lambda: cfg.a
    elif cfg.kind == "dies" and cfg.a == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    elif cfg.kind == "memory" and cfg.a == 1:
        raise MemoryError("no room")
    elif cfg.kind == "env":
        return os.environ["COLOUR"], str(Path.cwd())
    return cfg.a


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def app(cfg):
    return task(cfg)


def returned():
    """Each job's status and value, through the launcher itself."""
    from hydra import initialize
    from hydra._internal.callbacks import Callbacks
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.plugins import Plugins
    from hydra.types import HydraContext, RunMode

    with initialize(version_base="1.3", config_path=None):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", sys.argv[2:], RunMode.MULTIRUN)
        context = HydraContext(loader, Callbacks())
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=context, task_function=task, config=config
        )
        own = [word for word in sys.argv[2:] if "hydra" not in word]
        for each in launcher.launch([[*own, f"a={{n}}"] for n in range(4)], 0):
            print(each.overrides[-1], each.status.name, repr(each._return_value), each.cfg.a, each.hydra_cfg.hydra.job.num)


from hydra.core.config_store import ConfigStore
ConfigStore.instance().store(
    "config",
    {{
        "defaults": [{{"override hydra/launcher": "nnexp"}}],
        "a": 0,
        "kind": "plain",
        "hydra": {{"sweep": {{"dir": "out"}}, "job": {{"name": "app"}}}},
    }},
)
{start}
'''
GUARDED = """
if __name__ == "__main__":
    returned() if sys.argv[1] == "returned" else app()
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory whose name has a space and an umlaut, with the application."""
    folder = tmp_path / "a place für it"
    folder.mkdir()
    (folder / "application.py").write_text(APPLICATION.format(start=GUARDED), encoding="utf-8")
    return folder


def ended(place: Path, *words: str, script: str = "application.py") -> Ended:
    """Run the application, in a process that has imported what it imports."""
    return python(script, *words, cwd=place, timeout=60)


def started(place: Path, *words: str) -> Ended:
    """Run the application in a process that has imported nothing."""
    command = [sys.executable, "application.py", *words]
    done = subprocess.run(
        command, cwd=place, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def returns(place: Path, *words: str) -> list[str]:
    """What the launcher returned for the jobs a=0,1,2,3: overrides, status, value, and a and number of its configuration."""
    done = ended(place, "returned", *words)
    assert done.code == 0, done.err
    return [line for line in done.out.splitlines() if line.startswith("a=")]


@pytest.mark.parametrize("workers", ["null", "1", "9"])
def test_results_are_in_the_order_of_the_jobs(workers: str, place: Path) -> None:
    """Whatever the order in which jobs end, and however many workers there are, also more than jobs."""
    found = returns(place, "kind=slow", f"hydra.launcher.workers={workers}")
    assert found == [f"a={n} COMPLETED {n} {n} {n}" for n in range(4)]


def test_what_cannot_be_sent_between_processes_comes_as_words(place: Path) -> None:
    """An exception that pickle cannot make again keeps its type's name and its words; a value is told by its repr."""
    found = returns(place, "kind=raises")
    assert found[1] == "a=1 FAILED RuntimeError('Unpicklable: salt and pepper') 1 1"
    assert [line.split()[1] for line in found] == ["COMPLETED", "FAILED", "COMPLETED", "COMPLETED"]
    assert "<function task.<locals>.<lambda> at " in returns(place, "kind=returns")[0]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_worker_that_is_killed_costs_its_job_alone(workers: str, place: Path) -> None:
    """The others' results are there, and another worker takes its place."""
    found = returns(place, "kind=dies", f"hydra.launcher.workers={workers}")
    assert [line.split()[1] for line in found] == ["COMPLETED", "FAILED", "COMPLETED", "COMPLETED"]
    assert "WorkerDiedError('its worker process was killed (by a signal, or for lack of memory)')" in found[1]


def test_memory_that_runs_out_costs_its_job_alone(place: Path) -> None:
    """A MemoryError is a job's failure as any other."""
    assert returns(place, "kind=memory")[1] == "a=1 FAILED MemoryError('no room') 1 1"


def test_a_failure_is_raised_as_under_hydras_own_launcher(place: Path) -> None:
    """The other jobs have run; the command ends with the first failure and exit code 1."""
    done = ended(place, "-m", "kind=dies", "a=0,1,2")
    assert done.code == 1
    assert "its worker process was killed" in done.err
    assert (place / "out" / "2" / "app.log").read_text(encoding="utf-8").endswith("job 2\n")


def test_a_jobs_directory_is_that_of_the_basic_launcher(place: Path) -> None:
    """The same files, .hydra/ the same bytes but for the launcher's own name; the job's log is the same but for the times."""
    found = {}
    for launcher in ("basic", "nnexp"):
        words = (
            f"hydra/launcher={launcher}",
            f"hydra.sweep.dir={launcher}",
            "+hydra.callbacks.x._target_=__main__.Noted",
        )
        done = started(place, "-m", "a=3,4", "kind=plain,slow", *words)
        assert done.code == 0, done.err
        folder = place / launcher
        found[launcher] = {
            str(path.relative_to(folder)): [
                line.partition("]")[2] if path.suffix == ".log" else re.sub("basic|nnexp", "LAUNCHER", line)
                for line in path.read_text(encoding="utf-8").splitlines()
                if "_target_: hydra" not in line and line.strip() != "workers: null"
            ]
            for path in folder.rglob("*")
            if path.is_file() and path.name != "multirun.yaml"
        }
    assert len(found["basic"]) == 4 * 4
    assert found["nnexp"] == found["basic"]


def test_callbacks_the_environment_and_the_directory_of_a_job(place: Path) -> None:
    """hydra.job.env_set and hydra.job.chdir do in a worker what they do elsewhere, and callbacks are called there."""
    words = (
        "kind=env",
        "hydra.job.chdir=true",
        "+hydra.job.env_set.COLOUR=blue",
        "+hydra.callbacks.x._target_=__main__.Noted",
    )
    done = ended(place, "-m", "a=0,1", *words)
    assert done.code == 0, done.err
    assert {path.name for path in (place / "out" / "1").iterdir()} >= {"ended", ".hydra"}
    assert (place / "out" / "1" / "ended").read_text() == "COMPLETED"
    found = returns(place, *words[:3])
    assert found[2].startswith(f"a=2 COMPLETED ('blue', '{place / 'out' / '2'}')")


def test_a_script_without_a_guard_is_told_what_to_write(place: Path) -> None:
    """Workers import the script; one that starts its sweep when it is imported ends with the line that is missing."""
    (place / "bare.py").write_text(APPLICATION.format(start="app()"), encoding="utf-8")
    done = ended(place, "-m", "a=0,1", script="bare.py")
    assert done.code == 1
    assert "below the line if __name__ == '__main__':" in done.err


@pytest.mark.parametrize("workers", ["0", "-1"])
def test_no_workers_at_all_are_refused(workers: str, place: Path) -> None:
    """Before a job has begun."""
    done = ended(place, "-m", "a=0,1", f"hydra.launcher.workers={workers}")
    assert done.code == 1
    assert f"hydra.launcher.workers must be at least 1. Got {workers}." in done.err
    assert not (place / "out").exists()
