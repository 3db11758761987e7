"""The preferences a user sets in napari's Preferences, read where they are there."""

from __future__ import annotations

import logging
from typing import Any

from napari.settings import get_plugin_settings

from unetscope.session.guidance import spoken_seconds
from unetscope.session.values import BUDGETS, Budget, EngineSettings
from unetscope.widgets.kit.keys import ACTIONS

logger = logging.getLogger(__name__)

PLUGIN = "napari-unetscope"


class Preferences:
    """The plugin's settings; defaults where the manifest is not installed."""

    def __init__(self) -> None:
        self._settings = _plugin_settings()

    @property
    def engine(self) -> EngineSettings:
        """What the engine needs."""
        plain = EngineSettings()
        return EngineSettings(
            device=str(self._value("computing", "device", plain.device)),
            threads=int(self._value("computing", "threads", plain.threads)),
            tile_px=int(self._value("computing", "tile_size", plain.tile_px)),
            cache_mib=int(self._value("computing", "cache_size", plain.cache_mib)),
            seed=int(self._value("model", "seed", plain.seed)),
            learning_rate=self._learning_rate(plain.learning_rate),
        )

    @property
    def default_model(self) -> str:
        """Name of the bundled model to start from."""
        return str(self._value("model", "default_model", "general"))

    @property
    def live(self) -> bool:
        """Whether strokes are answered at once when the panel opens."""
        return bool(self._value("training", "live", True))

    @property
    def budget(self) -> Budget:
        """How long one press of Train may take."""
        seconds = float(self._value("training", "max_seconds", 60))
        known = {budget.seconds: budget for budget in BUDGETS}
        return known.get(seconds) or Budget(spoken_seconds(seconds), seconds)

    @property
    def keys(self) -> dict[str, str]:
        """Name of an action to the key wished for it, of the actions that can be changed."""
        return {
            action.name: str(self._value("keys", action.name, action.key))
            for action in ACTIONS
            if not action.fixed
        }

    @property
    def changed(self) -> Any:
        """The emitter that tells of changes, or None."""
        return getattr(getattr(self._settings, "events", None), "changed", None)

    def _learning_rate(self, plain: float) -> float:
        """In thousandths there: napari's page has two decimals, and 0.0005 would be 0.00."""
        return float(self._value("training", "learning_rate_thousandths", plain * 1000)) / 1000

    def _value(self, section: str, key: str, default: Any) -> Any:
        return getattr(getattr(self._settings, section, None), key, default)


def _plugin_settings() -> Any:
    try:
        return get_plugin_settings(PLUGIN)
    except (ImportError, KeyError, ValueError, AttributeError, OSError) as error:
        # not installed as a plugin (a notebook, a test), or an unreadable settings file
        logger.info("preferences are not there, defaults are used: %s", error)
        return None
