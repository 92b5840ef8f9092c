"""The tables of OpenML as a dataset of nnexp: ``dataset=openml dataset.table=iris``."""

from nnexp_openml.dataset import OpenML

__all__ = ["OpenML"]
