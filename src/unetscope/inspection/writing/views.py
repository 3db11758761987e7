"""One result with everything that says what it is, where it lies and how it was made."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from unetscope.errors import ImageError
from unetscope.inspection.following.fields import ReceptiveField
from unetscope.inspection.following.snapshot import spatial_axes
from unetscope.inspection.showing.maps import FeatureMaps
from unetscope.inspection.showing.weights import ContactSheet, Kernels, contact_sheet
from unetscope.inspection.writing import figures as pictures
from unetscope.inspection.writing.calls import ModelSource, NumbersRecipe

AXES = ("yx", "zyx", "cyx", "czyx", "yxc", "zyxc", "oiyx", "oizyx")
"""The axes of exported values: o and i are the channels of kernels, a last c is colours."""

_MAX_TILES, _MAX_KERNELS = 256, 1024
_SHEET_CELLS = 2048  # along a side of a contact sheet; the TIFF holds all of them
_UNKNOWN_SOURCE = ModelSource()


@dataclasses.dataclass(frozen=True, eq=False)
class ExportedView:
    """One result and all that is needed to make it again.

    Attributes
    ----------
    name : the files' stem, e.g. ``"enc2.conv1 maps"``.
    what : in words: "feature maps", "kernels", "attribution", …
    values, axes : the numbers and one letter per axis, one of :data:`AXES`.
    layer, channels : which layer, and which channel each entry of a channel axis is.
    model, model_name, source : the network, what it is called, and where a script finds it.
    recipe : the call that made ``values``; None where it was not one call, then no script comes of
        it.
    image : ([channel,] [z,] y, x) as the network takes it.
    scale, translate : cell ``u`` is centred on image pixel ``scale · u + translate``.
    pixel_size, unit : of the image, per spatial axis; None where unknown.
    point, field : the cell asked for and what it sees.
    signed : whether the colours are symmetric about 0; None looks at the values.
    decades : if above 0, the picture shows the logarithm, down to so many powers of ten below
        the largest value.
    kind : exact, structural or empirical; "" where it does not apply.
    facts : anything else for the JSON file, as plain values.
    """

    name: str
    what: str
    values: NDArray[Any]
    axes: str
    layer: str
    model: nn.Module
    recipe: NumbersRecipe | None
    image: NDArray[Any]
    model_name: str = ""
    source: ModelSource = _UNKNOWN_SOURCE
    channels: tuple[int, ...] = ()
    scale: tuple[float, ...] = ()
    translate: tuple[float, ...] = ()
    pixel_size: tuple[float, ...] | None = None
    unit: str | None = None
    point: tuple[int, ...] | None = None
    field: ReceptiveField | None = None
    signed: bool | None = None
    decades: float = 0.0
    kind: str = ""
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.axes not in AXES or len(self.axes) != self.values.ndim:
            raise ImageError(
                f"values of shape {self.values.shape} were given the axes {self.axes!r}; give one "
                f"letter per axis, one of {', '.join(AXES)}."
            )
        if self.values.size == 0:
            raise ImageError(f"{self.name!r} holds no values; there is nothing to export.")

    @property
    def stem(self) -> str:
        """The name as files can be called everywhere."""
        return re.sub(r"[^A-Za-z0-9._-]+", "_", self.name).strip("._") or "view"


def maps_view(
    maps: FeatureMaps, model: nn.Module, image: NDArray[Any], **others: Any
) -> ExportedView:
    """The feature maps of a layer as an :class:`ExportedView`; ``others`` are its further fields.

    Maps of a part of the layer (``region``) need the ``recipe`` that made them.
    """
    arguments = {"layers": [maps.layer], "channels": list(maps.channels)}
    given: dict[str, Any] = {
        "name": f"{maps.layer} maps",
        "what": "feature maps",
        "recipe": NumbersRecipe("feature_maps", arguments, (maps.layer, ".values")),
        "scale": maps.scale,
        "translate": maps.translate,
        "channels": maps.channels,
        **others,
    }
    axes = "cyx" if maps.values.ndim == 3 else "czyx"
    return ExportedView(
        values=maps.values, axes=axes, layer=maps.layer, model=model, image=image, **given
    )


def kernels_view(
    bank: Kernels, model: nn.Module, image: NDArray[Any], **others: Any
) -> ExportedView:
    """The kernels of a layer as an :class:`ExportedView`; ``others`` are its further fields."""
    recipe = NumbersRecipe("kernels", {"layer": bank.layer}, takes_image=False)
    given: dict[str, Any] = {"name": f"{bank.layer} kernels", "what": "kernels", **others}
    axes = "oiyx" if bank.values.ndim == 4 else "oizyx"
    return ExportedView(
        values=bank.values,
        axes=axes,
        layer=bank.layer,
        model=model,
        image=image,
        recipe=recipe,
        signed=True,
        **given,
    )


def view_figure(view: ExportedView) -> Any:
    """The result as a matplotlib Figure: a map with its place, a contact sheet, or colours."""
    title = f"{view.model_name + ': ' if view.model_name else ''}{view.layer} — {view.what}"
    if view.axes[0] == "o":
        return _kernel_figure(view, title)
    values, axes = view.values, view.axes
    if view.decades > 0:
        largest = float(np.nanmax(values)) or 1.0
        values = np.log10(np.maximum(values / largest, 10.0**-view.decades))
        title += ", log10 of the share of the largest"
    if "z" in axes:
        middle = axes.index("z")
        values = values.take(values.shape[middle] // 2, axis=middle)
        axes, title = axes.replace("z", ""), f"{title} (middle plane)"
    if axes == "cyx" and len(values) > 1:
        shown = values[:_MAX_TILES]
        left = f" (the first {len(shown)} of {len(values)})" if len(shown) < len(values) else ""
        labels = [(c,) for c in (view.channels or range(len(values)))][: len(shown)]
        most = max(32, _SHEET_CELLS // ceil(sqrt(len(shown))))
        sheet = contact_sheet(np.stack([pictures.reduced(one, most) for one in shown]), labels)
        return pictures.sheet_figure(sheet, title=title + left, signed=view.signed)
    if axes == "cyx":
        values = values[0]
        title += f", channel {view.channels[0]}" if view.channels else ""
    scale, translate = view.scale or (1.0, 1.0), view.translate or (0.0, 0.0)
    return pictures.map_figure(
        pictures.PlacedMap(values, scale, translate, view.signed),
        title=title,
        image=pictures.shown_image(view.image, spatial_axes(view.model)),
        fields=[view.field] if view.field is not None else [],
    )


def kernel_sheet(bank: Kernels) -> tuple[ContactSheet, str]:
    """The kernels of a layer laid out to be looked at, and how, in words.

    A row per output and a column per input; of very many kernels their sums over the inputs, and
    of few inputs several outputs to a row.
    """
    out, inputs = bank.values.shape[:2]
    wide = int(np.prod(bank.values.shape[1:-2]))  # tiles of one output
    if out * wide > _MAX_KERNELS:
        words = f"{out} outputs, summed over their {inputs} inputs: the answer to grey input"
        return bank.sheet(summed=True), words
    beside = max(1, ceil(sqrt(out / wide)))
    if beside == 1:
        return bank.sheet(), f"{out} outputs in rows, {inputs} inputs in columns"
    words = f"{out} outputs in reading order, {inputs} inputs beside each other"
    return bank.sheet(columns=wide * beside), words


def _kernel_figure(view: ExportedView, title: str) -> Any:
    sheet, words = kernel_sheet(Kernels(view.layer, view.values, None, 1, transposed=False))
    return pictures.sheet_figure(sheet, title=f"{title}: {words}", signed=True)
