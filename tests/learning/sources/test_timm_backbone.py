"""A backbone as a source: few channels of like size, the same ones every time."""

from __future__ import annotations

import sys

import pytest
import torch

from learning.small_scenes import small_model
from unetscope.errors import ModelError
from unetscope.learning.features import rows_at
from unetscope.learning.head import Penalty, solve_head
from unetscope.learning.sources.backbone import Backbone, BackboneOptions, TrainingColours
from unetscope.learning.sources.bundled import UNetTaps
from unetscope.learning.sources.classical import ClassicalFilters
from unetscope.learning.sources.reduction import RMS, fit_reduction, reference_images
from unetscope.learning.sources.source import Look, feature_columns, levels_of, tile_needs
from unetscope.learning.sources.timm_backbone import import_timm, read_backbone

FEW = BackboneOptions(components=6)


def backbone(name: str = "test_vit", options: BackboneOptions = FEW, **more) -> Backbone:
    torch.manual_seed(0)
    return Backbone(f"timm:{name}", read_backbone(name, None, options), options=options, **more)


@pytest.fixture(scope="module")
def vit() -> Backbone:
    return backbone()


def test_maps_have_few_channels_of_like_size(vit) -> None:
    (one,) = [vit.maps(Look(image)) for image in list(reference_images())[:1]]
    assert one[0].maps.shape == (1, 6, 24, 24)
    energies = [vit.maps(Look(i))[0].maps.square().mean() for i in reference_images()]
    assert torch.stack(energies).mean().sqrt() == pytest.approx(RMS, rel=0.1)


def test_columns_are_what_the_levels_hold(vit) -> None:
    net = small_model(channels=2).features.backbone
    sources = (UNetTaps("small", net), vit, ClassicalFilters())
    levels = levels_of(sources, Look(torch.rand(1, 2, 48, 64)))
    columns = feature_columns(sources, 2)
    assert [c.level for c in columns] == [s for s in levels for _ in range(levels[s].shape[1])]
    own = [c.name for c in columns if c.source == "timm:test_vit"]
    assert own == [f"tokens, component {i}" for i in range(6)]
    needs = tile_needs(sources, 2)
    assert not needs.exact and needs.halo_px >= vit.halo_px and needs.side_multiple == 8


def test_an_image_of_grey_in_three_channels_is_the_grey_image(vit) -> None:
    grey = torch.rand(1, 1, 32, 32)
    one, three, two = (vit.maps(Look(grey.expand(-1, n, -1, -1)))[0].maps for n in (1, 3, 2))
    assert torch.allclose(one, three, atol=1e-5) and torch.allclose(one, two, atol=1e-5)
    colour = torch.cat([grey, grey.flip(3), grey], dim=1)
    assert not torch.allclose(vit.maps(Look(colour))[0].maps, one, atol=1e-2)


def test_the_colours_are_brought_to_what_the_backbone_was_trained_on() -> None:
    reader = read_backbone("test_convnext", None, FEW)
    seen: list[torch.Tensor] = []
    reader.net.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    colours = TrainingColours((0.1, 0.2, 0.3), (0.5, 1.0, 2.0))
    source = Backbone("x", reader, colours=colours, options=FEW)
    source.maps(Look(torch.full((1, 1, 32, 32), 0.6)))
    assert torch.allclose(seen[-1][0, :, 0, 0], torch.tensor([1.0, 0.4, 0.15]))


def test_the_same_weights_have_one_fingerprint_and_a_state_brings_the_numbers_back(vit) -> None:
    again = backbone(state=vit.state())
    image = torch.rand(1, 1, 32, 48)
    assert again.fingerprint == vit.fingerprint
    assert torch.equal(again.maps(Look(image))[0].maps, vit.maps(Look(image))[0].maps)
    other = {**vit.state(), "tokens.bias": vit.state()["tokens.bias"] + 1}
    assert backbone(state=other).fingerprint != vit.fingerprint


@pytest.mark.parametrize(
    "state", [{}, {"tokens.weight": torch.zeros(3, 6), "tokens.bias": torch.zeros(6)}]
)
def test_a_state_of_another_backbone_is_refused(state) -> None:
    with pytest.raises(ModelError, match="stored reduction of timm:test_vit"):
        backbone(state=state)


def test_a_reduction_keeps_the_distances_that_matter() -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(500, 3, generator=generator)
    mixing = torch.randn(3, 20, generator=generator)
    rows = hidden @ mixing * torch.logspace(-2, 2, 20)  # channels of very unlike size
    kept = fit_reduction(rows, 3)
    here = kept(rows.t()[None, :, :, None])[0, :, :, 0].t()
    assert here.square().mean().sqrt() == pytest.approx(RMS, rel=1e-3)
    wanted, found = (torch.pdist(points[:50].double()) for points in (rows / rows.std(dim=0), here))
    ratio = found / wanted
    assert ratio.std() < 1e-3 * ratio.mean()  # all three hidden directions, none stretched


def test_a_silent_channel_is_left_out() -> None:
    rows = torch.rand(100, 3)
    rows[:, 1] = 4.0
    found = fit_reduction(rows, 8)
    assert torch.equal(found.weight[1], torch.zeros(3)) and torch.isfinite(found.bias).all()


def test_a_head_is_solved_on_all_sources_together(vit) -> None:
    sources = (UNetTaps("small", small_model().features.backbone), vit, ClassicalFilters())
    image = torch.rand(1, 1, 48, 48)
    image[..., 24:] *= 0.2
    with torch.inference_mode():
        levels = {s: maps[0] for s, maps in levels_of(sources, Look(image)).items()}
        y, x = torch.arange(48).repeat(2), torch.tensor([8, 40]).repeat_interleave(48)
        rows = rows_at(levels, y, x)
        penalty = Penalty(torch.ones(rows.shape[1]), 0.03)
        head = solve_head(rows, (x > 24).long(), 2, penalty).stored()
        answer = head.scores(levels).argmax(dim=0)
    truth = (torch.arange(48) >= 24).long().expand(48, 48)
    assert (answer == truth).float().mean() > 0.95


def test_unusable_backbones_and_options_are_refused() -> None:
    small = {"depth": 1, "embed_dim": 32, "num_heads": 2}
    fixed = read_backbone("vit_relpos_small_patch16_224", None, FEW, **small)
    with pytest.raises(ModelError, match="any size"):
        Backbone("fixed", fixed)
    with pytest.raises(ModelError, match="coarser than 2 px"):
        read_backbone("test_convnext", None, BackboneOptions(coarsest_px=2))
    with pytest.raises(ModelError, match="components is 0"):
        BackboneOptions(components=0)


def test_without_timm_the_error_names_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModelError, match=r"napari-unetscope\[timm\]"):
        import_timm()
