"""nnexp's own checks of a plugin, on every loss and on the activation exp."""

from nnexp_losses import Exp, Focal, Hinge, Huber, LogCosh, Poisson, Quantile, SmoothCce, SquaredHinge

from nnexp.testing import conformance

test_exp = conformance(Exp)
test_huber = conformance(Huber)
test_huber_wide = conformance(Huber(delta=5.0))
test_log_cosh = conformance(LogCosh)
test_quantile = conformance(Quantile)
test_upper_quantile = conformance(Quantile(q=0.9))
test_poisson = conformance(Poisson)
test_hinge = conformance(Hinge)
test_squared_hinge = conformance(SquaredHinge)
test_focal = conformance(Focal)
test_focal_mild = conformance(Focal(gamma=0.5))
test_smooth_cce = conformance(SmoothCce)
