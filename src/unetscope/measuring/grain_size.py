"""The grain size number G (ASTM E112) by area, by count and by intercept.

Grains have to fill the image: boundaries are given back to them first (a border class). The three
do not agree on every structure: the standard ties intercept and count by l = 0.89 / sqrt(N), flat
sections of other structures have another factor (0.785 for Poisson-Voronoi).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.images.units import unit_factor
from unetscope.measuring.object_table import ObjectTable
from unetscope.measuring.pixel_runs import BAND_PX, Floats
from unetscope.measuring.populations import population_of, t_interval, tile_spread, tile_sums
from unetscope.measuring.quantities import Quantity, Spacing

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
    """What lines along x and y meet in one image: crossings from grain to grain, and lengths.

    ``tiles`` (tile,) are crossings for each length in 4 x 4 tiles, both directions as one.
    """

    crossings: tuple[int, int]
    lengths: tuple[float, float]
    tiles: Floats
    unit: str


def intercepts_of(ids: NDArray[Any], spacing: Spacing) -> Intercepts:
    """Go along all rows and columns of grain numbers (y, x); 0 between two grains is boundary.

    Raises
    ------
    MeasurementError
        If the image is a stack.
    """
    if ids.ndim != 2:
        raise MeasurementError("intercepts are those of a plane; give one plane of the stack")
    crossed, lengths, tiles = [], [], np.zeros((_TILES, _TILES))
    for turned, size in ((ids, spacing.size[1]), (ids.T, spacing.size[0])):
        counts, steps = _crossings(turned)
        length = steps * size
        crossed.append(int(counts.sum()))
        lengths.append(length)
        both = counts if turned is ids else counts.T
        tiles += both / max(length, size) * _TILES**2 / 2
    return Intercepts(
        (crossed[0], crossed[1]), (lengths[0], lengths[1]), tiles.ravel(), spacing.unit
    )


def _crossings(ids: NDArray[Any]) -> tuple[Floats, int]:
    """Along lines (line, x): crossings in tiles (line, x), and steps from first to last grain."""
    counts, steps = np.zeros(_TILES**2), 0
    lines = max(1, BAND_PX // ids.shape[1])
    for first in range(0, len(ids), lines):
        line, at = np.nonzero(ids[first : first + lines])
        value = ids[first + line, at]
        same = line[1:] == line[:-1]
        met = np.flatnonzero(same & (value[1:] != value[:-1]))
        steps += int((at[1:] - at[:-1])[same].sum())
        rows = (first + line[met]) * _TILES // len(ids)
        columns = (at[met] + at[met + 1]) * _TILES // (2 * ids.shape[1])
        counts += np.bincount(rows * _TILES + columns, minlength=_TILES**2)
    return counts.reshape(_TILES, _TILES), steps


def size_by_intercept(fields: Sequence[Intercepts]) -> tuple[Quantity, ...]:
    """G from the mean intercept, -6.643856 log10(l / mm) - 3.288, and l along x and along y.

    l is length over crossings; the interval is t over 4 x 4 tiles of all images.

    Raises
    ------
    MeasurementError
        If the pixel size is not known, or units are mixed.
    """
    unit = fields[0].unit
    if {field.unit for field in fields} != {unit}:
        raise MeasurementError("intercepts in several units cannot be joined; bring them to one")
    factor = _millimetre(unit, 2)
    counts = [sum(field.crossings[way] for field in fields) for way in (0, 1)]
    lengths = [sum(field.lengths[way] for field in fields) for way in (0, 1)]
    rates = [n / length if length else math.nan for n, length in zip(counts, lengths, strict=True)]
    method = "length of all rows and columns / crossings from grain to grain"
    told = [
        Quantity(
            f"mean intercept along {name}",
            1 / rate if rate else math.nan,
            unit,
            count,
            "crossings",
            method,
            reason="one direction alone; G has the interval of both",
        )
        for name, rate, count in zip("xy", rates, counts, strict=True)
    ]
    rate = _rate(fields, float(np.mean(rates)), sum(counts), method)
    size = _turned("G by intercept", rate, lambda r: -6.643856 * math.log10(factor / r) - 3.288)
    return (size, *told)


def _rate(fields: Sequence[Intercepts], rate: float, crossings: int, method: str) -> Quantity:
    """Crossings for each length, both directions as one."""
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
