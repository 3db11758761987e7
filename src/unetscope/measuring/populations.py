"""Numbers of many objects: mean, percentiles, density, each with its interval or why there is none.

Objects at the edge are left out, and each complete one stands for as many as are cut of its size
(its ``weight``). An interval of one image is a bootstrap of its objects (percentile method, Efron
and Tibshirani 1993); from :data:`FIELDS` images on, images are what is drawn, or a t interval of
them, for objects of one image are more alike than those of two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from unetscope.errors import MeasurementError
from unetscope.measuring.object_table import ObjectTable
from unetscope.measuring.object_weights import EDGE_WORDS as EDGE_WORDS
from unetscope.measuring.object_weights import ON_A_SIDE, POWERS, by_base, weights_of
from unetscope.measuring.object_weights import Base as Base
from unetscope.measuring.object_weights import EdgeRule as EdgeRule
from unetscope.measuring.pixel_runs import Floats, Ints
from unetscope.measuring.quantities import LEVEL, Quantity

#: From so many images on, images are the sample.
FIELDS = 5
#: A mean has an interval from so many objects on.
OBJECTS = 10
RESAMPLES = 999
_TILES = 4
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


@dataclass(frozen=True, eq=False)
class Population:
    """Objects of one class of several images.

    Attributes
    ----------
    diameter, weight
        (object,) equivalent diameter, and how many objects each stands for.
    image
        (object,) which image each lies on.
    images
        How many images there are, with and without objects.
    cut
        How many objects reach an edge.
    axes
        2 for profiles in planes, 3 for bodies.
    words
        What was done with objects at the edge where that is no :data:`EdgeRule`.
    """

    diameter: Floats
    weight: Floats
    image: Ints
    images: int
    cut: int
    unit: str
    axes: int
    edge: EdgeRule
    words: str = ""

    @property
    def count(self) -> int:
        """How many objects count."""
        return len(self.diameter)

    @property
    def method(self) -> str:
        """What was done with objects at the edge."""
        return self.words or EDGE_WORDS[self.edge]


def population_of(tables: Sequence[ObjectTable], edge: EdgeRule = "weight") -> Population:
    """Objects of tables of one class, in one unit.

    Raises
    ------
    MeasurementError
        If there is no table, units or axes are mixed, or weights are wanted of a region that is no
        box.
    """
    if not tables:
        raise MeasurementError("there is no image to take numbers from; give at least one")
    if len({(t.spacing.unit, len(t.spacing.size)) for t in tables}) > 1:
        raise MeasurementError(
            "images with other units, without a pixel size, or stacks and planes are no one "
            "population; bring them to one unit, or measure them apart"
        )
    if edge == "weight" and not all(t.rectangular for t in tables):
        raise MeasurementError(
            "objects of a region that is no box cannot be weighted; leave those at the edge out "
            "(drop), or keep them"
        )
    kept = [_kept(table, edge) for table in tables]
    sizes = [len(diameter) for diameter, _ in kept]
    return Population(
        diameter=np.concatenate([diameter for diameter, _ in kept]),
        weight=np.concatenate([weight for _, weight in kept]),
        image=np.repeat(np.arange(len(tables)), sizes),
        images=len(tables),
        cut=sum(int(table.columns["at_border"].sum()) for table in tables),
        unit=tables[0].spacing.unit,
        axes=len(tables[0].spacing.size),
        edge=edge,
    )


def _kept(table: ObjectTable, edge: EdgeRule) -> tuple[Floats, Floats]:
    weight = weights_of(table, edge)
    return table.columns["diameter"][weight > 0], weight[weight > 0]


def mean_diameter(objects: Population) -> Quantity:
    """The mean equivalent diameter by number."""
    reason = "" if objects.count >= OBJECTS else _too_few(objects, OBJECTS)
    return _mean(objects, "mean diameter", reason)


def _mean(objects: Population, name: str, reason: str) -> Quantity:
    shares = by_base(objects.weight, objects.diameter, "number")

    def mean(counts: Floats) -> float:
        weight = shares * counts
        return float((weight * objects.diameter).sum() / weight.sum())

    return _estimated(objects, name, mean, reason)


def percentile(objects: Population, percent: float, base: Base = "number") -> Quantity:
    """The diameter that ``percent`` of the number, area or volume of all objects lie below.

    Area and volume count each object with the square and the cube of its diameter.
    """
    if not 0 < percent < 100:
        raise MeasurementError(f"a percentile of {percent} is none; give 0 to 100, without both")
    order = np.argsort(objects.diameter, kind="stable")
    sizes, shares = objects.diameter[order], by_base(objects.weight, objects.diameter, base)[order]
    share = percent / 100

    def quantile(counts: Floats) -> float:
        heap = np.cumsum(shares * counts[order])
        # the middle of an object's own share is where its diameter is reached
        middle = (heap - shares * counts[order] / 2) / heap[-1]
        seen = counts[order] > 0
        return float(np.interp(share, middle[seen], sizes[seen]))

    needed = int(np.ceil(ON_A_SIDE / min(share, 1 - share)))
    reason = "" if objects.count >= needed else _too_few(objects, needed)
    return _estimated(objects, f"d{percent:g} by {base}", quantile, reason)


def density(tables: Sequence[ObjectTable], edge: EdgeRule = "weight") -> Quantity:
    """Objects per area (volume): the sum of weights over the field.

    Of one image the interval is that of 16 tiles (t), but never narrower than that of objects
    thrown at random (Poisson); from :data:`FIELDS` images on that of the images (t).
    """
    objects = population_of(tables, edge)
    fields = np.array([np.prod(table.field) for table in tables])
    sums = np.bincount(objects.image, objects.weight, minlength=objects.images)
    value = float(sums.sum() / fields.sum())
    unit = f"1/{objects.unit}{'²' if objects.axes == 2 else '³'}"
    method = f"weights of complete objects / field, {objects.method}"
    told = ("density", value, unit)
    if objects.images >= FIELDS:
        low, high = t_interval(sums / fields)
        return Quantity(
            *told, objects.images, "images", f"{method}; t over images", max(low, 0.0), high
        )
    if objects.count < 2 * OBJECTS:
        reason = _too_few(objects, 2 * OBJECTS)
        return Quantity(*told, objects.count, "objects", method, reason=reason)
    if objects.images > 1 or objects.axes == 3:
        spread = float(np.sqrt((objects.weight**2).sum())) * _normal()
        how = "Poisson: objects that keep apart or flock together have another interval"
    else:
        wide = tile_spread([tile_sums(tables[0], weights_of(tables[0], edge))])
        spread = max(wide, float(np.sqrt((objects.weight**2).sum())) * _normal())
        how = "t over 4 x 4 tiles, no narrower than Poisson"
    half = spread / float(fields.sum())
    ends = max(value - half, 0.0), value + half
    return Quantity(*told, objects.count, "objects", f"{method}; {how}", *ends)


def counted(tables: Sequence[ObjectTable]) -> Quantity:
    """How many objects there are, those at the edge with them."""
    count = sum(map(len, tables))
    reason = "counted in these images, not drawn from more"
    return Quantity("objects", float(count), "", count, "objects", "count", reason=reason)


def nearest_distance(tables: Sequence[ObjectTable], key: str = "nearest_centre") -> Quantity:
    """The mean distance to the nearest centre or edge of another object.

    Objects nearer to the edge of the field than to that neighbour are left out, and the rest stands
    for them (Hanisch 1984): each for as many as the field has places where its neighbour is seen.

    Raises
    ------
    MeasurementError
        If the tables have no columns of neighbours, or the region is no box.
    """
    if not all(table.extras.neighbours for table in tables):
        raise MeasurementError("neighbours were not measured; ask for their columns")
    plain = population_of(tables, "keep")
    if not all(table.rectangular for table in tables):
        raise MeasurementError(
            "neighbours behind the edge of a region that is no box are not known"
        )
    kept = [table.where(table.columns[f"{key}_sure"] == 1) for table in tables]
    objects = replace(
        plain,
        diameter=np.concatenate([table.columns[key] for table in kept]),
        weight=np.concatenate([_places(table, key) for table in kept]),
        image=np.repeat(np.arange(len(kept)), [len(table) for table in kept]),
        words="objects nearer to the edge left out and the rest weighted (Hanisch)",
    )
    reason = "" if objects.count >= OBJECTS else _too_few(objects, OBJECTS)
    what = "centre" if key == "nearest_centre" else "edge"
    return _mean(objects, f"mean distance to the nearest {what}", reason)


def _places(table: ObjectTable, key: str) -> Floats:
    """(object,) the field over the part of it in which the neighbour would be seen."""
    weight = np.ones(len(table))
    for axis, field, size in zip(
        "zyx"[-len(table.field) :], table.field, table.spacing.size, strict=True
    ):
        if field > size:
            reach = 2 * table.columns[key]
            if key == "nearest_edge":
                reach = reach + _lengths(table, axis) * size
            weight *= field / np.maximum(field - reach, size)
    return weight


def _lengths(table: ObjectTable, axis: str) -> Ints:
    """(object,) how many pixels long it is along an axis."""
    return np.asarray(table.columns[f"last_{axis}"] - table.columns[f"first_{axis}"] + 1)


def objects_needed(objects: Population, percent: float, base: Base, within: float = 0.05) -> int:
    """How many objects a percentile needs so that its 95 % interval is ± ``within`` of it.

    Of diameters spread as logarithms of a normal distribution, with the spread of these (which ISO
    13322-1 supposes, too): the variance of a quantile of weighted values, as n grows.

    Raises
    ------
    MeasurementError
        If there are fewer than 10 objects.
    """
    if objects.count < OBJECTS:
        raise MeasurementError(_too_few(objects, OBJECTS))
    logs, weight = np.log(objects.diameter), objects.weight / objects.weight.sum()
    mean = float(weight @ logs)
    sigma = float(np.sqrt(weight @ (logs - mean) ** 2))
    share, z = percent / 100, float(stats.norm.ppf(percent / 100))
    power = POWERS[base] * sigma
    below = float(stats.norm.cdf(z - power))
    spread = np.exp(power**2) * ((1 - share) ** 2 * below + share**2 * (1 - below))
    variance = sigma**2 * spread / float(stats.norm.pdf(z)) ** 2
    return int(np.ceil(variance * (_normal() / np.log1p(within)) ** 2))


def enough_for(objects: Population, within: float = 0.05) -> str:
    """For which percentiles there are enough objects, and for which not, in a sentence."""
    count = f"n = {objects.count:,}"
    if objects.count < OBJECTS:
        return f"{count}: too few objects to say how many are needed."
    asked: list[tuple[float, Base]] = [(50, "number"), (50, "volume"), (90, "volume")]
    told = [
        (f"d{percent:g} by {base}", objects_needed(objects, percent, base, within))
        for percent, base in asked
    ]
    yes = [name for name, needed in told if needed <= objects.count]
    no = [f"{name} ({needed:,})" for name, needed in told if needed > objects.count]
    parts = [f"enough for {' and '.join(yes)}"] if yes else []
    parts += [f"not for {' and '.join(no)}"] if no else []
    return f"{count}: {', '.join(parts)}, to be within {within:.0%}."


def t_over_images(name: str, values: Floats, unit: str, method: str) -> Quantity:
    """The mean of one number an image, with its t interval (ASTM E562's way)."""
    low, high = t_interval(values)
    method = f"{method}; mean and t over images"
    return Quantity(name, float(values.mean()), unit, len(values), "images", method, low, high)


def _estimated(
    objects: Population, name: str, number: Callable[[Floats], float], reason: str
) -> Quantity:
    """A number of the objects, each counted so many times, and its bootstrap interval."""
    told = (objects.unit, objects.count, "objects")
    if not objects.count:
        empty = "no complete object" if objects.cut else "no object"
        return Quantity(name, float("nan"), *told, objects.method, reason=empty)
    value = number(np.ones(objects.count))
    if reason:
        return Quantity(name, value, *told, objects.method, reason=reason)
    by_image = objects.images >= FIELDS
    drawn = [number(counts) for counts in _resamples(objects, by_image)]
    low, high = (float(end) for end in np.quantile(drawn, TAILS))
    what = "images" if by_image else "objects"
    method = f"{objects.method}; bootstrap of {what}, {RESAMPLES} times"
    return Quantity(name, value, *told, method, low, high)


def _resamples(objects: Population, by_image: bool) -> Iterator[Floats]:
    """How often each object is drawn, in each of the resamples; the same for the same objects."""
    rng = np.random.default_rng(0)
    made = 0
    while made < RESAMPLES:
        if by_image:
            drawn = rng.integers(objects.images, size=objects.images)
            counts = np.bincount(drawn, minlength=objects.images)[objects.image]
        else:
            drawn = rng.integers(objects.count, size=objects.count)
            counts = np.bincount(drawn, minlength=objects.count)
        if counts.any():  # images without objects may be all that was drawn
            made += 1
            yield counts.astype(np.float64)


def tile_sums(table: ObjectTable, weight: Floats) -> Floats:
    """(tile,) sums of a weight of each object in 4 x 4 tiles of one field, by centres."""
    at = np.zeros(len(table), np.int64)
    for axis, origin, length in zip("yx", table.corner, table.field, strict=True):
        place = (table.columns[f"centre_{axis}"] - origin) / length
        at = at * _TILES + np.clip((place * _TILES).astype(np.int64), 0, _TILES - 1)
    return np.asarray(np.bincount(at, weight, minlength=_TILES**2), np.float64)


def tile_spread(sums: Sequence[Floats]) -> float:
    """Half of the t interval of the total of what was summed in tiles, of one field or more."""
    variance = sum(float(tiles.var(ddof=1)) * len(tiles) for tiles in sums)
    return float(np.sqrt(variance)) * _t(len(sums) * (_TILES**2 - 1) + 1)


def t_interval(values: Floats) -> tuple[float, float]:
    """The ends of the t interval of a mean."""
    half = float(values.std(ddof=1) / np.sqrt(len(values)) * _t(len(values)))
    return float(values.mean()) - half, float(values.mean()) + half


def _t(count: int) -> float:
    return float(stats.t.ppf(TAILS[1], count - 1))


def _normal() -> float:
    return float(stats.norm.ppf(TAILS[1]))


def _too_few(objects: Population, needed: int) -> str:
    return f"{objects.count} complete objects, an interval needs {needed}"
