"""What a channel likes best: an invented input that makes it fire."""

from __future__ import annotations

from typing import Any

import numpy as np

from unetscope import inspection
from unetscope.inspection.writing.calls import NumbersRecipe
from unetscope.looking.answers import Drawn, Numbers, Picture, Plot, Shown, Working
from unetscope.looking.glass import Glass
from unetscope.looking.question import (
    CHANNEL,
    ONE_LAYER,
    SEED,
    Answer,
    Button,
    HelpText,
    NetworkQuestion,
    Option,
    OptionKind,
)

_SHOWN_EVERY = 16  # steps


def _answer(glass: Glass, given: Any) -> Answer:
    layer, channel = given.layer, given.channel or 0
    options = {"steps": given.steps, "seed": given.seed}
    call = {"layer": layer, "channel": channel, **options}
    recipe = NumbersRecipe("maximise", call, (".image",), takes_image=False)
    for step in inspection.maximise_steps(glass.net, layer, channel, **options):
        yield Working(f"What {layer} #{channel} likes", step.done, step.total)
        if step.result is not None and (step.done == step.total or not step.done % _SHOWN_EVERY):
            yield _shown(layer, channel, step.result, recipe)


def _shown(layer: str, channel: int, found: Any, recipe: NumbersRecipe) -> Shown:
    image, history = np.asarray(found.image), np.asarray(found.history, dtype=float)
    coloured = len(image) == 3
    picture = Picture(
        "favourite",
        f"what {layer} #{channel} likes",
        np.clip(np.moveaxis(image, 0, -1), 0, 1) if coloured else image.mean(axis=0),
        (1.0,) * (image.ndim - 1),
        (0.0,) * (image.ndim - 1),
        Drawn.COLOUR if coloured else Drawn.MAP,
        beside=True,
        note={"layer": layer, "channel": channel},
    )
    numbers = Numbers(
        f"{layer} {channel} excited",
        f"what excites channel {channel}",
        image,
        {3: "cyx", 4: "czyx"}[image.ndim],
        layer,
        recipe,
        folder=f"{layer} {channel} excited",
        kind="empirical",
        signed=False,
        facts={"activation": [float(value) for value in history], "channel": channel},
    )
    return Shown(
        QUESTION.title,
        f"An invented input that makes channel {channel} of {layer} fire; not a micrograph. The "
        f"score rose {history[0]:.3g} → {history[-1]:.3g}.",
        "",
        (picture,),
        plot=Plot({"activation": (np.arange(len(history)), history)}, "step", "activation"),
        numbers=(numbers,),
        result=found,
    )


QUESTION = NetworkQuestion(
    "maximise",
    "Activation maximisation",
    _answer,
    (ONE_LAYER, CHANNEL, Option("steps", OptionKind.INNER, 128), SEED),
    HelpText(
        "What does it like best?",
        "Starting from noise, an image is changed step by step so that one channel answers ever "
        "more strongly. The result shows what the channel looks for; it is no micrograph, and "
        "another start gives another image.",
        "activation-maximisation.png",
        "What one channel of the first, second and third stage likes best.",
    ),
    Button(
        "What it likes",
        "An invented input that makes the chosen channel fire.",
        "look",
        says={"steps": 96},  # somebody waits
    ),
    order=180,
)
