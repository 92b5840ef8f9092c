"""Power failures: what a sweep or a run does to its files is recorded, and replayed up to a point as a disk might hold it then.

| module | its job |
|---|---|
| ``recorder.h``, ``names.c``, ``contents.c`` | a library, preloaded into every process of a command, that writes a log |
| ``recorder.py`` | builds the library, and reads the log |
| ``disk.py`` | the model: what of the recorded operations is on the disk after a power failure |
| ``failures.py`` | one recorded sweep or run, and its power failures: each is resumed and held against the untouched one |
| ``__main__.py`` | ``python -m tests.power``: as many power failures as one likes, or a single one again |
"""
