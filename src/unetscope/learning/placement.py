"""Copies of networks on other devices, made once and forgotten with the network.

A model's networks live on the CPU and never change; a GPU works on its own copy.
"""

from __future__ import annotations

import copy
import threading
from weakref import WeakKeyDictionary

import torch

from unetscope.network.unet import UNet

_copies: WeakKeyDictionary[UNet, dict[str, UNet]] = WeakKeyDictionary()
_lock = threading.Lock()


def on_device(net: UNet, device: str) -> UNet:
    """``net`` itself on the CPU, otherwise its copy on ``device``."""
    if device == "cpu":
        return net
    with _lock:
        copies = _copies.setdefault(net, {})
        if device not in copies:
            copies[device] = copy.deepcopy(net).to(device)
        return copies[device]


def release_devices() -> None:
    """Drop all copies and give the GPU's memory back."""
    with _lock:
        _copies.clear()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def settled(net: UNet) -> UNet:
    """``net`` made ready to answer: eval mode, no gradients, channels-last (faster here)."""
    net = net.eval().requires_grad_(False)
    if net.config.ndim == 2:
        # torch's type stubs lack the overload that its documentation shows
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net
