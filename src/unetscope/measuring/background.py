"""The grey value around each object: the median of a ring of pixels that belong to no object.

Rings are made of runs: a run, widened on each line around it, holds the pixels that are not
farther away than a radius. Where all of them overlap is found by counting beginnings and ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.images.micrograph import Micrograph
from unetscope.measuring.pixel_runs import Floats, Ints, Runs

#: A median of fewer pixels is none.
RING_FROM_PX = 30
#: So many runs around objects are looked at together.
_RUNS = 1 << 21
#: What a beginning and an end add to how many outer, and how many inner, runs there are.
_STEPS = np.array([[1, -1, 0, 0], [0, 0, 1, -1]], np.int8)


@dataclass(frozen=True)
class Ring:
    """Pixels farther from an object than ``inner`` and not farther than ``outer``.

    Both in the unit of the image, from the centres of the object's pixels.
    """

    inner: float
    outer: float

    def __post_init__(self) -> None:
        if not 0 <= self.inner < self.outer < np.inf:
            raise MeasurementError(
                f"a ring from {self.inner} to {self.outer} holds nothing; give two radii, the "
                "smaller first"
            )


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What rings are taken from: ``ids`` and ``region`` of the axes of the image."""

    image: Micrograph
    ids: Any
    spacing: tuple[float, ...]
    region: NDArray[np.bool_] | None = None


def backgrounds(runs: Runs, ring: Ring, around: Surroundings) -> Floats:
    """(channel, object) medians of the ring around each; NaN of too few pixels.

    Pixels of other objects, outside of the region, and those that are not finite do not count.
    """
    lines = len(_widened(around.spacing, ring.outer))
    found = np.full((around.image.channels, runs.count), np.nan)
    for some in _parts(runs, 2 * lines):
        found[:, some] = _medians(runs.some(some), ring, around)
    return found


def _parts(runs: Runs, times: int) -> Iterator[slice]:
    first, most = 0, max(1, _RUNS // times)
    while first < runs.count:
        last = int(np.searchsorted(runs.first, runs.first[first] + most, "right")) - 1
        last = min(max(last, first + 1), runs.count)
        yield slice(first, last)
        first = last


def _widened(spacing: tuple[float, ...], radius: float) -> list[tuple[tuple[int, ...], int]]:
    """Lines around one, and how many pixels a run reaches farther on them to both sides."""
    reach = [int(np.floor(radius / size)) for size in spacing[:-1]]
    found = []
    for steps in product(*(range(-n, n + 1) for n in reach)):
        rest = radius**2 - sum((n * size) ** 2 for n, size in zip(steps, spacing[:-1], strict=True))
        if rest >= 0:
            found.append((steps, int(np.floor(np.sqrt(rest) / spacing[-1]))))
    return found


def _medians(runs: Runs, ring: Ring, around: Surroundings) -> Floats:
    """(channel, object) of some objects."""
    owner, line, low, high = _ring_runs(runs, ring, around.spacing)
    found = np.full((around.image.channels, runs.count), np.nan)
    if not len(owner):
        return found
    height = runs.shape[-2]
    values: list[list[Floats]] = [[] for _ in range(around.image.channels)]
    owners: list[Ints] = []
    for plane in np.unique(line // height).tolist():
        mine = np.flatnonzero(line // height == plane)
        rows = slice(int(line[mine].min()) % height, int(line[mine].max()) % height + 1)
        columns = slice(int(low[mine].min()), int(high[mine].max()))
        box = (rows, columns) if len(runs.shape) == 2 else (plane, rows, columns)
        counts = (high - low)[mine]
        rest = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        y = np.repeat(line[mine] % height - rows.start, counts)
        x = np.repeat(low[mine] - columns.start, counts) + rest
        free = np.asarray(around.ids[box])[y, x] == 0
        if around.region is not None:
            free &= around.region[box][y, x]
        owners.append(np.repeat(owner[mine], counts)[free])
        grey = around.image.plane(plane, (rows, columns))
        for channel, into in zip(grey, values, strict=True):
            into.append(channel[y[free], x[free]].astype(np.float64))
    whose = np.concatenate(owners)
    for told, parts in zip(found, values, strict=True):
        told[:] = _grouped_medians(whose, np.concatenate(parts), runs.count)
    return found


def _ring_runs(runs: Runs, ring: Ring, spacing: tuple[float, ...]) -> tuple[Ints, Ints, Ints, Ints]:
    """Object, line, first x and the x behind the last of the runs of all rings."""
    width = runs.shape[-1] + 2
    lines = int(np.prod(runs.shape[:-1]))
    events = []  # each a place and, in its last two bits, what begins or ends there
    for radius, first in ((ring.outer, 0), (ring.inner, 2)):
        for steps, more in _widened(spacing, radius):
            there, line = _shifted(runs, steps)
            low = np.maximum(runs.start[there] - more, 0)
            high = np.minimum((runs.start + runs.length)[there] + more, runs.shape[-1])
            place = (runs.owner[there] * lines + line[there]) * width
            events += [(place + low) * 4 + first, (place + high) * 4 + first + 1]
    told = np.concatenate(events)
    told.sort()
    key, code = told >> 2, told & 3
    within, near = (np.cumsum(_STEPS[which][code], dtype=np.int32) > 0 for which in (0, 1))
    kept = np.flatnonzero((within & ~near)[:-1] & (np.diff(key) > 0))
    place, low = np.divmod(key[kept], width)
    owner, line = np.divmod(place, lines)
    return owner, line, low, low + key[kept + 1] - key[kept]


def _shifted(runs: Runs, steps: tuple[int, ...]) -> tuple[NDArray[np.bool_], Ints]:
    """(run,) whether there is a line (z · height + y) at these steps, and which."""
    height = runs.shape[-2]
    y = runs.line % height + steps[-1]
    z = runs.line // height + (steps[0] if len(steps) == 2 else 0)
    depth = runs.shape[0] if len(steps) == 2 else 1
    return (y >= 0) & (y < height) & (z >= 0) & (z < depth), z * height + y


def _grouped_medians(owner: Ints, values: Floats, count: int) -> Floats:
    """(object,) the median of the finite values of each; NaN of too few."""
    kept = np.isfinite(values)
    owner, values = owner[kept], values[kept]
    if (owner[1:] < owner[:-1]).any():
        order = np.argsort(owner, kind="stable")
        owner, values = owner[order], values[order]
    first = np.searchsorted(owner, np.arange(count + 1))
    found = np.full(count, np.nan)
    for at in np.flatnonzero(np.diff(first) >= RING_FROM_PX).tolist():
        found[at] = np.median(values[first[at] : first[at + 1]])
    return found
