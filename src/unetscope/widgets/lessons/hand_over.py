"""From a lesson to *Look inside*: network, layer, point and image go along."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from unetscope.errors import LessonError
from unetscope.lessons.declaration import Lesson
from unetscope.widgets.inside.look_inside import LookInside
from unetscope.workbench.lessons.tutor import Tutor

PLUGIN = "napari-unetscope"


def open_inside(viewer: Any, tutor: Tutor) -> LookInside | None:
    """Open *Look inside* on what a lesson looked at; None where there is no image to look at.

    The lesson is left first, so that the screen is the person's own again.
    """
    visit, things, shown = tutor.state.visit, tutor.things, tutor.state.shown
    if visit is None:
        return None
    if things is None and not tutor.layers.summaries():
        tutor.tell(LessonError("open an image first: Look inside looks at one of yours."), "This")
        return None
    point = _point(visit.values, visit.lesson)
    origin = things.laid.origin if things is not None else (0, 0)
    facts = shown.facts if shown is not None else {}
    tutor.leave()
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Look inside")
    inspector = dock.inspector
    if things is not None:
        inspector.images.choose(things.key)
        if things.build is not None:
            with suppress(KeyError, IndexError):
                inspector.networks.choose(str(things.net_key[0]))
    layer = facts.get("layer")
    if isinstance(layer, str):
        inspector.inside.layer = layer
    if things is not None:
        height, width = things.laid.pixels.shape[:2]
        y, x = point if point is not None else (height // 2, width // 2)
        depth = (float(things.z),) if inspector.inside.image.depth > 1 else ()
        inspector.probe.point_at((*depth, float(y + origin[0]), float(x + origin[1])))
    return dock


def _point(values: Any, lesson: Lesson) -> tuple[int, int] | None:
    for one in lesson.control:
        if one.type == "place":
            y, x = values[one.name]
            return int(y), int(x)
    return None
