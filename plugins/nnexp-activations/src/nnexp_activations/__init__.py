"""Ten activations for nnexp, by family: ``rectifiers``, ``gated`` (z times a gate between 0 and 1), ``bounded``."""

from nnexp_activations.bounded import HardSigmoid, HardTanh, Sine, Softsign
from nnexp_activations.gated import Gelu, Mish, Silu
from nnexp_activations.rectifiers import Elu, Selu, Softplus

__all__ = ["Elu", "Gelu", "HardSigmoid", "HardTanh", "Mish", "Selu", "Silu", "Sine", "Softplus", "Softsign"]
