"""What was found, as pictures: pixels for a page, figures with axes and a colour bar for a file.

Figures are drawn by matplotlib without pyplot, so that no window is involved.
Values with a sign get a colour range symmetric about 0, in which white is zero.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unetscope.errors import ImageError
from unetscope.inspection.following.fields import ReceptiveField
from unetscope.inspection.showing.colours import ColourRange, Rgba, Values, field_colour
from unetscope.inspection.showing.weights import ContactSheet

_DPI = 150


@dataclass(frozen=True, eq=False)
class PlacedMap:
    """One map (y, x), or colours (y, x, 3) from 0 to 1, and where it lies on the image.

    Attributes
    ----------
    scale, translate : cell ``u`` is centred on image pixel ``scale · u + translate``.
    signed : whether the colour range is symmetric about 0; None where a value is negative.
    """

    values: NDArray[Any]
    scale: Sequence[float] = (1.0, 1.0)
    translate: Sequence[float] = (0.0, 0.0)
    signed: bool | None = None

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top in image pixels; a cell reaches half a cell to every side."""
        (height, width), (sy, sx) = self.values.shape[:2], self.scale[-2:]
        ty, tx = self.translate[-2:]
        return (
            tx - sx / 2,
            tx + sx * (width - 0.5),
            ty + sy * (height - 0.5),
            ty - sy / 2,
        )


def shown_image(image: NDArray[Any], axes: int = 2) -> Rgba:
    """An image as the network takes it, as RGB (y, x, 3) to look at; of a stack the middle plane.

    Parameters
    ----------
    image : ([channel,] [z,] y, x); three channels are taken for red, green, blue, else the first
        one is grey. 0 is black and 1 is white, as after normalisation; where the values leave
        that range by far, their own 1st and 99th percentile are.
    axes : 2 or 3, how many of the dimensions are spatial.

    Raises
    ------
    ImageError
        If the array has other dimensions.
    """
    if image.ndim not in (axes, axes + 1) or image.size == 0:
        raise ImageError(
            f"the image has shape {image.shape}; expected {axes} spatial axes, with channels in "
            "front if need be."
        )
    planes = image if image.ndim == axes + 1 else image[None]
    if axes == 3:
        planes = planes[:, planes.shape[1] // 2]
    planes = planes[:3] if len(planes) == 3 else planes[:1].repeat(3, axis=0)
    values = np.nan_to_num(np.moveaxis(planes, 0, -1).astype(np.float64))
    low, high = np.percentile(values, (1, 99))
    if low >= -0.5 and high <= 1.5 and high - low > 0.1:
        low, high = 0.0, 1.0
    scaled = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    return np.round(scaled * 255).astype(np.uint8)


def png(pixels: Rgba, *, enlarge: int = 1) -> bytes:
    """A PNG of (y, x), (y, x, 3) or (y, x, 4) uint8; every pixel drawn ``enlarge`` times."""
    large = pixels.repeat(enlarge, axis=0).repeat(enlarge, axis=1)
    kept = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(large)).save(kept, "PNG", optimize=True)
    return kept.getvalue()


def data_uri(picture: bytes) -> str:
    """A PNG as text for the ``src`` of an image, so that a page needs no second file."""
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")


