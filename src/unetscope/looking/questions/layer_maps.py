"""The feature maps of a layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from unetscope import inspection
from unetscope.inspection.writing.calls import NumbersRecipe
from unetscope.looking.answers import Numbers, Picture, Shown, Working
from unetscope.looking.glass import Glass
from unetscope.looking.pictures import drawn_as, map_limits
from unetscope.looking.question import (
    CHANNEL,
    ONE_LAYER,
    Answer,
    Button,
    HelpText,
    NetworkQuestion,
    Option,
    OptionKind,
)
from unetscope.looking.window import shifted


def _answer(glass: Glass, given: Any) -> Answer:
    layer = given.layer
    yield Working(f"Maps of {layer}")
    channels = None if given.channel is None else [given.channel]
    found = inspection.feature_maps(
        *(glass.trace, glass.image, [layer], channels),
        region=glass.region,
        max_bytes=glass.max_bytes,
    )[layer]
    values = found.values
    if given.sheet:
        picture = _sheet(layer, values, own_contrast=given.own_contrast)
    else:
        picture = Picture(
            "maps",
            f"maps of {layer}",
            values,
            found.scale,
            shifted(glass, found.translate),
            drawn_as(values),
            lead=("channel",),
            start=(min(given.start, len(values) - 1),),
            limits=map_limits(values),
            note={"layer": layer, "first_cell": found.first},
        )
    size = " × ".join(map(str, values.shape[1:]))
    strides = " × ".join(f"{s:g}" for s in found.scale)
    text = f"{layer}: {len(values)} maps of {size} cells, one every {strides} image pixels."
    part = {} if glass.region is None else {"region": glass.region}
    numbers = Numbers(
        f"{layer} maps",
        "feature maps",
        values,
        "c" + glass.space,
        layer,
        NumbersRecipe(
            "feature_maps",
            {"layers": [layer], "channels": list(found.channels), **part},
            (layer, ".values"),
        ),
        found.scale,
        found.translate,
        found.channels,
        folder=f"{layer} maps",
        probed=True,
        facts={"layer": layer, "first_cell": found.first},
    )
    yield Shown(*(QUESTION.title, text, "exact", (picture,)), numbers=(numbers,), result=found)


def _sheet(layer: str, values: np.ndarray, *, own_contrast: bool) -> Picture:
    """All maps side by side, of volumes the middle planes."""
    planes = values if values.ndim == 3 else values[:, values.shape[1] // 2]
    limits = map_limits(values)
    if own_contrast:
        planes = np.stack([plane / map_limits(plane)[1] for plane in planes])
        limits = (-1.0 if limits[0] < 0 else 0.0, 1.0)
    laid = inspection.contact_sheet(planes, gap=max(1, planes.shape[-1] // 24))
    return Picture(
        "maps",
        f"maps of {layer}, side by side",
        laid.picture,
        (1.0, 1.0),
        (0.0, 0.0),
        drawn_as(values),
        limits=limits,
        beside=True,
        note={"layer": layer},
    )


QUESTION = NetworkQuestion(
    "maps",
    "Feature maps",
    _answer,
    (
        ONE_LAYER,
        CHANNEL,
        Option("start", OptionKind.INNER, 0),  # channel that is seen first
        Option("sheet", OptionKind.INNER, default=False),
        Option("own_contrast", OptionKind.INNER, default=False),
    ),
    HelpText(
        "Feature map",
        "Each channel of a layer is an image of its own, bright where the layer finds what it "
        "looks for. Deeper layers have more channels and coarser maps; here every map lies on "
        "your image, at its true place and pixel size.",
        "feature-map.png",
        "A micrograph, and three channels of the first, second and third stage.",
    ),
    Button(
        "Feature maps",
        "The maps of the chosen layer on the image; the slider is the channel.",
        "look",
    ),
    order=20,
)
