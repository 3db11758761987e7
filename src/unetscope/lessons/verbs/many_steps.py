"""Many steps of learning: rates, the order of batches, what channels become, twice the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

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
from unetscope.looking.answers import Picture, Plot, Shown, Table, Working
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    import torch
    from torch.nn import functional

    from unetscope.inspection.asking import dissection_scores
else:
    dissection_scores = Lazily("unetscope.inspection.asking.dissection_scores")
    torch = Lazily("torch")
    functional = Lazily("torch.nn.functional")

Rate = Annotated[float, Field(gt=0, le=100)]
_GRAINS: dict[str, Any] = {
    "grain_px": 40.0,
    "boundary_grey": -0.35,
    "contrast": 1.0,
    "noise": 0.03,
    "scratches": 0,
}


@verb
def learning_rates(
    bench: Bench,
    *,
    rates: tuple[Rate, ...] = (1e-5, 1e-3, 1e-2, 1.0),
    steps: Annotated[int, Field(ge=10, le=400)] = 60,
) -> Experiment:
    """The same net, the same batches, four learning rates.

    Facts: ``rates``, ``first`` and ``last`` (loss of the first and of the last ten steps), ``iou``
    of the boundaries on pictures that were not learned from; ``examples`` (patches that each run
    learned from) and ``images`` (how many they were cut from).
    """
    learned = drawn_pictures("grains", range(8), **_GRAINS)
    asked = drawn_pictures("grains", range(100, 103), **_GRAINS)
    curves: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}
    facts: dict[str, Any] = {"rates": list(rates), "first": [], "last": [], "iou": []}
    facts |= {"images": len(learned), "examples": steps * SmallRun().batch}
    for rate in rates:
        net = small_unet(2, bench.seed)
        options = SmallRun(steps, rate, calming=False, seed=bench.seed, patch_px=64)
        losses = []
        for done in training(net, patches(learned, options), options):
            losses.append(done.loss)
            yield Working(f"Learning rate {rate:g}", done.number, steps)
        curves[f"{rate:g}"] = (np.arange(1, steps + 1), np.asarray(losses))
        facts["first"].append(float(np.mean(losses[:10])))
        facts["last"].append(float(np.mean(losses[-10:])))
        found = [scores_of(truth, mask_of(net, pixels), 2)[1] for pixels, truth in asked]
        facts["iou"].append(float(np.mean(found)))
    yield Shown(
        title="Four learning rates",
        kind="empirical",
        plot=Plot(curves, "step", "loss (nats a pixel)", log=True),
        table=Table(
            ("rate", "loss at first", "loss at last", "IoU of boundaries"),
            tuple(zip(rates, facts["first"], facts["last"], facts["iou"], strict=True)),
        ),
        facts=facts,
    )


@verb
def before_and_after(
    bench: Bench, *, steps: Annotated[int, Field(ge=10, le=400)] = 60
) -> Experiment:
    """What the channels of the last stage tell of the boundaries, drawn at random and trained.

    Facts: ``before`` and ``after`` (of the sixteen or fewer channels the best area under the ROC
    curve for boundary pixels of a picture that was not learned from; .5 tells nothing), ``channel``
    (the best one after training, from 0), ``gain``.
    """
    learned = drawn_pictures("grains", range(8), **_GRAINS)
    pixels, truth = drawn_pictures("grains", (100,), **_GRAINS)[0]
    net = small_unet(2, bench.seed)
    options = SmallRun(steps, seed=bench.seed, patch_px=64)
    before = _maps(net, pixels)
    for done in training(net, patches(learned, options), options):
        yield Working("Training", done.number, steps)
    after = _maps(net, pixels)
    told = [[_tells(one, truth) for one in maps] for maps in (before, after)]
    at = int(np.argmax(told[1]))
    yield Shown(
        title="The same channel before and after",
        kind="empirical",
        pictures=(
            Picture("asked", "held-back image", pixels, (1, 1), (0, 0), beside=True),
            Picture(
                "before", f"channel {at}, random weights", before[at], (1, 1), (0, 0), beside=True
            ),
            Picture(
                "after",
                f"channel {at}, after {steps} steps",
                after[at],
                (1, 1),
                (0, 0),
                beside=True,
            ),
        ),
        facts={
            "before": max(told[0]),
            "after": max(told[1]),
            "gain": max(told[1]) - max(told[0]),
            "channel": at,
        },
    )


def _maps(net: Any, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The channels (channel, y, x) of the last stage of decoding."""
    net.eval()
    with torch.inference_mode():
        found = net.taps(torch.from_numpy(pixels)[None, None], ["dec1"])["dec1"][0]
    return np.asarray(found.numpy(), dtype=np.float32)


