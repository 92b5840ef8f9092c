"""Runs that were recorded, side by side: as rows of a table, what differs between two, whether one comes out the same again.

Imports ``sweep``. What is known of a run (``journal.facts``) is read from its directory (``reading``) or from MLflow
(``tracking.facts``); all else here goes by that alone, wherever it was read.
"""
