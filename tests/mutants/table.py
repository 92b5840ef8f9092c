"""Planted mistakes: each is one edit of nnexp, and the tests that have to notice it."""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """``old`` stands exactly once in ``file`` (of nnexp/); with ``new`` in its place ``tests`` (of tests/) have to fail."""

    what: str
    file: str
    old: str
    new: str
    tests: str


MUTANTS = [
    # --- plugins: the mathematics ---
    Mutant(
        "the update has the wrong sign",
        "optimizers.py",
        "np.subtract(theta, grad, out=theta)",
        "np.add(theta, grad, out=theta)",
        "test_optimizers.py::test_one_step_by_hand",
    ),
    Mutant(
        "the optimizer rebinds theta instead of changing it",
        "optimizers.py",
        "np.subtract(theta, grad, out=theta)",
        "theta = theta - grad",
        "test_optimizers.py::test_one_step_by_hand",
    ),
    Mutant(
        "bce on logits lacks the 1/m",
        "losses.py",
        "np.reciprocal(out, out=out)\n        np.subtract(out, y, out=out)\n        np.multiply(out, 1.0 / y.size, out=out)",
        "np.reciprocal(out, out=out)\n        np.subtract(out, y, out=out)",
        "test_losses.py::test_fused_by_hand",
    ),
    Mutant(
        "bce of one sample overflows",
        "losses.py",
        "0.0 if z < -EXP_LIMIT else ",
        "",
        "test_losses.py::test_bce_of_one_sample",
    ),
    Mutant(
        "an overflow of the exponentials goes unnoticed in cce's gradient",
        "losses.py",
        "if not math.isfinite(total.dot(inverse)):",
        "if not math.isfinite(inverse.dot(inverse)):",
        "test_losses.py::test_cce_gradient_over_the_whole_range",
    ),
    Mutant(
        "cce on logits lacks the 1/m",
        "losses.py",
        "np.multiply(out, 1.0 / y.shape[1], out=out)",
        "pass",
        "test_losses.py::test_fused_by_hand",
    ),
    Mutant(
        "the gradient of mse is divided by m twice",
        "losses.py",
        "2.0 / y.size",
        "2.0 / y.size / y.shape[1]",
        "test_losses.py::test_mse_by_hand",
    ),
    Mutant(
        "mse has a 1/2 in the cost alone",
        "losses.py",
        "np.square(y_pred - y).mean()",
        "np.square(y_pred - y).mean() / 2",
        "test_losses.py::test_mse_by_hand",
    ),
    Mutant(
        "mae has the derivative 1 at its kink",
        "losses.py",
        "np.sign(out, out=out)",
        "np.copyto(out, np.where(out < 0, -1.0, 1.0))",
        "test_losses.py::test_mae_by_hand",
    ),
    Mutant(
        "the fused gradient of cce has the wrong sign",
        "losses.py",
        "np.subtract(out, y, out=out)\n        np.multiply(out, 1.0 / y.shape[1], out=out)",
        "np.subtract(y, out, out=out)\n        np.multiply(out, 1.0 / y.shape[1], out=out)",
        "test_objective.py::test_softmax_and_cce",
    ),
    Mutant(
        "the composed gradient of cce has the wrong sign",
        "losses.py",
        "-1.0 / y.shape[1]",
        "1.0 / y.shape[1]",
        "test_losses.py::test_cce_by_hand",
    ),
    Mutant(
        "the largest logit is not subtracted in cce",
        "losses.py",
        "shifted = y_pred - np.maximum.reduce(y_pred, axis=0)",
        "shifted = y_pred",
        "test_losses.py::test_cce_at_extreme_logits",
    ),
    Mutant(
        "softmax does not subtract the largest logit",
        "activations.py",
        "np.subtract(z, np.maximum.reduce(z, axis=0), out=out)",
        "np.copyto(out, z)",
        "test_activations.py::test_softmax",
    ),
    Mutant(
        "softmax goes over the samples instead of the units",
        "activations.py",
        "np.add.reduce(out, axis=0)",
        "np.add.reduce(out, axis=1)[:, None]",
        "test_activations.py::test_softmax",
    ),
    Mutant(
        "softmax's backward has the diagonal of the Jacobian only",
        "activations.py",
        "np.subtract(grad, mean, out=grad)",
        "np.multiply(grad, 1 - a, out=grad)",
        "test_activations.py::test_softmax_jacobian",
    ),
    Mutant(
        "relu has the derivative 1 at 0",
        "activations.py",
        "np.sign(a)",
        "(a >= 0)",
        "test_activations.py::test_relu",
    ),
    Mutant(
        "leaky relu replaces the gradient by its slope instead of multiplying",
        "activations.py",
        "out=slope)\n        np.multiply(grad, slope, out=grad)\n\n\n@dataclass(frozen=True)\nclass Softmax",
        "out=slope)\n        np.copyto(grad, slope)\n\n\n@dataclass(frozen=True)\nclass Softmax",
        "test_activations.py::test_leaky_relu",
    ),
    Mutant(
        "tanh claims to be its own derivative's argument: 1 - z^2",
        "activations.py",
        "slope = np.square(a)",
        "slope = np.square(z)",
        "test_activations.py::test_contracts",
    ),
    Mutant(
        "glorot's limit is of another paper",
        "initializers.py",
        "6.0 / (layer.n_in + layer.n_out)",
        "3.0 / (layer.n_in + layer.n_out)",
        "test_initializers.py::test_distributions",
    ),
    Mutant(
        "he's variance is 1 / n_in",
        "initializers.py",
        "2.0 / layer.n_in",
        "1.0 / layer.n_in",
        "test_initializers.py::test_distributions",
    ),
    # --- the network and its training ---
    Mutant(
        "the row of ones is a row of zeros: hidden biases count for nothing",
        "network.py",
        "extended[-1] = 1",
        "extended[-1] = 0",
        "test_training.py::test_any_depth[relu-hidden1]",
    ),
    Mutant(
        "the design matrix lacks its ones: the first biases count for nothing",
        "preprocessing.py",
        "out[:, -1] = 1",
        "out[:, -1] = 0",
        "test_preprocessing.py::test_one_hot_layout_by_hand",
    ),
    Mutant(
        "biases are not initialised",
        "network.py",
        "initializer.biases(rng, layer, matrix[:, -1])",
        "pass",
        "test_initializers.py::test_file_gives_the_weights",
    ),
    Mutant(
        "the derivative of the activation is forgotten",
        "network.py",
        "            backward(delta_here, z_here, a_here)\n",
        "",
        "test_training.py::test_any_depth[relu-hidden1]",
    ),
    Mutant(
        "the last, smaller batch is dropped",
        "training.py",
        "for start in range(0, len(here), batch_size):",
        "for start in range(0, len(here) - batch_size + 1, batch_size):",
        "test_training.py::test_one_permutation_an_epoch",
    ),
    Mutant(
        "samples are not shuffled",
        "experiment.py",
        "shuffle=settings.shuffle,",
        "shuffle=False,",
        "test_experiment.py::test_the_seed_drives_shuffling",
    ),
    Mutant(
        "every epoch has the same order",
        "training.py",
        "rng.permutation(n_samples)",
        "np.random.default_rng(0).permutation(n_samples)",
        "test_training.py::test_one_permutation_an_epoch",
    ),
    Mutant(
        "features are shuffled, targets are not",
        "training.py",
        "self._targets, here, axis=0",
        "self._targets, np.arange(start, start + len(here)), axis=0",
        "test_training.py::test_one_permutation_an_epoch",
    ),
    Mutant(
        "train metrics are taken after the updates",
        "training.py",
        "source.logits, source.y, ",
        "network.logits(training.design), training.y, ",
        "test_training.py::test_train_metrics_are_of_the_predictions_before_each_update",
    ),
    Mutant(
        "the train cost is the mean of the batches' means",
        "training.py",
        'source.y, "train")',
        'source.y, "train")\n'
        '            found["cost/train"] = float(np.mean([objective.cost(z, network.activate(z), y)'
        " for _, block in source._blocks for *_, y, z in block.batches]))",
        "test_training.py::test_against_the_textbook[mse-4]",
    ),
    Mutant(
        "validation is measured before the epoch's updates",
        "training.py",
        "            for batches in source.chunks(rng if shuffle else None):",
        "            early = evaluate().copy() if evaluate else None\n"
        "            evaluate = (lambda logits=early: logits) if evaluate else None\n"
        "            for batches in source.chunks(rng if shuffle else None):",
        "test_training.py::test_against_the_textbook[mse-4]",
    ),
    Mutant(
        "a cost that is not finite goes on",
        "training.py",
        "raise Diverged(number, optimizer.learning_rate)",
        "pass",
        "test_training.py::test_divergence_on_the_training_part",
    ),
    Mutant(
        "the number of BLAS threads is not limited",
        "training.py",
        "limits=threads",
        "limits=None",
        "test_training.py::test_threads_are_limited_within_an_epoch_only",
    ),
    # --- the experiment ---
    Mutant(
        "training and validation are swapped",
        "preprocessing.py",
        "Split(training, parts[1], parts[0])",
        "Split(parts[1], training, parts[0])",
        "test_preprocessing.py::test_sizes",
    ),
    Mutant(
        "the test part is trained on, too",
        "preprocessing.py",
        "training = np.sort(np.concatenate(groups))",
        "training = np.sort(np.concatenate([*groups, parts[0]]))",
        "test_preprocessing.py::test_sizes",
    ),
    Mutant(
        "the split is not stratified",
        "preprocessing.py",
        'if data.task != "regression":\n        groups',
        'if data.task == "none":\n        groups',
        "test_preprocessing.py::test_stratified_by_hand",
    ),
    Mutant(
        "scaling of the features is fitted on all rows",
        "preprocessing.py",
        "Scaling.fit(data.x, rows, features)",
        "Scaling.fit(data.x, np.arange(len(data.x)), features)",
        "test_experiment.py::test_validation_and_test_rows_are_not_trained_on",
    ),
    Mutant(
        "scaling of the target is fitted on all rows",
        "preprocessing.py",
        "Scaling.fit(y, rows, target",
        "Scaling.fit(y, np.arange(len(y)), target",
        "test_experiment.py::test_validation_and_test_rows_are_not_trained_on",
    ),
    Mutant(
        "the standard deviation is the sample's (n - 1)",
        "preprocessing.py",
        "np.sqrt(variance / len(rows))",
        "np.sqrt(variance / (len(rows) - 1))",
        "test_preprocessing.py::test_standard_is_scikit_learns",
    ),
    Mutant(
        "one-hot columns are shifted by one",
        "preprocessing.py",
        "np.equal.outer(part[:, i], np.arange(f.width))",
        "np.equal.outer(part[:, i], np.arange(f.width) + 1)",
        "test_preprocessing.py::test_one_hot_layout_by_hand",
    ),
    Mutant(
        "predictions stay in scaled units",
        "preprocessing.py",
        "y_pred.T.astype(np.float64) * self.outputs.scale + self.outputs.shift",
        "y_pred.T.astype(np.float64)",
        "test_experiment.py::test_regression_metrics_are_in_original_units",
    ),
    Mutant(
        "metrics are in scaled units",
        "metrics.py",
        "regression(shift + scale * y_pred, shift + scale * y)",
        "regression(y_pred, y)",
        "test_experiment.py::test_regression_metrics_are_in_original_units",
    ),
    Mutant(
        "the cost is in original units",
        "training.py",
        '"cost": objective.cost(logits, y_pred, y), **metrics(y_pred, y)',
        '**(m := metrics(y_pred, y)), "cost": m.get("rmse", 0) ** 2 or objective.cost(logits, y_pred, y)',
        "test_experiment.py::test_regression_metrics_are_in_original_units",
    ),
    Mutant(
        "r2 has the wrong denominator",
        "metrics.py",
        "np.square(y - y.mean(axis=1, keepdims=True)).sum(axis=1)",
        "np.square(y).sum(axis=1)",
        "test_metrics.py::test_regression_by_hand",
    ),
    Mutant(
        "the confusion matrix is transposed",
        "metrics.py",
        "(actual, predicted), 1",
        "(predicted, actual), 1",
        "test_metrics.py::test_confusion_matrix_by_hand",
    ),
    Mutant(
        "the seed does not reach the initial weights",
        "experiment.py",
        "np.random.default_rng(seeds[2])",
        "np.random.default_rng(0)",
        "test_experiment.py::test_the_seed_drives_everything",
    ),
    Mutant(
        "the seed does not reach the shuffling",
        "experiment.py",
        "np.random.default_rng(self.seeds[3])",
        "np.random.default_rng(0)",
        "test_experiment.py::test_the_seed_drives_shuffling",
    ),
    Mutant(
        "the seed does not reach the split",
        "experiment.py",
        "np.random.default_rng(split_seed)",
        "np.random.default_rng(0)",
        "test_experiment.py::test_the_seed_drives_everything",
    ),
    Mutant(
        "split.seed is ignored",
        "experiment.py",
        "seeds[1] if settings.split.seed is None",
        "seeds[1] if True",
        "test_experiment.py::test_split_seed_pins_the_split_alone",
    ),
    Mutant(
        "keep=best is ignored",
        "experiment.py",
        "if best_theta is not None:",
        "if False:",
        "test_experiment.py::test_the_best_weights_are_those_of_the_best_epoch",
    ),
    Mutant(
        "the best weights are a view, which goes on training",
        "experiment.py",
        "self.network.theta.copy()",
        "self.network.theta",
        "test_experiment.py::test_the_best_weights_are_those_of_the_best_epoch",
    ),
    Mutant(
        "patience is off by one",
        "experiment.py",
        ">= patience",
        "> patience",
        "test_experiment.py::test_patience_and_keep",
    ),
    Mutant(
        "an equal cost counts as a lower one",
        "experiment.py",
        "epoch.cost < self.best.cost",
        "epoch.cost <= self.best.cost",
        "test_experiment.py::test_patience_and_keep",
    ),
    Mutant(
        "dtype is ignored",
        "experiment.py",
        "output, settings.dtype)",
        "output)",
        "test_experiment.py::test_float32_everywhere",
    ),
    # --- the model ---
    Mutant(
        "the two columns of probabilities are swapped",
        "model.py",
        "[1 - y_pred[0], y_pred[0]]",
        "[y_pred[0], 1 - y_pred[0]]",
        "test_experiment.py::test_classification_metrics",
    ),
]
