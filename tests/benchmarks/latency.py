"""From a stroke to the repainted view: in the engine alone, and through the real window.

As a program (``python -m benchmarks.latency STROKES``) it measures the window.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import numpy as np

from benchmarks.rows import Row
from benchmarks.screen import open_panel, rest, tell, told_by, wait_until

SIDE, CLASSES, WIDTH_PX, LENGTH_PX = 512, 3, 3, 40
IMAGES = ("grey", "colour")


def scene(kind: str) -> np.ndarray:
    """A 512 × 512 picture of scikit-image: ``"grey"`` (y, x) or ``"colour"`` (y, x, 3), uint8."""
    from skimage import data

    return data.camera() if kind == "grey" else data.immunohistochemistry()


def scripted(image: np.ndarray, count: int, seed: int = 0) -> list[tuple[int, np.ndarray]]:
    """``count`` strokes (class, (point, 2) path) on dark, middle and bright places by turns."""
    grey = image if image.ndim == 2 else image.mean(axis=-1)
    bounds = np.quantile(grey, [1 / 3, 2 / 3])
    rng = np.random.default_rng(seed)
    strokes: list[tuple[int, np.ndarray]] = []
    while len(strokes) < count:
        start = rng.uniform(LENGTH_PX, SIDE - LENGTH_PX, 2)
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
    """Seconds of each part on one picture with ``threads`` threads, forest and head in turns."""
    import torch
    from threadpoolctl import threadpool_limits

    from unetscope.images.micrograph import as_micrograph
    from unetscope.learning.persistence import start_model

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    image = as_micrograph(scene(kind))
    model = start_model("general-fast").for_channels(image.channels)
    try:
        with threadpool_limits(threads):
            seconds = _features_cold(model, image, repeats)
            for name, values in _updates(model, image, kind, strokes, threads).items():
                seconds[name] = values
    finally:
        torch.set_num_threads(before)
    return [
        {"image": kind, "threads": threads, "what": what, "seconds": values}
        for what, values in seconds.items()
    ]


def _features_cold(model: Any, image: Any, repeats: int) -> dict[str, list[float]]:
    from benchmarks.quality import forest_features
    from unetscope.learning.feature_cache import FeatureCache, grid

    seconds: dict[str, list[float]] = {"features": [], "features, forest": []}
    for _ in range(repeats + 1):
        cache = FeatureCache()
        began = time.perf_counter()
        for tile in grid(model, image):
            cache.levels(model, image, 0, tile, "cpu")
        seconds["features"].append(time.perf_counter() - began)
        began = time.perf_counter()
        forest_features(image)
        seconds["features, forest"].append(time.perf_counter() - began)
    first = {"features, very first": seconds["features"][:1]}  # with what torch sets up once
    return first | {what: values[1:] for what, values in seconds.items()}


def _updates(
    model: Any, image: Any, kind: str, strokes: int, threads: int
) -> dict[str, list[float]]:
    from sklearn.ensemble import RandomForestClassifier

    from benchmarks.quality import forest_features, forest_labels
    from unetscope.learning.feature_cache import FeatureCache
    from unetscope.learning.instant import fit_instant
    from unetscope.learning.prediction import predict_labels
    from unetscope.learning.samples import Sample

    labels = np.zeros((SIDE, SIDE), np.uint8)
    cache, features = FeatureCache(), forest_features(image)
    seconds: dict[str, list[float]] = {"head": [], "head and forest": [], "random forest": []}
    for index, stroke in enumerate(scripted(scene(kind), strokes + CLASSES)):
        painted(labels, stroke)
        if index < CLASSES:  # all classes are there, and the features are warm, after these
            continue
        samples = [Sample(image, labels.copy(), "view")]
        if index == CLASSES:
            fit_instant(model, samples, cache=cache, with_forest=False)
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
    """Strokes on the labels layer, answered by a ``set_data`` of the prediction layer."""
    return told_by("benchmarks.latency", str(strokes))


class _Watch:
    """When the head was solved and when the prediction layer was repainted."""

    def __init__(self, panel: Any) -> None:
        self.fitted: list[float] = []
        self.repainted: list[float] = []
        self._layer: Any = None
        panel.bench.answers.lane.happened.connect(self._heard)

    def follow(self, layer: Any) -> None:
        """Watch the prediction layer."""
        if layer is not self._layer:
            self._layer = layer
            layer.events.set_data.connect(self._drawn)

    def clear(self) -> None:
        """Forget what was seen."""
        self.fitted, self.repainted = [], []

    @property
    def answered(self) -> list[float]:
        """Repaints that came after the first solution."""
        return [at for at in self.repainted if self.fitted and at >= self.fitted[0]]

    def _heard(self, ticket: Any, event: Any) -> None:
        if type(event).__name__ == "HeadFitted":
            self.fitted.append(time.perf_counter())

    def _drawn(self, event: Any) -> None:
        self.repainted.append(time.perf_counter())


def measure_window(kind: str, count: int) -> list[Row]:
    """Paint ``count`` strokes one after the other, each when the answer before is complete."""
    from unetscope.session.values import Show

    image = scene(kind)
    viewer, panel, key = open_panel(image, kind)
    bench, session, watch = panel.bench, panel.session, _Watch(panel)
    bench.add_class()
    first, complete, painting = [], [], []
    strokes = scripted(image, count + CLASSES)
    labels = np.zeros((SIDE, SIDE), np.uint8)
    for index, (value, path) in enumerate(strokes):
        bench.paint_with(value)
        layer = bench.layers.strokes_layer(key)
        layer.brush_size = WIDTH_PX
        rest(0.15)
        watch.clear()
        begun = time.perf_counter()
        with layer.block_history():
            for point in path[:-1]:
                layer.paint(tuple(point), value)
            began = time.perf_counter()  # the brush is about to be lifted
            layer.paint(tuple(path[-1]), value)
        painted(labels, (value, path))
        if index + 1 < CLASSES:
            rest(0.3)
            continue
        wait_until(lambda: bool(watch.fitted))
        wait_until(lambda: not session.answering and not bench.answers.lane.busy)
        rest(0.15)
        watch.follow(bench.results.find(key, Show.MASK))
        if index >= CLASSES and watch.answered:
            painting.append(began - begun)
            first.append(watch.answered[0] - began)
            complete.append(watch.answered[-1] - began)
    rows = [
        {"image": kind, "what": "painting", "seconds": painting},
        {"image": kind, "what": "first repaint", "seconds": first},
        {"image": kind, "what": "with the forest", "seconds": complete},
        {"image": kind, "what": "random forest", "seconds": _forest_in_window(image, labels)},
    ]
    panel.shut_down()
    viewer.close()
    return rows


def _forest_in_window(image: np.ndarray, labels: np.ndarray, repeats: int = 9) -> list[float]:
    from benchmarks.quality import forest_features, forest_labels, grown_forest
    from unetscope.images.micrograph import as_micrograph

    features, seconds = forest_features(as_micrograph(image)), []
    for _ in range(repeats):
        began = time.perf_counter()
        forest_labels(grown_forest(features, labels, 0), features)
        seconds.append(time.perf_counter() - began)
    return seconds


def thread_counts() -> tuple[int, ...]:
    """All cores, and what the window leaves to the engine (all but one)."""
    cores = os.cpu_count() or 1
    return tuple(sorted({max(1, cores - 1), cores}))


if __name__ == "__main__":
    tell([row for kind in IMAGES for row in measure_window(kind, int(sys.argv[1]))])
