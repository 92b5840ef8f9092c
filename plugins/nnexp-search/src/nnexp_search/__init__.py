"""Ways to search for hyperparameters, on Optuna's samplers: plugins of nnexp's kind ``search``."""
