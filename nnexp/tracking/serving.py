"""The old name of ``nnexp.serving``, which models name that MLflow has."""

from nnexp.serving import _load_pyfunc as _load_pyfunc
