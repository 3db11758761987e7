"""Looking inside a network: what is there, what it sees, and what if. No Qt, no napari.

The public names are loaded on first use: to name a question costs no import of torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unetscope.inspection.public import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if name == "__all__" or not name.startswith("_"):
        public = import_module("unetscope.inspection.public")
        if name == "__all__" or name in public.__all__:
            return getattr(public, name)
    raise AttributeError(f"module 'unetscope.inspection' has no attribute {name!r}")
