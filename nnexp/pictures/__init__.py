"""Pictures, from plain values.

Imports ``basics``.
"""
