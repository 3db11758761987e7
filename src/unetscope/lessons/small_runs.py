"""Training that fits a lesson: a few dozen plain steps, seen one by one.

The product trains with :mod:`unetscope.learning.finetune`; here nothing is clever, so that what a
learner sees is what the text says: a batch, a loss, gradients, a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    import torch
    from torch.nn import functional

    from unetscope.images import synthetic
    from unetscope.network import teaching, unet
else:
    synthetic = Lazily("unetscope.images.synthetic")
    torch = Lazily("torch")
    functional = Lazily("torch.nn.functional")
    teaching = Lazily("unetscope.network.teaching")
    unet = Lazily("unetscope.network.unet")

#: Pairs of pixels ([channel,] y, x), about 0 to 1, and labels (y, x) from 1, 0 where nobody said.
Pictures = Sequence[tuple[NDArray[np.float32], NDArray[np.integer[Any]]]]
Batch = tuple[Any, Any]
SMALL_WIDTHS = (8, 16, 32, 64)


@dataclass(frozen=True)
class SmallRun:
    """How a small network is trained.

    Attributes
    ----------
    steps : how many batches.
    rate : learning rate of AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101).
    calming : whether the rate falls evenly to nothing, so that the last steps agree.
    batch, patch_px : patches in a batch, and their side.
    turns : whether patches are mirrored and turned by quarters at random.
    balance : whether every class counts alike in the loss, however few its pixels are.
    seed : one seed, one result on one machine at one number of threads.
    """

    steps: int = 160
    rate: float = 1e-2
    calming: bool = True
    batch: int = 8
    patch_px: int = 96
    turns: bool = True
    balance: bool = False
    seed: int = 0


@dataclass(frozen=True)
class SmallStep:
    """One step of training: its number from 1, and the loss before it."""

    number: int
    loss: float


def small_unet(
    classes: int = 2,
    seed: int = 0,
    *,
    skips: bool = True,
    widths: tuple[int, ...] = SMALL_WIDTHS,
    channels: int = 1,
) -> Any:
    """A U-Net for lessons (0.12 million weights), with He-normal weights drawn from ``seed``."""
    kind = unet.UNet if skips else teaching.UNetWithoutSkips
    config = unet.UNetConfig(in_channels=channels, classes=classes, widths=widths)
    return unet.initialise(kind(config), seed)


def drawn_pictures(
    kind: str, seeds: Iterable[int], side: int = 192, **options: Any
) -> list[tuple[NDArray[np.float32], NDArray[np.integer[Any]]]]:
    """Synthetic pictures of one kind with their labels, grey values from 0 to 1 (percentiles)."""
    found: list[tuple[NDArray[np.float32], NDArray[np.integer[Any]]]] = []
    for seed in seeds:
        made = synthetic.EVERY_SCENE[kind]((side, side), seed=seed, **options)
        found.append((stretched(made.image.pixels), made.labels))
    return found


def stretched(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Grey values (y, x) with the 1st percentile at 0 and the 99th at 1."""
    low, high = np.percentile(pixels, (1, 99))
    return ((pixels - low) / max(float(high - low), 1e-12)).astype(np.float32)


def patches(pictures: Pictures, options: SmallRun) -> Iterator[Batch]:
    """Batches (batch, channel, y, x) with labels, without end, drawn from all pictures alike."""
    rng = np.random.default_rng(options.seed)
    side = options.patch_px
    while True:
        images, labels = [], []
        for _ in range(options.batch):
            pixels, truth = pictures[int(rng.integers(len(pictures)))]
            y, x = (int(rng.integers(0, size - side + 1)) for size in truth.shape)
            image, label = (part[..., y : y + side, x : x + side] for part in (pixels, truth))
            if options.turns:
                turn, mirror = int(rng.integers(4)), bool(rng.integers(2))
                image, label = (
                    np.rot90(part[..., ::-1] if mirror else part, turn, axes=(-2, -1))
                    for part in (image, label)
                )
            images.append(image.reshape(-1, side, side))
            labels.append(label)
        yield (
            torch.from_numpy(np.stack(images).astype(np.float32)),
            torch.from_numpy(np.stack(labels).astype(np.int64) - 1),
        )


def training(
    net: Any,
    batches: Iterator[Batch],
    options: SmallRun,
    drop: Callable[[Any], Any] | None = None,
) -> Iterator[SmallStep]:
    """Train ``net`` in place, a step at a time; ``drop`` changes its output while it trains."""
    net.train()
    with torch.random.fork_rng(devices=[]):  # what dropout draws must not touch anybody else
        torch.manual_seed(options.seed)
        optimiser = torch.optim.AdamW(net.parameters(), lr=options.rate)
        for number in range(1, options.steps + 1):
            image, label = next(batches)
            scores = net(image) if drop is None else drop(net(image))
            weight = _balanced(label, scores.shape[1]) if options.balance else None
            loss = functional.cross_entropy(scores, label, weight, ignore_index=-1)
            if options.calming:
                for group in optimiser.param_groups:
                    group["lr"] = options.rate * (1 - (number - 1) / options.steps)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            yield SmallStep(number, float(loss.detach()))
    net.eval()


def _balanced(label: Any, classes: int) -> Any:
    """Weights of the classes in a batch: one over their pixels, with the mean 1."""
    counts = torch.bincount(label[label >= 0], minlength=classes).clamp(min=1).float()
    return (1 / counts) / (1 / counts).mean()


def chances(net: Any, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (class, y, x) of an image ([channel,] y, x), its edges mirrored as needed."""
    multiple = net.config.multiple
    rows, columns = pixels.shape[-2:]
    planes = np.asarray(pixels, dtype=np.float32).reshape(-1, rows, columns)
    edges = [(0, 0), (0, -rows % multiple), (0, -columns % multiple)]
    padded = np.pad(planes, edges, mode="reflect")
    net.eval()
    with torch.inference_mode():
        found = net(torch.from_numpy(padded)[None])[0].softmax(dim=0)
    return np.asarray(found[:, :rows, :columns], dtype=np.float32)


def mask_of(net: Any, pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The likeliest class of every pixel, from 1."""
    return (chances(net, pixels).argmax(axis=0) + 1).astype(np.uint8)


def loss_on(net: Any, pictures: Pictures) -> float:
    """Mean cross-entropy of whole pictures, in nats a pixel."""
    total = 0.0
    for pixels, truth in pictures:
        chance = chances(net, pixels)
        known = truth > 0
        right = np.take_along_axis(chance, np.maximum(truth.astype(np.int64) - 1, 0)[None], 0)[0]
        total += float(-np.log(np.clip(right[known], 1e-7, 1)).mean())
    return total / len(pictures)


def scores_of(
    truth: NDArray[np.integer[Any]], found: NDArray[np.integer[Any]], value: int
) -> tuple[float, float]:
    """Dice and IoU of the class ``value``; labels 0 of ``truth`` do not count."""
    known = truth > 0
    wanted, said = truth[known] == value, found[known] == value
    both, either = int((wanted & said).sum()), int((wanted | said).sum())
    if either == 0:
        return 1.0, 1.0
    return 2 * both / (both + either), both / either
