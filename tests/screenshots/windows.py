"""A real napari window to take pictures of: turning the event loop, saving what is seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SIZE = (1360, 860)
COLOURS = (
    256,
    160,
    112,
    80,
    56,
    40,
)  # the first that is small enough; text stays sharp in all of them
OWN = 40  # the most frequent colours are kept as they are


def wait_until(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    """Turn the event loop until ``condition`` holds.

    Outside of Qt's own loop what is to be deleted later is deleted only when asked for; otherwise
    sliders of layers that are gone would be in the pictures.
    """
    from qtpy.QtCore import QCoreApplication, QEvent
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"nothing came within {seconds:.0f} s")
        QApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        time.sleep(0.005)


def pump(seconds: float) -> None:
    """Turn the event loop for a while, so that the last events are drawn."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, seconds + 60)


def shoot(viewer: Any, path: Path, *, limit_kb: int) -> None:
    """Save the whole window as PNG with a palette, of at most ``limit_kb``."""
    pump(0.8)
    save(viewer.screenshot(canvas_only=False, flash=False), path, limit_kb=limit_kb)


def save(seen: Any, path: Path, *, limit_kb: int) -> None:
    """Save (y, x, 3 or 4) uint8 with as many colours as the limit allows.

    Raises
    ------
    ValueError
        If even the fewest colours are too large a file.
    """
    size_kb = 0.0
    for colours in COLOURS:
        _with_palette(np.asarray(seen)[..., :3], colours).save(path, optimize=True)
        size_kb = path.stat().st_size / 1000
        if size_kb <= limit_kb:
            print(f"{path.name}: {size_kb:.0f} kB, {colours} colours", flush=True)
            return
    raise ValueError(f"{path.name} is {size_kb:.0f} kB; at most {limit_kb} kB are allowed.")


def _with_palette(pixels: np.ndarray, colours: int) -> Any:
    """The picture in ``colours`` colours: the plain ones of the window as they are, the rest cut.

    A palette of the whole picture would tint buttons and grounds towards the micrograph.
    """
    from PIL import Image

    codes = pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    values, counts = np.unique(codes, return_counts=True)
    plain = values[np.argsort(-counts)[: min(OWN, colours // 2)]]
    rest = pixels[~np.isin(codes, plain)]
    own = np.stack([plain >> 16, plain >> 8 & 255, plain & 255], axis=1).astype(np.uint8)
    palette = [own.ravel()]
    if len(rest):
        strip = Image.fromarray(rest[None])
        cut = strip.quantize(colours - len(own), method=Image.Quantize.MEDIANCUT, kmeans=1)
        palette.append(np.asarray(cut.getpalette(), np.uint8))
    holder = Image.new("P", (1, 1))
    holder.putpalette(np.concatenate(palette).tobytes())
    return Image.fromarray(pixels).quantize(palette=holder, dither=Image.Dither.NONE)


def tiled(pictures: Sequence[Any], gap: int = 6) -> Any:
    """Pictures (y, x, 3 or 4) uint8 of one size side by side, with white between them."""
    height = pictures[0].shape[0]
    white = np.full((height, gap, 3), 255, np.uint8)
    parts = [part for one in pictures for part in (white, one[..., :3])]
    return np.concatenate(parts[1:], axis=1)
