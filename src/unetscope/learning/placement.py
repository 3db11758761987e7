"""Copies of networks that answer, made once and forgotten with the network.

A model's networks live on the CPU and never change; what answers is a copy that is made for it.
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
    """The copy of ``net`` that answers on ``device``; on the CPU, of anything but a U-Net, itself.

    A U-Net's copy on the CPU or on an NVIDIA GPU is as
    :func:`~unetscope.learning.inference.ready` makes it, in the precision that
    :func:`with_precision` asked for; else in float32 on the CPU, and as is faster on the GPU.
    """
    kind = device.split(":")[0]
    if isinstance(net, UNet) and kind in ("cpu", "cuda"):
        from unetscope.learning.inference import Engine, ready  # which stand on this file

        precision = _wishes.get(net, "fp32" if kind == "cpu" else "auto")
        return cast(_Net, ready(net, device, Engine("torch", precision)))
    if device == "cpu":
        return net
    with _lock:
        copies = _copies.setdefault(net, {})
        if device not in copies:
            copies[device] = copy.deepcopy(net).to(device)
        return cast(_Net, copies[device])


def with_precision(net: UNet, precision: str) -> UNet:
    """The same network once more, on the same weights, which :func:`on_device` asks so."""
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
