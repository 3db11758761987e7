"""What can be chosen of how networks are computed, by name; torch is not loaded for it."""

from __future__ import annotations

from enum import StrEnum


class EngineName(StrEnum):
    """What computes a network."""

    TORCH = "torch"
    OPENVINO = "openvino"


class Precision(StrEnum):
    """In which numbers: AUTO is bf16 where that is faster and equal enough."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"


def one_of(words: type[StrEnum]) -> str:
    """The words of a choice as a sentence lists them: ``"auto, fp32 or bf16"``."""
    *first, last = words
    return f"{', '.join(first)} or {last}"
