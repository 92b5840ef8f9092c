"""Where a run's record goes: MLflow, and how it is found again.

| module | its one job |
|---|---|
| ``client.py`` | MLflow without its chatter: importing it, naming its address, wording its failures |
| ``database.py`` | the embedded database, created safely by any number of processes at once |
| ``store.py`` | ``Store``: one MLflow experiment; runs are started, found and linked to through it |
| ``run.py`` | ``TrackedRun``: one run; metrics are buffered and delivered within a time budget |
| ``serving.py`` | the model as MLflow loads and serves it |
| ``ui.py`` | MLflow's user interface, as a child of this process |

Importing any of these modules does not import MLflow (about 3 s): only the functions that need it do.
"""
