"""Stages of hierarchical backbones: where their cells lie, and how far they see."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from unetscope.errors import ModelError
from unetscope.learning.sources.source import placed
from unetscope.learning.sources.stages import StageMaps
from unetscope.learning.sources.timm_backbone import BackboneOptions, read_backbone


class Chain(nn.Module):
    """Convolutions one after the other; the maps of each are returned."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, image: Tensor) -> list[Tensor]:
        found = []
        for layer in self.layers:
            image = layer(image)
            found.append(image)
        return found


def conv(inputs: int, size: int, stride: int, padding: int) -> nn.Module:
    return nn.Conv2d(inputs, 4, size, stride, padding)


class Gated(nn.Module):
    """Scales its maps by their mean over the image, as squeeze and excitation do."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps * torch.sigmoid(maps.mean(dim=(2, 3), keepdim=True))


def test_offsets_and_reaches_are_those_of_the_convolution_arithmetic() -> None:
    chain = Chain(
        conv(3, 2, 2, 0),  # two pixels side by side: on the plain grid
        nn.Sequential(conv(4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU()),  # middle at 4 i + 0.5
        nn.Sequential(conv(4, 3, 1, 1), nn.MaxPool2d(2)),  # again side by side
    ).eval()
    source = StageMaps(chain, (2, 4, 8), (4, 4, 4))
    assert [s.offset_px for s in source._sights] == [0.0, -1.0, -1.0]
    # Each sees one more cell of the stage before to either side; the last averages two of its own.
    assert [s.reach_px for s in source._sights] == [0.5, 3.5, 9.5]
    assert source.exact_tiles and source.halo_px == 17


def test_known_backbones_have_known_offsets() -> None:
    torch.manual_seed(0)
    options = BackboneOptions()
    padded = read_backbone("test_efficientnet", None, options)  # 3x3, stride 2, padding 1
    patchy = read_backbone("test_convnext", None, options)  # 4x4 or 2x2, stride alike, no padding
    assert isinstance(padded, StageMaps) and isinstance(patchy, StageMaps)
    assert padded.strides == (2, 4, 8, 16) and patchy.strides == (4, 8, 16)
    assert [s.offset_px for s in padded._sights] == [-(s - 1) / 2 for s in padded.strides]
    assert [s.offset_px for s in patchy._sights] == [0, 0, 0]
    # Squeeze and excitation pools over the image; a third stage sees farther than a tile is worth.
    assert not padded.exact_tiles and not patchy.exact_tiles


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext"])
def test_a_dot_is_found_where_it_is(name) -> None:
    torch.manual_seed(0)
    source = read_backbone(name, None, BackboneOptions(coarsest_px=8))
    sides = (80, 80)
    blank = torch.full((1, 3, *sides), 0.5)
    misses: dict[int, list[float]] = {}
    for shift in range(8):  # every phase of the coarsest stage
        image = blank.clone()
        image[..., 36 + shift, 36 + shift] = 3.0
        with torch.inference_mode():
            for one, two in zip(source.raw(blank), source.raw(image), strict=True):
                whole = tuple(slice(0, side) for side in sides)
                gap = placed(two, whole) - placed(one, whole)
                profile = gap.square().sum(dim=(0, 1, 2))
                places = (torch.arange(len(profile)) + 0.5) * one.level - 0.5
                found = float((profile * places).sum() / profile.sum())
                misses.setdefault(one.level, []).append(found - 36 - shift)
    for level, miss in misses.items():  # balanced over the phases: less than a quarter of a cell
        assert abs(sum(miss) / 8) < max(0.5, level / 4), (level, miss)


def test_tiles_with_the_halo_are_the_whole() -> None:
    torch.manual_seed(0)
    source = read_backbone("test_convnext", None, BackboneOptions(coarsest_px=8))
    assert source.exact_tiles
    halo = -(-source.halo_px // 8) * 8
    image = torch.rand(1, 3, 64, 2 * halo + 40)
    with torch.inference_mode():
        whole = source.raw(image)
        part = source.raw(image[..., 16 : 16 + 2 * halo + 8])
    for one, two in zip(whole, part, strict=True):
        start, stop = (halo // one.level, (halo + 8) // one.level)
        here = two.maps[..., start:stop]
        there = one.maps[..., start + 16 // one.level : stop + 16 // one.level]
        assert torch.allclose(here, there, atol=1e-4)


def test_what_pools_over_the_image_is_not_exact() -> None:
    torch.manual_seed(0)
    plain, gated = conv(3, 3, 2, 1), nn.Sequential(conv(3, 3, 2, 1), Gated())
    assert StageMaps(Chain(plain), (2,), (4,)).exact_tiles
    assert not StageMaps(Chain(gated), (2,), (4,)).exact_tiles


def test_stages_of_another_shape_are_refused() -> None:
    with pytest.raises(ModelError, match="stride 4"):
        StageMaps(Chain(conv(3, 3, 2, 1)), (4,), (4,))
    with pytest.raises(ModelError, match="any size"):
        StageMaps(Chain(nn.Linear(5, 4)), (1,), (4,))


def test_stages_with_the_channel_last_are_turned() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = conv(3, 2, 2, 0)

        def forward(self, image: Tensor) -> list[Tensor]:
            return [self.conv(image).permute(0, 2, 3, 1)]

    assert StageMaps(Last(), (2,), (4,)).raw(torch.rand(1, 3, 8, 12))[0].maps.shape == (1, 4, 4, 6)


def test_where_a_bounded_activation_looks_is_measured_as_well() -> None:
    plain = conv(3, 3, 2, 1)
    bounded = StageMaps(Chain(nn.Sequential(plain, nn.ReLU6())), (2,), (4,))
    assert bounded._sights == StageMaps(Chain(plain), (2,), (4,))._sights
