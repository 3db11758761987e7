"""One step of learning under the microscope, and what its size does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from unetscope.errors import LessonError
from unetscope.lessons.bench import Bench, Laid, placed
from unetscope.lessons.registry import Experiment, verb
from unetscope.lessons.small_runs import small_unet, stretched
from unetscope.looking.answers import Drawn, Picture, Plot, Shown, Table
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    import torch
    from torch.nn import functional
else:
    torch = Lazily("torch")
    functional = Lazily("torch.nn.functional")

Rate = Annotated[float, Field(gt=0, le=100)]
#: Steps after which it is plain whether they settle.
_LONG_RUN = 300


@verb
def one_step(bench: Bench, *, rate: Rate = 0.1) -> Experiment:
    """A patch, the answer of an untrained net, its loss at every pixel, one gradient, one step.

    Plain gradient descent in double precision: the new weight is the old one minus ``rate`` times
    its gradient, to the last bit.

    Facts: ``loss`` and ``after`` (nats a pixel, before and after the step), ``kernel``, ``slope``
    and ``moved`` (one 3 × 3 kernel, its gradient, the kernel after), ``difference`` (the largest
    between the new weights and weight − rate · gradient), ``weights`` (how many moved at once).
    """
    laid = _patch(bench)
    image, truth = laid.grey, np.asarray(laid.labels)
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
    where = placed(laid)
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
    laid = _patch(bench)
    image, truth = laid.grey, np.asarray(laid.labels)
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
    if not curvature > 0:
        raise LessonError("this weight changes nothing: the image is the same grey everywhere.")
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


def _patch(bench: Bench) -> Laid:
    """96 px or less of the image, sides multiples of 8: about the middle of all labels.

    Where two classes are not both there, where most of the rarer one is.
    """
    truth = np.asarray(bench.truth(), dtype=np.int64)
    sides = [min(96, side // 8 * 8) for side in truth.shape]
    if min(sides) < 16:
        raise LessonError(f"the image has {truth.shape} px; 16 × 16 are needed.")
    middle = np.argwhere(truth > 0).mean(axis=0)
    corner = [
        int(np.clip(m - side / 2, 0, full - side))
        for m, side, full in zip(middle, sides, truth.shape, strict=True)
    ]
    second = _second_most(truth, sides)
    if second[corner[0], corner[1]] == 0:
        corner = [int(one) for one in np.unravel_index(int(second.argmax()), second.shape)]
    if second[corner[0], corner[1]] == 0:
        raise LessonError("two classes have to be near each other: paint both in one place.")
    cut = tuple(slice(c, c + side) for c, side in zip(corner, sides, strict=True))
    y, x = (first + c for first, c in zip(bench.laid.origin, corner, strict=True))
    image = stretched(bench.laid.grey)[cut]
    return replace(bench.laid, pixels=image, labels=truth[cut], origin=(y, x))


def _second_most(truth: NDArray[np.int64], sides: list[int]) -> NDArray[np.int64]:
    """How many pixels of its second commonest class each window of the image has, by its corner."""
    counts = []
    for value in np.unique(truth[truth > 0]):
        sums = np.pad((truth == value).astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
        rows = sums[sides[0] :] - sums[: -sides[0]]
        counts.append(rows[:, sides[1] :] - rows[:, : -sides[1]])
    if len(counts) < 2:
        return np.zeros(
            [full - side + 1 for full, side in zip(truth.shape, sides, strict=True)], int
        )
    return np.sort(np.stack(counts), axis=0)[-2]


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
