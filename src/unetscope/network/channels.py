"""Give a network another number of image channels or classes, keeping what it knows."""

from __future__ import annotations

from dataclasses import replace

import torch

from unetscope.errors import ModelError
from unetscope.network.unet import UNet


@torch.no_grad()
def adapt_input_channels(net: UNet, channels: int) -> UNet:
    """A copy of ``net`` for ``channels`` image channels that keeps the first layer's kernels.

    Every new channel gets the mean kernel of the old ones divided by the number of channels, so an
    image whose channels are all equal is answered as the grey image was. Fine-tuning then learns
    what sets the channels apart.
    """
    if channels < 1:
        raise ModelError(f"{channels} image channels asked for; there must be at least one.")
    first = "enc1.conv1.weight"
    adapted = UNet(replace(net.config, in_channels=channels))
    tensors = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    if channels != net.config.in_channels:
        total = tensors[first].sum(dim=1, keepdim=True)  # (out, 1, k, k): answers equal channels
        tensors[first] = total.expand(-1, channels, *total.shape[2:]).contiguous() / channels
    adapted.load_state_dict(tensors, strict=True)
    return adapted.train(net.training)


@torch.no_grad()
def with_classes(net: UNet, classes: int) -> UNet:
    """A copy of ``net`` whose 1×1 classifier has ``classes`` outputs, set to zero."""
    fresh = UNet(replace(net.config, classes=classes))
    tensors = {k: v.clone() for k, v in net.state_dict().items() if not k.startswith("classifier.")}
    for name, tensor in fresh.state_dict().items():
        if name.startswith("classifier."):
            tensors[name] = torch.zeros_like(tensor)
    fresh.load_state_dict(tensors, strict=True)
    return fresh.train(net.training)
