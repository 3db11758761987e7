"""How exact looking inside is: against gradients, against PyTorch, against other tools."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.rows import Row
from inspection.public_networks import PUBLIC
from inspection.random_networks import positive_copy, random_network, support
from unetscope.errors import ModelError
from unetscope.inspection import follow, placement, receptive_field, receptive_fields
from unetscope.inspection.showing import microscope
from unetscope.network.unet import UNet, UNetConfig

POINTS = 3  # of each random network, besides two corners


# ---- boxes of random networks


def random_rows(count: int) -> list[Row]:
    """Boxes of ``count`` random networks against the support of the gradient."""
    began = time.perf_counter()
    boxes = flat = 0
    wrong: list[int] = []
    for seed in range(count):
        compared, differ, axes = _against_gradient(seed)
        boxes += compared
        flat += axes == 2
        wrong += [seed] * differ
    return [
        {
            "what": "random networks",
            "networks": count,
            "flat": flat,
            "boxes": boxes,
            "mismatches": len(wrong),
            "wrong_seeds": sorted(set(wrong)),
            "seconds": time.perf_counter() - began,
        }
    ]


def _against_gradient(seed: int) -> tuple[int, int, int]:
    """Boxes compared, boxes that differ, and axes, of one random network."""
    net, shape = random_network(seed)
    layer = str(len(net) - 1)
    trace = follow(net, shape)
    everywhere = receptive_fields(trace, shape, layer)
    copy = positive_copy(net)
    channels = next(copy.parameters()).shape[1]
    image = torch.ones(1, channels, *shape, dtype=torch.float64, requires_grad=True)
    output = copy(image)
    sides, rng = output.shape[2:], random.Random(seed)
    points = [(0,) * len(shape), tuple(n - 1 for n in sides)]
    points += [tuple(rng.randrange(n) for n in sides) for _ in range(POINTS)]
    differ = 0
    for point in points:
        field = receptive_field(trace, shape, layer, point)
        seen = support(output, image, point)
        same = (None if field.is_empty else (field.lo, field.hi)) == seen
        if seen is not None:
            at = (slice(None), *point)
            same &= (tuple(everywhere.lo[at]), tuple(everywhere.hi[at])) == seen
        differ += not same
    return len(points), differ, len(shape)


# ---- placement


def placement_rows() -> list[Row]:
    """Largest distance (px) between where a map is laid and the centroid of its gradient."""
    from inspection.test_maps import PLACED

    nets: dict[str, tuple[nn.Module, int]] = {name: (net, 4) for name, net in PLACED.items()}
    for how in ("transposed", "interpolated"):
        config = UNetConfig(widths=(1, 1, 1, 1), upsampling=how)
        nets[f"bundled design, {how}"] = UNet(config).eval(), 8
    return [
        {"what": "placement", "network": name, "error_px": _offset(net, period)}
        for name, (net, period) in nets.items()
    ]


def _offset(net: nn.Module, period: int) -> float:
    """The mean over a period of cells: a cell of an up-sampled map leans towards its phase."""
    side = 48 if period <= 4 else 256
    place = list(placement(net, (side, side)).layers.values())[-1]
    copy = positive_copy(net)
    image = torch.ones(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    output = copy(image)
    middle = output.shape[-1] // 2
    offsets = []
    for u in range(middle, middle + period):
        (gradient,) = torch.autograd.grad(output[0, :, middle, u].sum(), image, retain_graph=True)
        along = gradient[0, 0].sum(dim=0)
        centre = float((along * torch.arange(float(side))).sum() / along.sum())
        offsets.append(centre - (place.scale[1] * u + place.translate[1]))
    return abs(float(np.mean(offsets)))


# ---- other tools


def torchlens_rows() -> list[Row]:
    """Boxes of public networks against those of TorchLens, at corners and in the middle."""
    rows = []
    for name, (make, shape) in PUBLIC.items():
        torch.manual_seed(0)
        compared, differ, layers = _against_torchlens(make().eval(), shape)
        about = {"what": "torchlens", "network": name, "layers": layers}
        rows.append(about | {"boxes": compared, "mismatches": differ})
    return rows


def _against_torchlens(net: nn.Module, shape: tuple[int, int]) -> tuple[int, int, int]:
    import torchlens

    theirs = torchlens.trace(net, torch.rand(1, 3, *shape))
    ours = follow(net, (3, *shape))
    compared, differ = 0, 0
    layers: set[str] = set()
    for layer in theirs.layers:
        for call in sorted(layer.leaf_module_ops or ()):
            try:
                sides = ours.spatial(call)[1].shape
            except ModelError:
                continue  # a vector
            for point in _corners_and_middle(sides):
                try:
                    box = layer.receptive_field.at(point)
                except torchlens.receptive_field.ReceptiveFieldError:
                    continue  # behind a concatenation, for example, it knows none
                axes = [axis for axis in box.axes if axis.input_axis >= 2]
                lo = tuple(axis.clipped_start for axis in axes)
                hi = tuple(axis.clipped_stop - 1 for axis in axes)
                field = receptive_field(ours, shape, call, point)
                compared += 1
                differ += (field.lo, field.hi) != (lo, hi)
                layers.add(call)
    return compared, differ, len(layers)


def _corners_and_middle(sides: tuple[int, ...]) -> list[tuple[int, ...]]:
    last, middle = tuple(n - 1 for n in sides), tuple(n // 2 for n in sides)
    return sorted({(0,) * len(sides), last, middle})


def torchinfo_rows() -> list[Row]:
    """Whether the totals are those of torchinfo and of PyTorch's counter, by our own test."""
    from inspection import test_public_networks as tests

    check = tests.test_totals_are_those_of_torchinfo_and_of_pytorch
    return [
        {"what": "torchinfo", "network": name, "agrees": _holds(lambda n=name: check(n))}
        for name in tests.NETS
    ]


