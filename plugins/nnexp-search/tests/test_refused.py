"""What no search can take is refused before anything is made, in one line that names the key and says what to type."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from nnexp.commands import run
from nnexp.errors import NnexpError

RATE = "optimizer.learning_rate=interval(0.1,1)"
REFUSED = {
    "search=tpe optimizer.learning_rate=interval(1,0.001)": "are swapped. Type 'optimizer.learning_rate=interval(0.001,1)'",
    "search=tpe optimizer.learning_rate=interval(0.1,0.1)": "has one value. Type optimizer.learning_rate=0.1",
    "search=tpe optimizer.learning_rate=tag(log,interval(0,1))": "on a logarithmic scale all values are above 0",
    "search=tpe optimizer.learning_rate=tag(lg,interval(0.1,1))": "no tag 'lg'. Did you mean 'log'?",
    "search=tpe optimizer.learning_rate=interval(0,1)": "Got 0.0. It is the lowest of interval(0,1).",
    "search=tpe split.validation=interval(0.1,1.5)": "Got 1.5. It is the highest",
    "search=tpe optimizer.batch_size=interval(8,128)": "Type 'optimizer.batch_size=int(interval(8,128))'",
    "search=tpe optimizer.learning_rate=range(0,0)": "has no values",
    "search=tpe network.hidden=[interval(1,5)]": "what varies is a whole value, not a part of one",
    "search=tpe network.hidden=[8],[interval(1,5)]": "what varies is a whole value, not a part of one",
    "search=tpe optimizer=minibatch,batch optimizer.momentum=interval(0,1)": "no option that the search chooses has this",
    "search=tpe optimizer.learning_rate=choice(interval(0.1,1),2)": "an interval stands alone, not among other values",
    f"search=tpe {RATE} ~optimizer": "~optimizer takes optimizer away, of which a key is typed",
    f"search=tpe search= {RATE}": "search= names no search. Type search=NAME",
    f"search=tpe search.sequence=halton {RATE}": "No key 'search.sequence'. It is of search=qmc.",
    f"search=tpe experiment=softmax_classifier,two_layer_binary {RATE}": "dataset varies, and costs of different ones do not",
    "search=tpe epochs=3": "There is nothing to search",
    "search=tpe loss=mse,mae": "loss varies, and costs of different ones do not compare",
    f"search=tp {RATE}": "No search 'tp'. Did you mean 'tpe'?",
    f"search=tpe {RATE} optimizer.learning_rate=0.5": "optimizer.learning_rate is typed twice",
    f"search=tpe,random search.trials=3 {RATE}": "search is of the sweep as a whole and takes one value",
    f"search=tpe search.trials=3,4 {RATE}": "search.trials is of the sweep as a whole and takes one value",
    f"search=tpe search.metric=accuracy {RATE}": "Did you mean 'accuracy/validation'?",
    f"search=tpe search.metric=validation {RATE}": "Did you mean 'cost/validation'?",
    f"search=tpe search.metric=parameters {RATE}": "Type 'search.metric=[cost/validation,parameters]'",
    f"search=tpe search.metric=[parameters,accuracy/train] {RATE}": "Type 'search.metric=[accuracy/train,parameters]'",
    f"search=tpe search.metric=r2/validation {RATE} dataset=xor": "this search's runs have no r2/validation",
    f"search=tpe search.metric=cost/test {RATE} dataset=digits": "Type split.test=0.2",
    f"search=tpe search.rungs=2 {RATE}": "search.rungs=2 is of search.halving",
    f"search=tpe search.halving=3 search.rungs=99 epochs=30 {RATE}": "Type search.rungs=4",
    "search=tpe epochs=interval(1,5)": "Type 'epochs=int(interval(1,5))'",
    "search=tpe seed=interval(0,5)": "Type 'seed=int(interval(0,5))'",
    "search=tpe optimizer.learning_rate=intervall(0.1,1)": "Did you mean 'interval'?",
    "search=tpe optimizer.learning_rate=log(interval(0.1,1))": "Type 'optimizer.learning_rate=tag(log,interval(LOW,HIGH))'",
    "search=tpe optimizer.learning_rate=interval(0.1)": "Type 'optimizer.learning_rate=interval(LOW,HIGH)'",
    "search=tpe optimizer.learning_rate=interval(0.1,1": "Type 'optimizer.learning_rate=interval(LOW,HIGH)'",
    "search=tpe optimizer.learning_rate=interval(0.1,1),5": "stands alone, not among other values",
    RATE: "or have a search choose them: search=tpe",
    f"search=tpe,random {RATE}": "search is of the sweep as a whole and takes one value",
    f"search=tpe search.trials=0 {RATE}": "search.trials must be an int at least 1",
    f"search=tpe search.trals=3 {RATE}": "No key 'search.trals'. Did you mean 'search.trials'?",
    f"search.trials=3 {RATE}": "Type search=NAME search.trials=3",
    f"search=tpe search.metric=acuracy/validation {RATE}": "Did you mean 'accuracy/validation'?",
    f"search=tpe search.direction=up {RATE}": "search.direction is minimize or maximize",
    f"search=tpe search.direction=maximize {RATE}": "search.direction=maximize: cost is better if lower, which is known",
    f"search=tpe search.startup=-1 {RATE}": "search.startup must be an int at least 0",
    f"search=cmaes {RATE}": "search=cmaes is for two or more numbers",
    f"search=tpe search.halving=3 epochs=8 {RATE}": "leaves fewer than one of 8 epochs",
    f"search=tpe search.halving=3 search.metric=cost/test {RATE}": "search.halving compares trials by one metric of an epoch",
    f"search=tpe search.halving=3 {RATE} epochs=range(9,90)": "epochs varies, too",
    f"search=tpe search.seeds=3 seed=range(3) {RATE}": "is the mean over seeds, and seed varies, too",
    f"search=tpe sweep.until=3 {RATE}": "is what a search says to its trials",
    f"search=null {RATE}": "to search nothing leave it out",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_refused(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made, and the message says what is wrong and what to type."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NnexpError) as refused:
        run.main(["-m", *shlex.split(line)])
    assert REFUSED[line] in str(refused.value)
    assert not list(tmp_path.iterdir())


CHOOSES = "defaults: [override /search: tpe]\n"
PRESETS = {
    "search: {trials: 3, nam: tpe}": "own.yaml: search.nam is of a search, and none is chosen. Type search=NAME, or write",
    "search: tpe": "own.yaml: search: tpe stands where its keys belong. To choose it, write 'defaults: [",
    "defaults: [override /search: tep]": "own.yaml: No search 'tep'. Did you mean 'tpe'?",
    f"{CHOOSES}search: {{trials: many}}": "own.yaml: search.trials must be an int at least 1 and at most 100000. Got 'many'.",
    f"{CHOOSES}search: {{trails: 3}}": "own.yaml: No key 'search.trails'. Did you mean 'search.trials'?",
    "hydra: {sweeper: {params: {search: tpe}}}": "search does not vary, it is of the sweep as a whole. Write 'defaults: [",
    "hydra: {sweeper: {params: {search.trials: 3}}}": "Write 'search: {trials: 3}'",
    f"{CHOOSES}hydra: {{sweeper: {{params: {{activation: [relu, tanh]}}}}}}": "is one text. Write activation: relu,tanh",
}


@pytest.mark.parametrize("text", PRESETS)
def test_presets_that_hold_a_search(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with a search that a file says is told of the file, in the words that belong there."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text(f"# @package _global_\n{text}\n")
    with pytest.raises(NnexpError) as refused:
        run.main(["-m", "--config-dir", "mine", "experiment=own", RATE])
    assert PRESETS[text] in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_single_run_is_no_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without -m the message says to type it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NnexpError, match="Type -m search=tpe"):
        run.main(["search=tpe", "optimizer.learning_rate=0.1"])
    assert not list(tmp_path.iterdir())
