"""Numbers as they are read: few digits, and the unit in which they have the fewest zeros."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from unetscope.images.units import METRES
from unetscope.measuring.quantities import LEVEL, Quantity

_LENGTHS = ("pm", "nm", "µm", "mm", "m")
_POWERS = {"": 1, "²": 2, "³": 3}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number_in_words(value: float) -> str:
    """Four digits: "22.41", "12,340", "1.2 × 10⁻⁶"; "not measured" where there is none."""
    if math.isnan(value):
        return "not measured"
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        digits = 4 - len(f"{abs(value):.0f}") if abs(value) >= 1000 else None
        return f"{value:,.0f}" if digits is not None else f"{value:.4g}"
    mantissa, _, power = f"{value:.3e}".partition("e")
    return f"{float(mantissa):g} × 10{str(int(power)).translate(_RAISED)}"


def in_easy_unit(quantity: Quantity) -> Quantity:
    """The same in the unit that its value reads best in: 1.2 · 10⁻⁶ /nm² as 1.2 /µm²."""
    factor, unit = easy_unit(quantity.value, quantity.unit)
    low, high = (None if end is None else end * factor for end in (quantity.low, quantity.high))
    return replace(quantity, value=quantity.value * factor, unit=unit, low=low, high=high)


def easy_unit(value: float, unit: str) -> tuple[float, str]:
    """The unit in which a value reads best, behind the factor into it."""
    parts = re.fullmatch(r"(1/)?(\D+?)([²³]?)", unit)
    own = abs(value)
    if parts is None or parts[2] not in METRES or not own or math.isnan(own) or 0.1 <= own < 1000:
        return 1.0, unit
    power = _POWERS[parts[3]] * (-1 if parts[1] else 1)
    factors = {other: (METRES[parts[2]] / METRES[other]) ** power for other in _LENGTHS}
    well = [other for other, by in factors.items() if 0.1 <= own * by < 1000]
    fits = well or [other for other, by in factors.items() if 1 <= own * by < 1000 ** abs(power)]
    if not fits:
        return 1.0, unit
    best = fits[-1 if power > 0 else 0]  # of those that fit the one with the fewest digits
    return factors[best], f"{parts[1] or ''}{best}{parts[3]}"


def unit_behind(unit: str) -> str:
    """A unit as it stands behind a number: " nm", " /µm²", "" for shares and counts."""
    return f" {unit}".replace(" 1/", " /").rstrip()


def told_easily(quantity: Quantity) -> str:
    """A number with unit, interval or why there is none, and n, as a sentence tells it."""
    easy = in_easy_unit(quantity)
    count = f"n = {easy.n:,} {easy.of}"
    told = f"{easy.name}: {number_in_words(easy.value)}"
    unit = "" if math.isnan(easy.value) else unit_behind(easy.unit)
    if easy.low is None or easy.high is None:
        return f"{told}{unit} ({count}; no interval: {easy.reason})"
    ends = f"{number_in_words(easy.low)} to {number_in_words(easy.high)}"
    return f"{told}{unit} ({ends}, {LEVEL:.0%}; {count})"
