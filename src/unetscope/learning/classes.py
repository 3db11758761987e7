"""The classes a user paints: a value, a name and a colour each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# Okabe and Ito (2008), "Color Universal Design": colours that stay apart for colour-blind people.
# Blue comes first, for class 1 is usually the background; black is left out because EM is dark.
# Wine (P. Tol) takes the place of grey, which deuteranopes take for the pink.
PALETTE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#F0E442",
    "#56B4E9",
    "#D55E00",
    "#882255",
    "#FFFFFF",
)


@dataclass(frozen=True)
class LabelClass:
    """One class: ``value`` in the labels (1 or more; 0 means unlabelled), name and ``#RRGGBB``."""

    value: int
    name: str
    color: str


def default_classes(values: Iterable[int]) -> tuple[LabelClass, ...]:
    """Classes for label ``values``, in increasing order, named and coloured by default.

    The zero, which means "nobody said", is skipped.
    """
    kept = sorted({int(v) for v in values if int(v) != 0})
    return tuple(LabelClass(v, f"class {v}", PALETTE[(v - 1) % len(PALETTE)]) for v in kept)
