"""The buttons of the questions, each with its "?" where it has a help."""

from __future__ import annotations

from qtpy.QtWidgets import QPushButton
from superqt import QFlowLayout

from unetscope.looking.question import NetworkQuestion
from unetscope.looking.questions import QUESTIONS
from unetscope.widgets.inside.help_button import HelpButton, with_help
from unetscope.widgets.kit.looks import Tints, small_button


class QuestionButtons:
    """A row of the questions that belong there, in their order.

    Attributes
    ----------
    row : the layout that holds the buttons.
    buttons : by the name of the question.
    helps : the "?" beside them.
    """

    def __init__(self, row: str, tints: Tints) -> None:
        self.row = QFlowLayout()
        self.row.setSpacing(3)
        self.buttons: dict[str, QPushButton] = {}
        self.helps: list[HelpButton] = []
        for question in QUESTIONS.values():
            if question.button is not None and question.button.row == row:
                self._add(question, tints)

    def _add(self, question: NetworkQuestion, tints: Tints) -> None:
        assert question.button is not None
        button = small_button(question.button.text, question.button.tip)
        button.setCheckable(question.button.unfolds)
        self.buttons[question.name] = button
        if question.help is None:
            self.row.addWidget(button)
            return
        self.helps.append(HelpButton(question.name, tints))
        self.row.addWidget(with_help(button, self.helps[-1]))

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        for one in self.helps:
            one.set_tints(tints)
