"""Which arithmetic a device is faster with, decided by what it is, so that runs can be repeated.

A timed probe would choose differently from run to run; hardware flags do not.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch

from unetscope.errors import ModelError


def choose_device(wanted: str = "auto") -> str:
    """``"auto"`` becomes cuda, mps or cpu, whichever is there; others are checked."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    kind = wanted.split(":")[0]
    if kind not in ("cpu", "cuda", "mps"):
        raise ModelError(f"device {wanted!r} is unknown; use auto, cpu, cuda or mps.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ModelError("device 'cuda' is asked for but no CUDA GPU can be used; use auto or cpu.")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ModelError("device 'mps' is asked for but Metal is not there; use auto or cpu.")
    return wanted


@cache
def training_precision(device: str, wanted: str = "auto") -> str:
    """``"bf16"`` where the device multiplies it natively, otherwise ``"fp32"``."""
    if wanted not in ("auto", "bf16", "fp32"):
        raise ModelError(f"precision {wanted!r} is unknown; use auto, bf16 or fp32.")
    if wanted != "auto":
        return wanted
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    if device == "cpu":
        # AVX-512 without bf16 instructions emulates them and loses; AVX2 machines as well.
        flags = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        native = any(getattr(torch.cpu, flag, lambda: False)() for flag in flags)
        return "bf16" if native else "fp32"
    return "fp32"


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """The context in which a forward pass runs in ``precision``."""
    if precision != "bf16":
        return nullcontext()
    return torch.autocast(device.split(":")[0], dtype=torch.bfloat16)
