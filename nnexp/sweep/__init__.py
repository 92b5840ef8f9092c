"""A sweep: its manifest, the states of its jobs, and what they amount to.

Imports ``run`` and ``composition``.
"""
