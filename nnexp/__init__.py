"""nnexp: experiments with neural networks in NumPy, composed of plugins.

The library needs neither Hydra nor MLflow::

    from nnexp import fit

    result = fit(x, y, hidden=[8], epochs=50)
    result.predict(x_new)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnexp.comparison.frame import results
    from nnexp.errors import NnexpError
    from nnexp.library import Result, fit, load

__all__ = ["NnexpError", "Result", "fit", "load", "results"]


def __getattr__(name: str) -> Any:
    """What ``__all__`` names, imported when it is asked for: a command begins without NumPy; and ``__version__``."""
    if name == "__version__":
        from importlib.metadata import version

        return version("nnexp")
    if name not in __all__:
        raise AttributeError(f"module 'nnexp' has no attribute '{name}'")
    if name == "results":
        from nnexp.comparison.frame import results

        return results
    from nnexp import errors, library

    return getattr(errors if name == "NnexpError" else library, name)
