"""The real micrographs with masks used for pretraining and benchmarks, as dense class labels.

They are read from a folder beside the project (one sub-folder a set with ``images/`` and
``masks/`` of equal stems) and are never part of the package. ``may_train`` follows their licences:
CC0, MIT with the data named, CC BY and BSD may shape the bundled weights, the others only judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skimage
import tifffile
from scipy import ndimage

from unetscope.errors import ImageError


@dataclass(frozen=True, eq=False)
class Scene:
    """An image (y, x) or (y, x, 3), dense labels 1…K (0 = not annotated) and where it is from.

    ``group`` names the specimen, stack or frame: scenes of one group may show the same thing and
    must not be split between learning and judging.
    """

    image: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    dataset: str
    group: str


@dataclass(frozen=True)
class DataSet:
    """One set: its name, what its licence allows, and how a mask becomes class labels."""

    name: str
    folder: str
    classes: tuple[str, ...]
    may_train: bool
    to_classes: Callable[[np.ndarray], np.ndarray]
    group_of: Callable[[str], str]
    licence: str
    modality: str


def _semantic(mask: np.ndarray) -> np.ndarray:
    return (mask + 1).astype(np.uint8)


def _foreground(mask: np.ndarray) -> np.ndarray:
    return np.where(mask > 0, 2, 1).astype(np.uint8)


def _boundaries(mask: np.ndarray) -> np.ndarray:
    """Touching bodies: class 2 within about 1.5 px of where two of them meet."""
    wide = np.zeros(mask.shape, bool)
    for axis in (0, 1):
        step = np.diff(mask.astype(np.int64), axis=axis) != 0
        lower = [(0, 0), (0, 0)]
        upper = [(0, 0), (0, 0)]
        lower[axis], upper[axis] = (0, 1), (1, 0)
        wide |= np.pad(step, lower) | np.pad(step, upper)
    return np.where(ndimage.binary_dilation(wide), 2, 1).astype(np.uint8)


def _neuropil(mask: np.ndarray) -> np.ndarray:
    """VNC: 1 inside, 2 membrane (and junction), 3 mitochondrion; glia and synapse not annotated."""
    labels = np.zeros(mask.shape, np.uint8)
    labels[mask == 255] = 1
    labels[mask <= 128] = 2
    labels[mask == 191] = 3
    return labels


def _stem(stem: str) -> str:
    return stem


def _whole(_: str) -> str:
    return "one"


DATASETS: tuple[DataSet, ...] = (
    DataSet("nasa_superalloy", "nasa_superalloy", ("matrix", "secondary", "tertiary"), True,
            _semantic, _stem, "MIT", "SEM, nickel superalloy"),
    DataSet("nasa_ebc", "nasa_ebc", ("background", "oxide", "crack"), True,
            _semantic, lambda s: s[:8], "MIT", "SEM, barrier coating"),
    DataSet("nasa_meltpool", "nasa_meltpool", ("background", "melt pool"), True,
            _foreground, lambda s: s.split("_")[0], "MIT", "optical, metal section"),
    DataSet("ads_sem_myelin", "ads_sem_myelin", ("background", "myelin", "axon"), True,
            _semantic, lambda s: s.split("_")[0], "MIT", "SEM, nerve"),
    DataSet("fib25_neurons3d", "fib25_neurons3d", ("inside", "membrane"), True,
            _boundaries, _whole, "CC BY", "FIB-SEM, neuropil"),
    DataSet("bbbc039", "bbbc039", ("background", "nucleus"), True,
            _foreground, _stem, "CC0", "fluorescence, nuclei"),
    DataSet("dsb2018", "dsb2018", ("background", "nucleus"), True,
            _foreground, _stem, "CC0", "fluorescence and stained nuclei"),
    DataSet("stardist_nuclei2d", "stardist_nuclei2d", ("background", "nucleus"), True,
            _foreground, _whole, "CC0 / BSD-3", "fluorescence, nuclei"),
    DataSet("vnc_sstem", "vnc_sstem", ("inside", "membrane", "mitochondrion"), False,
            _neuropil, _whole, "unclear", "ssTEM, neuropil"),
    DataSet("emps_nanoparticles", "emps_nanoparticles", ("support", "particle"), False,
            _foreground, _stem, "figure rights unclear", "TEM and SEM, particles"),
    DataSet("wsu_chloroplast", "wsu_chloroplast", ("background", "chloroplast"), False,
            _foreground, _whole, "data not named", "EM, plant leaf"),
    DataSet("plantseg_cells", "plantseg_ovule3d", ("inside", "wall"), False,
            _boundaries, _whole, "data not named", "confocal, ovule"),
)  # fmt: skip


def find_data(start: Path | None = None) -> Path | None:
    """The folder ``shared/data`` beside the project, or None where it is absent."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        candidate = folder / "shared" / "data"
        if (candidate / "INDEX.md").is_file():
            return candidate
    return None


def dataset(name: str) -> DataSet:
    """The description of one set."""
    for entry in DATASETS:
        if entry.name == name:
            return entry
    raise ImageError(f"no data set {name!r}; there are {[entry.name for entry in DATASETS]}.")


def scenes(
    root: Path, entry: DataSet, limit: int | None = None, z_step: int = 25
) -> Iterator[Scene]:
    """The scenes of a set in file order; of a volume, every ``z_step``-th plane.

    Scenes in which only one class occurs are left out: nobody could paint the second.
    """
    folder = root / entry.folder
    paths = sorted((folder / "images").iterdir())
    if entry.name == "plantseg_cells":
        paths = [p for p in paths if p.stem == "sample_ovule"]
        z_step = 4
    if limit is not None and len(paths) > limit:
        paths = [paths[i] for i in np.linspace(0, len(paths) - 1, limit).round().astype(int)]
    for path in paths:
        image, mask = _read(path), _read(_mask_of(path))
        planes = range(0, image.shape[0], z_step) if mask.ndim == 3 else [None]
        for z in planes:
            labels = entry.to_classes(mask if z is None else mask[z])
            if np.count_nonzero(np.bincount(labels.ravel())[1:]) < 2:
                continue
            group = entry.group_of(path.stem)
            yield Scene(image if z is None else image[z], labels, entry.classes, entry.name, group)


def _mask_of(path: Path) -> Path:
    for suffix in (".png", ".tif"):
        candidate = path.parent.parent / "masks" / (path.stem + suffix)
        if candidate.is_file():
            return candidate
    raise ImageError(f"no mask beside {path.name}; masks/ must hold the same stem.")


def _read(path: Path) -> np.ndarray:
    if path.suffix == ".tif":
        return np.asarray(tifffile.imread(path))
    return np.asarray(skimage.io.imread(path))
