"""unetscope: a glass-box U-Net for micrographs, from the first stroke to a look inside.

The public names are loaded on first use, so that ``import unetscope`` stays fast and imports
neither torch nor napari.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from unetscope.images.micrograph import Micrograph
    from unetscope.learning.segmenter import Segmenter

_HOME_OF = {
    "Micrograph": "unetscope.images.micrograph",
    "Segmenter": "unetscope.learning.segmenter",
}

__all__ = ["Micrograph", "Segmenter", "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'unetscope' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
