"""A question as a card: every answer is a button, and nothing is asked for ever."""

from __future__ import annotations

from typing import Any

import pytest

from unetscope.images.questions import Choice, Question
from unetscope.widgets.asking import QuestionCard
from unetscope.widgets.looks import theme_tints

AXES = Question(
    "axes",
    "t.tif",
    "t.tif has 12 pages that it does not name. What are they?",
    (Choice("zyx", "a stack of 12 planes"), Choice("cyx", "12 channels")),
)
ZERO = Question("zero", "m.tif", "What is 0?", (Choice("background", "background"),))


@pytest.fixture
def card(qtbot: Any) -> tuple[QuestionCard, list[Any]]:
    made = QuestionCard(theme_tints("dark"))
    qtbot.addWidget(made)
    said: list[Any] = []
    made.answered.connect(lambda question, value: said.append((question, value)))
    made.put_off.connect(lambda question: said.append((question, None)))
    return made, said


def test_a_card_offers_each_answer_and_says_which_was_pressed(card: Any) -> None:
    made, said = card
    assert made.isHidden()
    made.ask(AXES)
    assert not made.isHidden() and made.text.text() == AXES.text
    assert [button.text() for button in made.buttons.values()] == [c.label for c in AXES.choices]
    made.buttons["cyx"].click()
    assert said == [(AXES, "cyx")] and made.isHidden() and made.question is None


def test_a_question_may_be_put_off_and_another_one_takes_its_place(card: Any) -> None:
    made, said = card
    made.ask(AXES)
    made.ask(ZERO)
    assert list(made.buttons) == ["background"] and made.text.text() == ZERO.text
    made.later.click()
    assert said == [(ZERO, None)] and made.isHidden()


def test_the_next_question_may_be_asked_while_the_last_is_answered(card: Any) -> None:
    made, said = card
    made.answered.connect(lambda question, _: made.ask(ZERO) if question is AXES else None)
    made.ask(AXES)
    made.buttons["zyx"].click()
    assert made.question is ZERO and not made.isHidden()
    made.buttons["background"].click()
    assert said == [(AXES, "zyx"), (ZERO, "background")]
