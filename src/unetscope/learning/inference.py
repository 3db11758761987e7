"""Networks made ready to answer as fast as the device can, without touching the model's own.

The copy that answers is folded, fused, channels-last and in the precision that is wanted. It is a
:class:`UNet` itself, so whoever asks need not know.
"""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary, WeakSet

import torch

from unetscope.errors import ModelError
from unetscope.learning.fused import fuse
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.placement import with_precision
from unetscope.learning.precision import inference_precision
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
_lock = threading.Lock()


def made_ready(model: PixelModel, device: str, engine: Engine) -> PixelModel:
    """``model`` with networks that answer as ``engine`` says.

    On a GPU they stay on the CPU, where an answer goes on when the GPU's memory runs out, and
    :func:`~unetscope.learning.placement.on_device` copies them as ``engine`` says.

    Raises
    ------
    ModelError
        If device and engine do not go together, or the engine is not there.
    """
    if device != "cpu" and engine.name == "openvino":
        raise ModelError(f"OpenVINO works on the CPU here, not on {device!r}: use device cpu.")
    if device.startswith("cuda"):
        return in_precision(model, engine.precision)
    if device != "cpu":
        return model
    network = model.network if model.network_speaks else None
    return replace(
        model,
        backbone=ready(model.backbone, device, engine),
        network=ready(network, device, engine) if network is not None else model.network,
    )


def in_precision(model: PixelModel, precision: str) -> PixelModel:
    """``model`` with the same networks, whose copies on any device answer in ``precision``."""
    network = model.network if model.network_speaks else None
    return replace(
        model,
        backbone=_asked(model.backbone, precision),
        network=_asked(network, precision) if network is not None else model.network,
    )


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


def _asked(net: UNet, precision: str) -> UNet:
    """``net``, for which every device knows the precision; the same one every time."""
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
        from unetscope.learning.openvino_engine import OpenVinoNet

        return OpenVinoNet(net, precision)
    fast = fused_copy(net, device, precision)
    if device.startswith("cuda"):
        from unetscope.learning.cuda_graphs import GraphedNet

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
