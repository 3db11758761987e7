"""Why a training ends, as events, model files and windows say it; torch is not loaded for it."""

from __future__ import annotations

from enum import StrEnum


class EndReason(StrEnum):
    """The word that is written into a model's file."""

    TIME = "time"
    PLATEAU = "plateau"
    STEPS = "steps"
    MEMORY = "memory"
    PEER = "process lost"  # one of several that trained together
    STOPPED = "stopped"  # by a person; the engine does not say it
