"""What the jobs of one window share."""

from __future__ import annotations

import os
from typing import Any

import torch

from unetscope.computing.choices import Precision
from unetscope.computing.machine import Engine
from unetscope.computing.memory import keep_freed_memory
from unetscope.computing.precision import choose_device
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.prediction import PredictOptions
from unetscope.session.engine.near import NearStroke
from unetscope.session.values import EngineSettings


class Shared:
    """Settings, device, and the features computed so far."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.near = NearStroke()
        # Strokes and answers of the window stand on the same features, in what is faster here.
        self.features = FeatureCache(settings.cache_mib * 2**20, Engine(precision=Precision.AUTO))

    def device(self) -> str:
        """Leave a core to the window, and say which device does the work."""
        keep_freed_memory()
        torch.set_num_threads(self.settings.threads or max(1, (os.cpu_count() or 2) - 1))
        return choose_device(self.settings.device)

    def options(self, device: str, **wanted: Any) -> PredictOptions:
        """How tiles are predicted in this window."""
        return PredictOptions(device=device, tile_px=self.settings.tile_px, **wanted)
