"""Short files that stand for a lot: what they would cost is told before it is paid."""

from __future__ import annotations

import pytest

from tests.attacks.scene import QUICK, Scene
from tests.attacks.test_sweeps import SWEEP
from tests.attacks.test_sweeps import sent as sent_sweep

GLOBAL = "# @package _global_\n"
CHAIN = "".join(f'  a{number}: "${{network.a{number - 1}}}${{network.a{number - 1}}}"\n' for number in range(1, 30))
REFERENCES = f"{GLOBAL}network:\n  a0: {'x' * 100}\n{CHAIN}"


def test_references_that_double(quick: Scene) -> None:
    """Thirty references, each to the one before it twice, would be a text of a hundred gigabytes."""
    quick.send({"experiment/evil.yaml": REFERENCES})
    quick.attempt("--config-dir", "../theirs", "experiment=evil", *QUICK, says="")


def test_defaults_lists_that_double(quick: Scene) -> None:
    """Files that each name the next one twice would be read four thousand times and more."""
    files = {f"d{number}.yaml": f"defaults: [d{number + 1}@p1, d{number + 1}@p2]\n" for number in range(16)}
    quick.send({f"experiment/{name}": text for name, text in files.items()} | {"experiment/d16.yaml": "x: 1\n"})
    quick.attempt("--config-dir", "../theirs", "experiment=d0", *QUICK, says="Defaults lists lead to more than")


def test_a_defaults_list_that_leads_out_of_its_folder(quick: Scene) -> None:
    """A file above --config-dir is not read, whoever names it."""
    quick.send({"experiment/evil.yaml": f'{GLOBAL}defaults: ["/../secret@tracking", _self_]\n'})
    (quick.theirs.parent / "secret.yaml").write_text("experiment: canary-b6e9a2\n")
    quick.attempt("--config-dir", "../theirs", "experiment=evil", *QUICK, says="without .. in them")
    (quick.theirs.parent / "secret.yaml").unlink()


@pytest.mark.parametrize("text", ["seed: 0x" + "f" * 5000, "tracking: {experiment: 0x" + "f" * 5000 + "}"])
def test_a_number_of_thousands_of_digits(text: str, quick: Scene) -> None:
    """Python refuses to spell such a number; the key is named without it."""
    quick.send({"experiment/evil.yaml": f"{GLOBAL}{text}\n"})
    quick.attempt("--config-dir", "../theirs", "experiment=evil", *QUICK)


@pytest.mark.parametrize("name", ["multirun.yaml", "0/nnexp.log", "1/nnexp.log", "0/journal.jsonl"])
@pytest.mark.parametrize("how", ["a link", "a second name"])
def test_a_file_that_is_added_to(name: str, how: str, quick: Scene, a_sweep: object) -> None:
    """What a sweep's files lead to is not written through when it is resumed."""
    directory = sent_sweep(quick, a_sweep)  # type: ignore[arg-type]
    path, mine = directory / name, quick.home / "notes.txt"
    mine.write_text("mine")
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    if how == "a link":
        path.symlink_to(mine)
    else:
        path.hardlink_to(mine)
    quick.attempt("resume", SWEEP, says="Put ")


@pytest.mark.parametrize("text", ["[" * 1_000_000, "a: " + "[" * 60 + "]" * 60])
def test_a_configuration_of_a_job_that_is_deep(text: str, quick: Scene, a_sweep: object) -> None:
    """Libyaml would end the process; the job is named and not ranked."""
    directory = sent_sweep(quick, a_sweep)  # type: ignore[arg-type]
    (directory / "0" / "config.yaml").write_text(text)
    quick.attempt("resume", SWEEP, code=None)
