"""The U with and without its bridges, trained alike."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from unetscope.learning.metrics import boundary_distance
from unetscope.lessons.bench import Bench
from unetscope.lessons.registry import Experiment, verb
from unetscope.lessons.small_runs import (
    SmallRun,
    drawn_pictures,
    mask_of,
    patches,
    scores_of,
    small_unet,
    training,
)
from unetscope.looking.answers import Drawn, Picture, Shown, Table, Working

_KINDS: dict[str, dict[str, Any]] = {
    "grains": {
        "grain_px": 34.0,
        "boundary_px": 2.0,
        "boundary_grey": -0.35,
        "contrast": 1.0,
        "noise": 0.04,
        "scratches": 0,
    },
    "nanoparticles": {"particle_px": 50.0, "dark_field": 0.0, "noise": 0.04, "contrast": 1.0},
}

#: Of pictures that are no part of the image on the bench.
_HELD_BACK: dict[str, Any] = {"scale": (1, 1), "translate": (0, 0), "beside": True}


@verb
def with_and_without_skips(
    bench: Bench,
    *,
    kind: Literal["grains", "nanoparticles"] = "grains",
    steps: Annotated[int, Field(ge=20, le=400)] = 160,
) -> Experiment:
    """Two nets of equally many weights, the same batches; one has zeros where its bridges join.

    Facts: ``iou`` and ``dice`` of the second class, ``distance`` (mean distance in pixels from a
    pixel on the edge of the answer to the edge of the truth and back), each ``[with, without]``;
    ``ratio`` of the distances; ``weights``.
    """
    learned = drawn_pictures(kind, range(16), **_KINDS[kind])
    asked = drawn_pictures(kind, range(100, 104), **_KINDS[kind])
    facts: dict[str, Any] = {"iou": [], "dice": [], "distance": []}
    pictures = []
    for skips in (True, False):
        net = small_unet(2, bench.seed, skips=skips)
        options = SmallRun(steps=steps, seed=bench.seed, balance=True)
        name = "with bridges" if skips else "without bridges"
        for done in training(net, patches(learned, options), options):
            yield Working(f"Training {name}", done.number, steps)
        found = [mask_of(net, pixels) for pixels, _ in asked]
        dice, iou = np.mean(
            [scores_of(truth, one, 2) for (_, truth), one in zip(asked, found, strict=True)], axis=0
        )
        far = [
            boundary_distance(truth, one, 2) for (_, truth), one in zip(asked, found, strict=True)
        ]
        facts["iou"].append(float(iou))
        facts["dice"].append(float(dice))
        facts["distance"].append(float(np.mean(far)))
        facts["weights"] = sum(one.numel() for one in net.parameters())
        pictures.append(Picture(f"answer {name}", name, found[0], **_HELD_BACK, drawn=Drawn.LABELS))
    facts["ratio"] = facts["distance"][1] / max(facts["distance"][0], 1e-9)
    pixels = asked[0][0]
    rows = zip(
        ("with bridges", "without"), facts["iou"], facts["dice"], facts["distance"], strict=True
    )
    yield Shown(
        title="With and without bridges",
        kind="empirical",
        pictures=(Picture("asked", "held-back image", pixels, **_HELD_BACK), *pictures),
        table=Table(("net", "IoU", "Dice", "edge off by (px)"), tuple(rows)),
        facts=facts,
    )
