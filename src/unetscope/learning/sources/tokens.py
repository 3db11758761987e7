"""Patch tokens of a vision transformer, made finer by jittered passes.

A ViT answers once a patch, every 14 or 16 px. Seen again with the image shifted by a part of the
patch, its tokens fall between the first ones; interleaved, ``n × n`` passes make a grid ``n``
times finer in both directions. Shifts are whole pixels, so no pass sees a blurred image.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from unetscope.errors import ModelError
from unetscope.learning.sources.source import SourceMaps

# Attention sees the whole tile. This much around it keeps the answer from feeling the tile's rim.
CONTEXT_PX = 64


class TokenMaps:
    """The last block's tokens (normalised; behind SAM's neck) as one map.

    Parameters
    ----------
    net : a timm transformer with ``forward_intermediates`` that takes any image size.
    patch_px : side of its patches.
    passes : jittered passes in each direction; must divide ``patch_px``.
    """

    exact_tiles = False
    halo_px = CONTEXT_PX

    def __init__(self, net: nn.Module, patch_px: int, passes: int) -> None:
        if passes < 1 or patch_px % passes:
            allowed = [n for n in range(1, patch_px + 1) if patch_px % n == 0]
            raise ModelError(
                f"{passes} jittered passes do not divide a patch of {patch_px} px; use one of "
                f"{allowed}."
            )
        self.net, self.patch_px, self.passes = net, patch_px, passes
        # Patches are cut from a padded copy, so the image itself may have any side.
        self.side_multiple = 1

    def raw(
        self, image: Tensor, net: nn.Module | None = None, *, jittered: bool = True
    ) -> tuple[SourceMaps, ...]:
        """Tokens of (batch, 3, y, x) by ``net``; ``jittered=False`` makes one pass only."""
        passes = self.passes if jittered else 1
        step = self.patch_px // passes
        # Half of what a patch is wider than a step lies before the image: so the first patch looks
        # at the middle of the first fine cell (to half a pixel where it does not divide).
        before = (self.patch_px - step) // 2
        fine = [-(-side // step) for side in image.shape[2:]]
        patches = [-(-count // passes) for count in fine]  # in each pass
        after = [
            (count + 1) * self.patch_px - step - before - side
            for count, side in zip(patches, image.shape[2:], strict=True)
        ]
        padded = functional.pad(image, (before, after[1], before, after[0]), mode="replicate")
        maps = self._interleaved(net or self.net, padded, passes)[..., : fine[0], : fine[1]]
        offset = (self.patch_px - step) / 2 - before
        return (SourceMaps("tokens", step, maps, offset),)

    def _interleaved(self, net: Any, padded: Tensor, passes: int) -> Tensor:
        """Tokens (batch, channel, y, x) of all passes, each at its place."""
        step = self.patch_px // passes
        height, width = (side + step - self.patch_px for side in padded.shape[2:])
        rows = []
        for top in range(0, self.patch_px, step):
            row = [
                _tokens(net, padded[..., top : top + height, left : left + width])
                for left in range(0, self.patch_px, step)
            ]
            rows.append(torch.stack(row, dim=-1).flatten(-2))  # (batch, channel, y, fine x)
        return torch.stack(rows, dim=-2).flatten(-3, -2)  # (batch, channel, fine y, fine x)


def _tokens(net: Any, image: Tensor) -> Tensor:
    # One map a patch: class and register tokens are left out.
    (found,) = net.forward_intermediates(
        image, indices=1, norm=True, output_fmt="NCHW", intermediates_only=True
    )
    return found
