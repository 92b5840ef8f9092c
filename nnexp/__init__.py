"""nnexp: experiments with neural networks in NumPy, composed of plugins.

The library needs neither Hydra nor MLflow::

    from nnexp import fit

    result = fit(x, y, hidden=[8], epochs=50)
    result.predict(x_new)
"""

from nnexp.errors import NnexpError
from nnexp.library import Result, fit, load

__all__ = ["NnexpError", "Result", "fit", "load"]
