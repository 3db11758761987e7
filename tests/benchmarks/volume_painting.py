"""A stroke on a plane of 8,000² beside the same stroke on a volume of 102 GB: time and memory.

A program: ``python -m benchmarks.volume_painting`` in ``tests``. Both are lazy arrays of zeros but
for the painted part; strokes of ten dabs alternate between them, and what is told is the time of
the processor (everything runs in one thread), which a busy machine changes least. Painting, reading
the strokes, making samples and solving the head are part of it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr
from napari.components import ViewerModel

from learning.small_scenes import small_model
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.instant import fit_instant
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.state import STARTING_CLASSES

PLANE, VOLUME = (8000, 8000), (1600, 8000, 8000)
STROKES, COLD = 16, 4  # the first ones compute features of their tiles
PARTS = ("paint", "read", "samples", "head")


class Side:
    """One of the two, with what answers on it."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.viewer = ViewerModel()
        leading = (1,) * (len(shape) - 2)
        pixels = zarr.zeros(shape, chunks=(*leading, 1000, 1000), dtype=np.uint8)
        noise = np.random.default_rng(0).integers(0, 255, (*leading, 1000, 1000), np.uint8)
        pixels[(*(slice(0, 1),) * len(leading), slice(3500, 4500), slice(3500, 4500))] = noise
        layer = self.viewer.add_image(pixels, name="zeros", contrast_limits=(0, 255))
        self.key, self.layers = layer_key(layer), OpenLayers(self.viewer)
        self.at = (0,) * len(leading)
        if leading:
            self.viewer.dims.set_current_step(0, 0)
        self.cache, self.model = FeatureCache(2**30), small_model()

    def stroke(self, number: int) -> list[float]:
        """Seconds of the processor for each of :data:`PARTS` of a stroke."""
        moments = [time.thread_time()]
        value = 1 + number % 2
        layer = self.layers.paint_with(self.key, value, STARTING_CLASSES)
        for dab in range(10):
            layer.paint((*self.at, 3600 + 40 * number, 3600 + 10 * dab), value)
        moments.append(time.thread_time())
        self.layers.read_strokes(self.key)
        moments.append(time.thread_time())
        samples = self.layers.samples(1)
        moments.append(time.thread_time())
        if number:
            told: dict[str, Any] = {"cache": self.cache, "with_forest": False, "device": "cpu"}
            fit_instant(self.model, samples, **told)
        moments.append(time.thread_time())
        return list(np.diff(moments))


def main() -> None:
    """Measure, and print the two lines and their ratio."""
    torch.set_num_threads(1)
    sides = {"plane": Side(PLANE), "volume": Side(VOLUME)}
    spent: dict[str, list[list[float]]] = {name: [] for name in sides}
    added = dict.fromkeys(sides, 0.0)
    for number in range(STROKES):
        for name in sorted(sides, reverse=bool(number % 2)):
            before = _anonymous_mb()
            spent[name].append(sides[name].stroke(number))
            added[name] += (_anonymous_mb() - before) * (number >= COLD)
    middle = {name: np.median(np.array(rows[COLD:]), axis=0) for name, rows in spent.items()}
    total = {name: np.median(np.array(rows[COLD:]).sum(axis=1)) for name, rows in spent.items()}
    for name in sides:
        parts = ", ".join(f"{p} {ms:.1f}" for p, ms in zip(PARTS, middle[name] * 1000, strict=True))
        print(f"{name}: {total[name] * 1000:.0f} ms ({parts}), {added[name]:+.0f} MB")
    print(f"volume / plane: {total['volume'] / total['plane']:.2f}")


def _anonymous_mb() -> float:
    told = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in told if line.startswith("RssAnon")).split()[1]) / 1000


if __name__ == "__main__":
    main()
