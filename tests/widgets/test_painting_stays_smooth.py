"""Painting while the real engine trains: no stroke is lost and the window does not stall.

The figures are printed and recorded (``--junitxml`` carries them); only the labels are held to
exactly what was painted, for timings on a shared machine are not the program's alone.
"""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from unetscope.session.values import Phase

STROKES = 1000 if os.environ.get("UNETSCOPE_SOAK") else 100
CALM = STROKES // 10  # painted before training starts
SIDE = 512
DABS = 3
MOVE_MS = 8
BEAT_MS = 5
LOOSE_STALL_MS = 3000


class Heartbeat:
    """How late a timer of the event loop is, in ms, beat by beat."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.late_ms.append(max(0.0, (now - self._last) * 1000 - BEAT_MS))
        self._last = now


def scripted_strokes(seed: int = 3) -> list[tuple[int, np.ndarray]]:
    """(class, (point, 2) path) of short strokes all over the image, fixed by the seed."""
    rng = np.random.default_rng(seed)
    strokes = []
    for index in range(STROKES):
        start = rng.uniform(10, SIDE - 10, 2)
        end = np.clip(start + rng.uniform(-25, 25, 2), 5, SIDE - 6)
        strokes.append((1 + index % 3, np.linspace(start, end, DABS)))
    return strokes


def dabs(strokes: list[tuple[int, np.ndarray]]) -> list[tuple[int, tuple[float, ...]]]:
    """(class, point) of every mouse move of the strokes."""
    return [(value, tuple(point)) for value, path in strokes for point in path]


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_strokes_during_training_are_all_there_a_thousand_in_the_soak(
    make_napari_viewer_proxy: Any, qtbot: Any, record_property: Any
) -> None:
    from unetscope.widgets.painting.paint_train_predict import PaintTrainPredict

    skdata = pytest.importorskip("skimage.data")
    image = skdata.camera()[:SIDE, :SIDE]
    viewer = make_napari_viewer_proxy()
    viewer.add_image(image, name="camera")
    window = PaintTrainPredict(viewer)
    viewer.window.add_dock_widget(window, name="Paint, train, predict")
    session, bench = window.session, window.bench
    try:
        qtbot.waitUntil(lambda: session.model is not None, timeout=60_000)
        qtbot.waitUntil(lambda: not bench.shelf.lane.busy, timeout=30_000)
        bench.add_class()
        bench.paint_with(1)
        layer = bench.layers.strokes_layer(session.image.key)
        strokes = scripted_strokes()
        bench.set_live(False)
        calm = painted_under_heartbeat(layer, strokes[:CALM], qtbot)
        bench.set_live(True)
        qtbot.waitUntil(lambda: len(session.painted) == 3, timeout=10_000)
        bench.train()
        qtbot.waitUntil(lambda: session.training.phase is Phase.RUNNING, timeout=60_000)
        heart = painted_under_heartbeat(layer, strokes[CALM:], qtbot)
        assert session.training.busy, "training ended before the strokes did"
        start = time.monotonic()
    finally:
        window.shut_down()
    closed_s = time.monotonic() - start
    expected = replayed(viewer, strokes, layer.brush_size)
    assert np.array_equal(layer.data, expected)
    report("painting alone", calm, record_property)
    report("painting while answering and training", heart, record_property)
    print(f"closed during training in {closed_s:.2f} s")
    assert max(heart.late_ms) < LOOSE_STALL_MS


def painted_under_heartbeat(layer: Any, strokes: list[Any], qtbot: Any) -> Heartbeat:
    """Move the brush once per turn of the event loop, as the mouse does, while the heart beats."""
    heart, left = Heartbeat(), list(reversed(dabs(strokes)))
    painter = QTimer()
    painter.setInterval(MOVE_MS)

    def move() -> None:
        if left:
            value, point = left.pop()
            layer.paint(point, value)

    painter.timeout.connect(move)
    heart.start()
    painter.start()
    qtbot.waitUntil(lambda: not left, timeout=200_000)
    heart.stop()
    return heart


def replayed(viewer: Any, strokes: list[Any], brush_size: float) -> np.ndarray:
    """The same strokes on a fresh layer, with nothing else going on."""
    fresh = viewer.add_labels(np.zeros((SIDE, SIDE), np.uint8), name="replay")
    fresh.brush_size = brush_size
    for value, point in dabs(strokes):
        fresh.paint(point, value)
    return np.array(fresh.data)


def report(what: str, heart: Heartbeat, record_property: Any) -> None:
    late = np.array(heart.late_ms)
    figures = {
        "beats": len(late),
        "p50_ms": round(float(np.percentile(late, 50)), 1),
        "p99_ms": round(float(np.percentile(late, 99)), 1),
        "max_ms": round(float(late.max()), 1),
    }
    record_property(what, figures)
    print(f"\nevent loop, {what}: {figures}")
