"""Measured images as figures: outlines, scale bar, legend; sizes as a histogram.

Drawn by matplotlib without pyplot, so that no window is involved; the same figure gives the same
bytes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from unetscope.images.classes import harmless
from unetscope.images.units import length_in_words
from unetscope.measuring.pixel_runs import Floats
from unetscope.measuring.populations import Population
from unetscope.measuring.portrait import Outline, Portrait, Thumbnail, nice_length
from unetscope.measuring.quantities import PIXELS, Quantity

#: Journals ask for so many dots an inch of pictures with lines on them.
DPI = 300
_WIDE, _HIGH = 6.3, 7.6  # inches of a figure's picture at most
_LINE = (0.3, 1.1)  # points
_INK, _SOFT = "#1c1f23", "#626a73"
_BINS = (6, 32)
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "unetscope",
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.edgecolor": _SOFT,
    "axes.linewidth": 0.6,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "axes.labelcolor": _SOFT,
    "text.color": _INK,
}


def figure_of(portrait: Portrait, names: Mapping[int, str], colors: Mapping[int, str]) -> Figure:
    """An image with the outlines of its objects, a scale bar and a legend."""
    with matplotlib.rc_context(_STYLE):
        wide, high = shown_inches(portrait, _WIDE, _HIGH)
        figure = new_figure(wide, high + 0.45)
        axes = figure.add_axes((0, 0.45 / (high + 0.45), 1, high / (high + 0.45)))
        draw_portrait(axes, portrait, colors, wide)
        handles = legend_of(portrait, names, colors)
        if handles:
            figure.legend(
                handles=handles, loc="lower left", bbox_to_anchor=(0, 0), frameon=False, fontsize=8,
                ncols=min(3, len(handles)), handlelength=1.6, borderaxespad=0.2, columnspacing=1.6,
            )  # fmt: skip
    return figure


def new_figure(wide: float, high: float) -> Figure:
    """An empty figure of so many inches, on white."""
    figure = Figure(figsize=(wide, high), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def drawn(figure: Figure, kind: Literal["png", "svg"], dpi: int = DPI) -> bytes:
    """A figure as the content of a file."""
    kept = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(kept, format=kind, dpi=dpi, metadata=metadata)
    return kept.getvalue()


def draw_portrait(axes: Axes, portrait: Portrait, colors: Mapping[int, str], wide: float) -> None:
    """An image, its outlines and its scale bar on axes that are so many inches wide."""
    height, width = portrait.shape
    down, across = (side * portrait.step for side in portrait.picture.shape[:2])
    axes.imshow(
        portrait.picture,
        extent=(-0.5, across - 0.5, down - 0.5, -0.5),
        interpolation="antialiased",
        aspect=portrait.size[0] / portrait.size[1],
    )
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_axis_off()
    line = _line_width(portrait, wide)
    halo = [patheffects.Stroke(linewidth=line * 2, foreground="black", alpha=0.35)]
    for value in sorted({one.value for one in portrait.outlines}):
        for cut in (False, True):
            rings = _rings(portrait.outlines, value, cut)
            if rings:
                axes.add_artist(PathPatch(
                    Path.make_compound_path(*map(Path, rings)), facecolor="none",
                    edgecolor=colors[value], linewidth=line,
                    linestyle=(0, (2.5, 1.8)) if cut else "solid",
                    path_effects=[] if cut else [*halo, patheffects.Normal()],
                ))  # fmt: skip
    _draw_scale_bar(axes, portrait, wide)


def _rings(outlines: Sequence[Outline], value: int, cut: bool) -> list[Floats]:
    return [ring for one in outlines if (one.value, one.cut) == (value, cut) for ring in one.rings]


def _line_width(portrait: Portrait, wide: float) -> float:
    """Thin where objects are small on the page, so that they are still seen between their lines."""
    sides = [np.ptp(ring, axis=0).max() for one in portrait.outlines for ring in one.rings[:1]]
    points = float(np.median(sides)) * wide * 72 / portrait.shape[1] if sides else 0.0
    return float(np.clip(points * 0.06, *_LINE))


def _draw_scale_bar(axes: Axes, portrait: Portrait, wide: float) -> None:
    """A bar in the lower right corner, on a dark ground that every image lets it be seen on."""
    height, width = portrait.shape
    length = nice_length(width * portrait.size[1])
    unit = portrait.unit
    text = f"{length:g} px" if unit == PIXELS else length_in_words(length, unit)
    across = width / (wide * 72)  # pixels in a point along x
    down = across * portrait.size[1] / portrait.size[0]
    bar, gap = length / portrait.size[1], 7
    right, bottom = width - 0.5 - 9 * across, height - 0.5 - 9 * down
    left = right - max(bar, 5.2 * len(text) * across)
    axes.add_patch(FancyBboxPatch(
        (left - gap * 0.6 * across, bottom + 4 * down), right - left + gap * 1.2 * across,
        -22 * down, boxstyle=f"square,pad={0.01}", facecolor="black", alpha=0.6, linewidth=0,
        zorder=5,
    ))  # fmt: skip
    middle = (left + right) / 2
    axes.plot(
        [middle - bar / 2, middle + bar / 2], [bottom, bottom], color="white", linewidth=2.2,
        solid_capstyle="butt", zorder=6,
    )  # fmt: skip
    axes.text(
        middle, bottom - 4 * down, text, color="white", fontsize=8, ha="center", va="bottom",
        zorder=6,
    )  # fmt: skip


def legend_of(
    portrait: Portrait, names: Mapping[int, str], colors: Mapping[int, str]
) -> list[Line2D]:
    """A line for each class with how many of its objects are seen, and one for those cut."""
    told = []
    for value, name in sorted(names.items()):
        inside = [one for one in portrait.outlines if one.value == value]
        if not inside:
            continue
        cut = sum(one.cut for one in inside)
        label = f"{harmless(name)} (n = {len(inside) - cut:,})"
        told.append(Line2D([], [], color=colors[value], linewidth=1.6, label=label))
        if cut:
            label = f"at the edge (n = {cut:,})"
            told.append(
                Line2D([], [], color=colors[value], linewidth=1.2, ls=(0, (2.5, 1.8)), label=label)
            )
    return told


def draw_thumbnail(axes: Axes, one: Thumbnail, color: str) -> None:
    """One object on its surroundings."""
    axes.imshow(one.picture, interpolation="antialiased")
    halo = [patheffects.Stroke(linewidth=1.6, foreground="black", alpha=0.35)]
    effects = [*halo, patheffects.Normal()]
    lines = LineCollection(one.rings, colors=color, linewidths=0.8, path_effects=effects)
    axes.add_collection(lines, autolim=False)
    axes.set_axis_off()


def draw_histogram(
    axes: Axes, objects: Population, quantities: Sequence[Quantity], color: str
) -> None:
    """Shares of objects by diameter, each weighted as in the numbers, with d10, d50 and d90.

    The interval of d50 is a band behind its line.
    """
    weight = objects.weight / objects.weight.sum()
    edges = np.histogram_bin_edges(objects.diameter, _bins(objects))
    shares, _ = np.histogram(objects.diameter, edges, weights=weight * 100)
    axes.bar(
        edges[:-1], shares, np.diff(edges), align="edge", color=color, alpha=0.55,
        edgecolor="white", linewidth=0.4,
    )  # fmt: skip
    top = float(shares.max()) * 1.22
    for number in quantities:
        label = number.name.partition(" ")[0]
        if not number.name.endswith(" by number") or np.isnan(number.value):
            continue
        if label == "d50" and number.low is not None and number.high is not None:
            axes.axvspan(number.low, number.high, color=_INK, alpha=0.10, linewidth=0)
        axes.plot([number.value] * 2, [0, top * 0.93], color=_INK, linewidth=0.8)
        axes.text(number.value, top * 0.94, label, fontsize=7, ha="center", va="bottom")
    axes.set_ylim(0, top * 1.05)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7, length=2.5, width=0.6)
    axes.set_xlabel(f"equivalent diameter ({objects.unit})", fontsize=7.5)
    axes.set_ylabel("objects, by number (%)", fontsize=7.5)


def histogram_of(
    objects: Population, quantities: Sequence[Quantity], color: str, size: tuple[float, float]
) -> Figure:
    """The histogram as a figure of its own, of so many inches."""
    with matplotlib.rc_context(_STYLE):
        figure = new_figure(*size)
        axes = figure.add_axes((0.13, 0.2, 0.85, 0.77))
        draw_histogram(axes, objects, quantities, color)
    return figure


def page_style() -> Any:
    """The style of everything that is drawn here, as a context."""
    return matplotlib.rc_context(_STYLE)


def _bins(objects: Population) -> int:
    """As many as Freedman and Diaconis' rule wants, within reason."""
    low, high = np.quantile(objects.diameter, (0.25, 0.75))
    spread = float(np.ptp(objects.diameter))
    width = 2 * (high - low) / objects.count ** (1 / 3)
    return int(np.clip(spread / width if width > 0 else _BINS[0], *_BINS))


def shown_inches(portrait: Portrait, wide: float, high: float) -> tuple[float, float]:
    """The size of a picture on the page that is as large as may be."""
    ratio = portrait.shape[0] * portrait.size[0] / (portrait.shape[1] * portrait.size[1])
    return (wide, wide * ratio) if wide * ratio <= high else (high / ratio, high)
