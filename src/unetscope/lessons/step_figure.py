"""One step of a lesson as a figure: what lay on the bench, what came out, and the sentence."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from textwrap import fill
from typing import Any, Literal

import numpy as np

from unetscope.lessons.bench import Laid
from unetscope.looking.answers import Drawn, Picture, Plot, Shown

MOST_NUMBERS = 256  # cells of a picture whose figures are written into it
_RAMPS = {Drawn.SIGNED: "RdBu_r", Drawn.CHANGE: "RdBu_r", Drawn.HEAT: "inferno"}
_DPI = 110


def step_figure(title: str, sentence: str, laid: Laid, shown: Shown) -> Any:
    """A matplotlib figure; pictures lie where they lie in the image."""
    from matplotlib.figure import Figure  # heavy, and only who keeps a picture needs it

    drawings: list[Callable[[Any], None]] = [partial(_draw_bench, laid)]
    drawings += [partial(_draw_picture, picture) for picture in shown.pictures]
    if shown.plot is not None:
        drawings.append(partial(_draw_plot, shown.plot))
    columns = min(3, len(drawings))
    rows = -(-len(drawings) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.4 * rows + 1.0), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, draw in zip(places, drawings, strict=False):
        draw(axes)
    for axes in places[len(drawings) :]:
        axes.set_axis_off()
    wide = 34 * columns
    figure.suptitle(fill(title, wide), fontsize=11)
    figure.supxlabel(fill(sentence, wide + 8), fontsize=9)
    return figure


def figure_bytes(figure: Any, kind: Literal["png", "svg"]) -> bytes:
    """The figure as a file, the same bytes each time."""
    from matplotlib import rc_context

    kept = io.BytesIO()
    with rc_context({"svg.hashsalt": "unetscope"}):
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(kept, format=kind, dpi=_DPI, metadata=metadata)
    return kept.getvalue()


def _draw_bench(laid: Laid, axes: Any) -> None:
    pixels = np.asarray(laid.pixels, float)
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        low, high = float(pixels.min()), float(pixels.max())
        pixels = (pixels - low) / max(high - low, 1e-12)
    elif pixels.ndim == 3:
        pixels = np.asarray(laid.grey, float)
    axes.imshow(pixels, cmap="gray", interpolation="nearest")
    axes.set_title(fill(laid.name, 32), fontsize=9)
    if pixels.ndim == 2:
        _write_numbers(axes, pixels, (1.0, 1.0), (0.0, 0.0))
    _plain(axes)


def _draw_picture(picture: Picture, axes: Any) -> None:
    values = np.asarray(picture.values)
    flat = 3 if picture.drawn is Drawn.COLOUR else 2
    while values.ndim > flat:  # of several channels the one that is shown first
        lead = values.ndim - flat
        start = picture.start[0] if len(picture.start) == lead else 0
        values = values[start]
    (height, width), sizes = values.shape[:2], tuple(picture.scale[-2:])
    first = tuple(picture.translate[-2:])
    extent = (
        first[1] - sizes[1] / 2,
        first[1] + sizes[1] * (width - 0.5),
        first[0] + sizes[0] * (height - 0.5),
        first[0] - sizes[0] / 2,
    )
    how: dict[str, Any] = {"interpolation": "nearest", "extent": extent}
    if picture.drawn is Drawn.LABELS:
        how |= {"cmap": "tab10", "vmin": 0, "vmax": 10}
    elif picture.drawn is not Drawn.COLOUR:
        how["cmap"] = _RAMPS.get(picture.drawn, "gray")
        limits = picture.limits
        if limits is None and picture.drawn in (Drawn.SIGNED, Drawn.CHANGE):
            most = float(np.nanmax(np.abs(values), initial=1e-12))
            limits = (-most, most)
        if limits is not None:
            how |= {"vmin": limits[0], "vmax": limits[1]}
    axes.imshow(np.clip(values, 0, 1) if flat == 3 else values, **how)
    axes.set_title(fill(picture.title, 32), fontsize=9)
    if flat == 2:
        _write_numbers(axes, values, (sizes[0], sizes[1]), (first[0], first[1]))
    _plain(axes)


def _draw_plot(plot: Plot, axes: Any) -> None:
    for name, (x, y) in plot.series.items():
        axes.plot(x, y, "o" if plot.points else "-", label=name, markersize=4)
    if plot.log:
        axes.set_yscale("log")
    axes.set_xlabel(plot.x_label, fontsize=9)
    axes.set_ylabel(plot.y_label, fontsize=9)
    if len(plot.series) > 1:
        axes.legend(fontsize=8)
    axes.tick_params(labelsize=8)


def _write_numbers(
    axes: Any, values: Any, sizes: tuple[float, float], first: tuple[float, float]
) -> None:
    if values.size > MOST_NUMBERS:
        return
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    for (row, column), value in np.ndenumerate(values):
        bright = high > low and (float(value) - low) / (high - low) > 0.5
        axes.text(
            first[1] + sizes[1] * column,
            first[0] + sizes[0] * row,
            f"{float(value):.3g}",
            ha="center",
            va="center",
            fontsize=9 if values.size <= 64 else 6,
            color="black" if bright else "white",
        )


def _plain(axes: Any) -> None:
    axes.tick_params(labelsize=7)
