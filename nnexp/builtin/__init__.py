"""The plugins that come with nnexp, each with its formula.

Imports ``plugin``, ``tables`` and ``basics``.
"""
