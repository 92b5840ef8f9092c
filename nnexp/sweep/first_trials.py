"""A search before it is started: its space, its first trials, and what all would cost."""

from __future__ import annotations

from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from nnexp.composition.composed import plain, typed_words
from nnexp.composition.search import searched, settings_of
from nnexp.composition.space import region
from nnexp.errors import counted
from nnexp.plugin import Dimension, Options, Span, Steps
from nnexp.run.identity import brief, short
from nnexp.sweep.jobs import in_files, workers
from nnexp.sweep.preview import SAMPLES, SHOWN, price, summary
from nnexp.sweep.rungs import counts, rungs
from nnexp.sweep.states import key_of
from nnexp.sweep.trials import Trials
from nnexp.terminal.console import say, width, wrapped

NOWHERE = Path("/nonexistent")
"""Where no trial has been."""


def list_trials(config: DictConfig) -> None:
    """Show a search's space, the trials that are chosen before any has ended, and what all would cost; nothing is written."""
    lines = [*in_files(config), *typed_words(config.hydra)]
    loader = GlobalHydra.instance().config_loader()
    found = searched(settings_of(config))
    trials = Trials(found, region(lines, loader), NOWHERE, int(config.epochs))
    say(f"search={found.name} varies")
    column = max(len(axis.key) for axis in trials.space.axes.values())
    for axis in trials.space.axes.values():
        where = " where the chosen option has it" if axis.conditional else ""
        say(f"  {axis.key:<{column}}  {in_words(axis.dimension)}{where}")
    say("")
    keys = {axis.key for axis in trials.space.axes.values()}
    seconds = []
    shown = 0
    while (job := trials.take()) and shown < SHOWN:
        number, words = job
        name = " ".join(line for line in words if key_of(line) in keys)
        say(f"#{number} {brief(short([name])[0])}")
        shown += 1
        if shown <= SAMPLES:
            seconds.append(price(number, plain(loader.load_sweep_config(config, words))))
    total = trials.jobs
    if total > shown:
        say(f"and {total - shown:,} more, each chosen by how those before went")
    say("")
    share = 1.0
    if found.settings.halving:
        levels, of_each = rungs(found.settings, int(config.epochs)), counts(found.settings)
        going = ", ".join(
            f"{counted(count, 'trial')} to epoch {level}" for count, level in zip(of_each, levels, strict=True)
        )
        for line in wrapped(f"search.halving={found.settings.halving}: {going}", width()):
            say(line)
        trained = sum(
            count * (level - before) for count, before, level in zip(of_each, [0, *levels], levels, strict=False)
        )
        share = trained / (found.settings.trials * levels[-1])
    for line in wrapped(trials.space.repeats(trials.settings.trials), width()):
        say(line)
    if found.settings.seeds > 1:
        say(f"search.seeds={found.settings.seeds}: each trial is so many runs, and told their mean")
    at_work = min(workers(config.hydra.launcher), trials.most)
    prices = [each * share for each in seconds if each is not None]
    for line in wrapped(summary(total, 0, 0, at_work, prices), width()):
        say(line)


def in_words(dimension: Dimension) -> str:
    """What a key may be: ``0.001 to 1, by ratios``."""
    match dimension:
        case Span(low, high, log):
            whole = ", whole numbers" if isinstance(low, int) else ""
            return f"{low:g} to {high:g}{whole}{', by ratios' if log else ''}"
        case Steps(values, log):
            return f"{len(values)} numbers from {values[0]:g} to {values[-1]:g}{', by ratios' if log else ''}"
        case Options(values):
            return ", ".join(values)
