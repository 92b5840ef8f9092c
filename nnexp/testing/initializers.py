"""What an initializer has to keep. Shapes: W (n_out, n_in), b (n_out,)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnexp.errors import NnexpError
from nnexp.plugin import Array, Initializer, Layer
from nnexp.testing.numerics import DTYPES, Dtype, shown
from nnexp.testing.verdict import Failed, Skipped

LAYERS = (Layer(1, 128, 96), Layer(2, 96, 96), Layer(3, 96, 96), Layer(4, 96, 1))
"""The network that is initialised: layers unlike each other, two alike, and one unit at the end."""
DRAWS = 20
"""How often each layer is drawn to see its mean and deviation: some 200 000 weights, which tell them to a few thousandths."""
SIGMAS = 6.0
"""How many standard errors a mean or a deviation may be off: by chance once in 10^9 times."""


def draw(
    initializer: Initializer, layer: Layer, rng: np.random.Generator, dtype: Dtype = DTYPES[0]
) -> tuple[Array, Array]:
    """One layer's W and b; what is not written stays NaN. Skips an initializer that has no values for this layer."""
    weights, biases = np.full((layer.n_out, layer.n_in), np.nan, dtype), np.full(layer.n_out, np.nan, dtype)
    try:
        initializer.weights(rng, layer, weights)
        initializer.biases(rng, layer, biases)
    except NnexpError as error:
        raise Skipped(f"it refuses layer {layer.number} of {layer.n_in} to {layer.n_out} units: {error}") from None
    return weights, biases


def generator(seed: int = 1) -> np.random.Generator:
    """A generator that starts anew."""
    return np.random.default_rng(seed)


def is_drawn(initializer: Initializer, layer: Layer = LAYERS[0]) -> bool:
    """Whether the weights depend on the generator."""
    return not np.array_equal(draw(initializer, layer, generator(1))[0], draw(initializer, layer, generator(2))[0])


def writes_out(initializer: Initializer) -> None:
    """Every weight and bias is written, and finite."""
    for dtype in DTYPES:
        for layer in LAYERS:
            for name, values in zip(("weights", "biases"), draw(initializer, layer, generator(), dtype), strict=True):
                if not np.isfinite(values).all():
                    raise Failed(
                        f"{name} left {(~np.isfinite(values)).sum()} of {values.size} entries of out unwritten or not "
                        f"finite in layer {layer.number} ({layer.n_in} to {layer.n_out} units, {dtype}). Write "
                        "out[...] = ..."
                    )


def writes_views(initializer: Initializer) -> None:
    """Weights and biases are views of one matrix."""
    for layer in LAYERS:
        expected = draw(initializer, layer, generator())
        matrix = np.full((layer.n_out, layer.n_in + 1), np.nan)
        rng = generator()
        initializer.weights(rng, layer, matrix[:, :-1])
        if not np.isnan(matrix[:, -1]).all():
            raise Failed("weights wrote beyond out: the column of the biases has changed. Write into out alone.")
        initializer.biases(rng, layer, matrix[:, -1])
        if not (np.array_equal(matrix[:, :-1], expected[0]) and np.array_equal(matrix[:, -1], expected[1])):
            raise Failed(
                "a view of a larger matrix gets other values than an array of its own. Write out[...] = ...; reshape "
                "and ravel make copies of a view."
            )


def deterministic(initializer: Initializer) -> None:
    """The same generator gives the same parameters."""
    first, second = ([draw(initializer, layer, rng) for layer in LAYERS] for rng in (generator(), generator()))
    for layer, one, other in zip(LAYERS, first, second, strict=True):
        if not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True)):
            raise Failed(
                f"layer {layer.number} differs between two runs with the same generator. Draw everything from rng, "
                "nothing from np.random or the clock."
            )


def uses_the_generator(initializer: Initializer) -> None:
    """Another generator, or layer, is another draw."""
    rng = generator()
    alike = [draw(initializer, layer, rng)[0] for layer in LAYERS[1:3]]
    if initializer.weights_std(LAYERS[1]) in (None, 0) and not is_drawn(initializer):
        raise Skipped("weights_std is None or 0: the weights are not drawn")
    if not is_drawn(initializer):
        raise Failed(
            "two generators give the same weights. Draw them from rng, not from a generator or a seed of your own."
        )
    if np.array_equal(alike[0], alike[1]):
        raise Failed(
            "two layers of one size get the same weights. Draw from rng itself, which moves on, not from a copy."
        )


def mean_and_deviation(initializer: Initializer) -> None:
    """The mean is 0, the deviation as weights_std says."""
    rng = generator()
    for layer in LAYERS:
        claim = initializer.weights_std(layer)
        if claim is None:
            if is_drawn(initializer, layer):
                raise Failed("the weights are drawn, but weights_std is None. Return the standard deviation they have.")
            raise Skipped("weights_std is None: the weights are not drawn")
        w = np.concatenate([draw(initializer, layer, rng)[0].ravel() for _ in range(DRAWS)])
        mean, std = w.mean(), w.std()
        shape = f"layer {layer.number} ({layer.n_in} to {layer.n_out} units)"
        if abs(mean) > SIGMAS * std / np.sqrt(w.size):
            raise Failed(f"the {w.size} weights drawn for {shape} have the mean {shown(mean)}; it has to be 0.")
        kurtosis = ((w - mean) ** 4).mean() / std**4 if std else 1.0
        error = std * np.sqrt((kurtosis - 1) / (4 * w.size))  # of a deviation (Kendall and Stuart, 1977)
        if abs(std - claim) > SIGMAS * error + 1e-12 * claim:
            raise Failed(
                f"the {w.size} weights drawn for {shape} have the standard deviation {shown(std)}, weights_std says "
                f"{shown(claim)}. One of them is wrong: n_in and n_out exchanged, or a variance taken for a deviation?"
            )


def layers_in_turn(initializer: Initializer) -> None:
    """Nothing is kept from the layer before."""
    expected = draw(initializer, LAYERS[1], generator())
    for layer in LAYERS:
        draw(initializer, layer, generator(9))
    if not all(np.array_equal(a, b) for a, b in zip(draw(initializer, LAYERS[1], generator()), expected, strict=True)):
        raise Failed(
            "after other layers were initialised, one gets other values from the same generator. Keep nothing."
        )


CHECKS: tuple[Callable[[Initializer], None], ...] = (
    writes_out,
    writes_views,
    deterministic,
    uses_the_generator,
    mean_and_deviation,
    layers_in_turn,
)
