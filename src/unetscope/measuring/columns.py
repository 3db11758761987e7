"""The columns of the table of objects: name, unit, formula."""

from __future__ import annotations

from dataclasses import dataclass

from unetscope.measuring.background import RING_FROM_PX, Ring
from unetscope.measuring.quantities import Spacing, unit_in_name


@dataclass(frozen=True)
class Extras:
    """Columns that are measured when they are asked for, as they need more than the object itself.

    ``ring`` gives the grey value around each object, ``neighbours`` what lies beside it.
    """

    ring: Ring | None = None
    neighbours: bool = False


USUAL = Extras()


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
_NEAR = (
    ("nearest_centre", 1, "from its centre of gravity to the nearest of another object"),
    ("nearest_edge", 1, "shortest way between its pixels and those of another object, 0: touching"),
    ("touching", 0, "how many other objects share a side of a pixel with it"),
    ("nearest_centre_sure", 0, "1 where the edge of image or region is no nearer than that centre"),
    ("nearest_edge_sure", 0, "1 where the edge of image or region is no nearer than that object"),
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
    ("feret_max", 1, "largest distance of the middles of voxel faces" + _SHAPE),
    ("axis_1", 1, "2√(5λ) of the largest eigenvalue of the covariance" + _SHAPE),
    ("axis_2", 1, "2√(5λ) of the middle one" + _SHAPE),
    ("axis_3", 1, "2√(5λ) of the smallest one" + _SHAPE),
    ("solidity", 0, "V / volume of the hull of voxel corners" + _SHAPE),
)

_GREY = (
    ("mean", "mean grey value of its pixels"),
    ("sd", "standard deviation of the grey values of its pixels"),
    ("min", "least grey value"),
    ("max", "greatest grey value"),
    (
        "saturated",
        "share of its pixels at the greatest value that their type holds; empty of reals",
    ),
)


def columns_of(
    spacing: Spacing, channels: int = 0, extras: Extras | None = None
) -> tuple[Column, ...]:
    """The columns of an image of these axes, with grey values of so many channels."""
    extras, axes = extras or USUAL, "zyx"[-len(spacing.size) :]
    places = [
        (f"centre_{a}", 1, f"centre of gravity along {a}, from the first pixel") for a in axes
    ]
    for a in axes:
        places += [
            (f"first_{a}", 0, f"its first pixel along {a}, counted from 0"),
            (f"last_{a}", 0, f"its last pixel along {a}, counted from 0"),
        ]
    own = _FLAT if len(axes) == 2 else _SOLID
    told = [("object", 0, "its number"), ("class", 0, "number of its class"), *places, *own, *_BOTH]
    told += _NEAR if extras.neighbours else ()
    units = {0: "", -1: "°", 1: spacing.unit, 2: spacing.power(2), 3: spacing.power(3)}
    found = [Column(key, units[power], formula) for key, power, formula in told]
    for channel in range(channels):
        name = f"_c{channel}" if channels > 1 else ""
        found += [Column(f"{key}{name}", "", formula) for key, formula in _GREY]
        if extras.ring is not None:
            ring = f"{extras.ring.inner:g} to {extras.ring.outer:g} {spacing.unit} away"
            found += [
                Column(
                    f"background{name}",
                    "",
                    f"median of pixels {ring} in no object; empty below {RING_FROM_PX} pixels",
                ),
                Column(f"corrected{name}", "", f"mean{name} - background{name}"),
            ]
    return tuple(found)
