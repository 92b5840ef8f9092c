"""The jobs of a sweep on the workers of a Dask cluster: ``hydra/launcher=dask``.

| module | what is in it |
|---|---|
| `settings` | `hydra.launcher.*`, checked: which addresses are safe |
| `cluster` | the connection to a scheduler, or a cluster of this machine's own; whether its workers fit |
| `messages` | what is said between head and workers |
| `warm_process` | a warm process in which a worker has jobs carried out |
| `worker_plugin` | a worker's end: its processes, its folder, what it tells the head |
| `hosts` | which workers there are, as far as they are heard |
| `link` | what goes over the wire |
| `jobs`, `pool` | the head's end: which job is where, and what becomes of it |
"""
