"""Pictures of the dock Lessons: on numbers, on an electron and on a light micrograph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from windows import SIZE, shoot, wait_until

from unetscope.session.lessons.learner_record import LearnerRecord
from unetscope.widgets.lessons.lessons_dock import LessonsDock

LIMIT_KB = 400


def take_em(picture: Any, folder: Path) -> None:
    """The gallery, the text's numbers after a guess, and the same on one's own image."""
    viewer, dock = _opened(picture)
    shoot(viewer, folder / "lessons-gallery.png", limit_kb=LIMIT_KB)
    _open(dock)
    dock.tutor.guess("6")
    shoot(viewer, folder / "lessons-numbers.png", limit_kb=LIMIT_KB)
    _open(dock, "one-window")
    dock.tutor.skip()
    shoot(viewer, folder / "lessons-window.png", limit_kb=LIMIT_KB)
    _open(dock)
    _own(dock, "4")
    shoot(viewer, folder / "lessons-em.png", limit_kb=LIMIT_KB)
    _close(viewer, dock)


def take_light(picture: Any, folder: Path) -> None:
    """In German, on a colour image, in the light theme."""
    viewer, dock = _opened(picture)
    viewer.theme = "light"
    dock.tutor.speak("de")
    _open(dock)
    _own(dock, "2")
    shoot(viewer, folder / "lessons-light.png", limit_kb=LIMIT_KB)
    _close(viewer, dock)


TAKEN: dict[str, Callable[[Any, Path], None]] = {"em": take_em, "light": take_light}


def _opened(picture: Any) -> tuple[Any, LessonsDock]:
    import napari

    from unetscope.cli.demo.window import layer_options

    viewer = napari.Viewer(show=True, title="napari")
    viewer.window.resize(*SIZE)
    viewer.add_image(picture.image.pixels, **layer_options(picture.image))
    dock = LessonsDock(viewer, record=LearnerRecord(None))
    viewer.window.add_dock_widget(dock, name="Lessons", area="right")
    return viewer, dock


def _open(dock: LessonsDock, lesson: str = "pooling") -> None:
    dock.open_lesson(lesson, 0)
    wait_until(lambda: not dock.tutor.busy)


def _own(dock: LessonsDock, shift: str) -> None:
    """On what is on screen, zoomed in so far that cells can be seen."""
    dock.tutor.use_own(True)
    wait_until(lambda: not dock.tutor.busy)
    dock.tutor.skip()
    dock.tutor.change("shift", int(shift))
    wait_until(lambda: not dock.tutor.busy)
    dock.page.refresh()


def _close(viewer: Any, dock: LessonsDock) -> None:
    dock.shut_down()
    viewer.close()
