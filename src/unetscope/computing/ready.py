"""Networks made ready to answer as fast as the device can, without touching the model's own.

A model's networks live on the CPU and never change. What answers is a copy, made once and forgotten
with the network: folded, fused, channels-last and in the precision that is wanted. It is a
:class:`UNet` itself, so whoever asks need not know.
"""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass
from typing import TypeVar, cast
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import nn

from unetscope.computing.fused import fuse
from unetscope.computing.precision import inference_precision
from unetscope.errors import ModelError
from unetscope.network.folding import fold_batch_norm
from unetscope.network.unet import UNet

ENGINES = ("torch", "openvino")
PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True)
class Engine:
    """What computes a network.

    Attributes
    ----------
    name : ``"torch"``, or ``"openvino"`` on the CPU where that is installed.
    precision : ``"fp32"`` (the same labels as the network itself, to rounding), ``"bf16"``, or
        ``"auto"``: bf16 where :func:`inference_precision` finds it faster and equal enough.
    """

    name: str = "torch"
    precision: str = "fp32"

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise ModelError(f"engine {self.name!r} is unknown; use {' or '.join(ENGINES)}.")
        if self.precision not in PRECISIONS:
            raise ModelError(
                f"precision {self.precision!r} is unknown; use {', '.join(PRECISIONS)}."
            )


_ready: WeakKeyDictionary[UNet, dict[tuple[str, str, str], UNet]] = WeakKeyDictionary()
_answers_only: WeakSet[UNet] = WeakSet()  # what has been made ready, which is so already
_copies: WeakKeyDictionary[nn.Module, dict[str, nn.Module]] = WeakKeyDictionary()
_wishes: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()
_lock = threading.Lock()
_Net = TypeVar("_Net", bound=nn.Module)


def ready(net: UNet, device: str, engine: Engine) -> UNet:
    """``net``, which no longer changes, as it answers fastest; kept until ``net`` is forgotten."""
    if net in _answers_only:
        return net
    precision = inference_precision(net, device, engine.precision)
    key = (device, precision, engine.name)
    with _lock:
        made = _ready.setdefault(net, {})
        if key not in made:
            made[key] = _made(net, device, precision, engine.name)
            _answers_only.add(made[key])
        return made[key]


def asked_in(net: UNet, precision: str) -> UNet:
    """``net``, whose copies on any device answer in ``precision``; the same one every time."""
    key = ("any", precision, "asked")
    with _lock:
        made = _ready.setdefault(net, {})
        if key not in made:
            made[key] = with_precision(net, precision)
        return made[key]


def forget_ready() -> None:
    """Drop all copies, so that a GPU gets its memory back."""
    with _lock:
        _ready.clear()


def _made(net: UNet, device: str, precision: str, engine: str) -> UNet:
    if engine == "openvino":
        from unetscope.computing.openvino_engine import OpenVinoNet

        return OpenVinoNet(net, precision)
    fast = fused_copy(net, device, precision)
    if device.startswith("cuda"):
        from unetscope.computing.cuda_graphs import GraphedNet

        return GraphedNet(fast)
    return fast


def fused_copy(net: UNet, device: str, precision: str) -> UNet:
    """A copy of ``net`` on ``device``, folded and fused; its logits are float32 always."""
    fast = fold_batch_norm(net) if net.config.norm == "batch" else copy.deepcopy(net)
    fast = fast.eval().requires_grad_(False).to(device)
    if precision == "bf16":
        fast = fast.to(torch.bfloat16)
    if net.config.ndim == 2:
        # torch's type stubs lack the overload that its documentation shows
        fast.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return fuse(fast)


def on_device(net: _Net, device: str) -> _Net:
    """The copy of ``net`` that answers on ``device``; on the CPU, of anything but a U-Net, itself.

    A U-Net's copy on the CPU or on an NVIDIA GPU is as
    :func:`ready` makes it, in the precision that
    :func:`with_precision` asked for; else in float32 on the CPU, and as is faster on the GPU.
    """
    kind = device.split(":")[0]
    if isinstance(net, UNet) and kind in ("cpu", "cuda"):
        precision = _wishes.get(net, "fp32" if kind == "cpu" else "auto")
        return cast("_Net", ready(net, device, Engine("torch", precision)))
    if device == "cpu":
        return net
    with _lock:
        copies = _copies.setdefault(net, {})
        if device not in copies:
            copies[device] = copy.deepcopy(net).to(device)
        return cast("_Net", copies[device])


def with_precision(net: UNet, precision: str) -> UNet:
    """The same network once more, on the same weights, which :func:`on_device` asks so."""
    twin = copy.copy(net)
    _wishes[twin] = precision
    return twin


def release_devices() -> None:
    """Drop all copies and give the GPU's memory back."""
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
