"""nnexp's own checks of a plugin, on every activation."""

from nnexp_activations import Elu, Gelu, HardSigmoid, HardTanh, Mish, Selu, Silu, Sine, Softplus, Softsign

from nnexp.testing import conformance

test_elu = conformance(Elu)
test_elu_steep = conformance(Elu(alpha=2.0))
test_selu = conformance(Selu)
test_gelu = conformance(Gelu)
test_silu = conformance(Silu)
test_softplus = conformance(Softplus)
test_softsign = conformance(Softsign)
test_mish = conformance(Mish)
test_hard_sigmoid = conformance(HardSigmoid)
test_hard_tanh = conformance(HardTanh)
test_sine = conformance(Sine)
test_sine_fast = conformance(Sine(omega=30.0))
