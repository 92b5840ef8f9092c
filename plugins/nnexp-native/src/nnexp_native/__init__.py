"""A C++ engine for nnexp: ``engine=native`` trains with the NumPy engine's numbers, several times faster on small networks."""

from nnexp_native.engine import Native

__all__ = ["Native"]
