"""What a look inside answers: pictures, numbers, tables, plots, a sentence, and how it was made.

Window, command line, report and export are views of these values; none of them knows the question.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from unetscope.inspection.writing.calls import NumbersRecipe


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
    note: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Table:
    """Rows that can be sorted; ``payloads`` say what a click on a row means."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    payloads: tuple[Any, ...] = ()
    note: str = ""

    def brief(self, names: Mapping[str, str], note: str = "") -> Table:
        """Some of the columns, for where it is narrow: ``names`` from the new name to the old."""
        kept = [self.columns.index(name) for name in names.values()]
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return Table(tuple(names), rows, self.payloads, note)


@dataclass(frozen=True, eq=False)
class Plot:
    """Curves: name -> (x, y); with ``points`` nothing is drawn between what was measured."""

    series: Mapping[str, tuple[np.ndarray, np.ndarray]]
    x_label: str
    y_label: str
    log: bool = False
    points: bool = False

    @classmethod
    def over(
        cls, x_label: str, x: Sequence[float], y_label: str, series: Mapping[str, Sequence[float]]
    ) -> Plot:
        """Points over one x for all: name -> values."""
        at = np.asarray(x, dtype=float)
        curves = {name: (at, np.asarray(values, dtype=float)) for name, values in series.items()}
        return cls(curves, x_label, y_label, points=True)


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
class Numbers:
    """What is exported: PNG, SVG, TIFF, JSON, and the script that makes it again.

    Attributes
    ----------
    name, what : the files' stem, and what it is in words.
    values, axes : as :class:`~unetscope.inspection.ExportedView` has them.
    layer, channels : whose values these are.
    recipe : the one call that makes them again; None where it was not one call.
    scale, translate : cell ``u`` lies on pixel ``scale·u + translate`` of what the network took.
    folder : words for the folder of its own that the command line writes them into.
    kind : how far it can be trusted where that is not the answer's own.
    point, field : the cell asked for, and what it sees.
    probed : whether point and field are those of the pixel that is held when it is exported.
    of_window : made of the window that questions are asked on, not of the network's whole input.
    model, edits : a changed copy of the network, and the kernels replaced in it.
    """

    name: str
    what: str
    values: np.ndarray
    axes: str
    layer: str
    recipe: NumbersRecipe | None
    scale: tuple[float, ...] = ()
    translate: tuple[float, ...] = ()
    channels: tuple[int, ...] = ()
    folder: str = ""
    kind: str = ""
    signed: bool | None = None
    decades: float = 0.0
    point: tuple[int, ...] | None = None
    field: Any = None
    probed: bool = False
    of_window: bool = False
    model: Any = None
    edits: tuple[Mapping[str, Any], ...] = ()
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Shown:
    """One answer, whole or growing.

    Attributes
    ----------
    kind : how far it can be trusted: exact, structural or empirical.
    numbers : what is exported; the first of them by the window.
    files : what the command line writes beside them, by name: bytes, text, plain values (JSON),
        a :class:`Table` (CSV) or a mask (TIFF).
    folder : words for the folder of ``files``; "" for the one of all answers.
    facts : plain numbers, words and lists of them that sentences about the answer may name.
    result : the engine's own answer.
    """

    title: str
    text: str = ""
    kind: str = ""
    pictures: tuple[Picture, ...] = ()
    table: Table | None = None
    plot: Plot | None = None
    numbers: tuple[Numbers, ...] = ()
    files: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    folder: str = ""
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    result: Any = None
