"""Copies of networks on other devices, made once and forgotten with the network.

A model's networks live on the CPU and never change; a GPU works on its own copy.
"""

from __future__ import annotations

import copy
import threading
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

import torch
from torch import nn

from unetscope.learning.precision import inference_precision
from unetscope.network.unet import UNet

_copies: WeakKeyDictionary[nn.Module, dict[str, nn.Module]] = WeakKeyDictionary()
_lock = threading.Lock()
_Net = TypeVar("_Net", bound=nn.Module)


def on_device(net: _Net, device: str) -> _Net:
    """``net`` itself on the CPU, otherwise its copy on ``device``, which answers only.

    A U-Net's copy on an NVIDIA GPU is fused and in the precision that is faster there.
    """
    if device == "cpu":
        return net
    with _lock:
        copies = _copies.setdefault(net, {})
        if device not in copies:
            copies[device] = _copied(net, device)
        return cast(_Net, copies[device])


def _copied(net: nn.Module, device: str) -> nn.Module:
    if isinstance(net, UNet) and device.startswith("cuda"):
        from unetscope.learning.inference import fused_copy  # which stands on this file

        # Not recorded as a CUDA graph: strokes, window and training ask from threads of their own,
        # and a recording has one place for its image.
        return fused_copy(net, device, inference_precision(net, device))
    return copy.deepcopy(net).to(device)


def release_devices() -> None:
    """Drop all copies and give the GPU's memory back."""
    from unetscope.learning.inference import forget_ready

    with _lock:
        _copies.clear()
    forget_ready()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def settled(net: UNet) -> UNet:
    """``net`` made ready to answer: eval mode, no gradients, channels-last (faster here)."""
    net = net.eval().requires_grad_(False)
    if net.config.ndim == 2:
        # torch's type stubs lack the overload that its documentation shows
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net
