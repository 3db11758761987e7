"""Receptive fields against gradients of random architectures, and against numbers by hand."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from inspection.random_networks import positive_copy, random_network, support
from unetscope.errors import ImageError, ModelError
from unetscope.inspection import follow, receptive_field, receptive_fields
from unetscope.inspection.following.reach import Kind
from unetscope.network.unet import UNet, UNetConfig


def check_against_gradient(seed: int, points: int = 3) -> None:
    model, shape = random_network(seed)
    layer = str(len(model) - 1)
    trace = follow(model, shape)
    fields = receptive_fields(trace, shape, layer)
    model = positive_copy(model)
    channels = next(model.parameters()).shape[1]
    image = torch.ones(1, channels, *shape, dtype=torch.float64, requires_grad=True)
    output = model(image)
    rng = random.Random(seed)
    corners = [(0,) * len(shape), tuple(n - 1 for n in output.shape[2:])]
    inner = [tuple(rng.randrange(n) for n in output.shape[2:]) for _ in range(points)]
    for point in [*corners, *inner]:
        field = receptive_field(trace, shape, layer, point)
        found = support(output, image, point)
        told = None if field.is_empty else (field.lo, field.hi)
        assert told == found, f"seed {seed}, point {point}: {told}, gradient {found}\n{model}"
        if found is not None:
            at = (slice(None), *point)
            assert (tuple(fields.lo[at]), tuple(fields.hi[at])) == found
            assert all(a >= b for a, b in zip(field.lo, field.padded[0], strict=True))
            assert all(a <= b for a, b in zip(field.hi, field.padded[1], strict=True))


@settings(max_examples=200)
@given(st.integers(0, 10**6))
def test_the_box_is_the_support_of_the_gradient_of_two_hundred_networks(seed: int) -> None:
    check_against_gradient(seed)


@pytest.mark.slow
@pytest.mark.skipif("UNETSCOPE_SOAK" not in os.environ, reason="set UNETSCOPE_SOAK=1 to run it")
def test_the_box_is_the_support_of_the_gradient_of_five_thousand_networks() -> None:
    for seed in range(5000):
        check_against_gradient(seed)


@pytest.mark.parametrize(
    ("pools", "encoder", "final"),
    [
        (1, (5, 14), {18}),
        (2, (5, 14, 32), {44}),
        (3, (5, 14, 32, 68), {92, 100}),
        (4, (5, 14, 32, 68, 140), {188, 204}),
    ],
)
def test_fields_of_the_u_net_are_those_worked_out_by_hand(pools, encoder, final) -> None:
    net = UNet(UNetConfig(widths=(2,) * (pools + 1)))
    shape = (2 ** (pools + 6),) * 2
    trace = follow(net, shape)
    for level, stage in enumerate([*(f"enc{i}" for i in range(1, pools + 1)), "bottleneck"]):
        middle = shape[0] // 2**level // 2
        assert receptive_field(trace, shape, stage, (middle, middle)).size == (encoder[level],) * 2
    fields = receptive_fields(trace, shape, "classifier")
    inside = slice(128, -128) if pools == 4 else slice(shape[0] // 2 - 16, shape[0] // 2 + 16)
    assert set(np.unique((fields.hi - fields.lo + 1)[:, inside, inside])) == final
    assert not trace.mismatches


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("upsampling", ["transposed", "interpolated"])
def test_every_stage_of_the_bundled_design_agrees_with_its_gradient(ndim, upsampling) -> None:
    shape = (32, 24) if ndim == 2 else (8, 12, 8)
    net = UNet(UNetConfig(ndim=ndim, upsampling=upsampling, widths=(2, 3, 4)))
    trace = follow(net, shape)
    copy = positive_copy(net)
    image = torch.ones(1, 1, *shape, dtype=torch.float64, requires_grad=True)
    stages = {**copy.taps(image, ["enc2", "bottleneck", "dec2", "dec1"]), "classifier": copy(image)}
    rng = random.Random(0)
    for name, maps in stages.items():
        for _ in range(4):
            point = tuple(rng.randrange(n) for n in maps.shape[2:])
            field = receptive_field(trace, shape, name, point)
            assert (field.lo, field.hi) == support(maps, image, point)


def test_padding_seen_is_what_sticks_out_of_the_image() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 5, padding=2), nn.Conv2d(1, 1, 3, padding=2, dilation=2))
    corner = receptive_field(net, (20, 20), "1", (0, 10))
    assert (corner.lo, corner.hi) == ((0, 6), (4, 14))
    assert corner.padded == ((-4, 6), (4, 14)) and corner.sees_padding
    assert not receptive_field(net, (20, 20), "1", (10, 10)).sees_padding


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_unclipped_box_is_the_field_in_the_middle_of_a_larger_image(ndim) -> None:
    net = UNet(UNetConfig(ndim=ndim, widths=(1, 1, 1)))
    small, large, far = (24,) * ndim, (152,) * ndim, 64
    here, there = follow(net, small), follow(net, large)
    for cell in [0, 1, 2, 3, 5, 13, 20, 21, 22, 23]:
        at = receptive_field(here, small, "classifier", (cell,) * ndim)
        same = receptive_field(there, large, "classifier", (cell + far,) * ndim)
        assert at.padded == tuple(tuple(u - far for u in corner) for corner in (same.lo, same.hi))
        assert same.padded == (same.lo, same.hi)


def test_paths_that_do_not_contain_each_other_keep_their_boxes() -> None:
    class Cross(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide = nn.Conv2d(1, 1, (1, 7), padding=(0, 3))
            self.tall = nn.Conv2d(1, 1, (7, 1), padding=(3, 0))

        def forward(self, image):
            return self.wide(image) + self.tall(image)

    field = receptive_field(Cross(), (20, 20), "", (10, 10))
    assert (field.lo, field.hi) == ((7, 7), (13, 13))
    assert set(field.boxes) == {((10, 7), (10, 13)), ((7, 10), (13, 10))}


@pytest.mark.parametrize("norm", ["group", "instance"])
def test_a_normalisation_over_the_map_is_called_structural(norm) -> None:
    net = UNet(UNetConfig(widths=(4, 8), norm=norm))
    assert receptive_field(net, (16, 16), "enc1.conv1", (3, 3)).kind is Kind.EXACT
    assert receptive_field(net, (16, 16), "enc1.norm1", (3, 3)).kind is Kind.STRUCTURAL
    assert receptive_field(net, (16, 16), "classifier", (3, 3)).kind is Kind.STRUCTURAL


def test_a_squeeze_and_excitation_sees_the_whole_image() -> None:
    class Excited(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3, padding=1)

        def forward(self, image):
            maps = self.conv(image)
            return maps * torch.sigmoid(nn.functional.adaptive_avg_pool2d(maps, 1))

    field = receptive_field(Excited(), (12, 10), "", (4, 4))
    assert (field.lo, field.hi) == ((0, 0), (11, 9))


def test_a_layer_called_several_times_is_named_by_its_call() -> None:
    net = UNet(UNetConfig(widths=(2, 2, 2, 2)))
    sizes = [receptive_field(net, (64, 64), f"pool:{i}", (3, 3)).size[0] for i in (1, 2, 3)]
    assert sizes == [6, 16, 36]
    assert receptive_field(net, (64, 64), "pool", (3, 3)).size[0] == 36


def test_the_model_is_not_touched_by_looking() -> None:
    net = UNet(UNetConfig(widths=(2, 4))).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    receptive_field(net, (8, 8), "classifier", (1, 1))
    assert net.training and all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_what_cannot_be_answered_is_said_in_words() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2))
    with pytest.raises(ModelError, match="no spatial output"):
        receptive_field(net, (8, 8), "2", (0,))
    with pytest.raises(ModelError, match="no layer 'nonsense'"):
        receptive_field(net, (8, 8), "nonsense", (0, 0))
    with pytest.raises(ImageError, match="outside"):
        receptive_field(net, (8, 8), "0", (6, 0))
    with pytest.raises(ModelError, match="does not accept"):
        receptive_field(net, (9, 9), "0", (0, 0))
    with pytest.raises(ImageError, match="image_shape"):
        receptive_field(net, (9,), "0", (0, 0))
    with pytest.raises(ModelError, match="TorchScript"):
        receptive_field(torch.jit.script(net), (8, 8), "0", (0, 0))


def test_maps_written_into_a_canvas_are_not_mistaken_for_something_else() -> None:
    class Pasted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, image):
            canvas = torch.zeros_like(image)
            canvas[..., 2:, :] = self.conv(image)[..., 2:, :]
            return image + canvas

    with pytest.raises(ModelError, match=r"overwritten in place|not followed"):
        receptive_field(Pasted(), (9, 9), "", (4, 4))


def test_valid_by_name_is_a_convolution_without_padding() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding="valid"), nn.Conv2d(1, 1, 5, padding="same"))
    field = receptive_field(net, (12, 12), "1", (0, 4))
    assert (field.lo, field.hi) == ((0, 2), (4, 8)) and field.padded == ((-2, 2), (4, 8))


def test_cubic_interpolation_and_pixel_shuffle_see_what_their_gradient_says() -> None:
    for last in (nn.Upsample(scale_factor=3, mode="bicubic"), nn.PixelShuffle(2)):
        net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), last)
        trace = follow(net, (12, 14))
        net = positive_copy(net)
        image = torch.ones(1, 1, 12, 14, dtype=torch.float64, requires_grad=True)
        output = net(image)
        for point in [(0, 0), (16, 13), (17, 14), (23, 27)]:
            (gradient,) = torch.autograd.grad(output[0, :, *point].sum(), image, retain_graph=True)
            cells = torch.nonzero(gradient[0, 0].abs() > 1e-12)
            lo, hi = (tuple(c.tolist()) for c in (cells.min(0).values, cells.max(0).values))
            field = receptive_field(trace, (12, 14), "1", point)
            assert (field.lo, field.hi) == (lo, hi)


def test_an_operation_without_a_rule_ends_the_trail_only_behind_it() -> None:
    class Fourier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.after = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)

        def forward(self, image):
            return self.after(torch.fft.fft2(self.before(image)).real)

    assert receptive_field(Fourier(), (9, 9), "before", (0, 0)).size == (3, 3)
    with pytest.raises(ModelError, match="_fft_"):
        receptive_field(Fourier(), (9, 9), "after", (0, 0))
