"""``dataset=idx``: a file of images and a file of labels."""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnexp.errors import NnexpError, did_you_mean, listed
from nnexp.plugin import Data, Dataset, param
from nnexp_idx.files import Header, read_array, read_header

IMAGES = ("train-images-idx3-ubyte", "train-images.idx3-ubyte")
"""What the file of images is called in the directories that people have; each may end in .gz."""


@dataclass(frozen=True)
class Idx(Dataset):
    """Images and their labels in MNIST-format (IDX) files, plain or gzip: the labels are the classes.

    x holds the numbers as they are in the file, an unsigned byte as an unsigned byte; the feature ``pixel_3_7`` is row 3,
    column 7, counted from 0. The classes are the distinct labels in ascending order. (LeCun, Bottou, Bengio and Haffner,
    1998)
    """

    path: str = param(
        file=True, doc="the file of images, or the directory with train-images-idx3-ubyte or train-images-idx3-ubyte.gz"
    )
    labels: str | None = param(
        None, file=True, doc="the file of labels; null: the one beside the images, train-labels-idx1-ubyte"
    )
    limit: int | None = param(None, at_least=2, doc="only the first so many samples; null: all")

    def load(self, rng: np.random.Generator) -> Data:
        images = _images(self.path)
        labels = _labels(images) if self.labels is None else _existing(self.labels, "labels")
        of_images, of_labels = read_header(images), read_header(labels)
        _check(images, of_images, labels, of_labels)
        classes, y = np.unique(read_array(labels, of_labels, self.limit)[:, 0], return_inverse=True)
        if len(classes) < 2:
            raise NnexpError(
                f"{labels}: each of the {len(y)} labels is {classes[0]}: nothing to learn. Name labels of two classes or more"
                f"{', or type a larger dataset.limit' if self.limit else ''}."
            )
        return Data(
            read_array(images, of_images, self.limit),
            y.astype(np.int64),
            names=feature_names(of_images.sizes[1:]),
            task="binary" if len(classes) == 2 else "multiclass",
            classes=tuple(int(label) for label in classes),
            target="label",
        )


def feature_names(sizes: tuple[int, ...]) -> tuple[str, ...]:
    """``pixel_0_0``, ``pixel_0_1``, ... for samples of these sizes; ``x0``, ``x1``, ... where a sample is a list of numbers."""
    if len(sizes) == 1:
        return tuple(f"x{index}" for index in range(sizes[0]))
    return tuple("_".join(map(str, ("pixel", *index))) for index in itertools.product(*map(range, sizes)))


def _images(path: str) -> Path:
    """The file of images: the one named, or the one that a directory has."""
    found = _existing(path, "path")
    if not found.is_dir():
        return found
    for name in IMAGES:
        for file in (found / name, found / f"{name}.gz"):
            if file.is_file():
                return file
    others = sorted(each.name for each in found.iterdir() if "idx" in each.name)
    raise NnexpError(
        f"{found} has no {IMAGES[0]} or {IMAGES[0]}.gz. {f'It has {listed(others)}. ' if others else ''}Name the file of "
        f"images: dataset.path={found / 'FILE'}"
    )


def _labels(images: Path) -> Path:
    """The file of labels that lies beside ``images`` under the usual name."""
    name = re.sub(r"idx\d+", "idx1", images.name.removesuffix(".gz").replace("images", "labels"))
    for file in (images.with_name(name), images.with_name(f"{name}.gz")):
        if file.is_file() and file != images:
            return file
    problem = f"there is no {name} or {name}.gz beside {images}"
    if images.name in (name, f"{name}.gz"):
        problem = f"the name of {images} does not tell theirs"
    raise NnexpError(f"No labels: {problem}. Name the file: dataset.labels=FILE")


def _existing(path: str, field: str) -> Path:
    """The path, which exists; ``field`` is the option that names it."""
    file = Path(os.path.expanduser(path))  # noqa: PTH111 (a ~ that is no user's begins a file's name)
    if not path.strip():
        raise NnexpError(f"dataset.{field} is empty. Type dataset.{field}=FILE")
    if not file.exists():
        beside = [each.name for each in file.parent.iterdir()] if file.parent.is_dir() else []
        hint = did_you_mean(file.name, beside)
        raise NnexpError(f"{file} does not exist.{hint or f' Give the path from {Path.cwd()}, or in full.'}")
    if not (file.is_file() or (file.is_dir() and field == "path")):
        raise NnexpError(f"{file} is no file. Type dataset.{field}=FILE")
    return file


def _check(images: Path, of_images: Header, labels: Path, of_labels: Header) -> None:
    """Refuse files that are not the images and the labels of the same samples."""
    if len(of_images.sizes) < 2:
        raise NnexpError(
            f"{images} holds one number a sample: these are labels rather than images. Type dataset.path=IMAGES "
            "dataset.labels=LABELS"
        )
    if len(of_labels.sizes) != 1 or of_labels.dtype.kind not in "iu":
        raise NnexpError(
            f"{labels} holds {of_labels}; labels are whole numbers in one dimension. Type dataset.path=IMAGES "
            "dataset.labels=LABELS"
        )
    if of_images.sizes[0] != of_labels.sizes[0]:
        raise NnexpError(
            f"{images} holds {of_images.sizes[0]} samples, {labels} {of_labels.sizes[0]} labels: they do not belong "
            "together. Type dataset.path=IMAGES dataset.labels=LABELS with two files of the same samples."
        )
