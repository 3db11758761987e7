"""The classical filters: what they answer to, and how far they see."""

from __future__ import annotations

import pytest
import torch

from unetscope.learning.sources.classical import FILTERS, STRIDES, classical_maps, reach_px


def test_maps_have_the_resolution_of_their_stride() -> None:
    maps = classical_maps(torch.rand(2, 3, 16, 24))
    shapes = {stride: tuple(m.shape) for stride, m in maps.items()}
    assert shapes == {s: (2, 15, 16 // s, 24 // s) for s in STRIDES}


def test_the_channels_stand_one_after_the_other() -> None:
    image = torch.rand(1, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    together = classical_maps(image)
    alone = [classical_maps(image[:, c : c + 1]) for c in range(2)]
    for stride in STRIDES:
        # Processors choose their arithmetic by the batch: the last digit may differ.
        apart = torch.cat([a[stride] for a in alone], dim=1)
        torch.testing.assert_close(together[stride], apart, rtol=1e-5, atol=1e-6)


def test_a_flat_image_has_no_edges_and_no_ridges() -> None:
    maps = classical_maps(torch.full((1, 1, 16, 16), 0.7))[1][0]
    answer = dict(zip(FILTERS, maps, strict=True))
    assert torch.allclose(answer["gaussian"], torch.tensor(0.7))
    for name in FILTERS[1:]:
        assert answer[name].abs().max() < 1e-3


def test_a_ramp_has_its_slope_and_a_bright_line_a_negative_curvature() -> None:
    ramp = torch.arange(32.0).reshape(1, 1, 1, 32).expand(1, 1, 32, 32) * 0.5
    assert torch.allclose(classical_maps(ramp)[1][0, 1, 8:24, 8:24], torch.tensor(0.5), atol=1e-3)
    line = torch.zeros(1, 1, 32, 32)
    line[..., 16] = 1
    maps = dict(zip(FILTERS, classical_maps(line)[1][0], strict=True))
    assert maps["hessian low"][16, 16] < -0.1
    assert maps["hessian high"][16, 16].abs() < 0.01
    assert maps["deviation"][16, 16] > maps["deviation"][16, 4]


@pytest.mark.parametrize("stride", [*STRIDES, 16])
def test_the_filters_see_no_farther_than_said(stride) -> None:
    side = 512
    image = torch.rand(1, 1, 16, side, dtype=torch.float64, requires_grad=True)
    maps = classical_maps(image, strides=(stride,))[stride]
    cell = side // stride // 2
    (gradient,) = torch.autograd.grad(maps[0, :, 0, cell].sum(), image)
    seen = torch.nonzero(gradient[0, 0].abs().sum(dim=0))[:, 0]
    # from the pixels of the cell itself, whichever it is that asks
    left = cell * stride + stride - 1 - int(seen.min())
    right = int(seen.max()) - cell * stride
    assert max(left, right) == reach_px(stride)


def test_maps_of_a_core_are_those_of_the_whole() -> None:
    image, strides = torch.rand(2, 2, 320, 288), (*STRIDES, 16)
    core = (slice(128, 192), slice(112, 160))
    whole, part = classical_maps(image, strides=strides), classical_maps(image, core, strides)
    for stride in strides:
        cells = tuple(slice(side.start // stride, side.stop // stride) for side in core)
        assert torch.allclose(part[stride], whole[stride][(..., *cells)], atol=1e-5)


def test_what_only_answers_says_what_can_be_learned_from() -> None:
    image = torch.rand(2, 2, 48, 32, generator=torch.Generator().manual_seed(0))
    expected = classical_maps(image)
    with torch.inference_mode():  # adds shifted planes instead of convolving
        found = classical_maps(image)
    for stride in STRIDES:
        torch.testing.assert_close(found[stride], expected[stride], rtol=1e-4, atol=1e-5)
