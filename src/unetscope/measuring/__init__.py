"""From label images to numbers: objects, their measures, populations and phases, with intervals.

Everything here is numpy, scipy and scikit-image; a length is in the unit of its image, and a number
never stands without unit, count, method, and an interval or the reason why it has none.
The public names are loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unetscope.measuring.everything import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if name == "__all__" or not name.startswith("_"):
        public = import_module("unetscope.measuring.everything")
        if name == "__all__" or name in public.__all__:
            return getattr(public, name)
    raise AttributeError(f"module 'unetscope.measuring' has no attribute {name!r}")
