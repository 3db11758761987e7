"""The dock Lessons in a real window: its first picture, and from a slider to the picture.

A program: ``python -m benchmarks.lesson_window [LESSON …]`` in ``tests``, on a screen. One window
has all lessons, for a fresh one each would measure napari; ``torch`` says whether a lesson has
brought it in. Times end when the canvas has been drawn again.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from benchmarks.rows import Row
from benchmarks.screen import rest, tell, wait_until

SIDE = 512
MOVES = 60


def drive(wanted: list[str]) -> list[Row]:
    """A row a lesson; sliders are measured on one's own image of 512 × 512 px where it has one."""
    import napari
    from qtpy.QtOpenGLWidgets import QOpenGLWidget
    from qtpy.QtWidgets import QApplication

    from unetscope.session.lessons.learner_record import LearnerRecord
    from unetscope.widgets.lessons.lessons_dock import LessonsDock

    drawn = {"at": 0.0}
    viewer = napari.Viewer(show=True)
    rng = np.random.default_rng(1)
    viewer.add_image(rng.random((SIDE, SIDE), np.float32), name="own")
    rest(1.0)
    began = time.monotonic()
    dock = LessonsDock(viewer, record=LearnerRecord(None))
    viewer.window.add_dock_widget(dock, name="Lessons")
    QApplication.processEvents()
    opened = time.monotonic() - began

    def note() -> None:
        drawn["at"] = time.monotonic()

    for window in QApplication.topLevelWidgets():
        for canvas in window.findChildren(QOpenGLWidget):
            canvas.frameSwapped.connect(note)
    lessons = [one.id for one in dock.state.gallery.lessons]
    rows = [{"lesson": "", "dock": opened, "torch": "torch" in sys.modules}]
    for lesson in [one for one in lessons if not wanted or one in wanted]:
        rows.append(_measured(dock, lesson, drawn))
    return rows


def _measured(dock: Any, lesson: str, drawn: dict[str, float]) -> Row:
    tutor = dock.tutor
    began = time.monotonic()
    drawn["at"] = 0.0
    dock.open_lesson(lesson)
    wait_until(lambda: tutor.stage.layers.find("bench") is not None and drawn["at"] > 0, 60)
    first = drawn["at"] - began
    wait_until(lambda: not tutor.busy, 120)
    row: Row = {"lesson": lesson, "first": first, "answer": time.monotonic() - began}
    tutor.skip()
    if dock.state.visit.lesson.scene.own != "no":
        tutor.use_own(True)
        wait_until(lambda: not tutor.busy, 120)
        tutor.skip()
    row |= _moved(dock, drawn)
    row["torch"] = "torch" in sys.modules
    tutor.leave()
    return row


def _moved(dock: Any, drawn: dict[str, float]) -> Row:
    """Each slider of the first step is moved at random; seconds to its picture on the screen."""
    visit, rng = dock.state.visit, np.random.default_rng(2)
    taken, worked = [], []  # on the clock, and on the cores: the same where nobody else computes
    sliders = [one for one in visit.controls if one.type == "slider"]
    for one in sliders:
        stops = one.stops()
        for _ in range(MOVES // len(sliders)):
            row = dock.page.controls.rows[one.name].slider
            place = (row.value() + int(rng.integers(1, len(stops)))) % len(stops)
            seen: list[float] = []
            dock.tutor.stage.pictured.connect(lambda seen=seen: seen.append(time.monotonic()))
            began, before = time.monotonic(), time.process_time()
            row.setValue(place)
            wait_until(lambda seen=seen: bool(seen) and drawn["at"] > seen[0], 10)
            taken.append(drawn["at"] - began)
            worked.append(time.process_time() - before)
            dock.tutor.stage.pictured.disconnect()
            rest(0.02)
    if not taken:
        return {}
    p50, p95 = np.percentile(taken, (50, 95))
    work = float(np.percentile(worked, 95))
    return {"moves": len(taken), "p50": float(p50), "p95": float(p95), "core_p95": work}


if __name__ == "__main__":
    tell(drive(sys.argv[1:]))
