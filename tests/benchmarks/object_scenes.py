"""Real micrographs whose objects are numbered, in pairs: one is painted on, both are judged.

Nuclei go with another image of their kind. Particles (figures of many laboratories), chloroplasts
and the one image of stardist_nuclei2d go with another part of the same micrograph.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skimage.io
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.synthetic import SYNTHETIC

BACKGROUND, OBJECT, BORDER = 1, 2, 3
#: Sets that the bundled weights never saw.
UNSEEN = ("emps_nanoparticles", "wsu_chloroplast")
#: Drawn, not taken.
CROWDED = "crowded particles (synthetic)"
_CROP_PX = 768
_FEWEST_OBJECTS = 12


@dataclass(frozen=True, eq=False)
class View:
    """A part of a micrograph, and the number of the object at each pixel (y, x), 0 between them."""

    image: Micrograph
    objects: NDArray[np.int64]

    def classes(self) -> NDArray[np.uint8]:
        """(y, x) background and object."""
        return np.where(self.objects > 0, OBJECT, BACKGROUND).astype(np.uint8)

    def classes_and_border(self, reach_px: int = 2) -> NDArray[np.uint8]:
        """The same, and a border where two objects lie within ``reach_px`` of a pixel."""
        size = 2 * reach_px + 1
        highest = ndimage.maximum_filter(self.objects, size)
        far = np.where(self.objects > 0, self.objects, self.objects.max() + 1)
        lowest = ndimage.minimum_filter(far, size)
        return np.where(highest > lowest, BORDER, self.classes()).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Pair:
    """Strokes are painted on ``painted``; ``other`` is another image, or another part of it."""

    dataset: str
    name: str
    painted: View
    other: View

    @property
    def unseen(self) -> bool:
        """Whether the bundled weights never saw the set."""
        return self.dataset in UNSEEN


def pairs_of(root: Path, dataset: str, most: int) -> Iterator[Pair]:
    """At most ``most`` pairs of a set in ``root``, spread over it."""
    made = _PAIRS[dataset](root / dataset)
    for at in np.unique(np.linspace(0, len(made) - 1, min(most, len(made))).round().astype(int)):
        yield made[at]()


Made = list[Callable[[], Pair]]


def _between_images(folder: Path, groups: list[list[Path]]) -> Made:
    """Each image with the next one of its group."""

    def made(first: Path, second: Path) -> Callable[[], Pair]:
        return lambda: Pair(folder.name, first.stem, _view(first), _view(second))

    return [made(p, group[(n + 1) % len(group)]) for group in groups for n, p in enumerate(group)]


def _bbbc039(folder: Path) -> Made:
    paths = [p for p in sorted((folder / "images").iterdir()) if _mask(p).any()]
    return _between_images(folder, [paths])


def _dsb2018(folder: Path) -> Made:
    with (folder / "list.csv").open() as file:
        rows = list(csv.DictReader(file))
    kinds = sorted({(row["class"], row["shape"]) for row in rows})
    groups = [
        [folder / "images" / f"{row['stem']}.png" for row in rows if kind_of(row) == kind]
        for kind in kinds
    ]
    return _between_images(folder, groups)


def kind_of(row: dict[str, str]) -> tuple[str, str]:
    """Fluorescence goes with fluorescence of the same shape."""
    return row["class"], row["shape"]


def _emps(folder: Path) -> Made:
    paths = sorted((folder / "images").iterdir())
    return [
        pair for p in paths if _mask(p).max() >= _FEWEST_OBJECTS for pair in _halves(folder, p)[:1]
    ]


def _stardist(folder: Path) -> Made:
    return _halves(folder, next((folder / "images").iterdir()))


def _wsu(folder: Path) -> Made:
    """Each of six tiles with the next one."""
    path = next((folder / "images").iterdir())
    height, width = _mask(path).shape
    tiles = [
        (slice(y, y + height // 2), slice(x, x + width // 3))
        for y in (0, height // 2) for x in (0, width // 3, 2 * (width // 3))
    ]  # fmt: skip

    def made(n: int) -> Callable[[], Pair]:
        after = (n + 1) % len(tiles)
        return lambda: Pair(
            folder.name, f"tile {n + 1}", _view(path, tiles[n]), _view(path, tiles[after])
        )

    return [made(n) for n in range(len(tiles))]


def _halves(folder: Path, path: Path) -> Made:
    """The left half painted, the right half judged, and the reverse."""
    middle = _mask(path).shape[1] // 2
    sides = (slice(None), slice(0, middle)), (slice(None), slice(middle, None))

    def made(name: str, one: int) -> Callable[[], Pair]:
        return lambda: Pair(
            folder.name, f"{path.stem} {name}", _view(path, sides[one]), _view(path, sides[1 - one])
        )

    return [made("left", 0), made("right", 1)]


def _crowded(folder: Path) -> Made:
    """Particles of very different sizes that touch and overlap, bright on dark."""

    def made(seed: int) -> Callable[[], Pair]:
        def pair() -> Pair:
            scene = SYNTHETIC["nanoparticles"](
                (512, 768), seed=seed, particle_px=34.0, coverage=1.6, spread=0.3, dark_field=1.0
            )
            grey, objects = scene.image.plane()[0], scene.instances.astype(np.int64)
            left, right = (
                View(as_micrograph(np.ascontiguousarray(grey[:, side])), objects[:, side])
                for side in (slice(0, 384), slice(384, None))
            )
            return Pair(folder.name, f"seed {seed}", left, right)

        return pair

    return [made(seed) for seed in range(7)]


_PAIRS: dict[str, Callable[[Path], Made]] = {
    "bbbc039": _bbbc039,
    "dsb2018": _dsb2018,
    "stardist_nuclei2d": _stardist,
    "emps_nanoparticles": _emps,
    "wsu_chloroplast": _wsu,
    CROWDED: _crowded,
}
SETS = tuple(_PAIRS)


def _view(path: Path, part: tuple[slice, slice] | None = None) -> View:
    image, objects = _read(path), _mask(path)
    if part is None:
        part = tuple(slice((n - m) // 2, (n - m) // 2 + m) for n in objects.shape
                     for m in [min(n, _CROP_PX)])  # fmt: skip
    return View(as_micrograph(np.ascontiguousarray(image[part])), objects[part].astype(np.int64))


def _mask(path: Path) -> NDArray[np.int64]:
    for suffix in (".png", ".tif"):
        found = path.parent.parent / "masks" / (path.stem + suffix)
        if found.is_file():
            return _read(found)
    raise FileNotFoundError(f"no mask beside {path}")


def _read(path: Path) -> NDArray[np.int64]:
    return np.asarray(tifffile.imread(path) if path.suffix == ".tif" else skimage.io.imread(path))
