"""Optimizers and learning-rate schedules for nnexp: ``momentum``, ``adaptive`` and ``schedules``, simplest first.

Nothing is imported here, so that choosing one option does not load what another needs.

In the formulas ``theta`` are all parameters in one flat vector, ``g`` is dJ/dtheta of one batch, ``rate`` the learning rate in
force (the optimizer's own times the schedule's factor). Every operation is element-wise, and memory starts at zero.
"""
