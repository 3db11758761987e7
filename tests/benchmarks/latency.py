"""From a stroke to the repainted view: in the engine alone; the window is in latency_window."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from benchmarks.rows import Row
from benchmarks.screen import told_by

SIDE, CLASSES, WIDTH_PX, LENGTH_PX = 512, 3, 3, 40
IMAGES = ("grey", "colour")
SIDES = (SIDE, 1024)
_LARGE_SHARE = 5  # of the strokes are enough on larger images, whose forests take long


def scene(kind: str, side: int = SIDE) -> np.ndarray:
    """A picture of scikit-image: ``"grey"`` (y, x) or ``"colour"`` (y, x, 3), uint8.

    They are 512 × 512; larger ones are mirrored at their rims.
    """
    from skimage import data

    image = data.camera() if kind == "grey" else data.immunohistochemistry()
    more = side - SIDE
    return np.pad(image, [(0, more), (0, more), (0, 0)][: image.ndim], mode="symmetric")


def title(kind: str, side: int) -> str:
    """How a picture of this size is called in the rows."""
    return kind if side == SIDE else f"{kind} {side} px"


def scripted(image: np.ndarray, count: int, seed: int = 0) -> list[tuple[int, np.ndarray]]:
    """``count`` strokes (class, (point, 2) path) on dark, middle and bright places by turns."""
    grey = image if image.ndim == 2 else image.mean(axis=-1)
    bounds = np.quantile(grey, [1 / 3, 2 / 3])
    rng = np.random.default_rng(seed)
    strokes: list[tuple[int, np.ndarray]] = []
    while len(strokes) < count:
        start = rng.uniform(LENGTH_PX, min(image.shape[:2]) - LENGTH_PX, 2)
        value = 1 + int(np.searchsorted(bounds, grey[int(start[0]), int(start[1])]))
        if value != 1 + len(strokes) % CLASSES:
            continue
        angle = rng.uniform(0, 2 * np.pi)
        end = start + (LENGTH_PX - 2) * np.array([np.sin(angle), np.cos(angle)])
        strokes.append((value, np.linspace(start, end, LENGTH_PX)))
    return strokes


def painted(labels: np.ndarray, stroke: tuple[int, np.ndarray]) -> None:
    """Paint a stroke into plain labels, as wide as napari's brush of the same size."""
    value, path = stroke
    for y, x in np.round(path).astype(int):
        labels[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = value


# ---- the engine alone


def engine_rows(kind: str, strokes: int, repeats: int, threads: int) -> list[Row]:
    """Seconds of each part on one picture in both sizes, forest and head in turns."""
    import torch
    from threadpoolctl import threadpool_limits

    from unetscope.images.micrograph import as_micrograph
    from unetscope.learning.persistence import start_model

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    rows: list[Row] = []
    try:
        for side in SIDES:
            image = as_micrograph(scene(kind, side))
            model = start_model("general-fast").for_channels(image.channels)
            count = strokes if side == SIDE else max(1, strokes // _LARGE_SHARE)
            with threadpool_limits(threads):
                seconds = _features_cold(model, image, repeats)
                seconds |= _updates(model, image, scene(kind, side), count, threads)
            rows += [
                {"image": title(kind, side), "threads": threads, "what": what, "seconds": values}
                for what, values in seconds.items()
            ]
    finally:
        torch.set_num_threads(before)
    return rows


def _features_cold(model: Any, image: Any, repeats: int) -> dict[str, list[float]]:
    from benchmarks.baselines import forest_features
    from unetscope.computing.machine import Engine
    from unetscope.learning.feature_cache import FeatureCache, Spot, grid
    from unetscope.learning.feature_reader import FeatureReader

    seconds: dict[str, list[float]] = {"features": [], "features, forest": []}
    for _ in range(repeats + 1):
        cache = FeatureCache(engine=Engine("torch", "auto"))  # as the window's
        eyes = FeatureReader(model, cache, cache.machine("cpu"))
        began = time.perf_counter()
        for tile in grid(model, image):
            eyes.levels(Spot(image, 0, tile))
        seconds["features"].append(time.perf_counter() - began)
        began = time.perf_counter()
        forest_features(image)
        seconds["features, forest"].append(time.perf_counter() - began)
    first = {"features, very first": seconds["features"][:1]}  # with what torch sets up once
    return first | {what: values[1:] for what, values in seconds.items()}


def _updates(
    model: Any, image: Any, pixels: np.ndarray, strokes: int, threads: int
) -> dict[str, list[float]]:
    from sklearn.ensemble import RandomForestClassifier

    from benchmarks.baselines import forest_features, forest_labels
    from unetscope.computing.machine import Engine
    from unetscope.learning.feature_cache import FeatureCache
    from unetscope.learning.instant import fit_instant
    from unetscope.learning.prediction import predict_labels
    from unetscope.learning.samples import Sample

    labels = np.zeros(pixels.shape[:2], np.uint8)
    cache, features = FeatureCache(engine=Engine("torch", "auto")), forest_features(image)
    seconds: dict[str, list[float]] = {"head": [], "head and forest": [], "random forest": []}
    for index, stroke in enumerate(scripted(pixels, strokes + CLASSES)):
        painted(labels, stroke)
        if index < CLASSES:  # all classes are there, and the features are warm, after these
            continue
        samples = [Sample(image, labels.copy(), "view")]
        if index == CLASSES:
            fitted = fit_instant(model, samples, cache=cache, with_forest=False)
            predict_labels(fitted, image, cache=cache)
        for name, with_forest in (("head", False), ("head and forest", True)):
            began = time.perf_counter()
            fitted = fit_instant(model, samples, cache=cache, with_forest=with_forest)
            predict_labels(fitted, image, cache=cache)
            seconds[name].append(time.perf_counter() - began)
        began = time.perf_counter()
        forest = RandomForestClassifier(
            n_estimators=50, max_depth=10, max_samples=0.5, n_jobs=threads, random_state=0
        ).fit(features[labels > 0], labels[labels > 0])
        forest_labels(forest, features)
        seconds["random forest"].append(time.perf_counter() - began)
    return seconds


# ---- through the window


def window_rows(strokes: int) -> list[Row]:
    """Strokes on the labels layer, until the prediction layer is repainted all over the view."""
    return told_by("benchmarks.latency_window", str(strokes))


def thread_counts() -> tuple[int, ...]:
    """All cores, and what the window leaves to the engine (all but one)."""
    cores = os.cpu_count() or 1
    return tuple(sorted({max(1, cores - 1), cores}))
