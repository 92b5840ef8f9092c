"""Where a run's record goes: MLflow, and how it is found again.

| module | its one job |
|---|---|
| ``address.py`` | a store's address without its password, and where the whole one is meanwhile |
| ``client.py`` | MLflow without its chatter: importing it, wording its failures |
| ``database.py`` | the embedded database, created safely by any number of processes at once |
| ``choice.py`` | which store and experiment are used, and in what words one is refused that cannot be |
| ``entities.py`` | what is told of a run, in the form and within the limits of MLflow |
| ``sqlite.py`` | metric points as rows of a SQLite store, and commits that wait for the disk once a run |
| ``links.py`` | where MLflow's user interface shows runs |
| ``store.py`` | ``Store``: one MLflow experiment; runs are created and found through it |
| ``journal.py`` | ``Journal``: the append-only file beside every run that has its record before MLflow does |
| ``delivery.py`` | ``Delivery``: tells MLflow what a journal says, in batches, each piece exactly once |
| ``deliveries.py`` | the thread that delivers runs which train in other processes, as those of a sweep |
| ``courier.py`` | a process that delivers while runs train, those of a sweep or a long one |
| ``ahead.py`` | that process's start, before anybody knows what it is to do |
| ``run.py`` | ``TrackedRun``: one run while it trains |
| ``waiting.py`` | the runs that MLflow does not have completely, and how they are settled |
| ``result.py`` | ``result.json``: how a run ended |
| ``serving.py`` | the model as MLflow loads and serves it |
| ``ui.py`` | MLflow's user interface, as a child of this process |

Importing any of these modules does not import MLflow (about 3 s): only the functions that need it do.
"""
