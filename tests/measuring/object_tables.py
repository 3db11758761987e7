"""Tables of objects that were never on an image: their values are what a test puts in."""

from __future__ import annotations

from typing import Any

import numpy as np

from unetscope.measuring.columns import Extras, columns_of
from unetscope.measuring.object_table import ObjectTable
from unetscope.measuring.quantities import Spacing

NM = Spacing((4.0, 4.0), "nm")


def table_with(spacing: Spacing = NM, **columns: Any) -> ObjectTable:
    """A table of these columns; the others are 1, numbers count from 1, nothing is cut."""
    count = len(next(iter(columns.values())))
    about = columns_of(spacing, extras=Extras(neighbours=True))
    values = {c.key: np.ones(count) for c in about}
    values |= {
        "object": np.arange(1, count + 1),
        "class": np.ones(count, np.int64),
        "at_border": np.zeros(count, np.int64),
        "doubt": np.zeros(count),
    }
    values |= {key: np.asarray(given) for key, given in columns.items()}
    return ObjectTable(about, values, spacing, (0.0, 0.0), (1000.0, 1000.0))


def many(count: int, seed: int = 0) -> ObjectTable:
    """Objects of sizes drawn at random, some without a circularity, some at the border."""
    rng = np.random.default_rng(seed)
    diameter = rng.lognormal(4, 0.5, count)
    return table_with(
        diameter=diameter,
        area=np.pi / 4 * diameter**2,
        circularity=np.where(rng.random(count) < 0.1, np.nan, rng.beta(8, 2, count)),
        angle=rng.uniform(0, 180, count),
        doubt=rng.beta(1, 6, count),
        at_border=(rng.random(count) < 0.05).astype(np.int64),
    )
