"""Patch tokens: jittered passes are finer, and everything lies where it was seen."""

from __future__ import annotations

import pytest
import torch

from unetscope.errors import ModelError
from unetscope.learning.sources.source import placed
from unetscope.learning.sources.timm_backbone import BackboneOptions, read_backbone
from unetscope.learning.sources.tokens import TokenMaps

VIT = {"depth": 1, "embed_dim": 32, "num_heads": 2}
NETS = {
    "plain": ("vit_tiny_patch16_224", {**VIT, "patch_size": 8, "img_size": 64}, 8),
    "class and register tokens": ("vit_small_patch14_reg4_dinov2", VIT, 14),
    "rotary positions": ("vit_small_patch16_dinov3", VIT, 16),
    "Segment Anything": (
        "samvit_base_patch16",
        {**VIT, "neck_chans": 24, "global_attn_indexes": (), "img_size": 128},
        16,
    ),
}


def reader(kind: str, passes: int) -> TokenMaps:
    torch.manual_seed(0)
    name, architecture, _ = NETS[kind]
    found = read_backbone(name, None, BackboneOptions(passes=passes), **architecture)
    assert isinstance(found, TokenMaps)
    return found


WHOLE = (slice(0, 112), slice(0, 144))


def dot_errors(source: TokenMaps, level_px: int) -> torch.Tensor:
    """How far from dots of two pixels the answer to them lies, (dot, axis) in px.

    ``level_px`` is the level onto which the maps are placed before the answer is looked for.
    """
    blank = torch.full((1, 3, 112, 144), 0.5)
    errors = []
    for y, x in [(40, 70), (47, 61), (53, 75), (58, 82)]:
        image = blank.clone()
        image[..., y : y + 2, x : x + 2] = 8.0
        with torch.inference_mode():
            both = [source.raw(i)[0] for i in (blank, image)]
        assert both[1].level == level_px
        gap = placed(both[1], WHOLE) - placed(both[0], WHOLE)
        energy = gap.square().sum(dim=(0, 1))
        # Attention carries a little of it everywhere.
        energy = torch.where(energy > 0.2 * energy.max(), energy, 0)
        for axis, at in enumerate((y + 0.5, x + 0.5)):
            profile = energy.sum(dim=1 - axis)
            places = (torch.arange(len(profile)) + 0.5) * level_px - 0.5
            errors.append(float((profile * places).sum() / profile.sum()) - at)
    return torch.tensor(errors).reshape(-1, 2)


@pytest.mark.parametrize("kind", NETS)
def test_a_dot_is_found_where_it_is_and_finer_with_jitter(kind) -> None:
    patch = NETS[kind][2]
    passes = {8: 4, 14: 7, 16: 4}[patch]
    step = patch // passes
    coarse_level, fine_level = 8 if patch == 8 else 16, step
    coarse = dot_errors(reader(kind, 1), coarse_level)
    fine = dot_errors(reader(kind, passes), fine_level)
    # Half a token, and half a cell of the level, is as near as either can say.
    assert coarse.abs().max() <= (patch + coarse_level) / 2
    assert fine.abs().max() <= (step + fine_level) / 2
    assert fine.square().mean().sqrt() < 0.5 * coarse.square().mean().sqrt()


def test_one_pass_of_many_is_the_plain_answer_to_the_shifted_image() -> None:
    source = reader("plain", 4)  # patches of 8 px: steps of 2 px, the first 3 px before the image
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        fine = source.raw(image)[0]
        shifted = torch.nn.functional.pad(image, (0, 8, 0, 8), mode="replicate")[..., 3:67, 1:65]
        plain = source.raw(shifted, jittered=False)[0]
    assert (fine.stride, fine.offset_px) == (2, 0)
    assert (plain.stride, plain.offset_px) == (8, 0)
    assert torch.allclose(fine.maps[..., 3::4, 2::4], plain.maps, atol=1e-5)
    assert fine.maps.shape[2:] == (32, 32)


@pytest.mark.parametrize("shape", [(50, 71), (8, 8), (1, 40)])
def test_images_of_any_side_are_covered(shape) -> None:
    with torch.inference_mode():
        found = reader("plain", 2).raw(torch.rand(1, 3, *shape))[0]
    assert found.maps.shape[2:] == tuple(-(-side // 4) for side in shape)


def test_passes_that_do_not_divide_the_patch_are_refused() -> None:
    with pytest.raises(ModelError, match=r"14 px; use one of \[1, 2, 7, 14\]"):
        reader("class and register tokens", 4)
