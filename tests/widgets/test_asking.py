"""A question as a card: every answer is a button, and nothing is asked for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from qtpy.QtCore import QPoint, Qt

from unetscope.images.questions import Choice, Question
from unetscope.widgets.kit.looks import theme_tints
from unetscope.widgets.kit.question_card import QuestionCard
from unetscope.widgets.painting.annotation_panel import AnnotationPanel
from widgets.conftest import Opened
from widgets.test_nothing_is_cut import flaws, settled

AXES = Question(
    "axes",
    "t.tif",
    "t.tif has 12 pages that it does not name. What are they?",
    (Choice("zyx", "a stack of 12 planes"), Choice("cyx", "12 channels")),
)
LONG = Question(
    "values",
    "<b>R&D</b>.tif",
    "The mask <b>R&D</b>.tif has the numbers of 25 pieces: are they classes, or objects?",
    (
        Choice("objects", "each number is one object & all of them are of one and the same class"),
        Choice("classes", "each number is a class"),
        Choice(
            "long", "nuclei_of_a_very_long_name_without_any_place_to_break_it_in_two, 512 × 512"
        ),
    ),
)
ZERO = Question("zero", "m.tif", "What is 0?", (Choice("background", "background"),))


@pytest.fixture
def card(qtbot: Any) -> tuple[QuestionCard, list[Any]]:
    made = QuestionCard()
    made.set_tints(theme_tints("dark"))
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


def test_real_clicks_answer(card: Any, qtbot: Any) -> None:
    made, said = card
    made.resize(340, 200)
    for press in (lambda: made.buttons["cyx"], lambda: made.buttons["zyx"], lambda: made.later):
        made.ask(AXES)
        qtbot.waitExposed(made)
        settled(made)
        qtbot.mouseClick(press(), Qt.MouseButton.LeftButton)
    assert said == [(AXES, "cyx"), (AXES, "zyx"), (AXES, None)]


@pytest.mark.parametrize(
    ("key", "value"), [(Qt.Key.Key_1, "zyx"), (Qt.Key.Key_2, "cyx"), (Qt.Key.Key_Escape, None)]
)
def test_keys_answer_in_the_window_and_choose_no_class(
    show_window: Callable[..., Opened], qtbot: Any, key: Any, value: str | None
) -> None:
    opened = show_window()
    opened.window.bench.paint_with(1)
    before = opened.session.current_class
    panel, said = opened.window.part(AnnotationPanel), []
    panel.show()  # which it is while it asks
    card = panel.question
    card.answered.connect(lambda _question, answer: said.append(answer))
    card.put_off.connect(lambda _question: said.append(None))
    card.ask(AXES)
    card.take_focus()
    qtbot.waitUntil(lambda: opened.window.focusWidget() in card.buttons.values())
    qtbot.keyClick(opened.window.focusWidget(), Qt.Key.Key_3)
    qtbot.keyClick(opened.window.focusWidget(), key)
    assert said == [value] and card.isHidden()
    assert opened.session.current_class == before
    opened.window.setFocus()
    qtbot.keyClick(opened.window, Qt.Key.Key_2)
    assert opened.session.current_class == 2  # the keys are the window's own again


@pytest.mark.parametrize(("points", "width"), [(9, 300), (20, 400)])
def test_no_answer_is_cut_at_any_size_of_type(
    show_window: Callable[..., Opened], qtbot: Any, points: int, width: int
) -> None:
    opened = show_window(points=points, width=width)
    panel = opened.window.part(AnnotationPanel)
    card = panel.question
    panel.show()  # which it is while it asks
    card.ask(LONG)
    opened.window.resize(width, 900)
    qtbot.waitUntil(lambda: not list(flaws(card)))
    assert opened.window.width() == width
    assert card.mapTo(opened.window, QPoint(card.width(), 0)).x() <= width
    assert card.text.textFormat() is Qt.TextFormat.PlainText  # the name stays what it is
    shown = "".join(card.buttons["objects"].text().replace("\n", " ").split("&&"))
    assert "&" not in shown  # it would be taken for the key of the button
