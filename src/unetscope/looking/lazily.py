"""Modules that bring torch along, imported when something of them is used first.

A question is named, listed and explained without them; ``if TYPE_CHECKING`` names the real ones.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Lazily:
    """Stands for the module ``name``."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)
