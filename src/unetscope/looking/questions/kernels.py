"""The kernels of a convolution."""

from __future__ import annotations

from typing import Any

import numpy as np

from unetscope import inspection
from unetscope.inspection.writing.calls import NumbersRecipe
from unetscope.looking.answers import Drawn, Numbers, Picture, Plot, Shown
from unetscope.looking.glass import Glass
from unetscope.looking.question import (
    CONVOLUTION,
    Answer,
    Button,
    HelpText,
    NetworkQuestion,
)

_MOST = 4096  # kernels on a sheet; of more their sums over the inputs


def _answer(glass: Glass, given: Any) -> Answer:
    layer = given.layer
    bank = inspection.kernels(glass.net, layer)
    outputs, inputs = bank.values.shape[:2]
    sheet = bank.sheet(summed=outputs * inputs > _MOST)
    picture = Picture(
        "kernels",
        f"kernels of {layer}",
        sheet.picture,
        (1.0, 1.0),
        (0.0, 0.0),
        Drawn.SIGNED,
        limits=bank.colour_range,
        beside=True,
        note={"layer": layer},
    )
    counts, edges = np.histogram(np.sort(bank.values.ravel()), bins=64)
    middles = (edges[:-1] + edges[1:]) / 2
    numbers = Numbers(
        f"{layer} kernels",
        "kernels",
        bank.values,
        "oiyx" if bank.values.ndim == 4 else "oizyx",
        layer,
        NumbersRecipe("kernels", {"layer": layer}, takes_image=False),
        folder=f"{layer} kernels",
        signed=True,
    )
    yield Shown(
        QUESTION.title,
        f"{layer}: {outputs} × {inputs} kernels of {' × '.join(map(str, bank.values.shape[2:]))}, "
        f"an output a row. Blue is negative, red positive, white zero (up to ±{bank.limit:.3g}). "
        "They are laid on as they stand (cross-correlation, not flipped).",
        "exact",
        (picture,),
        plot=Plot({"weights": (middles, counts.astype(float))}, "weight", "count"),
        numbers=(numbers,),
        result=(bank, sheet),
    )


QUESTION = NetworkQuestion(
    "kernels",
    "Kernels",
    _answer,
    (CONVOLUTION,),
    HelpText(
        "Kernel",
        "A kernel is a small grid of learned weights that is moved over a map; at each place the "
        "values below it are multiplied by the weights and added up. Red weights add, blue ones "
        "take away, and the pattern they form is what the channel answers to.",
        "kernel.png",
        "Eight 3 × 3 kernels of the first layer.",
    ),
    Button("Kernels", "The kernels of the chosen layer as a sheet beside the image.", "look"),
    order=30,
)
