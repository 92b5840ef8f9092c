"""nnexp's conformance kit, on every plugin with its defaults and with values that make another case of it."""

from __future__ import annotations

from nnexp_optimizers.adaptive import Adagrad, Adam, AdamW, RmsProp
from nnexp_optimizers.momentum import Momentum, Nesterov
from nnexp_optimizers.schedules import Cosine, Exponential, Plateau, Step

from nnexp.testing import conformance

test_momentum = conformance(Momentum)
test_momentum_without_any = conformance(Momentum(momentum=0.0))
test_nesterov = conformance(Nesterov)
test_nesterov_without_momentum = conformance(Nesterov(momentum=0.0))
test_adagrad = conformance(Adagrad)
test_rmsprop = conformance(RmsProp)
test_rmsprop_without_memory = conformance(RmsProp(rho=0.0))
test_adam = conformance(Adam)
test_adam_without_momentum = conformance(Adam(beta1=0.0, beta2=0.9))
test_adamw = conformance(AdamW)
test_adamw_without_decay = conformance(AdamW(weight_decay=0.0))

test_step = conformance(Step)
test_step_every_epoch = conformance(Step(every=1))
test_exponential = conformance(Exponential)
test_cosine = conformance(Cosine)
test_cosine_with_warmup = conformance(Cosine(warmup=3, end_factor=0.1))
test_plateau = conformance(Plateau)
test_plateau_with_cooldown = conformance(Plateau(patience=1, cooldown=2, min_factor=0.1))
