"""Courses: which lessons make one, and which lessons suit an image or a place without network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unetscope.lessons.declaration import Lesson

_LAB = (1, 2, 6, 7, 11, 14, 18)


@dataclass(frozen=True)
class Course:
    """A choice of lessons.

    Attributes
    ----------
    name : its key in what is kept.
    title : what it is called, by language.
    orders : the numbers of its lessons; () for all.
    field : "em" or "lm": lessons about such images or about any; "" for all.
    alone : lessons that need no network.
    """

    name: str
    title: dict[str, str]
    orders: tuple[int, ...] = ()
    field: str = ""
    alone: bool = False

    def has(self, lesson: Lesson) -> bool:
        """Whether a lesson is one of it."""
        about = lesson.lesson
        return (
            (not self.orders or about.order in self.orders)
            and (not self.field or about.field in ("any", self.field))
            and (not self.alone or about.needs != "net")
        )


COURSES = (
    Course("all", {"en": "All lessons", "de": "Alle Lektionen"}),
    Course("lab", {"en": "90-minute lab", "de": "90-Minuten-Praktikum"}, _LAB),
    Course(
        "em-day",
        {"en": "EM half day", "de": "EM, halber Tag"},
        (*_LAB, 4, 5, 12, 15, 16, 17),
    ),
    Course("em", {"en": "Electron microscopy", "de": "Elektronenmikroskopie"}, field="em"),
    Course("lm", {"en": "Light microscopy", "de": "Lichtmikroskopie"}, field="lm"),
    Course("alone", {"en": "Without a network", "de": "Ohne Netz"}, alone=True),
)


def found(lessons: Iterable[Lesson], course: str = "all", words: str = "") -> tuple[Lesson, ...]:
    """The lessons of a course in whose title, idea or id all of ``words`` stand."""
    chosen = next((one for one in COURSES if one.name == course), COURSES[0])
    wanted = words.casefold().split()
    return tuple(
        lesson
        for lesson in lessons
        if chosen.has(lesson)
        and all(word in f"{lesson.title} {lesson.idea} {lesson.id}".casefold() for word in wanted)
    )
