"""Poolings, interpolations, normalisations, activations and linear layers, value by value."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from unetscope.errors import ModelError
from unetscope.inspection.showing.microscope import Convolution, Pointwise, Pooling, microscope
from unetscope.inspection.showing.pointwise import ACTIVATIONS

POOLINGS = {
    "max": lambda: nn.MaxPool2d(2),
    "max, padded and dilated": lambda: nn.MaxPool2d(3, 2, padding=1, dilation=2),
    "max, to the last cell": lambda: nn.MaxPool2d(3, 2, ceil_mode=True),
    "max, with indices": lambda: nn.MaxPool2d((2, 3), return_indices=True),
    "max, adaptive": lambda: nn.AdaptiveMaxPool2d((4, 5)),
    "mean": lambda: nn.AvgPool2d((2, 3), (3, 1)),
    "mean, padded": lambda: nn.AvgPool2d(3, 2, padding=1, ceil_mode=True),
    "mean, without the padding": lambda: nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
    "mean, another divisor": lambda: nn.AvgPool2d(3, divisor_override=5),
    "mean, adaptive": lambda: nn.AdaptiveAvgPool2d((4, 5)),
    "mean, global": lambda: nn.AdaptiveAvgPool2d(1),
    "volume, max": lambda: nn.MaxPool3d(2),
    "volume, mean": lambda: nn.AvgPool3d(2, padding=1),
    "nearest": lambda: nn.Upsample(scale_factor=2),
    "nearest, odd": lambda: nn.Upsample(scale_factor=1.7),
    "nearest, exact": lambda: nn.Upsample(size=(13, 20), mode="nearest-exact"),
    "bilinear": lambda: nn.Upsample(scale_factor=(2, 3), mode="bilinear"),
    "bilinear, to a size": lambda: nn.Upsample(size=(13, 7), mode="bilinear"),
    "bilinear, aligned": lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
    "bilinear, recomputed": lambda: nn.Upsample(
        scale_factor=1.7, mode="bilinear", recompute_scale_factor=True
    ),
    "bicubic": lambda: nn.Upsample(scale_factor=2.5, mode="bicubic"),
    "bicubic, aligned": lambda: nn.Upsample(size=(14, 14), mode="bicubic", align_corners=True),
    "volume, nearest": lambda: nn.Upsample(scale_factor=2),
    "volume, trilinear": lambda: nn.Upsample(scale_factor=2, mode="trilinear"),
}
MOVING = {
    "zeros": lambda: nn.ZeroPad2d((1, 2, 3, 0)),
    "constant": lambda: nn.ConstantPad2d((2, 0, 1, 1), 3.5),
    "cut off": lambda: nn.ConstantPad2d((-1, 2, -2, 0), 1.0),
    "reflection": lambda: nn.ReflectionPad2d((3, 1, 2, 4)),
    "replication": lambda: nn.ReplicationPad2d(2),
    "circular": lambda: nn.CircularPad2d((1, 2, 3, 0)),
    "volume, replication": lambda: nn.ReplicationPad3d((1, 0, 2, 1, 0, 3)),
    "shuffle": lambda: nn.PixelShuffle(2),
    "unshuffle": lambda: nn.PixelUnshuffle(3),
}
POINTWISE = {
    "batch": lambda: nn.BatchNorm2d(4),
    "batch, without statistics": lambda: nn.BatchNorm2d(4, track_running_stats=False),
    "batch, plain": lambda: nn.BatchNorm2d(4, affine=False),
    "group": lambda: nn.GroupNorm(2, 4),
    "instance": lambda: nn.InstanceNorm2d(4, affine=True),
    "instance, running": lambda: nn.InstanceNorm2d(4, track_running_stats=True),
    "volume, batch": lambda: nn.BatchNorm3d(4),
    "volume, group": lambda: nn.GroupNorm(4, 4),
    **{kind.__name__: kind for kind in ACTIVATIONS if kind is not nn.Threshold},
    "GELU, tanh": lambda: nn.GELU(approximate="tanh"),
    "PReLU, a slope each": lambda: nn.PReLU(4),
    "Threshold": lambda: nn.Threshold(0.1, -2.0),
    "ReLU in place": lambda: nn.ReLU(inplace=True),
    "Dropout": lambda: nn.Dropout2d(),
}


def stem(name: str) -> nn.Module:
    """A convolution first, so that the layer reads maps and may overwrite them."""
    torch.manual_seed(1)
    return nn.Conv3d(4, 4, 1) if "volume" in name else nn.Conv2d(4, 4, 1)


def some_cells(values: np.ndarray, count: int = 25) -> list[tuple[int, ...]]:
    cells = np.random.default_rng(0).permutation(values.size)[:count]
    return [tuple(int(i) for i in np.unravel_index(flat, values.shape)) for flat in cells]


@pytest.mark.parametrize("name", POOLINGS)
def test_every_value_of_every_kind_of_pooling_is_explained(name) -> None:
    net = nn.Sequential(stem(name), POOLINGS[name]())
    image = torch.randn((4, 5, 6, 5) if "volume" in name else (4, 9, 11))
    with torch.no_grad():
        output = net(image[None])
        read = net[0](image[None])[0].double().numpy()
    expected = (output[0] if isinstance(output, tuple) else output)[0].numpy()
    glass = microscope(net, image, "1")
    assert glass.shape == expected.shape and glass.kind in ("pooling", "interpolation")
    for channel, *point in some_cells(expected):
        answer = glass.at(channel, point)
        assert isinstance(answer, Pooling)
        assert answer.computed == expected[(channel, *point)]
        assert answer.total == pytest.approx(answer.computed, rel=1e-4, abs=1e-5)
        weighed = np.where(answer.weights == 0, 0, np.nan_to_num(answer.window) * answer.weights)
        assert weighed.sum() == pytest.approx(answer.total)
        for index in np.ndindex(*answer.window.shape):
            cell = tuple(p[i] for p, i in zip(answer.positions, index, strict=True))
            value = answer.window[index]
            if np.isnan(value):
                assert any(not 0 <= u < n for u, n in zip(cell, read.shape[1:], strict=True))
            else:
                assert value == pytest.approx(read[(channel, *cell)], abs=1e-6)
        if name.split(",")[0].endswith("max"):
            assert answer.winner is not None
            assert read[(channel, *answer.winner)] == pytest.approx(answer.computed, abs=1e-6)
        assert f"{answer.total:.4g}" in answer.formula


@pytest.mark.parametrize("name", MOVING)
def test_every_value_that_is_only_moved_is_found_where_it_was(name) -> None:
    net = nn.Sequential(stem(name), MOVING[name]())
    image = torch.randn((4, 5, 6, 5) if "volume" in name else (4, 9, 12))
    with torch.no_grad():
        expected = net(image[None])[0].numpy()
        read = net[0](image[None])[0].numpy()
    glass = microscope(net, image, "1")
    assert glass.shape == expected.shape and glass.kind in ("padding", "pixel shuffle")
    for channel, *point in some_cells(expected, 200):
        answer = glass.at(channel, point)
        assert isinstance(answer, Pooling) and answer.kind == glass.kind
        assert answer.total == answer.computed == expected[(channel, *point)]
        if all(0 <= u < n for u, n in zip(answer.origin, read.shape[1:], strict=True)):
            assert read[(answer.source, *answer.origin)] == answer.total
        else:
            assert "filled with" in answer.formula and name in ("zeros", "constant", "cut off")


@pytest.mark.parametrize("layer", ["1", "3"])
def test_moved_values_of_a_region_are_those_of_the_whole_map(layer: str) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(1, 4, 3, stride=2), nn.ReflectionPad2d(1), nn.Conv2d(4, 8, 3)),
        nn.PixelShuffle(2),
    )
    image = torch.randn(120, 130)
    whole = microscope(net, image, layer)
    part = microscope(net, image, layer, region=(slice(60, 66), slice(0, 9)))
    for point in [(31, 1), (32, 0), (32, 3)] if layer == "1" else [(62, 1), (63, 4), (64, 2)]:
        one, other = part.at(1, point), whole.at(1, point)
        assert isinstance(one, Pooling) and isinstance(other, Pooling)
        assert (one.positions, one.source) == (other.positions, other.source)
        assert one.total == one.computed == pytest.approx(other.total, abs=1e-6)


@pytest.mark.parametrize("layer", [nn.Softmax(1), nn.LayerNorm((9, 9))])
def test_what_mixes_many_values_is_refused_in_words(layer: nn.Module) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 1), layer)
    with pytest.raises(ModelError, match=f"{type(layer).__name__}: .* choose the layer before"):
        microscope(net, torch.rand(9, 9), "1")


@pytest.mark.parametrize("name", POINTWISE)
def test_every_value_of_every_pointwise_layer_is_explained(name) -> None:
    layer = POINTWISE[name]()
    with torch.no_grad():
        for tensor in (*layer.parameters(), *layer.buffers()):
            if tensor.is_floating_point():
                tensor.uniform_(0.2, 2)
    net = nn.Sequential(stem(name), layer).eval()
    image = 3 * torch.randn((4, 5, 6, 5) if "volume" in name else (4, 9, 11))
    with torch.no_grad():
        read = net[0](image[None])[0].numpy()
        expected = net(image[None])[0].numpy()
    glass = microscope(net, image, "1")
    assert glass.shape == expected.shape and glass.kind in ("normalisation", "activation")
    for channel, *point in some_cells(expected, 60):
        answer = glass.at(channel, point)
        assert isinstance(answer, Pointwise) and answer.name == type(layer).__name__
        assert answer.value == pytest.approx(float(read[(channel, *point)]), abs=1e-6)
        assert answer.computed == expected[(channel, *point)]
        assert answer.total == pytest.approx(answer.computed, rel=1e-4, abs=1e-5)
        if answer.normalised is not None:
            assert answer.normalised.of(answer.value) == answer.total


def test_a_linear_layer_is_a_sum_without_places() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(48, 5), nn.ReLU())
    image = torch.randn(6, 6)
    glass = microscope(net, image, "2")
    assert glass.kind == "linear" and glass.shape == (5,)
    with torch.no_grad():
        expected = net[:3](image[None, None])[0]
    for channel in range(5):
        answer = glass.at(channel, ())
        assert isinstance(answer, Convolution) and answer.kind == "linear"
        assert answer.computed == float(expected[channel])
        assert answer.total == pytest.approx(answer.computed, rel=1e-5, abs=1e-6)
        assert answer.activated == max(0.0, answer.computed) and answer.pooled is None
