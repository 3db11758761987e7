"""Counting by formula: sizes of maps and numbers of weights."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from unetscope.errors import LessonError
from unetscope.lessons.bench import Bench, placed
from unetscope.lessons.registry import Experiment, verb
from unetscope.looking.answers import Drawn, Picture, Plot, Shown, Table

Side = Annotated[int, Field(ge=1, le=1_000_000)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Small = Annotated[int, Field(ge=1, le=31)]


def output_size(side: int, kernel: int, padding: int, stride: int, dilation: int = 1) -> int:
    """⌊(side + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1; 0 where nothing fits."""
    wide = dilation * (kernel - 1) + 1
    return max(0, (side + 2 * padding - wide) // stride + 1)


def _fitting(side: int, kernel: int, padding: int, stride: int, dilation: int) -> int:
    found = output_size(side, kernel, padding, stride, dilation)
    if found == 0:
        raise LessonError(
            f"a kernel of {dilation * (kernel - 1) + 1} px does not fit {side} px with {padding} "
            "px of padding on each side."
        )
    return found


@verb
def next_size(
    bench: Bench,
    *,
    side: Side = 64,
    kernel: Small = 3,
    padding: Annotated[int, Field(ge=0, le=31)] = 1,
    stride: Small = 1,
    dilation: Annotated[int, Field(ge=1, le=8)] = 1,
) -> Experiment:
    """How large the next map is, and which pixels of the image the kernel's middle visits.

    Facts: ``last`` (its side), ``wide`` (pixels the kernel covers), ``half`` (⌈side / 2⌉).
    """
    last = _fitting(side, kernel, padding, stride, dilation)
    image = bench.laid.grey
    visited = np.zeros(image.shape, np.uint8)
    wide = dilation * (kernel - 1) + 1
    first = wide // 2 - padding
    rows, columns = (
        np.arange(output_size(n, kernel, padding, stride, dilation)) * stride + first
        for n in image.shape
    )
    rows = rows[(rows >= 0) & (rows < image.shape[0])]
    columns = columns[(columns >= 0) & (columns < image.shape[1])]
    visited[np.ix_(rows, columns)] = 1
    where = placed(bench.laid)
    yield Shown(
        title="The size of the next map",
        kind="exact",
        pictures=(
            Picture("image", "image", image, **where),
            Picture(
                "visited", "where the kernel's middle stands", visited, **where, drawn=Drawn.LABELS
            ),
        ),
        facts={"last": last, "wide": wide, "half": math.ceil(side / 2), "side": side},
    )


@verb
def sizes_in_a_row(
    bench: Bench,
    *,
    side: Side = 64,
    kernel: Small = 3,
    padding: Annotated[int, Field(ge=0, le=31)] = 1,
    stride: Small = 2,
    layers: Annotated[int, Field(ge=1, le=8)] = 2,
) -> Experiment:
    """The sides of the maps of some convolutions alike, one after another.

    Facts: ``sizes`` (after each layer), ``last``.
    """
    sizes = [side]
    for _ in range(layers):
        sizes.append(_fitting(sizes[-1], kernel, padding, stride, 1))
    yield Shown(
        title="Maps in a row",
        kind="exact",
        table=Table(("layer", "side"), tuple(enumerate(sizes))),
        facts={"sizes": sizes[1:], "last": sizes[-1]},
    )


@verb
def conv_pool_blocks(
    bench: Bench,
    *,
    side: Annotated[int, Field(ge=16, le=65_536)] = 256,
    first: Annotated[int, Field(ge=1, le=4096)] = 64,
    blocks: Annotated[int, Field(ge=1, le=4)] = 4,
) -> Experiment:
    """Convolution, ReLU, 2 × 2 pooling, again and again; the channels double.

    Facts: ``channels``, ``sides``, ``numbers`` (of each map), ``pixels`` (of the image),
    ``weights`` (of all 3 × 3 convolutions with biases, from one channel), ``times`` (numbers after
    the last block over pixels).
    """
    channels = [first * 2**n for n in range(blocks)]
    sides = [side // 2 ** (n + 1) for n in range(blocks)]
    numbers = [c * s * s for c, s in zip(channels, sides, strict=True)]
    inputs = [1, *channels[:-1]]
    weights = sum(o * (i * 9 + 1) for i, o in zip(inputs, channels, strict=True))
    yield Shown(
        title="Blocks of convolution and pooling",
        kind="exact",
        table=Table(
            ("block", "channels", "side", "numbers"),
            tuple((n + 1, channels[n], sides[n], numbers[n]) for n in range(blocks)),
        ),
        facts={
            "channels": channels,
            "sides": sides,
            "numbers": numbers,
            "pixels": side * side,
            "weights": weights,
            "times": numbers[-1] / (side * side),
        },
    )


@verb
def weights_of_layers(
    bench: Bench,
    *,
    side: Side = 1024,
    neurons: Count = 1000,
    filters: Count = 64,
    channels: Count = 1,
    biases: bool = False,
) -> Experiment:
    """One dense layer on all pixels, and one convolution of 3 × 3, by their formulas.

    Facts: ``dense``, ``convolution``, ``ratio`` (dense / convolution), ``gigabytes`` of the dense
    layer in float32, ``pixels``, ``own`` (the dense layer on the image of the bench).
    """
    pixels = side * side
    dense = pixels * channels * neurons + (neurons if biases else 0)
    convolution = filters * (channels * 9 + (1 if biases else 0))
    sides = 2 ** np.arange(4, 13)
    one = np.full(len(sides), float(convolution))
    own = int(np.prod(bench.laid.grey.shape)) * neurons
    facts: dict[str, Any] = {
        "dense": dense,
        "convolution": convolution,
        "ratio": dense / convolution,
        "gigabytes": dense * 4 / 1e9,
        "pixels": pixels,
        "own": own,
    }
    yield Shown(
        title="Weights of one layer",
        kind="exact",
        plot=Plot(
            {
                f"dense, {neurons:,} neurons": (sides, sides.astype(float) ** 2 * neurons),
                f"{filters} filters 3 × 3": (sides, one),
            },
            "side of the image (px)",
            "weights",
            log=True,
        ),
        table=Table(
            ("layer", "weights"),
            ((f"dense, {neurons:,} neurons", dense), (f"{filters} filters of 3 × 3", convolution)),
        ),
        facts=facts,
    )


@verb
def layer_table(
    bench: Bench, *, inputs: Count = 64, outputs: Count = 128, side: Side = 256
) -> Experiment:
    """A 3 × 3 convolution beside a dense layer to as many outputs, as the text counts them.

    Facts: ``convolution`` (outputs · (inputs · 9 + 1)), ``dense`` (side² · outputs, from one
    channel), ``ratio``, ``alike`` (side² · inputs · outputs, from as many channels) and
    ``alike_ratio``, ``each`` (a dense layer from every pixel to every pixel: side⁴).
    """
    convolution = outputs * (inputs * 9 + 1)
    dense = side * side * outputs
    alike = side * side * inputs * outputs
    yield Shown(
        title="A convolution beside a dense layer",
        kind="exact",
        table=Table(
            ("layer", "weights"),
            (
                (f"3 × 3, {inputs} to {outputs} channels", convolution),
                (f"dense, {side}² pixels to {outputs}", dense),
                (f"dense, {side}² pixels of {inputs} channels to {outputs}", alike),
                ("dense, every pixel to every pixel", side**4),
            ),
        ),
        facts={
            "convolution": convolution,
            "dense": dense,
            "ratio": dense / convolution,
            "alike": alike,
            "alike_ratio": alike / convolution,
            "each": side**4,
        },
    )


@verb
def dense_chain(
    bench: Bench, *, widths: tuple[Annotated[int, Field(ge=1, le=100_000)], ...] = (784, 16, 16, 10)
) -> Experiment:
    """Dense layers one after another, every one with its biases.

    Facts: ``total``, ``layers`` (weights of each), ``share`` of the first.
    """
    if len(widths) < 2:
        raise LessonError("a chain of dense layers needs two widths or more.")
    layers = [a * b + b for a, b in pairwise(widths)]
    yield Shown(
        title="A chain of dense layers",
        kind="exact",
        table=Table(
            ("from", "to", "weights"),
            tuple(zip(widths, widths[1:], layers, strict=False)),
        ),
        facts={"total": sum(layers), "layers": layers, "share": layers[0] / sum(layers)},
    )


@verb
def field_of_layers(
    bench: Bench,
    *,
    layers: tuple[Literal["conv", "pool", "dilated"], ...] = ("conv", "conv", "conv"),
    count: Annotated[int, Field(ge=1, le=8)] = 8,
) -> Experiment:
    """What one value sees after each layer: 3 × 3 convolutions, 2 × 2 poolings, dilation by 2.

    Facts: ``fields`` and ``steps`` (pixels seen, and between neighbours, after each of the first
    ``count`` layers), ``last``.
    """
    fields, steps = [1], [1]
    for layer in layers[:count]:
        kernel, stride, dilation = {
            "conv": (3, 1, 1),
            "pool": (2, 2, 1),
            "dilated": (3, 1, 2),
        }[layer]
        fields.append(fields[-1] + (kernel - 1) * dilation * steps[-1])
        steps.append(steps[-1] * stride)
    image = bench.laid.grey
    seen = np.zeros(image.shape, np.uint8)
    middle = [side // 2 for side in image.shape]
    for number in range(len(fields) - 1, 0, -1):
        low = [m - fields[number] // 2 for m in middle]
        seen[max(0, low[0]) : low[0] + fields[number], max(0, low[1]) : low[1] + fields[number]] = (
            number
        )
    where = placed(bench.laid)
    yield Shown(
        title="What one value can see",
        kind="exact",
        pictures=(
            Picture("image", "image", image, **where),
            Picture("field", "fields, the last outermost", seen, **where, drawn=Drawn.LABELS),
        ),
        table=Table(
            ("layer", "kind", "sees (px)", "step (px)"),
            tuple(
                (n + 1, layer, fields[n + 1], steps[n + 1])
                for n, layer in enumerate(layers[:count])
            ),
        ),
        facts={"fields": fields[1:], "steps": steps[1:], "last": fields[-1]},
    )
