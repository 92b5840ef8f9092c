"""The network, its gradient and its training on arrays: NumPy, and threadpoolctl for its threads.

Imports ``plugin`` and ``basics``.
"""
