"""All that knows MLflow: where a run's record goes, and how it is found again.

| module | its one job |
|---|---|
| ``client.py`` | MLflow without its chatter: importing it, wording its failures |
| ``database.py`` | the embedded database, created safely by any number of processes at once |
| ``choice.py`` | which store and experiment are used, and in what words one is refused that cannot be |
| ``entities.py`` | what is told of a run, in the form and within the limits of MLflow |
| ``sqlite.py`` | metric points as rows of a SQLite store, and commits that wait for the disk once a run |
| ``links.py`` | where MLflow's user interface shows runs |
| ``store.py`` | ``Store``: one MLflow experiment; runs are created and found through it |
| ``logged_models.py`` | the models of runs: stored once, whole or not at all |
| ``lookup.py`` | a run is found by its id, the beginning of it, or its name |
| ``artifacts.py`` | which files of a run go along, and where they may go |
| ``foreign_database.py`` | a SQLite file of a stranger's, looked at before SQLite is |
| ``moved.py`` | the locations in the database of a project that was moved |
| ``opening.py`` | what is told of a run when it begins, and where that goes |
| ``delivery.py`` | ``Delivery``: tells MLflow what a journal says, in batches, each piece exactly once |
| ``delivery_queue.py`` | the thread that delivers runs which train in other processes, as those of a sweep |
| ``delivery_process.py`` | a process that delivers while runs train, those of a sweep or a long one |
| ``spawn.py`` | that process's start, before anybody knows what it is to do |
| ``tracked_run.py`` | ``TrackedRun``: one run while it trains |
| ``pending.py`` | the runs that MLflow does not have completely, and how they are flushed |
| ``models.py`` | a run's model as MLflow keeps it |
| ``ui.py`` | MLflow's user interface, as a child of this process |

Imports ``journal`` and ``basics``; ``models`` also ``experiment``. Importing any of these modules does not import MLflow (about
3 s): only the functions that need it do.
"""
