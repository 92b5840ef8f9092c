"""Eight losses for nnexp: ``residuals`` and ``counts`` for regression, ``margins`` and ``entropies`` for classification."""

from nnexp_losses.counts import Exp, Poisson
from nnexp_losses.entropies import Focal, SmoothCce
from nnexp_losses.margins import Hinge, SquaredHinge
from nnexp_losses.residuals import Huber, LogCosh, Quantile

__all__ = ["Exp", "Focal", "Hinge", "Huber", "LogCosh", "Poisson", "Quantile", "SmoothCce", "SquaredHinge"]
