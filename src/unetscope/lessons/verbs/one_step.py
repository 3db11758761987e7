"""One step of learning under the microscope, and what its size does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from unetscope.errors import LessonError
from unetscope.lessons.bench import Bench, placed
from unetscope.lessons.registry import Experiment, verb
from unetscope.lessons.small_runs import (
    SmallRun,
    drawn_pictures,
    mask_of,
    patches,
    scores_of,
    small_unet,
    stretched,
    training,
)
from unetscope.looking.answers import Drawn, Picture, Plot, Shown, Table, Working
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
#: Steps after which it is plain whether they settle.
_LONG_RUN = 300
_GRAINS: dict[str, Any] = {
    "grain_px": 40.0,
    "boundary_grey": -0.35,
    "contrast": 1.0,
    "noise": 0.03,
    "scratches": 0,
}


@verb
def one_step(bench: Bench, *, rate: Rate = 0.1) -> Experiment:
    """A patch, the answer of an untrained net, its loss at every pixel, one gradient, one step.

    Plain gradient descent in double precision: the new weight is the old one minus ``rate`` times
    its gradient, to the last bit.

    Facts: ``loss`` and ``after`` (nats a pixel, before and after the step), ``kernel``, ``slope``
    and ``moved`` (one 3 × 3 kernel, its gradient, the kernel after), ``difference`` (the largest
    between the new weights and weight − rate · gradient), ``weights`` (how many moved at once).
    """
    image, truth = _patch(bench)
    net = small_unet(int(truth.max()), bench.seed).double().train()
    x = torch.from_numpy(image.astype(np.float64))[None, None]
    wanted = torch.from_numpy(truth.astype(np.int64) - 1)[None]
    before = [one.detach().clone() for one in net.parameters()]
    pixelwise = functional.cross_entropy(net(x), wanted, ignore_index=-1, reduction="none")
    known = wanted >= 0
    loss = pixelwise[known].mean()
    loss.backward()
    slopes = [one.grad.detach().clone() for one in net.parameters()]
    torch.optim.SGD(net.parameters(), lr=rate).step()
    difference = max(
        float((new.detach() - (old - rate * slope)).abs().max())
        for new, old, slope in zip(net.parameters(), before, slopes, strict=True)
    )
    with torch.no_grad():
        after = functional.cross_entropy(net(x), wanted, ignore_index=-1)
    kernel = net.get_submodule("enc1").conv1.weight.detach()[0, 0]
    where = placed(bench.laid)
    lost = pixelwise.detach()[0].numpy().astype(np.float32)
    yield Shown(
        title="One step of learning",
        kind="exact",
        pictures=(
            Picture("patch", "patch", image, **where),
            Picture("loss", "loss of every pixel", lost, **where, drawn=Drawn.HEAT),
        ),
        table=Table(
            ("", "kernel of the first convolution"),
            (
                ("weights", _rows(before[0][0, 0])),
                ("gradient", _rows(slopes[0][0, 0])),
                ("weights after the step", _rows(kernel)),
            ),
        ),
        facts={
            "loss": float(loss.detach()),
            "after": float(after),
            "difference": difference,
            "kernel": _grid(before[0][0, 0]),
            "slope": _grid(slopes[0][0, 0]),
            "moved": _grid(kernel),
            "weights": sum(one.numel() for one in before),
            "rate": rate,
        },
    )


@verb
def along_one_weight(
    bench: Bench, *, rate: Rate = 1.0, steps: Annotated[int, Field(ge=1, le=60)] = 25
) -> Experiment:
    """The loss over one weight while all others stand still, and plain gradient steps along it.

    Facts: ``curvature`` of the loss at its lowest point, ``limit`` (2 / curvature: the largest rate
    with which steps settle), ``settles`` (whether they had after 300 steps), ``turns`` (how often
    they crossed the lowest point).
    """
    image, truth = _patch(bench)
    net = small_unet(int(truth.max()), bench.seed).eval()
    x = torch.from_numpy(image)[None, None]
    wanted = torch.from_numpy(truth.astype(np.int64) - 1)
    with torch.no_grad():
        maps = net.taps(x, ["dec1"])["dec1"][0].double()
        weight = net.classifier.weight.double()[:, :, 0, 0]
        bias = net.classifier.bias.double()
        scores = torch.einsum("kc,cyx->kyx", weight, maps) + bias[:, None, None]
    known = (wanted >= 0).numpy()
    loudest = int(maps.var(dim=(1, 2)).argmax())
    lever = maps[loudest].numpy()[known]
    base = scores.numpy()[:, known] - weight[1, loudest].item() * _unit(1, len(scores)) * lever
    true = wanted.numpy()[known]
    lowest = _lowest(base, lever, true)
    slope = 1e-4 * max(1.0, abs(lowest))
    sides = [_along(base, lever, true, lowest + sign * slope)[1] for sign in (-1, 1)]
    curvature = (sides[1] - sides[0]) / (2 * slope)
    spread = 3.0 / np.sqrt(max(curvature, 1e-12))
    w = lowest + 0.3 * spread
    path = [w]
    for _ in range(_LONG_RUN):
        w = float(np.clip(w - rate * _along(base, lever, true, w)[1], -1e6, 1e6))
        path.append(w)
    # Large steps may come near the lowest point by chance, but they do not stay.
    farthest = max(abs(one - lowest) for one in path[-5:])
    path = path[: steps + 1]
    shown = np.linspace(lowest - spread, lowest + spread, 121)
    curve = np.array([_along(base, lever, true, one)[0] for one in shown])
    visited = np.clip(np.asarray(path), shown[0], shown[-1])
    heights = np.array([_along(base, lever, true, one)[0] for one in visited])
    signs = np.sign(np.asarray(path) - lowest)
    yield Shown(
        title=f"Steps of rate {rate:g} along one weight",
        kind="exact",
        plot=Plot(
            {"loss": (shown, curve), "steps": (visited, heights)},
            "value of one weight",
            "loss (nats a pixel)",
        ),
        facts={
            "curvature": float(curvature),
            "limit": float(2 / curvature),
            "settles": bool(farthest < 0.01 * spread),
            "turns": int((signs[1:] * signs[:-1] < 0).sum()),
            "rate": rate,
        },
    )


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


def _patch(bench: Bench) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The image's upper left 96 px or less, sides multiples of 8, with its labels."""
    truth = np.asarray(bench.truth(), dtype=np.int64)
    image = stretched(bench.laid.grey)
    known = np.argwhere(truth > 0)
    sides = [min(96, side // 8 * 8) for side in image.shape]
    if min(sides) < 16:
        raise LessonError(f"the image has {image.shape} px; 16 × 16 are needed.")
    middle = known.mean(axis=0)
    corner = [
        int(np.clip(m - side / 2, 0, full - side))
        for m, side, full in zip(middle, sides, image.shape, strict=True)
    ]
    cut = tuple(slice(c, c + side) for c, side in zip(corner, sides, strict=True))
    if len(np.unique(truth[cut][truth[cut] > 0])) < 2:
        raise LessonError("two classes have to be near each other: paint both in one place.")
    return image[cut], truth[cut]


def _unit(index: int, count: int) -> NDArray[np.float64]:
    column = np.zeros((count, 1))
    column[index] = 1
    return column


def _along(
    base: NDArray[Any], lever: NDArray[Any], true: NDArray[Any], value: float
) -> tuple[float, float]:
    """Loss and its slope where the weight of output 1 on ``lever`` is ``value``."""
    scores = base.copy()
    scores[1] += value * lever
    scores -= scores.max(axis=0)
    chance = np.exp(scores)
    chance /= chance.sum(axis=0)
    loss = -np.log(np.take_along_axis(chance, true[None], 0)[0]).mean()
    return float(loss), float(((chance[1] - (true == 1)) * lever).mean())


def _lowest(base: NDArray[Any], lever: NDArray[Any], true: NDArray[Any]) -> float:
    """Where the slope is zero: the loss is convex in one weight, so halving finds it."""
    low, high = -1.0, 1.0
    while _along(base, lever, true, low)[1] > 0 and low > -1e5:
        low *= 2
    while _along(base, lever, true, high)[1] < 0 and high < 1e5:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        if _along(base, lever, true, middle)[1] > 0:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def _grid(values: Any) -> list[list[float]]:
    return [[float(one) for one in row] for row in values]


def _rows(values: Any) -> str:
    return " / ".join(" ".join(f"{float(one):+.4f}" for one in row) for row in values)
