"""What takes a while to import, behind one door each: it is loaded when it is first needed.

So the panel opens, and ``unetscope --help`` answers, without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from unetscope.errors import ImageError


def dask_array() -> Any:
    """``dask.array``, a third of a second."""
    return import_module("dask.array")


def as_dask(pixels: Any) -> Any:
    """Pixels of any kind as an array of dask."""
    arrays = dask_array()
    return pixels if isinstance(pixels, arrays.Array) else arrays.from_array(pixels)


def zarr_file(name: str) -> Any:
    """A file of ``images`` that stands on zarr, which takes a quarter of a second."""
    return import_module(f"unetscope.images.{name}")


def zarr_arrays() -> Any:
    """``zarr`` itself."""
    return import_module("zarr")


def optional_library(name: str) -> Any:
    """A library of one of the extras; None where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


def needed_library(name: str, path: Any, kind: str) -> Any:
    """A library of the extra ``formats``.

    Raises
    ------
    ImageError
        If it is not installed.
    """
    found = optional_library(name)
    if found is None:
        raise ImageError(
            f"{path} is {kind}, which needs {name}; pip install 'napari-unetscope[formats]'"
        )
    return found
