"""Dropout: numbers left out by lot while a network learns, and all of them used afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from unetscope import inspection
from unetscope.lessons.bench import Bench, placed
from unetscope.lessons.registry import Experiment, verb
from unetscope.looking.answers import Picture, Shown, Working
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    import torch
    from torch import nn

    from unetscope.network import teaching
else:
    torch = Lazily("torch")
    nn = Lazily("torch.nn")
    teaching = Lazily("unetscope.network.teaching")


@verb
def drop_out(
    bench: Bench,
    *,
    share: Annotated[float, Field(ge=0, le=0.9)] = 0.5,
    draws: Annotated[int, Field(ge=1, le=256)] = 1,
) -> Experiment:
    """Dropout on the numbers of the image, drawn ``draws`` times (Srivastava and others 2014).

    What is left is divided by 1 − ``share``, so that the mean over many draws is the number itself:
    that is why it is switched off when the network is used.

    Facts: ``dropped`` (share of the numbers that became zero in the first draw), ``factor`` of
    those that are left, ``differ`` (whether two draws differ), ``same_in_use`` (whether nothing
    changes when it is switched off), ``off`` (root of the mean square of the mean over the draws
    minus the image, over that of the image), ``places`` (the dropouts of AlexNet) and ``weights``
    of AlexNet.
    """
    image = bench.laid.range01
    numbers = torch.from_numpy(np.ascontiguousarray(image - min(0.0, float(image.min())) + 0.1))
    layer = nn.Dropout(share)
    total = torch.zeros_like(numbers)
    kept = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(bench.seed)
        for number in range(max(draws, 2)):
            drawn = layer(numbers)
            kept.append(drawn)
            if number < draws:
                total += drawn
            yield Working("Drawing", number + 1, max(draws, 2))
    mean = total / draws
    layer.eval()
    with torch.device("meta"):
        net = teaching.AlexNet()
    rows = inspection.architecture(net.eval(), (224, 224)).rows
    where = placed(bench.laid)
    yield Shown(
        title="Dropout",
        kind="empirical",
        pictures=(
            Picture("numbers", "all numbers", numbers.numpy(), **where),
            Picture("dropped", "one draw", kept[0].numpy(), **where),
            Picture("mean", f"mean of {draws}", mean.numpy(), **where),
        ),
        facts={
            "dropped": float((kept[0] == 0).double().mean()),
            "factor": 1 / (1 - share),
            "differ": bool((kept[0] != kept[1]).any()),
            "same_in_use": bool((layer(numbers) == numbers).all()),
            "off": float(((mean - numbers).square().mean() / numbers.square().mean()).sqrt()),
            "places": [row.name for row in rows if row.kind == "Dropout"],
            "weights": sum(one.numel() for one in net.parameters()),
        },
    )
