"""What a look inside shows: pictures to be laid on the image, a table, a plot, a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np


class Drawn(Enum):
    """How a picture becomes a layer."""

    MAP = "map"  # grey values of any sign
    SIGNED = "signed"  # red and blue about zero
    HEAT = "heat"  # from clear to bright, over the image
    CHANGE = "change"  # clear where nothing changes, red for more and blue for less
    COLOUR = "colour"  # (…, 3) red, green, blue in 0..1
    LABELS = "labels"  # whole numbers in the colours of the classes, 0 is clear


@dataclass(frozen=True, eq=False)
class Picture:
    """One layer to be.

    Attributes
    ----------
    role : what it shows; a picture replaces the one of the same role.
    values : (lead…, [z,] y, x), with a last axis of 3 for a colour picture.
    scale, translate : where cell ``u`` lies in image pixels: ``scale·u + translate``.
    lead : names of the axes before the image's own, e.g. ``("channel",)``; each gets a slider.
    start : the first positions of those sliders.
    limits : contrast limits, or None for those of the data.
    hidden : there, but not to be seen at first.
    beside : right of the image instead of on it (contact sheets); ``scale`` is then free.
    """

    role: str
    title: str
    values: np.ndarray
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    drawn: Drawn = Drawn.MAP
    lead: tuple[str, ...] = ()
    start: tuple[int, ...] = ()
    limits: tuple[float, float] | None = None
    beside: bool = False
    hidden: bool = False
    note: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Table:
    """Rows that can be sorted; ``payloads`` say what a click on a row means."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    payloads: tuple[Any, ...] = ()
    note: str = ""


@dataclass(frozen=True, eq=False)
class Plot:
    """Curves: name -> (x, y); with ``points`` nothing is drawn between what was measured."""

    series: Mapping[str, tuple[np.ndarray, np.ndarray]]
    x_label: str
    y_label: str
    log: bool = False
    points: bool = False


@dataclass(frozen=True)
class Pick:
    """What a click on a row asks for: show this layer at this channel."""

    layer: str
    channel: int | None = None


@dataclass(frozen=True)
class Working:
    """Something runs: ``done`` of ``total`` steps."""

    what: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, eq=False)
class Shown:
    """One answer, whole or growing.

    Attributes
    ----------
    kind : how far it can be trusted: exact, structural or empirical.
    result : the engine's own answer.
    recipe : the call that makes the numbers again (``inspection.reproduction.Recipe``), or None.
    numbers : what the recipe gives, where that is not the first picture's values.
    of_window : whether the call was made on the window of :func:`asking.cropped`.
    """

    title: str
    text: str = ""
    kind: str = ""
    pictures: tuple[Picture, ...] = ()
    table: Table | None = None
    plot: Plot | None = None
    result: Any = None
    recipe: Any = None
    numbers: np.ndarray | None = None
    of_window: bool = False
    layer: str = ""
