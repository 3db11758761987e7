"""Results that come with the lessons: what takes long is shown at once."""

from __future__ import annotations

import os

import numpy as np
import pytest

from unetscope.errors import LessonError
from unetscope.lessons.expecting import outcomes
from unetscope.lessons.gallery import all_lessons
from unetscope.lessons.shipped_runs import LARGEST_BYTES, packed, result_path, unpacked
from unetscope.lessons.visit import Visit
from unetscope.looking.answers import Drawn, Picture, Plot, Shown, Table

LESSONS = all_lessons().lessons
LONG = [(one, at) for one in LESSONS for at, step in enumerate(one.step) if not step.live]


@pytest.mark.parametrize(("lesson", "at"), LONG, ids=lambda one: getattr(one, "id", one))
def test_what_takes_long_comes_with_the_lesson_and_fills_its_sentences(lesson, at) -> None:
    assert result_path(lesson, at).stat().st_size <= LARGEST_BYTES
    visit = Visit(lesson, at=at)
    assert visit.from_shelf
    shown = visit.shown()
    assert shown.kind and shown.title
    assert "{" not in visit.notice() + visit.question()


def test_what_is_changed_or_live_is_not_from_the_shelf() -> None:
    memorising = all_lessons().lesson("memorising")
    visit = Visit(memorising)
    visit.change("noise", 0.1)  # of another step
    assert visit.from_shelf
    visit.change("turns", True)
    assert not visit.from_shelf
    assert not Visit(memorising, live=True).from_shelf
    assert not Visit(memorising, seed=1).from_shelf
    assert not Visit(memorising, at=1).from_shelf


def test_an_answer_comes_back_as_it_was_packed() -> None:
    ramp = np.linspace(0, 255, 12, dtype=np.float32).reshape(3, 4)
    shown = Shown(
        "One",
        "two",
        "empirical",
        (
            Picture("a", "A", ramp, (2, 2), (1, 0)),
            Picture("b", "B", ramp.astype(np.uint8), (1, 1), (0, 0), drawn=Drawn.LABELS),
        ),
        Table(("x", "y"), ((1, "two"), (3.5, "four"))),
        Plot({"loss": (np.arange(3), np.array([3.0, 2.0, 1.5]))}, "step", "nats", log=True),
        facts={"iou": [0.5, 0.25], "name": "μ"},
    )
    again = unpacked(packed(shown))
    assert packed(again) == packed(shown)
    assert (again.title, again.kind, again.facts) == (shown.title, shown.kind, shown.facts)
    assert again.table is not None and again.plot is not None and again.plot.log
    assert (again.table.columns, again.table.rows) == (("x", "y"), ((1, "two"), (3.5, "four")))
    np.testing.assert_array_equal(again.pictures[0].values, ramp.round())
    np.testing.assert_array_equal(again.pictures[1].values, ramp.astype(np.uint8))
    assert again.pictures[0].scale == (2, 2) and again.pictures[1].drawn is Drawn.LABELS
    with pytest.raises(LessonError, match="cannot be read"):
        unpacked(packed(shown)[:100])


@pytest.mark.slow
@pytest.mark.skipif("UNETSCOPE_SOAK" not in os.environ, reason="set UNETSCOPE_SOAK=1 to run it")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda one: one.id)
def test_soak_every_lesson_keeps_what_it_promises_when_it_is_run_live(lesson) -> None:
    assert not [str(one) for one in outcomes(lesson, slow=True) if not one.held]
