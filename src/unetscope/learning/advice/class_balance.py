"""How evenly the classes are painted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST_UNEVEN = 50.0


@dataclass(frozen=True)
class ClassBalance:
    """Painted pixels by class value, largest over smallest, and what to say about it.

    ``warning`` is None where nothing needs to be said.
    """

    pixels: Mapping[int, int]
    ratio: float
    warning: str | None


def class_balance(
    pixels: Mapping[int, int], names: Mapping[int, str] | None = None
) -> ClassBalance:
    """Compare the painted pixels of the classes; from 1 : 50 on there is a warning.

    Parameters
    ----------
    pixels : class value → painted pixels, as
        :func:`unetscope.learning.samples.labelled_pixels` counts them. A class that is listed with
        none (it has a row in the table but no stroke) is not compared.
    names : class value → name.
    """
    counts = {value: int(count) for value, count in sorted(pixels.items()) if value}
    painted = {value: count for value, count in counts.items() if count}
    if len(painted) < 2:
        return ClassBalance(counts, 1.0, None)
    least = min(painted, key=lambda value: (painted[value], value))
    most = max(painted, key=lambda value: (painted[value], -value))
    ratio = painted[most] / painted[least]
    if ratio < MOST_UNEVEN:
        return ClassBalance(counts, ratio, None)
    rare, common = ((names or {}).get(v) or f"class {v}" for v in (least, most))
    warning = (
        f"{rare} has {painted[least]} painted pixels, {common} {painted[most]} "
        f"(1 : {ratio:.0f}). Paint more {rare}; little more {common} is needed."
    )
    return ClassBalance(counts, ratio, warning)
