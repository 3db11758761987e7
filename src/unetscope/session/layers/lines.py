"""Boxes, dashes and contours as line segments (start, run), in image pixels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

DASHES = 13  # strokes a side; odd, so that corners are drawn


def box(lo: Sequence[float], hi: Sequence[float]) -> np.ndarray:
    """The outline of the pixels ``lo``..``hi`` (inclusive): (4, 2, 2) in 2D, (12, 2, 3) in 3D."""
    low, high = np.asarray(lo, float) - 0.5, np.asarray(hi, float) + 0.5
    axes = len(low)
    segments = []
    for axis in range(axes):
        others = [i for i in range(axes) if i != axis]
        for ends in product((0, 1), repeat=len(others)):
            start = low.copy()
            for i, end in zip(others, ends, strict=True):
                start[i] = (low, high)[end][i]
            run = np.zeros(axes)
            run[axis] = high[axis] - low[axis]
            segments.append((start, run))
    return np.asarray(segments)


def dashed(segments: np.ndarray, dashes: int = DASHES) -> np.ndarray:
    """Every segment as ``dashes`` strokes with gaps as long between them."""
    if not len(segments):
        return segments
    parts = 2 * dashes - 1
    steps = np.arange(0, parts, 2)[None, :, None]
    starts = segments[:, None, 0] + segments[:, None, 1] * steps / parts
    runs = np.repeat(segments[:, None, 1] / parts, dashes, axis=1)
    return np.stack([starts, runs], axis=2).reshape(-1, 2, segments.shape[-1])


def polylines(lines: Sequence[np.ndarray]) -> np.ndarray:
    """Polylines (n, 2) as segments."""
    parts = [
        np.stack([line[:-1], np.diff(line, axis=0)], axis=1) for line in lines if len(line) > 1
    ]
    return np.concatenate(parts) if parts else np.zeros((0, 2, 2))


def field_lines(
    lo: Sequence[int],
    hi: Sequence[int],
    padded: tuple[Sequence[int], Sequence[int]],
    centre: Sequence[float],
    cell: Sequence[float],
    *,
    empty: bool = False,
) -> np.ndarray:
    """The field (solid), what of it is padding (dashed) and the cell it belongs to."""
    half = np.maximum(np.asarray(cell, float), 1.0) / 2
    middle = np.asarray(centre, float)
    drawn = [box(middle - half + 0.5, middle + half - 0.5)]
    if not empty:
        drawn.append(box(lo, hi))
    if (tuple(padded[0]), tuple(padded[1])) != (tuple(lo), tuple(hi)):
        drawn.append(dashed(box(*padded)))
    return np.concatenate(drawn)


def on_plane(segments: np.ndarray, z: int | None, axes: int) -> np.ndarray:
    """Segments (n, 2, 2 or 3) with all ``axes`` of the image, flat ones on plane ``z``."""
    data = np.asarray(segments, dtype=np.float32).reshape(-1, 2, segments.shape[-1])
    if data.shape[-1] == axes:
        return data
    full = np.zeros((len(data), 2, axes), np.float32)
    full[..., -2:] = data
    full[:, 0, 0] = float(z or 0)
    return full
