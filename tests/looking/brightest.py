"""Which cells of a layer are bright: a question in one file, as CONTRIBUTING.md describes it."""

from __future__ import annotations

from typing import Any

from unetscope import inspection
from unetscope.inspection.writing.calls import NumbersRecipe
from unetscope.looking.answers import Numbers, Picture, Shown, Table, Working
from unetscope.looking.glass import Glass
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
    layer, channel = given.layer, given.channel or 0
    yield Working("Looking for what is bright")
    maps = inspection.feature_maps(glass.net, glass.image, [layer], [channel])[layer]
    values = maps.values[0]
    count = int((values > values.mean() + given.above * values.std()).sum())
    picture = Picture(
        *("bright", f"brightness of {layer}", values),
        *(maps.scale, shifted(glass, maps.translate)),
    )
    arguments = {"layers": [layer], "channels": [channel]}
    recipe = NumbersRecipe("feature_maps", arguments, (layer, ".values", 0))
    place = {"scale": maps.scale, "translate": maps.translate, "folder": f"{layer} bright"}
    numbers = Numbers(f"{layer} bright", "brightness", values, glass.space, layer, recipe, **place)
    table = Table(("layer", "bright cells"), ((layer, count),))
    yield Shown(
        QUESTION.title,
        f"{count} cells of {layer} #{channel} are bright.",
        "exact",
        (picture,),
        table,
        numbers=(numbers,),
        files={"brightest.csv": table},
    )


QUESTION = NetworkQuestion(
    "brightest",
    "Bright cells",
    _answer,
    (
        ONE_LAYER,
        CHANNEL,
        Option("above", OptionKind.NUMBER, 2, "Deviations above the mean.", least=0),
    ),
    HelpText("Bright cells", "Cells that stand out of their map. They are counted."),
    Button("Brightest", "How many cells stand out?"),
    in_report=True,
)
