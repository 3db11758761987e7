"""Networks of papers: their weights and numbers counted, their gradients before any training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from unetscope import inspection
from unetscope.lessons.bench import Bench
from unetscope.lessons.registry import Experiment, verb
from unetscope.looking.answers import Plot, Shown, Table, Working
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.nn import functional

    from unetscope.network import teaching, teaching_blocks, unet
else:
    torch = Lazily("torch")
    nn = Lazily("torch.nn")
    functional = Lazily("torch.nn.functional")
    teaching = Lazily("unetscope.network.teaching")
    teaching_blocks = Lazily("unetscope.network.teaching_blocks")
    unet = Lazily("unetscope.network.unet")

#: LeNet-5 as its paper counts it (LeCun et al. 1998, section II.B): C1, S2, C3, S4, C5, F6. S2 and
#: S4 learn two numbers a map, C3 reads 60 of 96 kernels, the output is fixed.
_PAPER = {"C1": 156, "S2": 12, "C3": 1516, "S4": 32, "C5": 48120, "F6": 10164}
#: Top-5 errors in ImageNet's contest of 2012, in percent: AlexNet (an ensemble of seven) and the
#: next best entry (Krizhevsky et al. 2012, abstract).
_CONTEST = (15.3, 26.2)
_YEARS = {"lenet5": 1998, "alexnet": 2012, "resnet18": 2015}
_SIDES = {"lenet5": 32, "alexnet": 224, "resnet18": 224}
_WIDTHS = {
    "compact": (32, 64, 128, 256),
    "bottleneck": (32, 64, 128, 256, 512),
    "original": (64, 128, 256, 512, 1024),
}


@verb
def timeline(bench: Bench) -> Experiment:
    """LeNet-5, AlexNet and ResNet-18, built, followed and counted.

    Facts: ``weights``; ``dense`` (how many of them are in dense layers; C5 of LeNet-5, whose
    kernel covers all of its map, is one of them) and ``share``; ``layers`` (convolutions and dense
    layers); ``adds`` (multiplications with an addition for one image); ``paper`` (LeNet-5 as its
    paper counts it); ``contest`` (top-5 errors in percent of AlexNet and the next best in 2012) and
    ``ahead`` (points between them).
    """
    rows: list[tuple[Any, ...]] = []
    facts: dict[str, list[Any]] = {
        name: [] for name in ("weights", "dense", "share", "layers", "adds")
    }
    for name, year in _YEARS.items():
        found = _architecture(bench, name)
        dense = sum(
            row.parameters for row in found.rows if row.kind == "Linear" or row.name == "c5"
        )
        layers = sum(
            row.kind in ("Conv2d", "Linear") and "downsample" not in row.name for row in found.rows
        )
        total = found.parameters
        for key, value in zip(
            facts, (total, dense, dense / total, layers, found.multiply_adds), strict=True
        ):
            facts[key].append(value)
        rows.append((year, name, *(values[-1] for values in facts.values())))
        yield Working(f"Counting {name}", len(rows), len(_YEARS))
    columns = ("year", "network", "weights", "in dense layers", "share", "layers", "multiply-adds")
    yield Shown(
        title="Three networks",
        kind="exact",
        table=Table(columns, tuple(rows)),
        facts={
            **facts,
            "paper": sum(_PAPER.values()),
            "contest": list(_CONTEST),
            "ahead": round(_CONTEST[1] - _CONTEST[0], 1),
        },
    )


@verb
def numbers_per_layer(
    bench: Bench, *, network: Literal["lenet5", "alexnet", "resnet18", "blocks"] = "blocks"
) -> Experiment:
    """How many numbers an image is on its way through a network.

    Facts: ``image`` (numbers of the image itself), ``numbers`` (of each layer with a size of its
    own: convolutions, poolings, dense layers), ``names`` of these layers, ``highest``, ``last``
    before any dense layer.
    """
    found = _architecture(bench, network)
    rows = [row for row in found.rows if row.kind in _COUNTED and row.output_shape is not None]
    names = [row.name for row in rows]
    numbers = [int(np.prod(row.output_shape or ())) for row in rows]
    maps = [n for n, row in zip(numbers, rows, strict=True) if row.kind != "Linear"]
    channels = 3 if network in ("alexnet", "resnet18") else 1
    image = channels * int(np.prod(found.image_shape))
    places = np.arange(len(numbers) + 1)
    yield Shown(
        title="Numbers per layer",
        kind="exact",
        table=Table(("layer", "numbers"), (("image", image), *zip(names, numbers, strict=True))),
        plot=Plot(
            {network: (places, np.asarray([image, *numbers], dtype=float))},
            "layer",
            "numbers",
            log=True,
            points=True,
        ),
        facts={
            "image": image,
            "numbers": numbers,
            "names": names,
            "highest": max(numbers),
            "last": maps[-1],
        },
    )


@verb
def gradients_by_depth(
    bench: Bench,
    *,
    depths: tuple[Annotated[int, Field(ge=2, le=60)], ...] = (8, 20, 50),
    start: Literal["pytorch", "he"] = "pytorch",
    skips: bool = False,
    norm: bool = False,
    tanh: bool = False,
) -> Experiment:
    """One backward pass through 3 × 3 convolutions: how large is the first layer's gradient?

    Facts: ``depths`` and ``ratio`` (norm of the first layer's gradient over that of the last, for
    each depth), ``exponent`` (its power of ten).
    """
    ratios = []
    for number, depth in enumerate(depths, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(bench.seed)
            net = teaching_blocks.DeepNet(depth, start=start, skips=skips, norm=norm, tanh=tanh)
            image = torch.randn(2, 8, 24, 24)
        net(image).square().mean().backward()
        first, last = (float(_gradient(net.get_submodule(f"conv{n}")).norm()) for n in (1, depth))
        ratios.append(first / last)
        yield Working("Going back through the layers", number, len(depths))
    yield Shown(
        title="Gradients before training",
        kind="empirical",
        plot=Plot(
            {"first over last": (np.asarray(depths), np.asarray(ratios))},
            "layers",
            "gradient of the first layer / of the last",
            log=True,
            points=True,
        ),
        facts={
            "depths": list(depths),
            "ratio": ratios,
            "exponent": [int(np.floor(np.log10(max(one, 1e-300)))) for one in ratios],
        },
    )


@verb
def unet_sizes(bench: Bench, *, side: Annotated[int, Field(ge=188, le=4096)] = 572) -> Experiment:
    """U-Nets of several widths, counted; and the side of the original's answer without padding.

    Facts: ``compact`` (32 to 256), ``bottleneck`` (32 to 512), ``original`` (64 to 1024): weights;
    ``unpadded`` (side of the original's answer for ``side`` pixels), ``lost`` (on each side),
    ``padded`` (the same with padding); ``millions`` of weights of the original.
    """
    facts: dict[str, Any] = {}
    for name, chosen in _WIDTHS.items():
        with torch.device("meta"):
            net = unet.UNet(unet.UNetConfig(widths=chosen, norm="none"))
        facts[name] = sum(one.numel() for one in net.parameters())
    inner = side
    for _ in range(4):  # two unpadded convolutions, then a pooling
        inner = (inner - 4) // 2
    inner -= 4
    for _ in range(4):
        inner = inner * 2 - 4
    facts.update(
        unpadded=inner, lost=(side - inner) // 2, padded=side, millions=facts["original"] / 1e6
    )
    yield Shown(
        title="How large a U-Net is",
        kind="exact",
        table=Table(
            ("widths", "weights"),
            tuple((" ".join(map(str, _WIDTHS[name])), facts[name]) for name in _WIDTHS),
        ),
        facts=facts,
    )


@verb
def head_is_dense(bench: Bench, *, classes: Annotated[int, Field(ge=2, le=16)] = 3) -> Experiment:
    """A 1 × 1 convolution and a dense layer of the same weights, on the same maps.

    Facts: ``difference`` (the largest), ``alike`` (at most 1e-6), ``weights`` of each, ``pixels``.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(bench.seed)
        maps = torch.randn(1, 16, 32, 32)
        head = nn.Conv2d(16, classes, 1)
        dense = nn.Linear(16, classes)
    with torch.no_grad():
        dense.weight.copy_(head.weight[:, :, 0, 0])
        dense.bias.copy_(head.bias if head.bias is not None else torch.zeros(classes))
        first = head(maps)[0]
        second = dense(maps[0].permute(1, 2, 0)).permute(2, 0, 1)
    difference = float((first - second).abs().max())
    yield Shown(
        title="The classifier of a U-Net is a dense layer at every pixel",
        kind="exact",
        facts={
            "difference": difference,
            "alike": difference <= 1e-6,
            "weights": sum(one.numel() for one in head.parameters()),
            "pixels": 32 * 32,
        },
    )


@verb
def read_off(
    bench: Bench, *, logits: tuple[Annotated[float, Field(ge=-50, le=50)], ...] = (1.0, 3.0, 2.0)
) -> Experiment:
    """What a U-Net says of one pixel: logits, probabilities, the class, and the loss of each.

    Facts: ``probabilities``, ``total`` (their sum), ``chosen`` (the class, from 1), ``losses``
    (cross-entropy if that class were true).
    """
    values = torch.tensor(logits, dtype=torch.float64)
    probabilities = values.softmax(0)
    losses = -functional.log_softmax(values, 0)
    yield Shown(
        title="From logits to a class",
        kind="exact",
        table=Table(
            ("class", "logit", "probability", "loss"),
            tuple(
                (n + 1, logits[n], float(probabilities[n]), float(losses[n]))
                for n in range(len(logits))
            ),
        ),
        facts={
            "probabilities": [round(float(one), 6) for one in probabilities],
            "total": round(float(probabilities.sum()), 12),
            "chosen": int(values.argmax()) + 1,
            "losses": [round(float(one), 6) for one in losses],
        },
    )


_COUNTED = ("Conv2d", "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d", "Linear")


def _gradient(layer: nn.Module) -> torch.Tensor:
    """Of a layer's weights, in double precision: it may be as small as 1e-22, and squared."""
    weight = layer.get_parameter("weight")
    return torch.zeros(1) if weight.grad is None else weight.grad.double()


def _architecture(bench: Bench, name: str) -> inspection.Architecture:
    """The table of a network, made once for a bench; of weights only the shapes are made."""
    key = f"architecture of {name}"
    if key not in bench.kept:
        kinds: dict[str, Any] = {
            "lenet5": teaching.LeNet5,
            "alexnet": teaching.AlexNet,
            "resnet18": teaching.ResNet,
            "blocks": teaching_blocks.ConvPoolBlocks,
        }
        with torch.device("meta"):
            net = kinds[name]()
        side = _SIDES.get(name, 256)
        bench.kept[key] = inspection.architecture(net.eval(), (side, side))
    found: inspection.Architecture = bench.kept[key]
    return found
