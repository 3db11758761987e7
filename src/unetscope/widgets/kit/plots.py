"""The library that draws plots, behind one door: it is loaded with the first plot."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def plotting() -> Any:
    """``pyqtgraph``, which would make a panel open later."""
    return import_module("pyqtgraph")
