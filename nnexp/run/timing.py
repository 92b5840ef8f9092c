"""What computing took, with ``timing=true``: scores of the whole run under ``time/``.

They are no results: whatever compares numbers (reuse, a run that is resumed) leaves them out. The products' share is measured
around each product, which costs a small network some of its speed.
"""

from __future__ import annotations

import time

import numpy as np

from nnexp.engine.training import blas_limit, to_train
from nnexp.experiment.experiment import Experiment
from nnexp.journal.result import TIME

NAMES = tuple(f"{TIME}{each}" for each in ("epoch", "products_share", "predict_1", "predict_1000"))
SHORTEST, MOST = 0.2, 1000
"""An inference is timed again until so many seconds have passed, or so many times."""


def timings(experiment: Experiment) -> dict[str, float]:
    """Seconds of an epoch's steps, the share of them in matrix products, seconds of an inference of 1 and of 1,000 samples."""
    clock = experiment.clock
    if clock is None or not clock.epochs:
        return {}
    of_epochs = clock.seconds / clock.epochs, clock.product_seconds / clock.seconds
    return dict(zip(NAMES, (*of_epochs, inference(experiment, 1), inference(experiment, 1000)), strict=True))


def inference(experiment: Experiment, n_samples: int) -> float:
    """The median time of the logits of so many samples, in seconds."""
    engine, design = experiment.plan.engine, experiment.samples.part("training").design
    assert engine is not None
    rows = np.take(design, np.arange(n_samples) % len(design), axis=0)
    training = to_train(experiment.network, experiment.objective, experiment.plan.optimizer, n_samples)
    evaluate = engine.evaluator(training, rows, experiment.network.theta)
    found: list[float] = []
    with blas_limit(experiment.plan.settings.threads):
        evaluate()
        while sum(found) < SHORTEST and len(found) < MOST:
            began = time.perf_counter()
            evaluate()
            found.append(time.perf_counter() - began)
    return float(np.median(found))