def plane_of(values: Values) -> Values:
    """The middle plane (y, x) of ([z,] y, x)."""
    return values[values.shape[0] // 2] if values.ndim == 3 else values


def reduced(plane: Values, most: int) -> Values:
    """(y, x) with at most ``most`` cells along each side, by the mean of neighbouring cells.

    What does not fill a whole block at the far rim is left out.
    """
    step = -(-max(plane.shape) // most)
    if step <= 1:
        return plane
    steps = [min(step, side) for side in plane.shape]
    height, width = (side // n * n for side, n in zip(plane.shape, steps, strict=True))
    cut = plane[:height, :width]
    blocks = cut.reshape(height // steps[0], steps[0], width // steps[1], steps[1])
    return blocks.mean(axis=(1, 3))


def map_figure(
    placed: PlacedMap,
    *,
    title: str,
    image: Rgba | None = None,
    fields: Sequence[ReceptiveField] = (),
    frame: tuple[tuple[int, ...], tuple[int, ...]] | None = None,
) -> Any:
    """One map, drawn where it lies, with axes in image pixels.

    Parameters
    ----------
    image : (y, x, 3) from :func:`shown_image`, drawn beside it on the same axes.
    fields : boxes drawn over both, solid inside the image and dashed where padding is read.
    frame : first and one-past-last image pixel (y, x) that is drawn; None for all.

    Returns
    -------
    matplotlib Figure : see :func:`drawn`.
    """
    panels = 1 if image is None else 2
    figure = _figure(4.6 * panels + 0.6, 4.4)
    for number in range(panels):
        axes = figure.add_subplot(1, panels, panels - number)
        if number == 0:
            _show(figure, axes, placed)
            axes.set_title(fill(title, 58), fontsize=10)
            sides = axes.get_xlim(), axes.get_ylim()
        elif image is not None:
            axes.imshow(image, extent=PlacedMap(image).extent)
            axes.set_title("image", fontsize=10)
            sides = axes.get_xlim(), axes.get_ylim()
        _draw_fields(axes, fields)
        if frame is not None:
            (top, left), (bottom, right) = frame
            sides = (left - 0.5, right - 0.5), (bottom - 0.5, top - 0.5)
        axes.set_xlim(sides[0])
        axes.set_ylim(sides[1])
        axes.set_xlabel("x (image px)", fontsize=8)
        axes.set_ylabel("y (image px)", fontsize=8)
        axes.tick_params(labelsize=8)
    return figure


def sheet_figure(
    sheet: ContactSheet, *, title: str, signed: bool | None = None, numbers: bool = True
) -> Any:
    """A contact sheet with one colour range and, if there is room, the channel above every tile.

    Returns
    -------
    matplotlib Figure : see :func:`drawn`.
    """
    rows, columns = sheet.picture.shape
    wide = 8.0 * min(1.0, max(columns / rows, 0.35))
    figure = _figure(wide + 0.9, min(12.0, wide * rows / columns + 0.8))
    axes = figure.add_subplot()
    _show(figure, axes, PlacedMap(sheet.picture, signed=signed))
    axes.set_title(fill(title, 90), fontsize=10)
    axes.set_axis_off()
    if numbers and sheet.tile_shape[1] * wide / columns > 0.25:
        _number_tiles(axes, sheet)
    return figure


def drawn(figure: Any, kind: Literal["png", "svg"]) -> bytes:
    """The figure as a file's content; the same figure gives the same bytes every time."""
    import matplotlib

    kept = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "unetscope"}):
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(kept, format=kind, dpi=_DPI, metadata=metadata, bbox_inches="tight")
    return kept.getvalue()


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _show(figure: Any, axes: Any, placed: PlacedMap) -> None:
    values = placed.values
    if values.ndim == 3:
        axes.imshow(np.clip(values, 0, 1), extent=placed.extent, interpolation="nearest")
        return
    colours = ColourRange.of(values, signed=placed.signed)
    drawing = axes.imshow(
        np.ma.masked_invalid(values),
        extent=placed.extent,
        cmap=colours.name,
        vmin=colours.low,
        vmax=colours.high,
        interpolation="nearest",
    )
    bar = figure.colorbar(drawing, ax=axes, shrink=0.8)
    bar.ax.tick_params(labelsize=7)


def _number_tiles(axes: Any, sheet: ContactSheet) -> None:
    """Channels in the corner of large tiles, and above small ones, whose corner says something."""
    large = min(sheet.tile_shape) >= 16
    box = {"facecolor": "white", "alpha": 0.7, "pad": 0.6, "linewidth": 0}
    for number, label in enumerate(sheet.labels):
        y, x = sheet.corner(number)
        axes.text(
            x - 0.5,
            y - 0.5,
            ",".join(str(part) for part in label),
            fontsize=5,
            va="top" if large else "bottom",
            bbox=box if large else None,
        )


def _draw_fields(axes: Any, fields: Sequence[ReceptiveField]) -> None:
    from matplotlib.patches import Rectangle

    for number, field in enumerate(fields):
        if field.is_empty:
            continue
        colour = field_colour(number)
        for (lo, hi), style in (((field.lo, field.hi), "solid"), (field.padded, "dashed")):
            corner = (lo[-1] - 0.5, lo[-2] - 0.5)
            wide, high = hi[-1] - lo[-1] + 1, hi[-2] - lo[-2] + 1
            box = Rectangle(corner, wide, high, fill=False, ec=colour, ls=style, lw=1.4)
            axes.add_patch(box)
