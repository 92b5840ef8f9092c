"""``hydra/launcher=dask``: Hydra looks for launchers in this namespace; what it does is in ``nnexp_dask``."""
