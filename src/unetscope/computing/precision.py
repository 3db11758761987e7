"""Which arithmetic a device is faster with.

Training asks hardware flags alone, so that runs can be repeated: a timed probe could choose
differently from run to run. Inference asks the flags first and then tries, because what is gained
or lost depends on the network too; its answer is kept for the process.
"""

from __future__ import annotations

import copy
import re
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from torch import Tensor

from unetscope.computing.choices import Precision, one_of
from unetscope.errors import ModelError
from unetscope.network.unet import UNet, UNetConfig

_PROBE_PX, _PROBE_TURNS = 192, 3
# bf16 rounds to three digits: of the logits, 1 % is usual; 5 % would be something else going wrong.
_MOST_ERROR, _LEAST_AGREEMENT = 0.05, 0.97


def choose_device(wanted: str = "auto") -> str:
    """``"auto"`` becomes cuda, mps or cpu, whichever is there.

    Where another one is not there the CPU takes its place; :func:`device_note` says so.

    Raises
    ------
    ModelError
        If no device is called so.
    """
    if re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", wanted) is None:
        raise ModelError(f"device {wanted!r} is unknown; use auto, cpu, cuda or mps.")
    if wanted == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    return wanted if _is_there(wanted) else "cpu"


def device_note(wanted: str) -> str | None:
    """What to tell where the CPU takes the place of the device that was asked for."""
    chosen = choose_device(wanted)
    if wanted == "auto" or chosen == wanted:
        return None
    missing = "Apple GPU" if wanted == "mps" else "CUDA GPU"
    return (
        f"The device {wanted!r} was asked for, but no such {missing} can be used here: the CPU "
        "does the work. Choose another one in Preferences ▸ unetscope ▸ Device, or with --device."
    )


def _is_there(device: str) -> bool:
    kind, _, number = device.partition(":")
    if kind == "cuda":
        return torch.cuda.is_available() and int(number or 0) < torch.cuda.device_count()
    return kind == "cpu" or torch.backends.mps.is_available()


@cache
def training_precision(device: str, wanted: str = Precision.AUTO) -> str:
    """``"bf16"`` where the device multiplies it natively, otherwise ``"fp32"``."""
    if wanted not in list(Precision):
        raise ModelError(f"precision {wanted!r} is unknown; use {one_of(Precision)}.")
    if wanted != Precision.AUTO:
        return wanted
    if device.startswith("cuda"):
        return Precision.BF16 if torch.cuda.is_bf16_supported() else Precision.FP32
    if device == "cpu":
        # AVX-512 without bf16 instructions emulates them and loses; AVX2 machines as well.
        flags = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        native = any(getattr(torch.cpu, flag, lambda: False)() for flag in flags)
        return Precision.BF16 if native else Precision.FP32
    return Precision.FP32


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """The context in which a forward pass runs in ``precision``."""
    if precision != Precision.BF16:
        return nullcontext()
    return torch.autocast(device.split(":")[0], dtype=torch.bfloat16)


_found: dict[tuple[str, UNetConfig], str] = {}
_probing = threading.Lock()


def inference_precision(
    net: UNet,
    device: str,
    wanted: str = Precision.AUTO,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> str:
    """``"bf16"`` where that is faster for such a net and equal enough, otherwise ``"fp32"``.

    Decided once a process for each device and network shape, by passes over a small picture.

    Parameters
    ----------
    clock : seconds; given by tests.
    """
    native = training_precision(device, wanted)
    if wanted != Precision.AUTO or native == Precision.FP32:
        return native
    key = (device, net.config)
    with _probing:
        if key not in _found:
            won = _bf16_wins(net, device, clock)
            _found[key] = Precision.BF16 if won else Precision.FP32
        return _found[key]


@torch.inference_mode()
def _bf16_wins(net: UNet, device: str, clock: Callable[[], float]) -> bool:
    generator = torch.Generator().manual_seed(0)
    side = -(-_PROBE_PX // net.config.multiple) * net.config.multiple
    sides = [side] * 2 if net.config.ndim == 2 else [net.config.multiple * 2] * 3
    image = torch.rand(1, net.config.in_channels, *sides, generator=generator).to(device)
    wide = copy.deepcopy(net).eval().to(device)
    nets = {Precision.FP32: wide, Precision.BF16: copy.deepcopy(wide).to(torch.bfloat16)}
    if net.config.ndim == 2:
        for either in nets.values():
            either.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = {Precision.FP32: image, Precision.BF16: image.to(torch.bfloat16)}
    answers: dict[str, Tensor] = {}
    seconds = {name: float("inf") for name in nets}
    for turn in range(_PROBE_TURNS + 1):  # in turns, so that a busy moment meets both
        for name, either in nets.items():
            _wait_for(device)
            began = clock()
            answers[name] = either(images[name])
            _wait_for(device)
            if turn:  # the first makes things ready
                seconds[name] = min(seconds[name], clock() - began)
    faster = seconds[Precision.BF16] < seconds[Precision.FP32]
    return faster and equal_enough(answers[Precision.FP32], answers[Precision.BF16])


def equal_enough(exact: Tensor, rounded: Tensor) -> bool:
    """Whether logits (batch, class, …) in bf16 say what those in fp32 say."""
    rounded = rounded.float()
    if not bool(torch.isfinite(rounded).all()):
        return False
    error = (rounded - exact).square().mean().sqrt() / exact.std().clamp(min=1e-12)
    same = (rounded.argmax(dim=1) == exact.argmax(dim=1)).float().mean()
    return bool(error <= _MOST_ERROR) and bool(same >= _LEAST_AGREEMENT)


def _wait_for(device: str) -> None:
    if device.startswith("cuda"):
        # Not for the whole GPU, which is an error while another thread records a CUDA graph.
        torch.cuda.current_stream(device).synchronize()
