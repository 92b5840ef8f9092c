"""Text for a terminal, from plain values.

Imports ``basics``.
"""
