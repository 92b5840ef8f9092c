"""nnexp: experiments with neural networks in NumPy, composed of plugins.

The library needs neither Hydra nor MLflow::

    from nnexp import fit

    result = fit(x, y, hidden=[8], epochs=50)
    result.predict(x_new)
"""

from nnexp.errors import NnexpError
from nnexp.library import Result, fit, load

__all__ = ["NnexpError", "Result", "fit", "load"]


def __getattr__(name: str) -> str:
    """``__version__``, read from the installed distribution when it is asked for."""
    if name != "__version__":
        raise AttributeError(f"module 'nnexp' has no attribute '{name}'")
    from importlib.metadata import version

    return version("nnexp")
