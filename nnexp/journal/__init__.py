"""What a run writes down in its own directory, and what is read back from there: files only.

Knows no MLflow. Imports ``basics``.

The journal is the record, MLflow a copy of it. Whatever is read back has one reader (``records``, ``recorded_run``, ``result``,
``outbox``; of a sweep ``sweep.manifest``, of a model ``experiment.description``): what is not valid is named, and costs its own
run only.

A run's directory is trusted with itself alone. A note in ``outputs/.open`` counts for the run whose journal has the note's
name as its id; MLflow's run for the journal whose id is its tag; an artifact is a plain file of the directory; a directory
with a symbolic link in it is refused.
"""
