"""The arithmetic of one value, tap by tap; of a pooling or activation its rule."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unetscope import inspection
from unetscope.looking.answers import Shown, Table
from unetscope.looking.glass import Glass
from unetscope.looking.question import (
    CHANNEL,
    ONE_LAYER,
    POINT,
    Answer,
    Button,
    HelpText,
    NetworkQuestion,
)

if TYPE_CHECKING:
    from unetscope.inspection.showing.microscope import Convolution


def _answer(glass: Glass, given: Any) -> Answer:
    layer, channel = given.layer, given.channel
    cell = glass.cell(layer, given.point)
    pixel = [round(p) for p in glass.pixel(given.point)]
    region = tuple(slice(p, p + 1) for p in pixel)
    if channel is None:
        channel = _loudest(glass, layer, cell, region)
    value = inspection.microscope(glass.trace, glass.image, layer, region=region).at(channel, cell)
    files: dict[str, Any] = {"convolution.json": {**_facts(value), "model": glass.subject.title}}
    table = None
    if isinstance(value, inspection.Convolution):
        files["convolution.csv"] = _taps(value)
        sums = zip(value.input_channels, value.partial_sums, strict=True)
        rows = sorted(((c, float(s)) for c, s in sums), key=lambda row: -abs(row[1]))
        table = Table(("input channel", "partial sum"), tuple(rows))
    yield Shown(QUESTION.title, _said(value), "exact", table=table, files=files, result=value)


def _loudest(glass: Glass, layer: str, cell: tuple[int, ...], region: tuple[slice, ...]) -> int:
    """The channel with the largest magnitude at ``cell``."""
    maps = inspection.feature_maps(glass.trace, glass.image, [layer], region=region)[layer]
    first = maps.first or (0,) * len(cell)
    inside = zip(cell, first, maps.values.shape[1:], strict=True)
    here: Any = (slice(None), *(min(max(u - f, 0), n - 1) for u, f, n in inside))
    return int(np.abs(maps.values[here]).argmax())


def _said(value: Any) -> str:
    text = f"{value.layer} #{value.channel} at {value.point}: by hand {value.total:.6g}"
    if hasattr(value, "bias"):
        text += f" (bias {value.bias:.4g})"
    text += f", PyTorch {value.computed:.6g}."
    if getattr(value, "formula", ""):
        text += f" {value.formula}"
    if getattr(value, "normalised", None) is not None:
        text += f" Normalised {value.normalised.value:.6g}."
    if getattr(value, "activated", None) is not None:
        text += f" After {value.activation} {value.activated:.6g}."
    if getattr(value, "pooled", None) is not None:
        text += f" The {value.pooled.kind} pooling it falls into hands on {value.pooled.value:.6g}."
    return text


def _facts(value: Any) -> dict[str, Any]:
    """Every attribute as plain values."""
    pairs = [(one.name, getattr(value, one.name)) for one in fields(value)]
    return {name: _facts(held) if is_dataclass(held) else held for name, held in pairs}


def _taps(value: Convolution) -> Table:
    """One row per product: where it lies, what meets there, and what comes of it."""
    axes = "zyx"[3 - len(value.positions) :]
    rows = []
    for index in np.ndindex(value.window.shape):
        place = [value.positions[i][tap] for i, tap in enumerate(index[1:])]
        pixel, weight = value.window[index], value.kernel[index]
        rows.append((value.input_channels[index[0]], *place, pixel, weight, pixel * weight))
    return Table(("input_channel", *axes, "value", "weight", "product"), tuple(rows))


QUESTION = NetworkQuestion(
    "convolution",
    "Convolution",
    _answer,
    (ONE_LAYER, CHANNEL, POINT),
    HelpText(
        "Convolution",
        "One output value: the window of the input under the kernel, times the kernel, summed "
        "over all input channels, plus a bias. What follows is shown as well: normalisation, "
        "activation (ReLU cuts off below 0) and pooling (the largest of its window goes on).",
        "convolution.png",
        "Input window × kernel = product; the sum of the product is the value.",
    ),
    Button(
        "Convolution here",
        "Window times kernel, summed: the arithmetic under the cursor.",
        "look",
        unfolds=True,
    ),
    order=60,
)
