"""How late the event loop is while strokes are painted: napari alone, with Live, while training.

As a program (``python -m benchmarks.smoothness CONDITION STROKES``) it measures one condition.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from benchmarks.rows import Row
from benchmarks.screen import open_panel, rest, tell, told_by, wait_until

CONDITIONS = ("napari alone", "panel, answering", "panel, training")
EDGES_MS = (0, 2, 5, 10, 20, 35, 50, 75, 100, 150, 250, 500, 1000, 10_000)
SIDE, DABS, CLASSES = 512, 3, 3
MOVE_MS, BEAT_MS = 8, 5

Stroke = tuple[int, np.ndarray]


def smoothness_row(condition: str, strokes: int) -> Row:
    """Percentiles (ms) and a histogram of how late a 5 ms timer was during ``strokes`` strokes."""
    return told_by("benchmarks.smoothness", condition, str(strokes))


def scripted(count: int, seed: int = 3) -> list[Stroke]:
    """(class, (dab, 2) path) of short strokes all over the image, fixed by the seed."""
    rng = np.random.default_rng(seed)
    strokes = []
    for index in range(count):
        start = rng.uniform(10, SIDE - 10, 2)
        end = np.clip(start + rng.uniform(-25, 25, 2), 5, SIDE - 6)
        strokes.append((1 + index % CLASSES, np.linspace(start, end, DABS)))
    return strokes


def lateness_ms(layer: Any, strokes: list[Stroke]) -> np.ndarray:
    """Move the brush once every 8 ms, as a mouse does; how late each heartbeat came (ms)."""
    from qtpy.QtCore import QTimer

    late: list[float] = []
    left = [(value, tuple(point)) for value, path in strokes for point in path][::-1]
    last = time.perf_counter()

    def beat() -> None:
        nonlocal last
        now = time.perf_counter()
        late.append(max(0.0, (now - last) * 1000 - BEAT_MS))
        last = now

    def move() -> None:
        if left:
            value, point = left.pop()
            layer.paint(point, value)

    timers = []
    for interval, call in ((BEAT_MS, beat), (MOVE_MS, move)):
        timer = QTimer()
        timer.setInterval(interval)
        timer.timeout.connect(call)
        timer.start()
        timers.append(timer)
    wait_until(lambda: not left, 600)
    for timer in timers:
        timer.stop()
    return np.asarray(late)


def measure(condition: str, count: int) -> Row:
    """Paint under the heartbeat; at the end compare with the same strokes on a fresh layer."""
    from skimage import data

    image, strokes, first, panel = data.camera()[:SIDE, :SIDE], scripted(count), 0, None
    if condition == CONDITIONS[0]:
        viewer, layer = _plain(image)
    else:
        viewer, panel, key = open_panel(image, "camera")
        first = min(30, count // 2)
        layer = _begun(panel, key, strokes[:first], training=condition == CONDITIONS[2])
    rest(1.0)
    late = lateness_ms(layer, strokes[first:])
    row: Row = {"condition": condition, "strokes": count}
    if panel is not None:
        row["epochs"] = panel.session.training.epoch
        row["still_training"] = panel.session.training.busy
        row["closed_s"] = _closing_s(panel)
    row["labels_equal"] = bool(np.array_equal(layer.data, _replayed(viewer, strokes, layer)))
    return row | _figures(late)


def _plain(image: np.ndarray) -> tuple[Any, Any]:
    import napari

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1400, 900)
    viewer.add_image(image)
    layer = viewer.add_labels(np.zeros((SIDE, SIDE), np.uint8))
    layer.brush_size = 5
    return viewer, layer


def _begun(panel: Any, key: str, strokes: list[Stroke], *, training: bool) -> Any:
    from unetscope.session.values import Phase

    bench, session = panel.bench, panel.session
    bench.add_class()
    bench.paint_with(1)
    layer = bench.layers.strokes_layer(key)
    for value, path in strokes:
        for point in path:
            layer.paint(tuple(point), value)
    wait_until(lambda: len(session.painted) == CLASSES)
    wait_until(lambda: not session.answering)
    if training:
        bench.train()
        wait_until(lambda: session.training.phase is Phase.RUNNING)
    return layer


def _replayed(viewer: Any, strokes: list[Stroke], like: Any) -> np.ndarray:
    fresh = viewer.add_labels(np.zeros((SIDE, SIDE), np.uint8))
    fresh.brush_size = like.brush_size
    for value, path in strokes:
        for point in path:
            fresh.paint(tuple(point), value)
    return np.array(fresh.data)


def _closing_s(panel: Any) -> float:
    began = time.perf_counter()
    panel.shut_down()
    return time.perf_counter() - began


def _figures(late_ms: np.ndarray) -> Row:
    counts, _ = np.histogram(np.clip(late_ms, 0, EDGES_MS[-1]), EDGES_MS)
    return {
        "beats": len(late_ms),
        "p50_ms": float(np.percentile(late_ms, 50)),
        "p99_ms": float(np.percentile(late_ms, 99)),
        "max_ms": float(late_ms.max()),
        "histogram": {"edges_ms": list(EDGES_MS), "counts": counts.tolist()},
    }


if __name__ == "__main__":
    tell(measure(sys.argv[1], int(sys.argv[2])))
