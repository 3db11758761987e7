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

from unetscope.network.unet import UNet

_copies: WeakKeyDictionary[nn.Module, dict[str, nn.Module]] = WeakKeyDictionary()
_wishes: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()
_lock = threading.Lock()
_Net = TypeVar("_Net", bound=nn.Module)


def on_device(net: _Net, device: str) -> _Net:
    """``net`` itself on the CPU, otherwise its copy on ``device``, which answers only.

    A U-Net's copy on an NVIDIA GPU is as :func:`~unetscope.learning.inference.ready` makes it, in
    the precision that is faster there or that :func:`with_precision` asked for.
    """
    if device == "cpu":
        return net
    if isinstance(net, UNet) and device.startswith("cuda"):
        from unetscope.learning.inference import Engine, ready  # which stand on this file

        return cast(_Net, ready(net, device, Engine("torch", _wishes.get(net, "auto"))))
    with _lock:
        copies = _copies.setdefault(net, {})
        if device not in copies:
            copies[device] = copy.deepcopy(net).to(device)
        return cast(_Net, copies[device])


def with_precision(net: UNet, precision: str) -> UNet:
    """The same network once more, on the same weights, which a GPU answers in ``precision``."""
    twin = copy.copy(net)
    _wishes[twin] = precision
    return twin


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
