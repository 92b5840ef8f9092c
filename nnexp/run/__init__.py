"""A run from its start to its end, and its identity.

Imports ``tracking``, ``journal``, ``terminal``, ``pictures`` and ``experiment``.
"""
