"""A visit: guess first, change, look, reset; and what every lesson promises."""

from __future__ import annotations

import numpy as np
import pytest

from unetscope.errors import LessonError
from unetscope.lessons.bench import Laid
from unetscope.lessons.expecting import outcomes
from unetscope.lessons.gallery import all_lessons
from unetscope.lessons.visit import Visit

GALLERY = all_lessons()


def _pooling() -> Visit:
    return Visit(GALLERY.lesson("pooling"))


@pytest.mark.parametrize("lesson", GALLERY.lessons, ids=lambda one: one.id)
def test_every_lesson_keeps_what_it_promises(lesson) -> None:
    broken = [str(one) for one in outcomes(lesson) if not one.held]
    assert not broken
    assert not GALLERY.problems


def test_the_result_waits_for_a_guess() -> None:
    visit = _pooling()
    assert visit.hidden and not visit.ready and visit.notice() == ""
    visit.shown()
    assert visit.question() and visit.hidden
    with pytest.raises(LessonError, match="is not a number"):
        visit.guess("six")
    assert visit.hidden
    assert not visit.guess("5").right
    assert not visit.hidden
    assert "6 8 / 3 4" in visit.notice()


def test_a_guess_is_judged_by_what_comes_out_on_this_image() -> None:
    visit = _pooling()
    visit.own = Laid(np.arange(64, dtype=np.float32).reshape(8, 8), "mine", own=True)
    visit.shown()
    assert visit.guess("9").right
    visit.change("kind", "average")
    assert not visit.ready
    visit.shown()
    assert visit.guess("4,5").right and not visit.guess("4.6").right


@pytest.mark.parametrize(
    ("language", "right", "wrong"),
    [
        ("en", ("1024.5", "1,024.5", "1024,5"), ("1.0245", "10245")),
        ("de", ("1024,5", "1.024,5", "1024.5"), ("1,0245", "10.245")),
    ],
)
def test_guesses_are_read_as_their_language_writes_numbers(language, right, wrong) -> None:
    visit = Visit(all_lessons(language).lesson("pooling"))
    visit.own = Laid(np.array([[1024.5, 0], [0, 0.0]], dtype=np.float32), "mine", own=True)
    visit.shown()
    assert all(visit.guess(one).right for one in right)
    assert not any(visit.guess(one).right for one in wrong)
    assert visit.guess("7").answer == ("1,024" if language == "en" else "1.024")


def test_controls_refuse_what_they_cannot_be_and_reset_brings_them_back() -> None:
    visit = _pooling()
    for name, value in [("shift", 9), ("shift", "one"), ("kind", "median"), ("nothing", 1)]:
        with pytest.raises(LessonError):
            visit.change(name, value)
    visit.change("shift", 2)
    visit.skip()
    visit.reset()
    assert visit.values["shift"] == 0 and visit.hidden
