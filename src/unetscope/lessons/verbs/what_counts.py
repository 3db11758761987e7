"""How much of the field a value really listens to, measured on the image of the bench."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from unetscope import inspection
from unetscope.lessons.bench import Bench, placed
from unetscope.lessons.registry import Experiment, verb
from unetscope.looking.answers import Drawn, Picture, Shown, Working
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    import torch
    from torch import nn

    from unetscope.inspection import EffectiveField
    from unetscope.network import shipped, teaching_blocks
else:
    torch = Lazily("torch")
    nn = Lazily("torch.nn")
    shipped = Lazily("unetscope.network.shipped")
    teaching_blocks = Lazily("unetscope.network.teaching_blocks")

_WINDOWS = 24
_BUNDLED = "general-fast"


@verb
def effective_of_layers(
    bench: Bench, *, count: Annotated[int, Field(ge=1, le=8)] = 8
) -> Experiment:
    """The effective field after ``count`` convolutions of 3 × 3 with ReLU and He's first weights.

    Facts: ``structural`` (pixels a side by structure), ``effective`` (side of the square as large
    as the fewest pixels that hold 95 % of the gradient; Luo and others 2016), ``ratio`` of the two,
    ``area`` (their squares' ratio).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(bench.seed)
        kind: Literal["conv"] = "conv"
        net = teaching_blocks.LayerStack(tuple(kind for _ in range(count)), channels=8)
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
    yield from _measured(bench, net, f"conv{count}")


@verb
def effective_of_stage(
    bench: Bench,
    *,
    stage: Literal["enc1", "enc2", "enc3", "bottleneck", "dec3", "dec2", "dec1"] = "dec1",
) -> Experiment:
    """The effective field of a stage of the bundled U-Net; facts as of :func:`effective_of_layers`.

    By structure a value of the decoder may see some pixels more or less than its neighbour: the
    poolings' grid lies differently around it.
    """
    yield from _measured(bench, shipped.load_bundled(_BUNDLED)[0], stage)


def _measured(bench: Bench, net: Any, layer: str) -> Experiment:
    image = bench.laid.grey
    seen = (image - image.mean()) / max(float(image.std()), 1e-6)
    found: EffectiveField | None = None
    for step in inspection.effective_receptive_field_steps(
        net, seen[None], layer, inputs=_WINDOWS, seed=bench.seed
    ):
        yield Working("Going back to the pixels", step.done, step.total)
        found = step.result or found
    assert found is not None  # else it would have said that no gradient arrived
    side = float(np.sqrt(np.prod(found.theoretical)))
    where = placed(bench.laid)
    yield Shown(
        title=f"What {layer} really listens to",
        kind="empirical",
        pictures=(
            Picture("image", "image", image, **where),
            Picture(
                "effective",
                "influence (root)",
                _laid(found, image.shape),
                **where,
                drawn=Drawn.HEAT,
            ),
        ),
        facts={
            "structural": round(side),
            "effective": round(found.side(), 2),
            "ratio": found.ratio,
            "area": (found.side() / side) ** 2,
        },
    )


def _laid(found: EffectiveField, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Roots of the shares on a map of the image: what is faint far out can be seen as well."""
    laid = np.zeros(shape, np.float32)
    parts = [
        slice(max(0, lo), lo + side) for lo, side in zip(found.lo, found.values.shape, strict=True)
    ]
    values = found.values[tuple(slice(max(0, -lo), None) for lo in found.lo)]
    room = laid[tuple(parts)]
    room[...] = np.sqrt(values[: room.shape[0], : room.shape[1]])
    return laid / max(float(laid.max()), 1e-12)
