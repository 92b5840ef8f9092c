"""The network, its gradient and its training on arrays: NumPy and nothing else.

Imports ``plugin`` and ``basics``.
"""
