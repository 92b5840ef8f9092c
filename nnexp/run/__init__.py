"""A run from its start to its end, and its identity.

Imports ``tracking``, ``journal``, ``terminal``, ``pictures`` and ``experiment``.

What FINISHED stands for is on the disk before the journal says so: weights, model, configuration, result and picture are
forced before they get their names, then the folder, then the journal. The tests replay power failures from a recording of all
operations on files: what was not forced is kept, dropped, zeroed or torn.
"""
