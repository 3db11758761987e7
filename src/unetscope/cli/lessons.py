"""``unetscope lessons``: the dock in a window, as a person has it or large for a classroom."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from unetscope.cli.demo.window import new_viewer
from unetscope.cli.forms import LessonsWindow
from unetscope.errors import LessonError
from unetscope.lessons.gallery import all_lessons
from unetscope.lessons.lesson_files import LANGUAGES


def run(form: LessonsWindow) -> Iterator[str]:
    """Open the window; what cannot be read among the lessons is said first.

    Raises
    ------
    LessonError
        If there is no such folder, language or lesson.
    UnetscopeError
        If no window can be opened.
    """
    folders = tuple(form.lessons or ())
    for folder in folders:
        if not folder.is_dir():
            raise LessonError(f"{folder} is no folder; give one that has lessons (NAME.toml).")
    if form.language not in (None, *LANGUAGES):
        raise LessonError(f"--language is {form.language}; it may be {', '.join(LANGUAGES)}.")
    gallery = all_lessons(form.language or "en", folders)
    yield from gallery.problems
    lesson = gallery.lesson(form.lesson).id if form.lesson else ""
    if form.classroom:
        _borrow_settings()
    viewer = new_viewer("unetscope lessons")
    import napari

    from unetscope.widgets.lessons.classroom import open_lessons

    for image in form.image or ():
        viewer.open(str(image), plugin="napari")
    dock = open_lessons(viewer, folders, large=form.classroom)
    if form.language:
        dock.tutor.speak(form.language)
    if lesson:
        dock.open_lesson(lesson)
    napari.run()


def _borrow_settings() -> None:
    """Large type is for this window alone: napari would keep it in the user's own settings."""
    from napari.settings import get_settings

    own = get_settings().config_path
    copy = Path(tempfile.mkdtemp(prefix="unetscope-class-")) / "settings.yaml"
    if own is not None and Path(own).is_file():
        shutil.copyfile(own, copy)
    os.environ["NAPARI_CONFIG"] = str(copy)
    get_settings(copy)
