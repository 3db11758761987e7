"""The columns of the table of objects: name, unit, formula."""

from __future__ import annotations

from dataclasses import dataclass

from unetscope.measuring.quantities import Spacing, unit_in_name


@dataclass(frozen=True)
class Column:
    """What one column holds; ``unit`` is "" for shares, counts and grey values."""

    key: str
    unit: str
    formula: str

    @property
    def header(self) -> str:
        """The name in files, with its unit: ``area_um2``."""
        return f"{self.key}_{unit_in_name(self.unit)}" if self.unit else self.key


_BOTH = (
    ("doubt", 0, "0 to 1: how near the telling apart was to another decision"),
    ("at_border", 0, "1 where it reaches the edge of the image or region and may be cut"),
    ("weight", 0, "of complete objects: Miles-Lantuéjoul, field / (field - box), by axes"),
)
_SHAPE = "; empty below 20 pixels"
_FLAT = (
    ("area", 2, "pixels x area of a pixel"),
    ("diameter", 1, "of the disk of the same area, √(4A/π)"),
    ("perimeter", 1, "Crofton, 4 directions" + _SHAPE),
    ("circularity", 0, "4πA/P², not clipped at 1" + _SHAPE),
    ("feret_max", 1, "largest caliper of the hull of the middles of pixel edges" + _SHAPE),
    ("feret_min", 1, "smallest caliper of the same hull" + _SHAPE),
    ("axis_major", 1, "4√λ of the larger eigenvalue of the covariance" + _SHAPE),
    ("axis_minor", 1, "4√λ of the smaller one" + _SHAPE),
    ("angle", -1, "of the major axis, 0 to 180, anticlockwise from +x on screen" + _SHAPE),
    ("solidity", 0, "A / area of the hull of pixel corners" + _SHAPE),
)
_SOLID = (
    ("volume", 3, "voxels x volume of a voxel"),
    ("diameter", 1, "of the ball of the same volume, (6V/π)^⅓"),
    ("surface", 2, "Crofton, 13 directions" + _SHAPE),
    ("sphericity", 0, "π^⅓ (6V)^⅔ / S" + _SHAPE),
    ("axis_1", 1, "2√(5λ) of the largest eigenvalue of the covariance" + _SHAPE),
    ("axis_2", 1, "2√(5λ) of the middle one" + _SHAPE),
    ("axis_3", 1, "2√(5λ) of the smallest one" + _SHAPE),
)


def columns_of(spacing: Spacing, channels: int = 0) -> tuple[Column, ...]:
    """The columns of an image of these axes, with grey values of so many channels."""
    axes = "zyx"[-len(spacing.size) :]
    places = [
        (f"centre_{a}", 1, f"centre of gravity along {a}, from the first pixel") for a in axes
    ]
    own = _FLAT if len(axes) == 2 else _SOLID
    told = [("object", 0, "its number"), ("class", 0, "number of its class"), *places, *own, *_BOTH]
    units = {0: "", -1: "°", 1: spacing.unit, 2: spacing.power(2), 3: spacing.power(3)}
    found = [Column(key, units[power], formula) for key, power, formula in told]
    for channel in range(channels):
        name = f"_c{channel}" if channels > 1 else ""
        found += [
            Column(f"mean{name}", "", "mean grey value of its pixels"),
            Column(f"sd{name}", "", "standard deviation of the grey values of its pixels"),
            Column(f"min{name}", "", "least grey value"),
            Column(f"max{name}", "", "greatest grey value"),
        ]
    return tuple(found)
