"""What each object counts: what is done with those at the edge, and by number, area or volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from unetscope.errors import MeasurementError
from unetscope.measuring.pixel_runs import Floats

if TYPE_CHECKING:
    from unetscope.measuring.object_table import ObjectTable

Base = Literal["number", "area", "volume"]
EdgeRule = Literal["weight", "drop", "keep"]
#: So many objects have to lie on the thinner side of a percentile for it to have an interval.
ON_A_SIDE = 5
#: What is done with objects at the edge, in words.
EDGE_WORDS: dict[EdgeRule, str] = {
    "weight": "objects at the edge left out and the rest weighted (Miles-Lantuéjoul)",
    "drop": "objects at the edge left out, the rest not weighted",
    "keep": "objects at the edge kept as they are seen",
}
POWERS = {"number": 0, "area": 2, "volume": 3}


def weights_of(table: ObjectTable, edge: EdgeRule) -> Floats:
    """(object,) how many each stands for; 0 for those that are left out."""
    if edge == "keep":
        return np.ones(len(table))
    inside = table.columns["at_border"] == 0
    return np.where(inside, table.columns["weight"] if edge == "weight" else 1.0, 0.0)


def by_base(weights: Floats, diameter: Floats, base: Base) -> Floats:
    """(object,) what each counts: its weight, times the square or the cube of its diameter.

    Raises
    ------
    MeasurementError
        If there is no such base.
    """
    if base not in POWERS:
        raise MeasurementError(f"percentiles are by number, area or volume, not by {base!r}")
    largest = diameter.max(initial=0.0) or 1.0
    return np.asarray(weights * (diameter / largest) ** POWERS[base])
