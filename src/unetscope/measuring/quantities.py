"""What a number is here: a value with unit, count, method, and interval or why there is none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unetscope.errors import MeasurementError
from unetscope.images.units import METRES, normalise_unit, unit_factor

#: The unit of lengths where nobody said how large a pixel is.
PIXELS = "px"
#: The share of intervals that hold the truth, where their method holds.
LEVEL = 0.95
_PLAIN = {"µ": "u", "Å": "A", "²": "2", "³": "3", "°": "deg"}


@dataclass(frozen=True)
class Spacing:
    """How far pixels lie apart along each axis (z, y, x) or (y, x), in ``unit``."""

    size: tuple[float, ...]
    unit: str = PIXELS

    def __post_init__(self) -> None:
        if len(self.size) not in (2, 3) or not all(math.isfinite(s) and s > 0 for s in self.size):
            raise MeasurementError(
                f"the pixel size {self.size} is no length for each of 2 or 3 axes; "
                "give positive numbers, or none where it is not known"
            )

    @property
    def cell(self) -> float:
        """Area or volume of one pixel."""
        return math.prod(self.size)

    def power(self, exponent: int) -> str:
        """The unit of lengths, areas or volumes: "nm", "nm²", "nm³"."""
        return self.unit + {1: "", 2: "²", 3: "³"}[exponent]

    def within(self, unit: str) -> Spacing:
        """The same in another unit of length.

        Raises
        ------
        MeasurementError
            If one of the two is not known as a length.
        """
        factor = 1.0 if unit == self.unit else unit_factor(self.unit, unit)
        if factor is None:
            raise MeasurementError(
                f"lengths in {self.unit} cannot be told in {unit}; measure images with and without "
                "a pixel size apart, or give the pixel size of all"
            )
        return Spacing(tuple(_exact(size * factor) for size in self.size), unit)


def spacing_of(pixel_size: Sequence[float] | None, unit: str | None, axes: int) -> Spacing:
    """The spacing of an image as it was read; pixels where size or unit are not known."""
    known = normalise_unit(unit)
    if pixel_size is None or known not in METRES:
        return Spacing((1.0,) * axes)
    return Spacing(tuple(float(size) for size in pixel_size), known)


@dataclass(frozen=True)
class Quantity:
    """One number that may be printed.

    Attributes
    ----------
    name
        What it is, with the base it is taken on: "d50 by volume".
    value
        NaN where nothing could be measured; ``reason`` says why.
    unit
        "" for shares and counts.
    n
        Of how many things: objects, fields, crossings, pixels; ``of`` names them.
    method
        Formula and source in words.
    low, high
        Ends of the interval at :data:`LEVEL`; None where there is none.
    reason
        Why there is no interval; "" where there is one.
    """

    name: str
    value: float
    unit: str
    n: int
    of: str
    method: str
    low: float | None = None
    high: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None) or (self.low is None) != bool(self.reason):
            raise MeasurementError(
                f"{self.name!r} must have an interval or the reason why it has none"
            )

    def as_record(self) -> dict[str, Any]:
        """Plain values for JSON: a number that is not there is null."""
        return {
            "name": self.name,
            "value": None if math.isnan(self.value) else self.value,
            "unit": self.unit,
            "low": self.low,
            "high": self.high,
            "level": LEVEL if self.low is not None else None,
            "n": self.n,
            "of": self.of,
            "method": self.method,
            "no_interval_because": self.reason,
        }

    def __str__(self) -> str:
        told = f"{self.name}: {'not measured' if math.isnan(self.value) else f'{self.value:.4g}'}"
        unit = f" {self.unit}" if self.unit and not math.isnan(self.value) else ""
        count = f"n = {self.n:,} {self.of}"
        if self.low is None:
            return f"{told}{unit} ({count}; no interval: {self.reason})"
        return f"{told}{unit} ({self.low:.4g} to {self.high:.4g}, {LEVEL:.0%}; {count})"


def one_unit(units: Iterable[str], of: str) -> str:
    """The unit that all have; ``of`` says what they are units of.

    Raises
    ------
    MeasurementError
        If they are several.
    """
    first, *others = dict.fromkeys(units)
    if others:
        raise MeasurementError(f"{of} in several units cannot be joined; bring them to one")
    return first


def unit_in_name(unit: str) -> str:
    """A unit as part of a column's name, in plain letters: "µm²" as "um2"."""
    return "".join(_PLAIN.get(letter, letter) for letter in unit)


def _exact(value: float) -> float:
    """Without the last digits that a change of the unit makes: 0.004 µm is 4 nm."""
    return float(np.format_float_positional(value, precision=15, fractional=False, trim="-"))
