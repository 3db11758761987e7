"""Fold batch normalisation into the convolutions before it.

In evaluation, batch normalisation is a fixed scale and shift per channel, so a convolution can
carry it: ``w' = w · γ / √(σ² + ε)`` and ``b' = β - μ · γ / √(σ² + ε)``. The folded net gives the
same answer, is faster, has no statistics that could drift while it learns from a few strokes, and
makes tiles independent of what else they show.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from unetscope.errors import ModelError
from unetscope.network.unet import ConvBlock, UNet


def fold_batch_norm(net: UNet) -> UNet:
    """A new net in eval mode, without batch normalisation, that answers as ``net.eval()`` does."""
    if net.config.norm == "none":
        raise ModelError("this network is folded already (norm='none').")
    if net.config.norm != "batch":
        raise ModelError(f"norm is {net.config.norm!r}; only batch normalisation can be folded.")
    folded = UNet(replace(net.config, norm="none"))
    tensors = {k: v.clone() for k, v in net.state_dict().items() if k in folded.state_dict()}
    for name, module in folded.named_modules():
        if not isinstance(module, ConvBlock):
            continue
        for index in ("1", "2"):
            norm = net.get_submodule(f"{name}.norm{index}")
            assert isinstance(norm, (nn.BatchNorm2d, nn.BatchNorm3d))
            weight, bias = _folded(tensors[f"{name}.conv{index}.weight"], norm)
            tensors[f"{name}.conv{index}.weight"] = weight
            tensors[f"{name}.conv{index}.bias"] = bias
    folded.load_state_dict(tensors, strict=True)
    return folded.eval()


@torch.no_grad()
def _folded(
    kernel: torch.Tensor, norm: nn.BatchNorm2d | nn.BatchNorm3d
) -> tuple[torch.Tensor, torch.Tensor]:
    assert norm.running_mean is not None and norm.running_var is not None
    # In float64, because a small variance would otherwise cost digits.
    weight = kernel.double()
    gain = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    shift = norm.bias.double() - norm.running_mean.double() * gain
    scaled = weight * gain.reshape(-1, *[1] * (weight.ndim - 1))
    return scaled.float(), shift.float()
