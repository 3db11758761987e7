"""Which lesson explains what a part of the documentation is about."""

from __future__ import annotations

import re
from collections.abc import Iterable

from unetscope.lessons.declaration import Lesson


def anchor_of(title: str) -> str:
    """A heading of a page as its address has it: ``Convolution here`` → ``convolution-here``."""
    return re.sub(r"[^\w]+", "-", title.casefold()).strip("-")


def lessons_about(lessons: Iterable[Lesson], *titles: str) -> tuple[Lesson, ...]:
    """The lessons whose ``docs`` name a part in whose heading one of these titles stands."""
    wanted = [anchor_of(title) for title in titles if title]
    return tuple(
        lesson
        for lesson in lessons
        if any(_is_about(lesson.lesson.docs.partition("#")[2], one) for one in wanted)
    )


def _is_about(anchor: str, wanted: str) -> bool:
    return f"-{wanted}-" in f"-{anchor}-"
