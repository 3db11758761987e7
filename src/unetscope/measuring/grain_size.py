"""The grain size number G (ASTM E112) by area, by count and by intercept.

Grains have to fill the image: boundaries are given back to them first (a border class). The three
do not agree on every structure: the standard ties intercept and count by l = 0.89 / sqrt(N), flat
sections of other structures have another factor (0.785 for Poisson-Voronoi).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.images.units import unit_factor
from unetscope.measuring.crossings import shares_of
from unetscope.measuring.object_table import ObjectTable
from unetscope.measuring.pixel_runs import BAND_PX, Floats
from unetscope.measuring.populations import population_of, t_interval, tile_spread, tile_sums
from unetscope.measuring.quantities import Quantity, Spacing, one_unit

_TILES = 4
_FEWEST_CROSSINGS = 100
_FEWEST_GRAINS = 20
_OVER_TILES = "; t over 4 x 4 tiles"


def size_by_area(tables: Sequence[ObjectTable]) -> Quantity:
    """G from the mean area of complete grains, weighted: -3.3223 log10(A / mm²) - 2.955.

    Raises
    ------
    MeasurementError
        If the pixel size is not known, the image is a stack, or the region is no box.
    """
    objects = population_of(tables, "weight")
    mm2 = _millimetre(objects.unit, objects.axes) ** 2
    weights = [np.nan_to_num(table.columns["weight"]) for table in tables]
    sizes = [table.columns["area"] for table in tables]
    total = float(sum(weight.sum() for weight in weights))
    area = float(sum(w @ a for w, a in zip(weights, sizes, strict=True)))
    rate = _spread_rate(tables, weights, total / area if area else math.nan, objects.count)
    method = f"-3.3223 log10(mean area / mm²) - 2.955; {objects.method}"
    size = _turned("G by area", rate, lambda n: -3.3223 * math.log10(mm2 / n) - 2.955)
    return replace(size, method=f"{method}{_OVER_TILES if size.low is not None else ''}")


def size_by_count(tables: Sequence[ObjectTable]) -> Quantity:
    """G from the number of grains in the field: 3.321928 log10(N_A · mm²) - 2.954.

    A grain that is cut counts half, and one is taken off for each field (without that small fields
    have too many: Li and Xing, Journal of ASTM International 8 (5), 2011).

    Raises
    ------
    MeasurementError
        If the pixel size is not known, or the image is a stack.
    """
    mm2 = _millimetre(tables[0].spacing.unit, len(tables[0].spacing.size)) ** 2
    halves = [1 - table.columns["at_border"] / 2 for table in tables]
    grains = float(sum(half.sum() for half in halves)) - len(tables)
    field = sum(math.prod(table.field) for table in tables)
    count = sum(map(len, tables))
    rate = _spread_rate(tables, halves, grains / field, count)
    size = _turned("G by count", rate, lambda n: 3.321928 * math.log10(n / mm2) - 2.954)
    method = "3.321928 log10(N mm²) - 2.954, N = inside + cut / 2 - 1 over the field"
    return replace(size, method=f"{method}{_OVER_TILES if size.low is not None else ''}")


def _spread_rate(
    tables: Sequence[ObjectTable], weights: Sequence[Floats], rate: float, count: int
) -> Quantity:
    """Grains for each area, as sure as their weights are spread over tiles."""
    told = ("grains by area", rate, f"1/{tables[0].spacing.power(2)}", count, "grains", "")
    if count < _FEWEST_GRAINS:
        return Quantity(*told, reason=f"{count} grains, an interval needs {_FEWEST_GRAINS}")
    sums = [tile_sums(table, weight) for table, weight in zip(tables, weights, strict=True)]
    share = tile_spread(sums) / sum(float(tiles.sum()) for tiles in sums)
    return Quantity(*told, rate * (1 - share), rate * (1 + share))


@dataclass(frozen=True)
class Intercepts:
    """What lines along x, y and the two diagonals of pixels meet in one image.

    ``crossings`` are those from grain to grain and ``lengths`` those of the lines, by direction;
    ``tiles`` (tile,) crossings for each length in 4 x 4 tiles, all directions as one; ``shares``
    how many of all directions each one stands for (a quarter where pixels are square).
    """

    crossings: tuple[int, ...]
    lengths: tuple[float, ...]
    tiles: Floats
    shares: tuple[float, ...]
    unit: str


#: The directions of lines, as steps (y, x), and what they are called.
_WAYS = ((0, 1), (1, 0), (1, 1), (-1, 1))
_CALLED = ("along x", "along y", "along the falling diagonal", "along the rising diagonal")


def intercepts_of(ids: NDArray[Any], spacing: Spacing) -> Intercepts:
    """Go along all lines of grain numbers (y, x); 0 between two grains is boundary.

    Raises
    ------
    MeasurementError
        If the image is a stack.
    """
    if ids.ndim != 2:
        raise MeasurementError("intercepts are those of a plane; give one plane of the stack")
    steps = np.array(_WAYS) * np.array(spacing.size)
    sizes = np.hypot(*steps.T)
    shares = shares_of(steps / sizes[:, None])
    crossed, lengths, tiles = [], [], np.zeros(_TILES**2)
    for way, size, share in zip(_WAYS, sizes.tolist(), shares.tolist(), strict=True):
        counts, gone = _crossings(ids, way)
        crossed.append(int(counts.sum()))
        lengths.append(gone * size)
        tiles += share * counts * _TILES**2 / max(gone * size, size)
    told = tuple(shares.tolist())
    return Intercepts(tuple(crossed), tuple(lengths), tiles, told, spacing.unit)


def _crossings(ids: NDArray[Any], way: tuple[int, int]) -> tuple[Floats, int]:
    """Along lines: crossings in tiles (tile,), and steps from first to last grain of each."""
    counts, steps = np.zeros(_TILES**2), 0
    height, width = ids.shape
    for value, y, x in _lines(ids, way):
        line, at = np.nonzero(value)
        met = value[line, at]
        same = line[1:] == line[:-1]
        crossed = np.flatnonzero(same & (met[1:] != met[:-1]))
        steps += int((at[1:] - at[:-1])[same].sum())
        places = [(line[crossed], at[crossed]), (line[crossed], at[crossed + 1])]
        rows, columns = (sum(where[place] for place in places) for where in (y, x))
        tile = rows * _TILES // (2 * height) * _TILES + columns * _TILES // (2 * width)
        counts += np.bincount(tile, minlength=_TILES**2)
    return counts, steps


def _lines(
    ids: NDArray[Any], way: tuple[int, int]
) -> Iterator[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Lines (line, place) of the image some at a time, with y and x of each; 0 outside of it."""
    height, width = ids.shape
    long, first, last = (width, 0, height) if way == (0, 1) else (height, 0, width)
    if all(way):
        first, last = (1 - height, width) if way[0] > 0 else (0, width + height - 1)
    some = max(1, BAND_PX // long)
    for begin in range(first, last, some):
        line = np.arange(begin, min(begin + some, last))[:, None]
        at = np.arange(long)[None]
        y, x = (line, at) if way == (0, 1) else (at, line + way[1] * way[0] * at)
        y, x = np.broadcast_arrays(y, x)
        inside = (x >= 0) & (x < width)
        yield np.where(inside, ids[y, np.clip(x, 0, width - 1)], 0), y, x


def size_by_intercept(fields: Sequence[Intercepts]) -> tuple[Quantity, ...]:
    """G from the mean intercept, -6.643856 log10(l / mm) - 3.288, l by direction, and their ratio.

    l is length over crossings, each direction by its share of all; the interval is t over 4 x 4
    tiles of all images.

    Raises
    ------
    MeasurementError
        If the pixel size is not known, or units are mixed.
    """
    unit = one_unit((field.unit for field in fields), "intercepts")
    factor = _millimetre(unit, 2)
    ways = range(len(_WAYS))
    counts = [sum(field.crossings[way] for field in fields) for way in ways]
    lengths = [sum(field.lengths[way] for field in fields) for way in ways]
    rates = [n / length if length else math.nan for n, length in zip(counts, lengths, strict=True)]
    method = "length of all lines / crossings from grain to grain"
    told = [
        Quantity(
            f"mean intercept {name}",
            1 / rate if rate else math.nan,
            unit,
            count,
            "crossings",
            method,
            reason="one direction alone; G has the interval of all",
        )
        for name, rate, count in zip(_CALLED, rates, counts, strict=True)
    ]
    rate = _rate(fields, float(np.dot(fields[0].shares, rates)), sum(counts), method)
    size = _turned("G by intercept", rate, lambda r: -6.643856 * math.log10(factor / r) - 3.288)
    index = Quantity(
        "anisotropy index",
        rates[1] / rates[0] if rates[0] else math.nan,
        "",
        counts[0] + counts[1],
        "crossings",
        "mean intercept along x / along y",
        reason="a ratio of two directions of these images",
    )
    return (size, *told, index)


def _rate(fields: Sequence[Intercepts], rate: float, crossings: int, method: str) -> Quantity:
    """Crossings for each length, all directions as one."""
    told = ("crossings by length", rate, f"1/{fields[0].unit}", crossings, "crossings")
    if crossings < _FEWEST_CROSSINGS:
        reason = f"{crossings} crossings, an interval needs {_FEWEST_CROSSINGS}"
        return Quantity(*told, method, reason=reason)
    low, high = t_interval(np.concatenate([field.tiles for field in fields]))
    return Quantity(*told, f"{method}; t over 4 x 4 tiles", low, high)


def _turned(name: str, of: Quantity, number: Callable[[float], float]) -> Quantity:
    """A number that goes with another, whose ends go with it."""

    def safe(value: float | None) -> float:
        return number(value) if value is not None and value > 0 else math.nan

    value, ends = safe(of.value), sorted((safe(of.low), safe(of.high)))
    if of.low is None or not all(map(math.isfinite, (value, *ends))):
        reason = of.reason or "there are too few grains"
        return Quantity(name, value, "", of.n, of.of, of.method, reason=reason)
    return Quantity(name, value, "", of.n, of.of, of.method, ends[0], ends[1])


def check_plane_of_known_size(spacing: Spacing) -> None:
    """Refuse what has no grain size, also before long work.

    Raises
    ------
    MeasurementError
        If the pixel size is not known, or the image is a stack.
    """
    _millimetre(spacing.unit, len(spacing.size))


def _millimetre(unit: str, axes: int) -> float:
    factor = unit_factor(unit, "mm")
    if factor is None or axes != 2:
        raise MeasurementError(
            "a grain size number is one of planes whose pixel size is known; tell the pixel size, "
            "and give planes"
        )
    return factor
