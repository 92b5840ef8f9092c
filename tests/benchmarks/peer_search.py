"""The reference search as it is usually written with Optuna, scikit-learn and MLflow; a script of its own.

A peer for the benchmark, without any deliberate slowness: what does not change from trial to trial is loaded and scaled once;
the cost of training is the one that ``partial_fit`` has found anyway, predictions are made once per part and epoch, an epoch's
metrics go to MLflow in one call, the parameters as well. Trials run in this process one after the other, as Optuna's tutorials
have them: ``n_jobs`` starts threads, which share Python's lock and make the trials depend on who is faster.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import mlflow
import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

mpl.use("Agg")


def objective(epochs: int) -> Callable[[optuna.Trial], float]:
    """The last validation cost of a trial, by Optuna's way to say so."""
    x, y = load_digits(return_X_y=True)
    x_train, x_validation, y_train, y_validation = train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
    scaler = StandardScaler().fit(x_train)
    x_train, x_validation = scaler.transform(x_train), scaler.transform(x_validation)
    classes = np.unique(y)

    def trained(trial: optuna.Trial) -> float:
        """One trial: train, record every epoch, keep the picture and the weights."""
        classifier = MLPClassifier(
            hidden_layer_sizes=(trial.suggest_categorical("hidden", (8, 16, 32, 64)),),
            activation=trial.suggest_categorical("activation", ("relu", "tanh")),
            learning_rate_init=trial.suggest_float("learning_rate", 1e-3, 1, log=True),
            batch_size=trial.suggest_int("batch_size", 8, 128),
            solver="sgd",
            momentum=0,
            alpha=0,
            random_state=0,
        )
        with mlflow.start_run(run_name=f"trial {trial.number}"):
            mlflow.log_params({**trial.params, "epochs": epochs, "seed": 0})
            history: list[dict[str, Any]] = []
            for epoch in range(1, epochs + 1):
                classifier.partial_fit(x_train, y_train, classes=classes)
                probabilities = np.nan_to_num(classifier.predict_proba(x_validation), nan=0.1)
                metrics = {
                    "cost/train": classifier.loss_,
                    "accuracy/train": accuracy_score(y_train, classifier.predict(x_train)),
                    "cost/validation": log_loss(y_validation, probabilities, labels=classes),
                    "accuracy/validation": accuracy_score(y_validation, classes[probabilities.argmax(axis=1)]),
                }
                mlflow.log_metrics(metrics, step=epoch)
                history.append(metrics)
            keep(history, classifier, trial.number)
        return float(history[-1]["cost/validation"])

    return trained


def keep(history: list[dict[str, Any]], classifier: MLPClassifier, number: int) -> None:
    """Store the picture of the cost, and the weights."""
    figure, axes = plt.subplots()
    for part in ("train", "validation"):
        axes.plot(range(1, len(history) + 1), [metrics[f"cost/{part}"] for metrics in history], label=part)
    axes.set_xlabel("epoch")
    axes.set_ylabel("cost")
    axes.legend()
    mlflow.log_figure(figure, "cost.png")
    plt.close(figure)
    folder = Path("trials", str(number))
    folder.mkdir(parents=True)
    weights = folder / "weights.npz"
    arrays = {f"W{layer}": array for layer, array in enumerate(classifier.coefs_, 1)}
    np.savez(weights, **arrays, **{f"b{layer}": array for layer, array in enumerate(classifier.intercepts_, 1)})
    mlflow.log_artifact(str(weights))


def main() -> None:
    """Carry out the search."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=20)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("digits")
    sampler = optuna.samplers.TPESampler(seed=0)
    study = optuna.create_study(sampler=sampler, storage="sqlite:///optuna.db", study_name="digits")
    study.optimize(objective(given.epochs), n_trials=given.trials)
    print(study.best_value, study.best_params)


if __name__ == "__main__":
    main()
