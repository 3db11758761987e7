"""All lessons: those that come with unetscope, those of a teacher's folder, those of packages.

A lesson that cannot be read does not hide the others: what is wrong with it is told beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from platformdirs import user_data_path

from unetscope.errors import LessonError
from unetscope.lessons.declaration import Lesson
from unetscope.lessons.lesson_files import read_lesson
from unetscope.lessons.registry import nearest


@dataclass(frozen=True)
class Gallery:
    """Lessons by their order, and what could not be read.

    Attributes
    ----------
    lessons : in the order of the gallery.
    problems : a sentence for every file that is none, naming it.
    files : where each lesson was read from, by its id.
    """

    lessons: tuple[Lesson, ...]
    problems: tuple[str, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)

    def lesson(self, wanted: str) -> Lesson:
        """The lesson of that id, or of that number.

        Raises
        ------
        LessonError
            If there is none: names the nearest.
        """
        by_id = {one.id: one for one in self.lessons}
        by_id.update({str(one.lesson.order): one for one in self.lessons})
        if wanted not in by_id:
            ids = {one.id: one for one in self.lessons}
            raise LessonError(f"there is no lesson {wanted!r}{nearest(wanted, ids)}")
        return by_id[wanted]


def all_lessons(language: str = "en", folders: Iterable[Path] = ()) -> Gallery:
    """The lessons of unetscope, of the teacher's folder and of ``folders``.

    A later lesson with the id of an earlier one takes its place.
    """
    found: dict[str, Lesson] = {}
    read: dict[str, Path] = {}
    problems = []
    for folder in (shipped_lessons(), own_lessons(), *folders):
        for path in _files(folder):
            lesson: Lesson | None
            try:
                lesson = read_lesson(path, language)
            except LessonError as error:
                problems.append(str(error))
                lesson = _in_english(path) if language != "en" else None
            if lesson is not None:
                found[lesson.id], read[lesson.id] = lesson, path
    ordered = sorted(found.values(), key=lambda one: (one.lesson.order, one.id))
    return Gallery(tuple(ordered), tuple(problems), read)


def _in_english(path: Path) -> Lesson | None:
    """A lesson whose words in another language are wrong; None where it is wrong itself."""
    try:
        return read_lesson(path)
    except LessonError:
        return None


def shipped_lessons() -> Path:
    """The folder of the lessons that come with unetscope."""
    return Path(str(files("unetscope.lessons"))) / "content"


def own_lessons() -> Path:
    """The folder a teacher drops lessons into; it need not be there."""
    return user_data_path("unetscope") / "lessons"


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        for path in sorted(folder.glob("*.toml")):
            if path.name.count(".") == 1:  # NAME.de.toml has the words of NAME.toml
                yield path
