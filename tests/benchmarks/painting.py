"""How many mouse events a second painting takes on a 16k image, through the real window.

A program: ``python -m benchmarks.painting [LABELS] [LIVE] [STROKES]`` in ``tests``, on a screen;
LABELS is ``array`` or ``tiles``, LIVE ``live`` or ``quiet`` (without the engine). Each mouse event
goes through Qt, napari and the panel, and the canvas is drawn before the next one. The end of a
stroke (journal, snapshot, counts, and with Live the answer) is part of the time.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from benchmarks.rows import Row
from benchmarks.screen import open_panel, rest, tell, told_by
from widgets.fake_engine import FakeJobs

SIDE, BRUSH_PX, MOVES = 16384, 50, 20


def painting_row(labels: str, live: str, strokes: int = 20) -> Row:
    """Events a second, and how long moves and ends of strokes took (ms)."""
    return told_by("benchmarks.painting", labels, live, str(strokes))


def measure(labels: str, live: str, strokes: int) -> Row:
    """Open the window and paint."""
    from unetscope.session.layers.big_labels import TiledLabels

    tile = np.random.default_rng(0).integers(0, 256, (512, 512), np.uint8)
    image = np.tile(tile, (SIDE // 512, SIDE // 512))
    viewer, panel, key = (open_panel if live == "live" else _quiet_panel)(image, "large")
    blank: Any = np.zeros(image.shape, np.uint8)
    layer = viewer.add_labels(TiledLabels(image.shape) if labels == "tiles" else blank)
    panel.bench.layers.adopt(key, str(layer.unique_id))
    layer.brush_size = BRUSH_PX
    viewer.scene.camera.zoom = 1.0
    for value in (1, 2):  # two classes, so that Live has something to answer
        panel.bench.paint_with(value)
        _stroke(viewer, np.random.default_rng(value))
    rest(3.0)
    rng, moves, ends = np.random.default_rng(7), [], []
    start = time.perf_counter()
    for index in range(strokes):
        panel.bench.paint_with(1 + index % 2)
        moved, ended = _stroke(viewer, rng)
        moves += moved
        ends.append(ended)
    seconds = time.perf_counter() - start
    panel.bench.answers.look()
    painted = panel.session.painted
    if sum(painted.values()) != int((np.asarray(layer.data) > 0).sum()):
        raise RuntimeError(f"the window counted {painted}, which is not what was painted")
    return {
        "labels": labels,
        "live": live,
        "events_per_s": round((len(moves) + len(ends)) / seconds, 1),
        "move_median_ms": round(float(np.median(moves)), 1),
        "move_p95_ms": round(float(np.percentile(moves, 95)), 1),
        "end_median_ms": round(float(np.median(ends)), 1),
        "end_slowest_ms": round(max(ends), 1),
        "painted_px": int(sum(painted.values())),
    }


def _quiet_panel(image: Any, name: str) -> tuple[Any, Any, str]:
    """As :func:`open_panel`, with nobody who answers."""
    import napari

    from unetscope.widgets.painting.paint_train_predict import PaintTrainPredict

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1400, 900)
    panel = PaintTrainPredict(viewer, FakeJobs())
    panel.bench.set_live(False)
    viewer.window.add_dock_widget(panel, name="Paint, train, predict")
    layer = viewer.add_image(image, name=name)
    rest(1.0)
    return viewer, panel, str(layer.unique_id)


def _stroke(viewer: Any, rng: np.random.Generator) -> tuple[list[float], float]:
    """Press, move, release on the canvas; how long each move and the release took (ms)."""
    from qtpy.QtCore import QEvent
    from qtpy.QtOpenGLWidgets import QOpenGLWidget
    from qtpy.QtWidgets import QApplication

    window = next(w for w in QApplication.topLevelWidgets() if w.findChildren(QOpenGLWidget))
    canvas = max(window.findChildren(QOpenGLWidget), key=lambda one: one.width())
    size = np.array([canvas.width(), canvas.height()])
    start = rng.uniform(0.2, 0.8, 2) * size
    path = np.linspace(start, np.clip(start + rng.uniform(-150, 150, 2), 30, size - 30), MOVES)
    kinds = [QEvent.Type.MouseButtonPress, *[QEvent.Type.MouseMove] * (MOVES - 2)]
    spent = [_sent(canvas, kind, at) for kind, at in zip(kinds, path, strict=False)]
    return spent, _sent(canvas, QEvent.Type.MouseButtonRelease, path[-1])


def _sent(canvas: Any, kind: Any, at: np.ndarray) -> float:
    from qtpy.QtCore import QPointF, Qt
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    none, left = Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton
    name = kind.name
    button = none if name == "MouseMove" else left
    held = none if name == "MouseButtonRelease" else left
    place = QPointF(*map(float, at))
    keys = Qt.KeyboardModifier.NoModifier
    event = QMouseEvent(kind, place, canvas.mapToGlobal(place), button, held, keys)
    start = time.perf_counter()
    QApplication.sendEvent(canvas, event)
    QApplication.processEvents()
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    tell(measure(sys.argv[1], sys.argv[2], int(sys.argv[3])))
