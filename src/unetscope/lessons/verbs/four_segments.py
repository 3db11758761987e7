"""A detector of four segments: what the sum of them hides, four channels tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from unetscope.lessons.bench import Bench
from unetscope.lessons.registry import Experiment, verb
from unetscope.lessons.small_runs import SmallRun, mask_of, patches, scores_of, small_unet, training
from unetscope.looking.answers import Drawn, Picture, Shown, Table, Working
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    from unetscope.images.synthetic import random_fields
else:
    random_fields = Lazily("unetscope.images.synthetic.random_fields")

_SIDE, _PATCH_PX = 128, 64
_DEFLECTED = 0.25  # how much more falls on the segment that the beam is deflected to
_NOW: dict[str, Any] = {"scale": (1.0, 1.0), "translate": (0.0, 0.0), "beside": True}


@verb
def four_segments(
    bench: Bench,
    *,
    dose: Annotated[float, Field(ge=4, le=1000)] = 60.0,
    steps: Annotated[int, Field(ge=10, le=200)] = 30,
) -> Experiment:
    """Two small U-Nets, equal but for their first layer: the detector's sum, and its four segments.

    A phantom of differential phase contrast (Dekkers and de Lang 1974, Optik 41, 452): domains
    whose fields deflect the beam to the left or to the right. What one segment gains its opposite
    loses, so that the sum is the same in both. ``dose`` electrons a pixel, with their noise.

    Facts: ``dice`` (mean of both classes on two images that were not learned from) and ``weights``,
    each ``[sum, segments]``; ``more`` weights that three more channels cost.
    """
    learned = [_drawn(dose, [bench.seed, number]) for number in range(4)]
    asked = [_drawn(dose, [bench.seed, 100 + number]) for number in range(2)]
    options = SmallRun(steps=steps, batch=4, patch_px=_PATCH_PX, turns=False, seed=bench.seed)
    facts: dict[str, Any] = {"dice": [], "weights": []}
    answers = []
    for channels in (1, 4):
        net = small_unet(2, bench.seed, channels=channels)
        pictures = [(_seen(pixels, channels), truth) for pixels, truth in learned]
        name = "the sum" if channels == 1 else "four segments"
        for done in training(net, patches(pictures, options), options):
            yield Working(f"Training on {name}", done.number, steps)
        found = [mask_of(net, _seen(pixels, channels)) for pixels, _ in asked]
        scores = [
            scores_of(truth, answer, value)[0]
            for (_, truth), answer in zip(asked, found, strict=True)
            for value in (1, 2)
        ]
        facts["dice"].append(float(np.mean(scores)))
        facts["weights"].append(sum(one.numel() for one in net.parameters()))
        answers.append(found[0])
    pixels, truth = asked[0]
    yield Shown(
        title="One channel or four",
        kind="empirical",
        pictures=(
            Picture("sum", "sum of the segments", pixels.sum(axis=0), **_NOW),
            Picture("difference", "right minus left", pixels[0] - pixels[2], **_NOW),
            Picture("truth", "truth", truth, **_NOW, drawn=Drawn.LABELS),
            Picture("answer1", "answer to the sum", answers[0], **_NOW, drawn=Drawn.LABELS),
            Picture("answer4", "answer to four", answers[1], **_NOW, drawn=Drawn.LABELS),
        ),
        table=Table(
            ("channels", "mean Dice", "weights"),
            tuple((n, facts["dice"][i], facts["weights"][i]) for i, n in enumerate((1, 4))),
        ),
        facts={**facts, "more": facts["weights"][1] - facts["weights"][0]},
    )


def _drawn(dose: float, seed: list[int]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Segments (right, up, left, down; y, x) relative to the mean, and the domains 1 and 2."""
    rng = np.random.default_rng([41, *seed])
    shape = (_SIDE, _SIDE)
    right = random_fields.smooth_field(shape, 18.0, rng) > 0
    thick = 1 + 0.2 * random_fields.smooth_field(shape, 30.0, rng)
    gain = np.where(right, _DEFLECTED, -_DEFLECTED)
    shares = np.stack([1 + gain, np.ones(shape), 1 - gain, np.ones(shape)]) / 4
    counts = rng.poisson(dose * np.clip(thick, 0.2, None) * shares)
    return (counts / dose).astype(np.float32), np.where(right, 2, 1).astype(np.uint8)


def _seen(pixels: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """What a network with so many channels is given, about 0."""
    if channels == 1:
        return np.asarray(pixels.sum(axis=0, keepdims=True) - 1, dtype=np.float32)
    return np.asarray(4 * pixels - 1, dtype=np.float32)
