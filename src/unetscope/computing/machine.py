"""Where networks answer, and the copies that do, made as fast as the device can be.

A model's networks live on the CPU and never change. What answers is a copy that a :class:`Machine`
owns, made once and forgotten with the network: folded, fused, channels-last and in the precision
that is wanted. It is a :class:`UNet` itself, so whoever asks need not know.
"""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

import torch
from torch import nn

from unetscope.computing.choices import EngineName, Precision, one_of
from unetscope.computing.fused import fuse
from unetscope.computing.memory import give_back
from unetscope.computing.openvino_engine import OpenVinoNet, openvino_library
from unetscope.computing.precision import choose_device, inference_precision
from unetscope.errors import ModelError
from unetscope.network.folding import fold_batch_norm
from unetscope.network.unet import UNet


@dataclass(frozen=True)
class Engine:
    """What computes a network.

    Attributes
    ----------
    name : an :class:`EngineName`; ``"openvino"`` on the CPU where that is installed.
    precision : a :class:`Precision`: ``"fp32"`` (the same labels as the network itself, to
        rounding), ``"bf16"``, or ``"auto"``: bf16 where :func:`inference_precision` finds it
        faster and equal enough.
    """

    name: str = EngineName.TORCH
    precision: str = Precision.FP32

    def __post_init__(self) -> None:
        if self.name not in list(EngineName):
            raise ModelError(f"engine {self.name!r} is unknown; use {one_of(EngineName)}.")
        if self.precision not in list(Precision):
            raise ModelError(f"precision {self.precision!r} is unknown; use {one_of(Precision)}.")


_Net = TypeVar("_Net", bound=nn.Module)


class Machine:
    """A device, what computes there, and the copies of networks that answer; thread-safe.

    Parameters
    ----------
    device : ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` …, ``"mps"``; the CPU takes the place
        of one that is not there.
    engine : None: torch, in float32 on the CPU and as is faster on a GPU.

    Raises
    ------
    ModelError
        If device and engine do not go together, the engine is not installed, or no device is
        called so.
    """

    def __init__(self, device: str = "auto", engine: Engine | None = None) -> None:
        self.device = choose_device(device)
        kind = self.device.split(":")[0]
        if kind != "cpu" and engine is not None and engine.name == EngineName.OPENVINO:
            raise ModelError(
                f"OpenVINO works on the CPU here, not on {self.device!r}: use device cpu."
            )
        if engine is not None and engine.name == EngineName.OPENVINO:
            openvino_library()  # before work is begun that could not be done
        self.engine = engine or Engine(
            precision=Precision.FP32 if kind == "cpu" else Precision.AUTO
        )
        self._asked = engine
        self._copies: WeakKeyDictionary[nn.Module, nn.Module] = WeakKeyDictionary()
        self._lock = threading.Lock()

    @property
    def on_cpu(self) -> bool:
        """Whether this is the processor."""
        return self.device == "cpu"

    @property
    def key(self) -> str:
        """Tells apart machines whose numbers may differ."""
        return f"{self.device} {self.engine.name} {self.engine.precision}"

    def instead(self, device: str) -> Machine:
        """Another device with the engine that was asked for."""
        return Machine(device, self._asked)

    def net(self, own: _Net) -> _Net:
        """The copy of ``own`` that answers here; on the CPU, of anything but a U-Net, itself."""
        is_unet = isinstance(own, UNet)
        if self.on_cpu and not is_unet:
            return own
        with self._lock:
            if own not in self._copies:
                ready = is_unet and not self.device.startswith("mps")
                self._copies[own] = (
                    _made_ready(cast("UNet", own), self.device, self.engine)
                    if ready
                    else copy.deepcopy(own).to(self.device)
                )
            return cast("_Net", self._copies[own])

    def release(self) -> None:
        """Drop all copies and give the GPU's memory back."""
        with self._lock:
            self._copies.clear()
        give_back()


def _made_ready(net: UNet, device: str, engine: Engine) -> UNet:
    precision = inference_precision(net, device, engine.precision)
    if engine.name == EngineName.OPENVINO:
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
    if precision == Precision.BF16:
        fast = fast.to(torch.bfloat16)
    if net.config.ndim == 2:
        # torch's type stubs lack the overload that its documentation shows
        fast.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return fuse(fast)


def settled(net: UNet) -> UNet:
    """``net`` made ready to answer: eval mode, no gradients, channels-last (faster here)."""
    net = net.eval().requires_grad_(False)
    if net.config.ndim == 2:
        # torch's type stubs lack the overload that its documentation shows
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net
