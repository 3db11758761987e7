"""A line at the end of an explanation that opens the lesson about it."""

from __future__ import annotations

from html import escape

from napari import current_viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from unetscope.lessons.about import lessons_about
from unetscope.lessons.gallery import all_lessons
from unetscope.widgets.kit.looks import Tints, quiet

PLUGIN = "napari-unetscope"
DOCK = "Lessons"


def lesson_link(titles: tuple[str, ...], tints: Tints) -> QLabel | None:
    """A line with the lessons about what has one of these titles; None where there is none.

    A click, or Enter, opens the dock of lessons on it.
    """
    lessons = lessons_about(all_lessons().lessons, *titles)
    if not lessons:
        return None
    style = f"color: {tints.busy};"
    links = " · ".join(
        f'<a style="{style}" href="{one.id}">Lesson: {escape(one.title.partition(":")[0])}</a>'
        for one in lessons
    )
    label = quiet(QLabel(links))
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.LinksAccessibleByMouse
        | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
    )
    label.linkActivated.connect(open_lesson)
    return label


def open_lesson(lesson: str) -> None:
    """Bring the dock of lessons up in the window that is in use, on this lesson."""
    viewer = current_viewer()
    if viewer is None:
        return
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
    dock.open_lesson(lesson)
