"""The effective receptive field: how much every pixel of the field weighs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from unetscope import inspection
from unetscope.inspection.writing.calls import NumbersRecipe
from unetscope.looking.answers import Drawn, Numbers, Picture, Shown, Working
from unetscope.looking.glass import Glass
from unetscope.looking.question import (
    CHANNEL,
    LAYER,
    POINT,
    SEED,
    Answer,
    Button,
    HelpText,
    NetworkQuestion,
    Option,
    OptionKind,
)
from unetscope.looking.window import shifted

_SHOWN_AT = (1, 4, 12)  # inputs after which the growing field is shown
_DECADES = 3


def _answer(glass: Glass, given: Any) -> Answer:
    layer = given.layer or glass.stage_ends[-1]
    cell = glass.cell(layer, given.point)
    options = {"channel": given.channel, "inputs": given.inputs, "seed": given.seed}
    steps = inspection.effective_receptive_field_steps(
        glass.trace, glass.image, layer, cell, **options
    )
    for step in steps:
        yield Working("Effective field", step.done, step.total)
        if step.result is not None and (step.done == step.total or step.done in _SHOWN_AT):
            call = {"layer": layer, "point": cell, **options, "inputs": step.done}
            yield _shown(glass, step.result, NumbersRecipe("effective_receptive_field", call))


def _shown(glass: Glass, field: Any, recipe: NumbersRecipe) -> Shown:
    place = tuple(float(n) for n in field.lo)
    picture = Picture(
        "effective heat",
        f"effective field of {field.layer}",
        _log_heat(field.values),
        (1.0,) * len(place),
        shifted(glass, place),
        Drawn.HEAT,
        limits=(0.0, 1.0),
        note={"layer": field.layer},
    )
    sides = field.theoretical
    theory = " × ".join(str(int(n)) for n in (sides if isinstance(sides, tuple) else (sides,)))
    text = (
        f"{field.layer}: half of the weight lies within {field.radius_50:.1f} px, 95 % within "
        f"{field.radius_95:.1f} px; the theoretical field is {theory} px, of which "
        f"{100 * field.ratio:.0f} % of the side is used. Measured on {field.inputs} inputs."
    )
    numbers = Numbers(
        f"{field.layer} effective field",
        "effective receptive field",
        field.values,
        "zyx"[-field.values.ndim :],
        field.layer,
        recipe,
        (1.0,) * len(place),
        place,
        folder=f"{field.layer} effective",
        signed=False,
        decades=4.0,
        point=field.point,
        field=inspection.receptive_field(glass.trace, glass.shape, field.layer, field.point),
        facts={
            "radius_50_px": field.radius_50,
            "radius_95_px": field.radius_95,
            "ratio": field.ratio,
            "windows": field.inputs,
        },
    )
    return Shown(*(QUESTION.title, text, "empirical", (picture,)), numbers=(numbers,), result=field)


def _log_heat(values: np.ndarray) -> np.ndarray:
    """0..1 over three decades, for the mass falls off like a Gaussian."""
    top = float(values.max()) or 1.0
    share = np.log10(np.maximum(values / top, 1e-9))
    return np.clip(1 + share / _DECADES, 0, 1).astype(np.float32)


QUESTION = NetworkQuestion(
    "effective",
    "Effective receptive field",
    _answer,
    (
        LAYER,
        replace(POINT, missing="click a point of the image first."),
        replace(CHANNEL, kind=OptionKind.NUMBER),
        Option("inputs", OptionKind.INNER, 32),
        SEED,
    ),
    HelpText(
        "Effective field",
        "Pixels in the middle of a receptive field reach the value on many paths, those at its "
        "edge on few, so the part that really counts is smaller. It is measured: how much the "
        "value changes with each pixel, on average over the images named with the result.",
        "effective-field.png",
        "Influence of each pixel, inside the box of the whole field.",
    ),
    Button(
        "Effective field",
        "How strongly each pixel of the field counts, measured by gradients.",
        "look",
    ),
    order=50,
)
