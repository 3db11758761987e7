"""The report's pictures of feature maps and kernels, small enough to lie in the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from unetscope.inspection.following.table import Architecture
from unetscope.inspection.following.trace import Trace
from unetscope.inspection.showing.colours import ColourRange, Values
from unetscope.inspection.showing.maps import FeatureMaps, feature_maps
from unetscope.inspection.showing.weights import Kernels, kernels
from unetscope.inspection.writing.figures import data_uri, plane_of, reduced
from unetscope.inspection.writing.views import kernel_sheet

_TILES, _TILE_PX = 12, 128
_BANKS, _SHEET_PX = 3, 900
_OUTLIERS = 0.002


def map_tiles(
    trace: Trace,
    batch: Tensor,
    names: Sequence[str],
    view: tuple[slice, ...],
    image_shape: Sequence[int],
) -> list[dict[str, Any]]:
    """For every layer its liveliest channels as pictures of one colour range.

    Parameters
    ----------
    batch : (1, channel, [z,] y, x).
    view : the part of the image that is shown, one slice per image axis.
    """
    whole = all(
        part.start == 0 and part.stop == n for part, n in zip(view, image_shape, strict=True)
    )
    region = None if whole else view
    found = feature_maps(trace, batch, names, region=region)
    return [_tiles(found[name]) for name in names]


def _tiles(maps: FeatureMaps) -> dict[str, Any]:
    planes = np.stack([plane_of(channel) for channel in maps.values])
    spread = planes.reshape(len(planes), -1).std(axis=1)
    lively = sorted(np.argsort(-spread, kind="stable")[:_TILES])
    shown = [reduced(planes[i], _TILE_PX) for i in lively]
    colours = _colours(np.concatenate([tile.ravel() for tile in shown]))
    count = f"{len(planes)} channels"
    if len(lively) < len(planes):
        count = f"The {len(lively)} of {len(planes)} channels that vary most"
    size = " × ".join(str(n) for n in maps.values.shape[1:])
    strides = " × ".join(dict.fromkeys(f"{s:g}" for s in maps.scale))
    middle = ", the middle plane" if maps.values.ndim == 4 else ""
    return {
        "name": maps.layer,
        "text": f"{count}, {size} cells{middle}, a cell every {strides} px.",
        "tiles": [
            {"channel": maps.channels[i], "picture": data_uri(colours.png(tile))}
            for i, tile in zip(lively, shown, strict=True)
        ],
        **_bar(colours),
    }


def _colours(values: Values) -> ColourRange:
    """One range for a layer; a few outliers would make everything else dark, so they saturate."""
    low, high = np.quantile(values, (_OUTLIERS, 1 - _OUTLIERS))
    return ColourRange.of(np.clip(values, low, high) if high > low else values)


def kernel_sheets(model: nn.Module, table: Architecture) -> list[dict[str, Any]]:
    """The kernels of the first convolutions the image meets, as contact sheets."""
    modules = dict(model.named_modules())
    used = dict.fromkeys(row.name.partition(":")[0] for row in table.rows)
    names = [name for name in used if isinstance(modules[name], _ConvNd)][:_BANKS]
    return [_sheet(kernels(model, name)) for name in names]


def _sheet(bank: Kernels) -> dict[str, Any]:
    sheet, words = kernel_sheet(bank)
    colours = ColourRange.of(sheet.picture, signed=True)
    enlarge = max(1, min(12, _SHEET_PX // sheet.picture.shape[1]))
    size = " × ".join(str(n) for n in bank.values.shape[2:])
    return {
        "name": bank.layer,
        "text": f"{size} kernels; {words}.",
        "picture": data_uri(colours.png(sheet.picture, enlarge=enlarge)),
        **_bar(colours),
    }


def _bar(colours: ColourRange) -> dict[str, str]:
    return {
        "bar": data_uri(colours.bar),
        "low": f"{colours.low:.3g}",
        "high": f"{colours.high:.3g}",
    }
