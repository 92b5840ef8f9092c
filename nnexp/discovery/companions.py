"""What nnexp's own distributions beside it bring, so that a message can say which one to install.

It is for words only: what is there to choose is what is installed (``installed``). A test compares this table with the
entry points of plugins/, and with the files of their conf/.
"""

from __future__ import annotations

from collections.abc import Mapping

from nnexp.errors import closest

BROUGHT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "nnexp-activations": {
        "activation": (
            "elu",
            "gelu",
            "hard_sigmoid",
            "hard_tanh",
            "mish",
            "selu",
            "silu",
            "sine",
            "softplus",
            "softsign",
        ),
    },
    "nnexp-dask": {"hydra/launcher": ("dask",)},
    "nnexp-idx": {"dataset": ("idx",)},
    "nnexp-losses": {
        "activation": ("exp",),
        "loss": ("focal", "hinge", "huber", "log_cosh", "poisson", "quantile", "smooth_cce", "squared_hinge"),
    },
    "nnexp-native": {
        "engine": ("native", "native_blocked", "native_naive"),
        "export": ("cpp",),
        "sweep": ("matmul",),
    },
    "nnexp-openml": {"dataset": ("openml",)},
    "nnexp-optimizers": {
        "optimizer": ("adagrad", "adam", "adamw", "momentum", "nesterov", "rmsprop"),
        "schedule": ("cosine", "exponential", "plateau", "step"),
    },
    "nnexp-search": {"search": ("cmaes", "qmc", "random", "tpe")},
}
"""Distribution -> kind, or group of Hydra's -> names."""


def hint(kind: str, name: str, there: list[str]) -> str:
    """Which distribution brings what ``name`` is most like; empty where that is nothing, or is ``there`` already."""
    brought = {each: provider for provider, kinds in BROUGHT.items() for each in kinds.get(kind, ())}
    match = closest(name, [*there, *brought])
    if match is None or match in there:
        return ""
    return f" '{match}' comes with {brought[match]}, which is not installed (plugins/{brought[match]})."
