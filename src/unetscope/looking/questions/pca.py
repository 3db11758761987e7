"""All maps of a layer in three colours: alike is what the layer takes for alike."""

from __future__ import annotations

from typing import Any

from unetscope import inspection
from unetscope.inspection.writing.calls import NumbersRecipe
from unetscope.looking.answers import Drawn, Numbers, Picture, Shown, Working
from unetscope.looking.glass import Glass
from unetscope.looking.question import ONE_LAYER, SEED, Answer, Button, NetworkQuestion
from unetscope.looking.window import shifted


def _answer(glass: Glass, given: Any) -> Answer:
    layer = given.layer
    yield Working(f"Colours of {layer}")
    part = {} if glass.region is None else {"region": glass.region}
    maps = inspection.feature_maps(
        glass.trace, glass.image, [layer], region=glass.region, max_bytes=glass.max_bytes
    )
    mixed = inspection.pca_rgb(maps[layer], seed=given.seed)
    shares = [float(share) for share in mixed.explained]
    picture = Picture(
        "colours",
        f"colours of {layer}",
        mixed.values,
        mixed.scale,
        shifted(glass, mixed.translate),
        Drawn.COLOUR,
        note={"layer": layer},
    )
    numbers = Numbers(
        f"{layer} colours",
        "principal components as colours",
        mixed.values,
        glass.space + "c",
        layer,
        NumbersRecipe(
            *("feature_maps", {"layers": [layer], **part}, (layer,)),
            then=("pca_rgb", {"seed": given.seed}),
        ),
        mixed.scale,
        mixed.translate,
        folder=f"{layer} colours",
        facts={"explained_share": shares, "layer": layer},
    )
    text = (
        f"Pixels of one colour look alike to {layer}. Red, green and blue are its three principal "
        f"components and hold {', '.join(f'{100 * share:.0f} %' for share in shares)} of what "
        "varies."
    )
    yield Shown(*(QUESTION.title, text, "empirical", (picture,)), numbers=(numbers,), result=mixed)


QUESTION = NetworkQuestion(
    "pca",
    "Principal components",
    _answer,
    (ONE_LAYER, SEED),
    button=Button(
        "Colours",
        "All maps of the layer as one picture: its three principal components.",
        "look",
    ),
    order=170,
)
