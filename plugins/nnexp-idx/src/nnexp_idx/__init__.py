"""MNIST-format files as a dataset of nnexp: ``dataset=idx dataset.path=DIR``."""

from nnexp_idx.dataset import Idx

__all__ = ["Idx"]
