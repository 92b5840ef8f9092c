"""An engine of nnexp in C++: ``engine`` is the plugin, ``plugins`` lists what it has code for."""

from nnexp_native.engine import Native

__all__ = ["Native"]
