"""Which networks of a model can be meant, by name; torch is not loaded for it."""

from __future__ import annotations

from enum import StrEnum


class Voice(StrEnum):
    """Which of a model's networks is meant."""

    NETWORK = "fine-tuned network"
    INSTANT = "instant answer"
    BACKBONE = "bundled network"
