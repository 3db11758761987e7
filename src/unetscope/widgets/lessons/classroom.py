"""Lessons on a projector: large type, and nothing in the window but the dock and the image."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari.settings import get_settings
from qtpy.QtWidgets import QDockWidget, QMainWindow

from unetscope.widgets.lessons.lessons_dock import LessonsDock

LARGER = 1.5
LEAST_POINTS = 12  # 16 px at the 96 points an inch of a projector


def open_lessons(viewer: Any, folders: Iterable[Path] = (), *, large: bool = False) -> LessonsDock:
    """Add the dock to a window; ``large`` makes it one for a classroom.

    The larger type is a setting of napari's: who wants it for one window alone lends it settings.
    """
    if large:
        appearance = get_settings().appearance
        appearance.font_size = max(LEAST_POINTS, round(LARGER * appearance.font_size))
    dock = LessonsDock(viewer, folders, classroom=large)
    viewer.window.add_dock_widget(dock, name="Lessons", area="right")
    if large:
        window = dock.window()
        others = window.findChildren(QDockWidget) if isinstance(window, QMainWindow) else ()
        for other in others:
            if other is not dock.dock():
                other.hide()
    return dock