def _tells(values: NDArray[np.float32], truth: NDArray[np.integer[Any]]) -> float:
    """Area under the ROC curve of ``values`` for class 2, the way round that is the better one."""
    area = dissection_scores.channel_scores(values.ravel(), truth.ravel().astype(np.int64), None)
    return max(area[2].auc, 1 - area[2].auc)


@verb
def order_of_batches(
    bench: Bench, *, steps: Annotated[int, Field(ge=10, le=200)] = 50
) -> Experiment:
    """Grains, then particles, then nuclei; or all of them in every batch.

    Facts: ``kinds``, ``ordered`` and ``mixed`` (IoU of the second class of each kind afterwards).
    """
    kinds = ("grains", "nanoparticles", "nuclei")
    learned = {kind: drawn_pictures(kind, range(8)) for kind in kinds}
    asked = {kind: drawn_pictures(kind, range(100, 103)) for kind in kinds}
    found: dict[str, list[float]] = {}
    for way in ("ordered", "mixed"):
        net = small_unet(2, bench.seed)
        options = SmallRun(steps=steps * len(kinds), seed=bench.seed, patch_px=64, rate=3e-3)
        batches: Iterator[Any]
        if way == "ordered":
            streams = [patches(learned[kind], options) for kind in kinds]
            batches = (next(stream) for stream in streams for _ in range(steps))
        else:
            together = [picture for kind in kinds for picture in learned[kind]]
            batches = patches(together, options)
        for done in training(net, batches, options):
            yield Working(f"{way.capitalize()} batches", done.number, options.steps)
        found[way] = [
            float(
                np.mean([scores_of(truth, mask_of(net, one), 2)[1] for one, truth in asked[kind]])
            )
            for kind in kinds
        ]
    yield Shown(
        title="One kind after another, or mixed",
        kind="empirical",
        table=Table(
            ("kind", "IoU, one after another", "IoU, mixed"),
            tuple(zip(kinds, found["ordered"], found["mixed"], strict=True)),
        ),
        facts={"kinds": list(kinds), **found},
    )


@verb
def same_twice(bench: Bench, *, steps: Annotated[int, Field(ge=1, le=40)] = 8) -> Experiment:
    """Train twice with one seed and compare every byte; answer twice, once with dropout.

    Facts: ``identical`` (all weights after two trainings), ``answers`` (two answers of the trained
    net), ``with_dropout`` (two answers while a dropout layer draws), ``numbers`` compared.
    """
    learned = drawn_pictures("grains", range(2), **_GRAINS)
    nets = []
    for number in (1, 2):
        net = small_unet(2, bench.seed)
        options = SmallRun(steps=steps, seed=bench.seed, patch_px=64)
        for done in training(net, patches(learned, options), options):
            yield Working(f"Training {number} of 2", done.number, steps)
        nets.append(net)
    pairs = list(zip(nets[0].parameters(), nets[1].parameters(), strict=True))
    image = torch.from_numpy(learned[0][0])[None, None]
    with torch.inference_mode(), torch.random.fork_rng(devices=[]):
        twice = [nets[0](image) for _ in range(2)]
        torch.manual_seed(0)
        maps = nets[0].taps(image, ["dec1"])["dec1"]
        dropped = [nets[0].classifier(functional.dropout(maps, 0.5)) for _ in range(2)]
    yield Shown(
        title="Twice the same",
        kind="exact",
        facts={
            "identical": all(bool(torch.equal(a, b)) for a, b in pairs),
            "answers": bool(torch.equal(*twice)),
            "with_dropout": bool(torch.equal(*dropped)),
            "numbers": sum(a.numel() for a, _ in pairs),
        },
    )
