"""The dock Lessons in a real window: its first picture, and from a slider to the picture.

A program: ``python -m benchmarks.lesson_window [LESSON …]`` in ``tests``, on a screen. One window
has all lessons, for a fresh one each would measure napari; ``torch`` says whether a lesson has
brought it in. Times end when the canvas has been drawn again.

With ``--live`` first: of steps whose result came with the lesson, until that is shown, how long the
event loop stood still while the step was run live, and how long after *Stop* nothing of it ran.
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
LIVE_S = 10.0  # of a live training, that the event loop is watched


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
    live = "--live" in wanted
    chosen = [one for one in lessons if one in wanted] or lessons
    for lesson in chosen:
        steps = enumerate(dock.state.gallery.lesson(lesson).step)
        if live:
            rows += [_live(dock, lesson, at) for at, step in steps if not step.live]
        else:
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


def _live(dock: Any, lesson: str, at: int) -> Row:
    """Of a step that trains: its shipped result, the event loop while it runs, its end."""
    tutor = dock.tutor
    began = time.monotonic()
    dock.open_lesson(lesson, at)
    wait_until(lambda: not tutor.busy, 60)
    shelf = time.monotonic() - began
    assert dock.state.from_shelf
    tutor.skip()
    rest(0.3)
    gaps, last = [], time.monotonic()  # the loop wakes every 5 ms by itself
    tutor.run_live()
    end = last + LIVE_S
    while tutor.busy and time.monotonic() < end:
        rest(0.001)
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
    running = tutor.busy
    began = time.monotonic()
    tutor.stop()
    wait_until(lambda: not tutor.busy, 60)
    row: Row = {"lesson": lesson, "step": at + 1, "shelf": shelf, "watched": len(gaps)}
    if running:
        row["stopped"] = time.monotonic() - began
    p50, p99 = np.percentile(gaps, (50, 99))
    tutor.leave()
    return {**row, "gap_p50": float(p50), "gap_p99": float(p99), "gap_most": max(gaps)}


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
