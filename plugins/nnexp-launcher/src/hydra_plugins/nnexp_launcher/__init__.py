"""A launcher of Hydra's that runs a sweep's jobs on warm worker processes. nnexp's distribution carries it."""
