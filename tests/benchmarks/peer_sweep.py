"""The reference sweep as it is usually written with Hydra, scikit-learn and MLflow; a script of its own.

A peer for the benchmark, without any deliberate slowness: the cost of training is the one that ``partial_fit`` has found
anyway, predictions are made once per part and epoch, an epoch's metrics go to MLflow in one call, the parameters as well.
``partial_fit`` takes as long as ``fit`` with ``warm_start`` and ``max_iter=1``, and does not warn that it has not converged.
"""

from __future__ import annotations

from pathlib import Path

import hydra
import matplotlib as mpl
import matplotlib.pyplot as plt
import mlflow
import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

mpl.use("Agg")


@hydra.main(version_base="1.3", config_path=".", config_name="peer_sweep")
def main(config: DictConfig) -> float:
    """One job: train, record every epoch, keep the picture and the weights; the last validation cost."""
    x, y = load_digits(return_X_y=True)
    x_train, x_validation, y_train, y_validation = train_test_split(
        x, y, test_size=config.validation, stratify=y, random_state=config.seed
    )
    scaler = StandardScaler().fit(x_train)
    x_train, x_validation = scaler.transform(x_train), scaler.transform(x_validation)
    classes = np.unique(y)
    classifier = MLPClassifier(
        hidden_layer_sizes=tuple(config.hidden),
        activation=config.activation,
        solver=config.solver,
        momentum=config.momentum,
        alpha=config.alpha,
        batch_size=config.batch_size,
        learning_rate_init=config.learning_rate,
        shuffle=config.shuffle,
        random_state=config.seed,
    )

    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("digits")
    with mlflow.start_run(run_name=f"learning_rate={config.learning_rate} seed={config.seed}"):
        mlflow.log_params(OmegaConf.to_container(config, resolve=True))  # type: ignore[arg-type]
        history = []
        for epoch in range(1, config.epochs + 1):
            classifier.partial_fit(x_train, y_train, classes=classes)
            probabilities = classifier.predict_proba(x_validation)
            metrics = {
                "cost/train": classifier.loss_,
                "accuracy/train": accuracy_score(y_train, classifier.predict(x_train)),
                "cost/validation": log_loss(y_validation, probabilities, labels=classes),
                "accuracy/validation": accuracy_score(y_validation, classes[probabilities.argmax(axis=1)]),
            }
            mlflow.log_metrics(metrics, step=epoch)
            history.append(metrics)

        figure, axes = plt.subplots()
        for part in ("train", "validation"):
            axes.plot(range(1, config.epochs + 1), [metrics[f"cost/{part}"] for metrics in history], label=part)
        axes.set_xlabel("epoch")
        axes.set_ylabel("cost")
        axes.legend()
        mlflow.log_figure(figure, "cost.png")
        plt.close(figure)

        weights = Path(HydraConfig.get().runtime.output_dir, "weights.npz")
        arrays = {f"W{number}": array for number, array in enumerate(classifier.coefs_, 1)}
        np.savez(weights, **arrays, **{f"b{number}": array for number, array in enumerate(classifier.intercepts_, 1)})
        mlflow.log_artifact(str(weights))
    return float(history[-1]["cost/validation"])


if __name__ == "__main__":
    main()
