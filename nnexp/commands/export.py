"""``export RUN --to FORMAT``: a run's model, written for other programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from nnexp.commands import writing
from nnexp.commands.named_run import model_directory
from nnexp.commands.parser import Parser, add_store
from nnexp.discovery import registry
from nnexp.discovery.installed import entries, own_version
from nnexp.errors import counted, listed, printable
from nnexp.plugin import Described, Export, Plugin, Trained
from nnexp.tables.spelling import stripped

if TYPE_CHECKING:
    from nnexp.experiment.model import Model


def export(words: Sequence[str]) -> None:
    """Write a run's model for other programs, in a format that an installed distribution brings."""
    parser = Parser("python -m nnexp export", description=export.__doc__)
    parser.add_argument("run", help="a run's directory, an MLflow run id or name, or a file that save() wrote")
    parser.add_argument("--to", required=True, metavar="FORMAT", help=f"installed: {listed(entries()['export'])}")
    writing.add_output(parser, "the file; without it the text is printed")
    add_store(parser)
    given = parser.parse_args(words)
    given.typed = f"export {{}} --to {given.to}"
    from nnexp.experiment.model import load

    form = cast("Export", registry.build("export", {"name": given.to}))
    if given.output:
        writing.check_output(given.output, (form.suffix,) if form.suffix else (), replace=given.replace)
    with model_directory(given) as (directory, _):
        model = load(directory)
    told = trained(model)
    text = form.text(told)
    for line in form.remarks(told):
        print(printable(f"nnexp: {line}"), file=sys.stderr)  # noqa: T201
    if not given.output:
        print(printable(text) if sys.stdout.isatty() else text, end="")  # noqa: T201
        return
    writing.write(given.output, lambda to: to.write(text.encode()))
    size = f"{'-'.join(map(str, model.network.sizes))}, {counted(len(model.network.theta), 'parameter')}"
    print(printable(f"wrote    {given.output} ({size})"))  # noqa: T201
    if usage := form.usage(str(given.output)):
        print(printable(f"next     {usage}"))  # noqa: T201


def trained(model: Model) -> Trained:
    """What a format is told of a model."""
    given, network = model.preprocessing, model.network
    arrays = network.arrays()
    return Trained(
        features=tuple((each.name, tuple(map(stripped, each.categories))) for each in given.features),
        inputs=(given.inputs.shift, given.inputs.scale),
        sizes=network.sizes,
        hidden=described(network.hidden),
        output=described(network.output),
        weights=tuple((arrays[f"W{layer.number}"], arrays[f"b{layer.number}"]) for layer in network.layers),
        dtype=str(network.dtype),
        task=given.task,
        target=given.target,
        classes=given.classes,
        threshold=model.threshold,
        probabilities=model.has_probabilities,
        outputs=(given.outputs.shift, given.outputs.scale),
        reading=given.reading,
        version=own_version(),
    )


def described(plugin: Plugin) -> Described:
    """A plugin in plain values."""
    values = registry.describe(plugin)
    cls = type(plugin)
    return Described(values.pop("name"), f"{cls.__module__}.{cls.__qualname__}", values)
