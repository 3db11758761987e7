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
from widgets.test_painting_stays_smooth import (
    SIDE,
    painted_under_heartbeat,
    replayed,
    scripted_strokes,
)
from widgets.test_painting_stays_smooth import paint as paint_stroke

CONDITIONS = ("napari alone", "panel, answering", "panel, training")
EDGES_MS = (0, 2, 5, 10, 20, 35, 50, 75, 100, 150, 250, 500, 1000)


def smoothness_row(condition: str, strokes: int) -> Row:
    """Percentiles (ms) and a histogram of how late a 5 ms timer was during ``strokes`` strokes."""
    return told_by("benchmarks.smoothness", condition, str(strokes))


class _Turns:
    """The one method of pytest-qt's bot that the harness of the tests needs."""

    @staticmethod
    def waitUntil(condition: Any, timeout: float) -> None:
        """Turn the event loop until ``condition`` holds."""
        wait_until(condition, timeout / 1000)


def measure(condition: str, count: int) -> Row:
    """Paint under the heartbeat."""
    from skimage import data

    image = data.camera()[:SIDE, :SIDE]
    strokes = scripted_strokes()[:count]
    if condition == CONDITIONS[0]:
        viewer, layer, first = _plain(image), None, 0
        layer = viewer.add_labels(np.zeros((SIDE, SIDE), np.uint8))
        layer.brush_size = 5
        panel = None
    else:
        viewer, panel, key = open_panel(image, "camera")
        layer, first = _first_strokes(panel, key, strokes, training=condition == CONDITIONS[2])
    rest(1.0)
    began = time.perf_counter()
    heart = painted_under_heartbeat(layer, strokes[first:], _Turns())
    seconds = time.perf_counter() - began
    row: Row = {"condition": condition, "strokes": len(strokes), "seconds": seconds}
    if panel is not None:
        row["epochs"] = panel.session.training.epoch
        row["still_training"] = panel.session.training.busy
        row["closed_s"] = _closing_s(panel)
    row["labels_equal"] = bool(
        np.array_equal(layer.data, replayed(viewer, strokes, layer.brush_size))
    )
    return row | _figures(np.asarray(heart.late_ms))


def _plain(image: np.ndarray) -> Any:
    import napari

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1400, 900)
    viewer.add_image(image)
    return viewer


def _first_strokes(panel: Any, key: str, strokes: list[Any], *, training: bool) -> tuple[Any, int]:
    from unetscope.session.values import Phase

    bench, session = panel.bench, panel.session
    bench.add_class()
    bench.paint_with(1)
    layer, first = bench.layers.strokes_layer(key), min(30, len(strokes) // 2)
    for stroke in strokes[:first]:
        paint_stroke(layer, stroke)
    wait_until(lambda: len(session.painted) == 3)
    wait_until(lambda: not session.answering)
    if training:
        bench.train()
        wait_until(lambda: session.training.phase is Phase.RUNNING)
    return layer, first


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