def _holds(check: Callable[[], None]) -> bool:
    try:
        check()
    except AssertionError:
        return False
    return True


# ---- the arithmetic of one value


def arithmetic_rows(cells: int = 60) -> list[Row]:
    """Largest |by hand - PyTorch| of every kind of layer, as a share of its largest value."""
    rows = []
    for group, name, net, layer, image in _layers():
        glass = microscope(net, image, layer)
        with torch.no_grad():
            output = net(image[None])
        expected = (output[0] if isinstance(output, tuple) else output)[0].numpy()
        picked = np.random.default_rng(0).permutation(expected.size)[:cells]
        worst, unequal = 0.0, 0
        for flat in picked:
            channel, *point = (int(i) for i in np.unravel_index(flat, expected.shape))
            answer = glass.at(channel, point)
            unequal += bool(answer.computed != expected[(channel, *point)])
            worst = max(worst, abs(answer.total - float(expected[(channel, *point)])))
        rows.append(
            {
                "what": "arithmetic",
                "group": group,
                "kind": name,
                "values": len(picked),
                "not_pytorchs": unequal,
                "error": worst / float(np.abs(expected).max()),
            }
        )
    return rows


def _layers() -> Iterator[tuple[str, str, nn.Module, str, torch.Tensor]]:
    """The kinds of layers of our own tests: (group, name, network, layer, image)."""
    from inspection.test_microscope import LAYERS
    from inspection.test_microscope_layers import POINTWISE, POOLINGS, stem

    kinds: list[tuple[str, dict[str, Any]]] = [
        ("convolutions", LAYERS), ("poolings, interpolations", POOLINGS),
        ("normalisations, activations", POINTWISE),
    ]  # fmt: skip
    for group, makers in kinds:
        for name, make in makers.items():
            torch.manual_seed(0)
            layer = make()
            if group.startswith("norm"):
                with torch.no_grad():
                    for tensor in (*layer.parameters(), *layer.buffers()):
                        if tensor.is_floating_point():
                            tensor.uniform_(0.2, 2)
            image = torch.randn((4, 5, 6, 5) if "volume" in name else (4, 9, 11))
            first = [] if group == "convolutions" else [stem(name)]
            yield group, name, nn.Sequential(*first, layer).eval(), str(len(first)), image
