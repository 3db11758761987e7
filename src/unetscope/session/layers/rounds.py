"""Rounds of painting: how much of what was painted the answer on screen had right already.

A round is what is painted without a longer rest. Only what is on screen is looked at, and of a wide
view every second, third … pixel, so that a round costs the same on an image of any size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unetscope.learning.advice.progress import StopAdvice, corrective_dice, stop_advice
from unetscope.session.layers.answer_pyramid import full_resolution
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.result_layers import ResultLayers
from unetscope.session.results.mask import MASK

ENOUGH_ROUNDS = 5  # a round is often one stroke, and one alone says little
MOST_PX = 2_000_000  # of a view; more than a screen shows, and copied in some milliseconds


@dataclass(frozen=True, eq=False)
class _Begun:
    """What of a plane is on screen, with the answer and the labels there before the round."""

    box: tuple[Any, ...]
    answer: np.ndarray = field(repr=False)  # (y, x)
    labels: np.ndarray = field(repr=False)  # (y, x)


class Rounds:
    """The rounds of one window, over all its images; labels are copies as they were last read."""

    def __init__(self, layers: OpenLayers, results: ResultLayers) -> None:
        self._layers, self._results = layers, results
        self._labels: np.ndarray | None = None  # of the present image, before the next round
        self._begun: _Begun | None = None
        self._under_way = False
        self.dice: list[dict[int, float]] = []  # of each round: class value -> corrective Dice

    def look(self, labels: np.ndarray | None) -> None:
        """Another image is shown, with these labels: what was under way on the last one is void."""
        self._labels, self._begun, self._under_way = labels, None, False

    def begin_anew(self, labels: np.ndarray | None) -> None:
        """Another model answers: what was right of the last one's answers is forgotten."""
        self.dice.clear()
        self.look(labels)

    def begin(self, key: str) -> None:
        """Something was painted: keep the answer that it was painted on, once in a round."""
        if self._under_way:
            return
        self._under_way = True
        layer = self._results.find(key, MASK)
        if layer is None or not layer.visible or self._labels is None:
            return
        if layer.data.shape != self._labels.shape:
            return  # the image is read in another way now: nothing was answered to it yet
        z, view = self._layers.visible(key)
        plane = (z,) if layer.data.ndim == 3 else ()
        box: tuple[Any, ...] = (*plane, *_thinned(view, layer.data.shape[-2:]))
        self._begun = _Begun(box, np.array(full_resolution(layer)[box]), self._labels[box])

    def end(self, labels: np.ndarray) -> bool:
        """The round is over, the strokes are now ``labels``; say whether it counts.

        It does where an answer was to be seen below what was painted.
        """
        begun, before = self._begun, self._labels
        self.look(labels)
        if begun is None or before is None or before.shape != labels.shape:
            return False
        after = labels[begun.box]
        painted = (after != begun.labels) & (after > 0) & (begun.answer > 0)
        if not painted.any():
            return False
        self.dice.append(corrective_dice(begun.answer[painted], after[painted]))
        return True

    def advice(self, names: dict[int, str]) -> StopAdvice | None:
        """Whether to go on; None before there are enough rounds to tell."""
        if len(self.dice) < ENOUGH_ROUNDS:
            return None
        return stop_advice(self.dice, enough_rounds=ENOUGH_ROUNDS, names=names)


def _thinned(view: tuple[slice, slice] | None, shape_yx: tuple[int, int]) -> tuple[slice, slice]:
    """The view, or the whole plane, in steps of as many pixels as :data:`MOST_PX` asks for."""
    rows, columns = view or (slice(0, shape_yx[0]), slice(0, shape_yx[1]))
    pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
    step = max(1, math.ceil(math.sqrt(pixels / MOST_PX)))
    return slice(rows.start, rows.stop, step), slice(columns.start, columns.stop, step)
