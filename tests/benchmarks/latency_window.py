"""From a stroke to the repainted view through the real window, and where the time goes.

A program: ``python -m benchmarks.latency_window STROKES`` in ``tests``, on a screen.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.latency import CLASSES, IMAGES, SIDES, WIDTH_PX, painted, scene, scripted, title
from benchmarks.rows import Row
from benchmarks.screen import open_panel, rest, tell, wait_until

COLD_STROKES = 9
# From one of these moments to the next; the first and the last span "first repaint".
MOMENTS = ("painted", "read", "begun", "near", "solved", "answered", "heard", "on screen")


class Watch:
    """When a stroke's answer came to each of :data:`MOMENTS`, the first time after :meth:`clear`.

    ``near`` is when the window has drawn the surroundings of the stroke; ``answered`` and ``heard``
    are about the whole view: the moment the worker has its last tile, and the window has drawn it.
    """

    def __init__(self, panel: Any) -> None:
        from qtpy.QtOpenGLWidgets import QOpenGLWidget
        from qtpy.QtWidgets import QApplication

        self.at: dict[str, float] = {}
        self.last_repaint = 0.0
        self._watch_jobs(panel.bench.context.jobs)
        self._watch_results(panel.bench.results)
        panel.bench.answers.strokes_read.connect(lambda: self._note("read"))
        for window in QApplication.topLevelWidgets():
            for canvas in window.findChildren(QOpenGLWidget):
                canvas.frameSwapped.connect(self._swapped)

    def _watch_jobs(self, jobs: Any) -> None:
        do = jobs.do

        def doing(request: Any) -> Iterator[Any]:
            if type(request).__name__ != "AnswerRequest":
                yield from do(request)
                return
            self._note("begun", "read")
            for event in do(request):
                if type(event).__name__ == "HeadFitted":
                    self._note("solved", "begun")
                elif _is_last(event) and "solved" in self.at:
                    self._note("answered", "solved")
                yield event

        jobs.do = doing

    def _watch_results(self, results: Any) -> None:
        write = results.write

        def writing(key: str, tile: Any, *about: Any) -> None:
            write(key, tile, *about)
            self.last_repaint = time.perf_counter()
            if _is_last(tile):
                self._note("near", "begun")
                self._note("heard", "answered")

        results.write = writing

    def _swapped(self) -> None:
        self._note("near on screen", "near")
        self._note("on screen", "heard")

    def clear(self) -> None:
        """Wait for another stroke."""
        self.at = {}

    def _note(self, name: str, after: str = "painted") -> None:
        if name not in self.at and after in self.at:
            self.at[name] = time.perf_counter()


def _is_last(event: Any) -> bool:
    return type(event).__name__ == "TileShown" and event.done == event.total


def measure_window(kind: str, side: int, count: int) -> list[Row]:
    """Paint ``count`` strokes one after the other, each when the answer before is complete.

    The strokes of the last rounds are cold: the features of the view are forgotten before each.
    """
    image = scene(kind, side)
    viewer, panel, key = open_panel(image, kind)
    bench, watch = panel.bench, Watch(panel)
    bench.add_class()
    strokes = scripted(image, CLASSES + count + COLD_STROKES)
    for stroke in strokes[:CLASSES]:
        _paint(bench, key, stroke)
        rest(0.5)
    warm, complete, painting, cold = [], [], [], []
    for index, stroke in enumerate(strokes[CLASSES:]):
        if index >= count:
            bench.context.jobs._shared.features.forget()
        took, at, last = _answered(panel, watch, key, stroke)
        if index < count:
            warm.append(at)
            painting.append(took)
            complete.append(last - at["painted"])
        else:
            cold.append(at)
    labels = np.zeros(image.shape[:2], np.uint8)
    for stroke in strokes:
        painted(labels, stroke)
    name = title(kind, side)
    rows = [
        {"image": name, "what": "painting", "seconds": painting},
        {"image": name, "what": "with the forest", "seconds": complete},
        {"image": name, "what": "random forest", "seconds": _forest_in_window(image, labels)},
        *_spans(name, "", warm),
        *_spans(name, "cold, ", cold),
    ]
    panel.shut_down()
    viewer.close()
    return rows


def _spans(name: str, prefix: str, times: list[dict[str, float]]) -> Iterator[Row]:
    """The time to the first repaint and to the screen, and how it divides into moments."""
    for end in ("near", "near on screen", "heard", "on screen"):
        seconds = [at[end] - at["painted"] for at in times if end in at]
        yield {"image": name, "what": prefix + end, "seconds": seconds}
    for before, moment in pairwise(MOMENTS):
        seconds = [at[moment] - at[before] for at in times if moment in at and before in at]
        yield {"image": name, "what": f"{prefix}until {moment}", "seconds": seconds}


def _paint(bench: Any, key: str, stroke: tuple[int, np.ndarray]) -> tuple[float, float]:
    """Paint with napari's brush; (seconds of the dabs before the last, moment of the last)."""
    value, path = stroke
    bench.paint_with(value)
    layer = bench.layers.strokes_layer(key)
    layer.brush_size = WIDTH_PX
    rest(0.15)
    begun = time.perf_counter()
    with layer.block_history():
        for point in path[:-1]:
            layer.paint(tuple(point), value)
        lifted = time.perf_counter()  # the brush is about to be lifted
        layer.paint(tuple(path[-1]), value)
    return lifted - begun, lifted


def _answered(
    panel: Any, watch: Watch, key: str, stroke: tuple[int, np.ndarray]
) -> tuple[float, dict[str, float], float]:
    bench, session = panel.bench, panel.session
    watch.clear()
    took, lifted = _paint(bench, key, stroke)
    watch.at["painted"] = lifted
    wait_until(lambda: "on screen" in watch.at)
    wait_until(lambda: bench.answers.up_to_date and not session.answering)
    rest(0.15)
    return took, watch.at, watch.last_repaint


def _forest_in_window(image: np.ndarray, labels: np.ndarray, repeats: int = 5) -> list[float]:
    from benchmarks.baselines import forest_features, forest_labels, grown_forest
    from unetscope.images.micrograph import as_micrograph

    features, seconds = forest_features(as_micrograph(image)), []
    for _ in range(repeats):
        began = time.perf_counter()
        forest_labels(grown_forest(features, labels, 0), features)
        seconds.append(time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    told = [measure_window(k, side, int(sys.argv[1])) for side in SIDES for k in IMAGES]
    tell([row for rows in told for row in rows])
