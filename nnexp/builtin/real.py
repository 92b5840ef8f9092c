"""Four small measured datasets, read from the files that scikit-learn ships with.

scikit-learn itself is never imported: that costs more than a second, reading one of its files a few milliseconds.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.errors import NnexpError
from nnexp.plugin import Data, Dataset, Task

CELL_FEATURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)


@dataclass(frozen=True)
class Diabetes(Dataset):
    """Progression of diabetes one year after ten measurements: regression, 442 patients, raw units.

    age in years, sex (1 or 2), bmi in kg/m2, bp: mean arterial pressure in mm Hg, s1 to s3: total, LDL and HDL
    cholesterol in mg/dl, s4: total over HDL cholesterol, s5: logarithm of the triglycerides, s6: blood sugar in
    mg/dl. The target is a score from 25 to 346. (Efron, Hastie, Johnstone and Tibshirani, 2004)
    """

    def load(self, rng: np.random.Generator) -> Data:
        x = _numbers("diabetes_data_raw.csv.gz", delimiter=None)
        y = _numbers("diabetes_target.csv.gz", delimiter=None)[:, 0]
        return Data(x, y, names=("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"), task="regression")


@dataclass(frozen=True)
class BreastCancer(Dataset):
    """Malignant or benign, from 30 measurements of cell nuclei: binary, 569 tumours.

    Mean, standard error and worst value of ten properties of the nuclei in an image; lengths in pixels of that image.
    The classes are malignant (0) and benign (1). (Street, Wolberg and Mangasarian, 1993)
    """

    def load(self, rng: np.random.Generator) -> Data:
        table = _numbers("breast_cancer.csv", header=1)
        names = (
            *(f"mean {feature}" for feature in CELL_FEATURES),
            *(f"{feature} error" for feature in CELL_FEATURES),
            *(f"worst {feature}" for feature in CELL_FEATURES),
        )
        return _classified(table, names, ("malignant", "benign"))


@dataclass(frozen=True)
class Wine(Dataset):
    """Three growers of one Italian region, from 13 chemical measurements: multiclass, 178 wines.

    Alcohol in percent, proline and magnesium in mg/l, the others in the units of the original analysis.
    (Aeberhard, Coomans and de Vel, 1992; data of Forina and others, 1988)
    """

    def load(self, rng: np.random.Generator) -> Data:
        names = (
            "alcohol",
            "malic_acid",
            "ash",
            "alcalinity_of_ash",
            "magnesium",
            "total_phenols",
            "flavanoids",
            "nonflavanoid_phenols",
            "proanthocyanins",
            "color_intensity",
            "hue",
            "od280/od315_of_diluted_wines",
            "proline",
        )
        return _classified(_numbers("wine_data.csv", header=1), names, ("class_0", "class_1", "class_2"))


@dataclass(frozen=True)
class Digits(Dataset):
    """Handwritten digits 0 to 9, from the 64 pixels of an 8 x 8 image: multiclass, 1797 images.

    A pixel is the number of dark points, 0 to 16, in a 4 x 4 block of the scan; ``pixel_0_7`` is the top right corner.
    (Alpaydin and Kaynak, 1998)
    """

    def load(self, rng: np.random.Generator) -> Data:
        names = tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8))
        return _classified(_numbers("digits.csv.gz"), names, tuple(range(10)))


def _classified(table: NDArray[np.float64], names: tuple[str, ...], classes: tuple[str | int, ...]) -> Data:
    """Split a table whose last column is the class index."""
    task: Task = "binary" if len(classes) == 2 else "multiclass"
    x = np.ascontiguousarray(table[:, :-1])
    return Data(x, table[:, -1].astype(np.int64), names=names, task=task, classes=classes)


def _numbers(file: str, *, header: int = 0, delimiter: str | None = ",") -> NDArray[np.float64]:
    """Read one of scikit-learn's data files (samples, columns), without its ``header`` lines."""
    path = _sklearn_data() / file
    try:
        table: NDArray[Any] = np.loadtxt(path, delimiter=delimiter, skiprows=header, ndmin=2)
    except (OSError, ValueError, EOFError) as error:
        raise NnexpError(
            f"scikit-learn's data file {path} cannot be read ({error}). Type: pip install --force-reinstall "
            "scikit-learn"
        ) from error
    return table


def _sklearn_data() -> Path:
    """The folder of scikit-learn's data files; looking a top-level package up does not import it."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise NnexpError(
            "This dataset is a file of scikit-learn, which is not installed. Type: pip install scikit-learn"
        )
    return Path(spec.origin).parent / "datasets" / "data"
