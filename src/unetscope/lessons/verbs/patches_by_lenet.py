"""LeNet-5 on patches round strokes: what the pixel in the middle is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from unetscope.errors import LessonError
from unetscope.lessons.bench import Bench
from unetscope.lessons.instantly import painted
from unetscope.lessons.registry import Experiment, verb
from unetscope.looking.answers import Picture, Plot, Shown, Table, Working
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    import torch
    from torch.nn import functional

    from unetscope.network import teaching
else:
    torch = Lazily("torch")
    functional = Lazily("torch.nn.functional")
    teaching = Lazily("unetscope.network.teaching")

_SIDE, _BATCH = 32, 32
_A_CLASS = 160  # patches, each for learning and for asking


@verb
def patches_by_lenet(
    bench: Bench, *, epochs: Annotated[int, Field(ge=1, le=40)] = 12
) -> Experiment:
    """LeNet-5 learns patches of 32 × 32 px of one half of the image and is asked about the other.

    The patches lie round strokes, the same number of each class; where the truth is drawn, what is
    asked lies anywhere in the other half.

    Facts: ``accuracy`` (share of right answers in the other half), ``learned_accuracy`` in the
    half it learned, ``chance`` (one over the classes), ``learned`` and ``asked`` patches,
    ``numbers`` (of a patch, and after each layer), ``weights``.
    """
    rng = np.random.default_rng([43, bench.seed])
    values, (x, y), (asked, right) = _halves(bench, rng)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(bench.seed)
        net = teaching.LeNet5(1, len(values))
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3)
    curve: list[tuple[float, float]] = []
    for epoch in range(1, epochs + 1):
        for part in np.array_split(rng.permutation(len(y)), max(1, len(y) // _BATCH)):
            loss = functional.cross_entropy(net(x[part]), y[part])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        curve.append((_right(net, x, y), _right(net, asked, right)))
        yield Working("Training LeNet-5", epoch, epochs)
    numbers = _numbers(net, x[:1])
    at = np.arange(1, epochs + 1)
    yield Shown(
        title="LeNet-5 on patches",
        kind="empirical",
        pictures=(_sheet(x, y),),
        table=Table(("layer", "numbers"), tuple(numbers.items())),
        plot=Plot(
            {
                "the half it learned": (at, np.asarray([one for one, _ in curve])),
                "the other half": (at, np.asarray([one for _, one in curve])),
            },
            "times through all patches",
            "share of right answers",
        ),
        facts={
            "accuracy": curve[-1][1],
            "learned_accuracy": curve[-1][0],
            "chance": 1 / len(values),
            "learned": len(y),
            "asked": len(right),
            "numbers": list(numbers.values()),
            "weights": sum(one.numel() for one in net.parameters()),
        },
    )


def _halves(bench: Bench, rng: np.random.Generator) -> tuple[NDArray[Any], Any, Any]:
    """The classes that both halves have, and patches with their classes of the left and the right.

    Raises
    ------
    LessonError
        If they do not have two classes in common.
    """
    image = bench.laid.range01
    strokes, truth = painted(bench), np.asarray(bench.truth())
    left = np.arange(image.shape[1]) < image.shape[1] // 2
    first = _patches(image, np.where(left, strokes, 0), rng)
    second = _patches(image, np.where(left, 0, truth), rng)
    values = np.intersect1d(first[1], second[1])
    if len(values) < 2:
        raise LessonError(
            "this learns in the left half and asks in the right one: paint strokes of the same two "
            "classes in both halves."
        )
    return values, _of_classes(first, values), _of_classes(second, values)


def _patches(
    image: NDArray[np.float32], labels: NDArray[Any], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Patches (n, 1, 32, 32) round labelled pixels, and the labels; the image's edges mirrored."""
    reach = _SIDE // 2
    padded = np.pad(image, reach, mode="symmetric")
    images, kinds = [], []
    for value in np.unique(labels[labels > 0]):
        places = np.argwhere(labels == value)
        chosen = rng.choice(len(places), min(_A_CLASS, len(places)), replace=False)
        for y, x in places[np.sort(chosen)]:
            images.append(padded[y : y + _SIDE, x : x + _SIDE])
            kinds.append(value)
    if not images:
        return np.zeros((0, 1, _SIDE, _SIDE), np.float32), np.zeros(0, np.int64)
    return np.stack(images)[:, None].astype(np.float32), np.asarray(kinds)


def _of_classes(
    patches: tuple[NDArray[np.float32], NDArray[Any]], values: NDArray[Any]
) -> tuple[torch.Tensor, torch.Tensor]:
    """As tensors, equally many of each class that both halves have; classes from 0."""
    images, kinds = patches
    least = min(int((kinds == value).sum()) for value in values)
    kept = np.concatenate([np.flatnonzero(kinds == value)[:least] for value in values])
    return (
        torch.from_numpy(images[kept]),
        torch.from_numpy(np.searchsorted(values, kinds[kept]).astype(np.int64)),
    )


def _right(net: teaching.LeNet5, images: torch.Tensor, kinds: torch.Tensor) -> float:
    with torch.inference_mode():
        return float((net(images).argmax(dim=1) == kinds).double().mean())


def _numbers(net: teaching.LeNet5, patch: torch.Tensor) -> dict[str, int]:
    """How many numbers the patch is, and after each layer with a name of the paper."""
    found = {"patch": patch.numel()}
    names = ("c1", "s2", "c3", "s4", "c5", "f6", "output")

    def keeping(name: str) -> Any:
        def keep(module: Any, given: Any, made: torch.Tensor) -> None:
            found[name] = made.numel()

        return keep

    hooks = [net.get_submodule(name).register_forward_hook(keeping(name)) for name in names]
    try:
        with torch.inference_mode():
            net(patch)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _sheet(images: torch.Tensor, kinds: torch.Tensor) -> Picture:
    """Six patches of each of the first three classes, a row a class."""
    rows = []
    for value in range(min(3, int(kinds.max()) + 1)):
        row = images[kinds == value][:6, 0].numpy()
        row = row[np.arange(6) % len(row)]
        rows.append(np.concatenate(list(row), axis=1))
    return Picture(
        "patches", "patches, a row a class", np.concatenate(rows), (1, 1), (0, 0), beside=True
    )
