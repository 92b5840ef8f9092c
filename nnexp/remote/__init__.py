"""The jobs of a sweep on other machines, without a file system in common: what they take along, what comes back of them.

Imports ``sweep``. Knows no cluster: whoever brings bytes from here to there and back is a distribution of its own.

A worker's directory is the copy, the head's is the record: ``Mirror`` writes there what a worker sends, in the order and with
the names that a local run has, after it was looked at as any stranger's journal is. So whatever reads a sweep (ledger, ranking,
delivery, ``resume``) reads the same files, wherever they were made. A job goes on elsewhere from what the head has.
"""
