"""Which networks of a model can be meant, and how they are heard; torch is not loaded for it."""

from __future__ import annotations

from enum import StrEnum


class Voice(StrEnum):
    """Which of a model's networks is meant."""

    NETWORK = "fine-tuned network"
    INSTANT = "instant answer"
    BACKBONE = "bundled network"


class Voices(StrEnum):
    """How a model's voices are heard: FAST in half precision where that is faster."""

    ALL = "all"
    FAST = "fast"
