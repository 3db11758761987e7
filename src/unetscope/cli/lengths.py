"""Lengths and sizes as they are typed: 4nm, 24px, 90x4x4nm, 0:1880,0:2048."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.images.units import METRES, normalise_unit, unit_factor
from unetscope.measuring.quantities import PIXELS, Spacing

_NUMBER = r"\d+(?:\.\d*)?(?:e[+-]?\d+)?"


def told_spacing(text: str, axes: int) -> Spacing:
    """A pixel size as it is typed: 4nm, or 90x4x4nm along z, y and x.

    Raises
    ------
    MeasurementError
        If it is none, or for other axes.
    """
    found = re.fullmatch(rf"\s*({_NUMBER}(?:\s*x\s*{_NUMBER})*)\s*(\D\S*)\s*", text)
    unit = normalise_unit(found[2]) if found else None
    if found is None or unit not in METRES:
        raise MeasurementError(
            f"the pixel size {text!r} is not understood; write 4nm, or 90x4x4nm for z, y and x"
        )
    sizes = tuple(float(part) for part in found[1].split("x"))
    if len(sizes) not in (1, axes):
        raise MeasurementError(
            f"the pixel size {text!r} has {len(sizes)} lengths for {axes} axes; give one, or one "
            "for each axis"
        )
    return Spacing(sizes * axes if len(sizes) == 1 else sizes, unit)


def told_length(text: str, option: str, spacing: Spacing) -> float:
    """A length as it is typed (620nm, 24px, or in the unit of the image), in that unit.

    Raises
    ------
    MeasurementError
        If it is none, or in a unit that the image has not.
    """
    found = re.fullmatch(rf"\s*({_NUMBER})\s*(\D\S*)?\s*", text)
    if found is None:
        raise MeasurementError(f"{option} {text!r} is no length; write 620nm or 24px")
    value, unit = float(found[1]), found[2]
    if unit is None:
        return value
    if unit.strip() == PIXELS:
        return value * min(spacing.size)
    factor = unit_factor(unit, spacing.unit)
    if factor is None:
        raise MeasurementError(
            f"{option} {text!r} cannot be told in {spacing.unit}; "
            "give it in px, or the pixel size with --pixel-size"
        )
    return value * factor


def told_extent(text: str | None, option: str, spacing: Spacing) -> float | None:
    """The area (volume) of a disk (ball) of a diameter as it is typed."""
    if text is None:
        return None
    diameter = told_length(text, option, spacing)
    return np.pi / 4 * diameter**2 if len(spacing.size) == 2 else np.pi / 6 * diameter**3


def told_region(text: str | None, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """A box as it is typed, rows and columns in pixels: 0:1880,0:2048."""
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d*):(\d*)\s*,\s*(\d*):(\d*)\s*", text)
    if found is None:
        raise MeasurementError(
            f"--region {text!r} is no box; write rows and columns, as 0:1880,0:2048"
        )
    ends = [int(end) if end else None for end in found.groups()]
    box = (..., slice(ends[0], ends[1]), slice(ends[2], ends[3]))
    region = np.zeros(shape, bool)
    region[box] = True
    if not region.any():
        raise MeasurementError(f"--region {text!r} holds no pixel of {shape[-2]} x {shape[-1]}")
    return region
