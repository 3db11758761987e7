"""Images unlike those of the training, or whose answer or grey values are unlike the others'.

They want a look. The first is what the model knows itself; the second is robust, for odd ones
are what is looked for: distance from the median in median absolute deviations, scaled to a standard
deviation (Iglewicz and Hoaglin, *How to detect and handle outliers*, 1993, take 3.5).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from unetscope.learning.events import Surprise

FEWEST = 5  # images, below which nobody knows what is usual
_FAR = 3.5
_SCALED = 1.4826  # median absolute deviation -> standard deviation, of a normal law
_LEAST_SHARE = 0.02  # shares nearer to the median than this are never odd
_LEAST_GREY = 0.2  # of the usual grey range, that the darkest values are away
_LEAST_FACTOR = 1.0  # in powers of two, that a grey range is wider or narrower: light multiplies
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Answered:
    """Of an image: class value -> share of its pixels, and its grey range by channel.

    ``surprise``: how unlike the training images it is; None where the model does not know them.
    ``sure``: the mean probability of the class that is answered, in a square in the middle; None
    where that was not asked.
    """

    shares: Mapping[int, float]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    surprise: Surprise | None = None
    sure: float | None = None


def odd_ones(
    answers: Mapping[Key, Answered], names: Mapping[int, str] | None = None
) -> dict[Key, str]:
    """Image -> how it differs from the training or the others, in words; the rest is left out."""
    odd: dict[Key, list[str]] = {}
    for key, one in answers.items():
        if one.surprise is not None and one.surprise.unlike:
            odd[key] = [one.surprise.unlike]
    if len(answers) >= FEWEST:
        _unlike_others(answers, names, odd)
    return {key: "; ".join(reasons) for key, reasons in odd.items()}


def surprise_places(answers: Mapping[Key, Answered]) -> dict[Key, str]:
    """Image -> its place among all, the least like the training first; where none is judged."""
    told = {k: one.surprise for k, one in answers.items() if one.surprise is not None}
    if len(told) < 2 or not all(one.unjudged for one in told.values()):
        return {}
    order = sorted(told, key=lambda key: -told[key].score)
    return {
        key: f"{place} of {len(order)} in being unlike the training; {told[key].unjudged}"
        for place, key in enumerate(order, start=1)
    }


def _unlike_others(
    answers: Mapping[Key, Answered],
    names: Mapping[int, str] | None,
    odd: dict[Key, list[str]],
) -> None:
    """Add to ``odd`` what differs from the other images."""
    keys = list(answers)
    for value in sorted({value for one in answers.values() for value in one.shares}):
        shares = np.array([answers[key].shares.get(value, 0.0) for key in keys])
        name = (names or {}).get(value, f"class {value}")
        for at, usual in _far(shares, _LEAST_SHARE):
            odd.setdefault(keys[at], []).append(f"{shares[at]:.0%} {name}, others {usual:.0%}")
    ranges = _grey_ranges(answers)
    if ranges is not None:
        low, high = ranges
        width = np.maximum(high - low, np.finfo(float).tiny)
        for at, usual in _far(np.log2(width), _LEAST_FACTOR):
            said = f"grey range {width[at]:.4g}, others {2.0**usual:.4g}"
            odd.setdefault(keys[at], []).append(said)
        for at, usual in _far(low, _LEAST_GREY * float(np.median(width))):
            odd.setdefault(keys[at], []).append(f"darkest grey {low[at]:.4g}, others {usual:.4g}")


def _far(values: np.ndarray, least: float) -> list[tuple[int, float]]:
    """Which values are far from the median, and the median."""
    usual = float(np.median(values))
    away = np.abs(values - usual)
    spread = _SCALED * float(np.median(away))
    return [(int(at), usual) for at in np.flatnonzero(away > max(_FAR * spread, least))]


def _grey_ranges(answers: Mapping[Key, Answered]) -> tuple[np.ndarray, np.ndarray] | None:
    """Lowest and highest grey values of each image; None where one does not say them."""
    if not all(one.low and one.high for one in answers.values()):
        return None
    low = np.array([min(one.low) for one in answers.values()], float)
    return low, np.array([max(one.high) for one in answers.values()], float)
