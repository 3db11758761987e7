"""Arrays without axes of one pixel, read no earlier than before."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def squeezed(stored: Any, axes: str) -> Any:
    """``stored`` without the axes that its reading calls "1"; the array itself where none is."""
    if "1" not in axes:
        return stored
    if isinstance(stored, np.ndarray):
        return stored[tuple(0 if axis == "1" else slice(None) for axis in axes)]
    return Squeezed(stored, axes)


class Squeezed:
    """A view of an array of any kind; only what is indexed is read."""

    def __init__(self, stored: Any, axes: str) -> None:
        self._stored, self._axes = stored, axes
        self.shape = tuple(n for n, axis in zip(stored.shape, axes, strict=True) if axis != "1")
        self.dtype, self.ndim = stored.dtype, len(self.shape)

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if Ellipsis in parts:
            at = parts.index(Ellipsis)
            missing = (slice(None),) * (self.ndim - len(parts) + 1)
            parts = (*parts[:at], *missing, *parts[at + 1 :])
        given = iter((*parts, *(slice(None),) * (self.ndim - len(parts))))
        return self._stored[tuple(0 if axis == "1" else next(given) for axis in self._axes)]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)
