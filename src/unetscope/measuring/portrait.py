"""What an image is shown by beside its numbers: a picture, outlines, the most doubtful objects.

A portrait is small whatever the size of the image, so that those of all images of a work can be
kept until the page is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import find_contours

from unetscope.images.micrograph import Micrograph
from unetscope.measuring.object_table import ObjectTable
from unetscope.measuring.objects import Objects
from unetscope.measuring.pixel_runs import Floats, runs_of

#: The longest side of a picture and of a thumbnail, in pixels of theirs.
PICTURE_PX = 1600
THUMBNAIL_PX = 96
#: How many objects are shown for being the most doubtful.
DOUBTFUL = 12
_AROUND = 0.35  # of an object's longer side, shown around it
_SEEN = (0.3, 99.7)
_PAPER = 245
_FEW = 8  # corners for each pixel of the picture, below which none is left out
Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Outline:
    """One object: ``rings`` are (corner, 2) x and y in pixels, 0 at the middle of the first one."""

    number: int
    value: int
    cut: bool
    rings: tuple[Floats, ...]


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """One doubtful object on its surroundings, with its rings in pixels of ``picture``."""

    image: str
    number: int
    value: int
    doubt: float
    picture: Picture
    rings: tuple[Floats, ...]


@dataclass(frozen=True, eq=False)
class Portrait:
    """One image as it is shown.

    Attributes
    ----------
    picture
        (y, x, 3) of 0 to 255, a pixel for each ``step`` x ``step`` of the image's.
    shape
        (y, x) pixels of the image.
    size, unit
        Of a pixel of the image, (y, x).
    plane
        Which plane of a stack is shown; None of an image that is none.
    outlines
        Of the objects on it.
    """

    name: str
    picture: Picture
    step: int
    shape: tuple[int, int]
    size: tuple[float, float]
    unit: str
    plane: int | None
    outlines: tuple[Outline, ...]
    doubtful: tuple[Thumbnail, ...]


def portrait_of(
    name: str, objects: Objects, table: ObjectTable, image: Micrograph | None = None
) -> Portrait:
    """The portrait of an image, with the objects that ``table`` holds; of a stack the middle plane.

    Without ``image`` the ground is that of paper.
    """
    stack = objects.ids.ndim == 3
    plane = objects.ids.shape[0] // 2 if stack else None
    ids = objects.ids if plane is None else objects.ids[plane]
    step = -(-max(ids.shape) // PICTURE_PX)
    about = _Rows.of(table)
    outlines = tuple(
        Outline(number, *about.of_number[number], _rings(ids[box] == number, box, step))
        for number, box in _boxes(ids)
        if number in about.of_number
    )
    grey = _Grey(image, ids.shape, plane or 0)
    return Portrait(
        name,
        grey.reduced(step),
        step,
        (ids.shape[0], ids.shape[1]),
        (table.spacing.size[-2], table.spacing.size[-1]),
        table.spacing.unit,
        plane,
        outlines,
        tuple(_thumbnails(name, objects.ids, about, grey)),
    )


def most_doubtful(portraits: tuple[Portrait, ...]) -> list[Thumbnail]:
    """The most doubtful objects of all images, the worst one first."""
    found = [one for portrait in portraits for one in portrait.doubtful]
    return sorted(found, key=lambda one: -one.doubt)[:DOUBTFUL]


def nice_length(wide: float) -> float:
    """A length of 1, 2 or 5 times a power of ten, about a fifth of ``wide``."""
    goal = wide / 5
    power = 10.0 ** np.floor(np.log10(goal))
    return float(power * max(step for step in (1, 2, 5) if step * power <= goal * 1.0001))


@dataclass(frozen=True)
class _Rows:
    """Class and cut of each object by its number, and those that are doubtful, worst first."""

    of_number: Mapping[int, tuple[int, bool]]
    doubtful: tuple[tuple[int, float], ...]
    centres: Mapping[int, tuple[float, ...]]

    @classmethod
    def of(cls, table: ObjectTable) -> _Rows:
        numbers = table.columns["object"].tolist()
        values, cut = table.columns["class"].tolist(), table.columns["at_border"].tolist()
        doubt = np.asarray(table.columns["doubt"], np.float64)
        worst = [int(at) for at in np.argsort(-doubt, kind="stable")[:DOUBTFUL] if doubt[at] > 0]
        axes = zip("zyx"[-len(table.spacing.size) :], table.spacing.size, strict=True)
        places = np.stack([table.columns[f"centre_{axis}"] / size for axis, size in axes], 1)
        told = zip(numbers, values, map(bool, cut), strict=True)
        return cls(
            {number: (value, at_edge) for number, value, at_edge in told},
            tuple((numbers[at], float(doubt[at])) for at in worst),
            {numbers[at]: tuple(places[at].tolist()) for at in worst},
        )


class _Grey:
    """Grey values or colours of an image as they are seen: stretched between its percentiles."""

    def __init__(self, image: Micrograph | None, shape: tuple[int, ...], plane: int) -> None:
        self._image, self._shape, self._plane = image, shape, plane
        self._ends = (0.0, 1.0)
        if image is not None and not (image.is_rgb and image.dtype == np.uint8):
            values = np.asarray(image.plane(plane)[:3], np.float64)
            there = values[np.isfinite(values)]
            low, high = np.percentile(there, _SEEN) if there.size else (0.0, 1.0)
            self._ends = float(low), float(high) if high > low else float(low) + 1

    def reduced(self, step: int) -> Picture:
        """The whole plane, by means of blocks."""
        height, width = self._shape
        seen = self.part((slice(0, height), slice(0, width)), self._plane)
        if step == 1:
            return seen
        down, across = (np.arange(0, side, step) for side in (height, width))
        sums = np.add.reduceat(np.add.reduceat(seen.astype(np.uint32), down, 0), across, 1)
        counts = np.outer(np.diff(down, append=height), np.diff(across, append=width))
        return np.round(sums / counts[..., None]).astype(np.uint8)

    def part(self, box: tuple[slice, slice], plane: int) -> Picture:
        """A part of a plane, (y, x, 3)."""
        size = tuple(side.stop - side.start for side in box)
        if self._image is None:
            return np.full((*size, 3), _PAPER, np.uint8)
        pixels = self._image.plane(plane, box)
        chosen = pixels[:3] if self._image.is_rgb else pixels[:1].repeat(3, axis=0)
        low, high = self._ends if not self._bytes else (0.0, 255.0)
        values = np.nan_to_num(np.moveaxis(np.asarray(chosen), 0, -1).astype(np.float32))
        return np.round(np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)

    @property
    def _bytes(self) -> bool:
        image = self._image
        return image is not None and image.is_rgb and image.dtype == np.uint8


def _boxes(ids: NDArray[Any]) -> Iterator[tuple[int, tuple[slice, slice]]]:
    """The box of each object of a plane."""
    runs = runs_of(ids)
    for number, (down, across) in zip(runs.numbers.tolist(), runs.boxes.tolist(), strict=True):
        yield number, (slice(down[0], down[1] + 1), slice(across[0], across[1] + 1))


def _rings(
    inside: NDArray[np.bool_], box: tuple[slice, slice], step: int = 1
) -> tuple[Floats, ...]:
    """The border of an object in its box, halfway between the middles of its pixels and others.

    Where a pixel of the picture is several of the image, corners that it cannot show are left out.
    """
    rings = find_contours(np.pad(inside, 1).astype(np.float64), 0.5)
    if step > 1:
        rings = [_thinned(ring, step) if len(ring) > _FEW * step else ring for ring in rings]
    shift = np.array([box[1].start - 1, box[0].start - 1], np.float64)
    return tuple(ring[:, ::-1] + shift for ring in rings)


def _thinned(ring: Floats, step: int) -> Floats:
    """Every so manyth corner of a ring, which stays closed."""
    return np.concatenate([ring[:-1:step], ring[:1]])


def _thumbnails(name: str, ids: NDArray[Any], about: _Rows, grey: _Grey) -> Iterator[Thumbnail]:
    planes = ids.reshape(-1, *ids.shape[-2:])
    for number, doubt in about.doubtful:
        centre = about.centres[number]
        plane = round(centre[0]) if len(centre) == 3 else 0
        inside = planes[plane] == number
        if not inside.any():  # a bent body may not be where its middle is
            continue
        box = _around(inside)
        rings = _rings(inside[box], (slice(0, None), slice(0, None)))
        yield Thumbnail(
            name, number, about.of_number[number][0], doubt, grey.part(box, plane), rings
        )


def _around(inside: NDArray[np.bool_]) -> tuple[slice, slice]:
    """A square box around an object with some of what lies beside it, inside the image."""
    lines, places = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    half = max(lines[-1] - lines[0], places[-1] - places[0]) * (0.5 + _AROUND) + 4
    sides = []
    for found, length in ((lines, inside.shape[0]), (places, inside.shape[1])):
        middle = (found[0] + found[-1]) / 2
        start = int(np.clip(middle - half, 0, max(length - 2 * half, 0)))
        sides.append(slice(start, min(int(start + 2 * half + 1), length)))
    return sides[0], sides[1]
