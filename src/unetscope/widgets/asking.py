"""A question that a file or a layer does not answer, put to a person: as a box, or as a card."""

from __future__ import annotations

from typing import Protocol

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QLabel, QMessageBox, QPushButton, QVBoxLayout, QWidget
from superqt import QFlowLayout

from unetscope.images.questions import Choice, Question
from unetscope.widgets.looks import Tints, quiet, small_button


class Asked(Protocol):
    """What a card shows: a :class:`Question` about a file, or one about anything else."""

    @property
    def text(self) -> str:
        """What is asked."""

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The answers, the likeliest first."""


class QuestionCard(QFrame):
    """A question in the panel, with a button for each answer and *Not now*; hidden without one.

    ``answered(question, value)`` and ``put_off(question)`` say what was pressed; the card is empty
    by then, so that the next question may be asked at once.
    """

    answered = Signal(object, str)
    put_off = Signal(object)

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.question: Asked | None = None
        self.text = quiet(QLabel())
        self.text.setAccessibleName("Question")
        self.buttons: dict[str, QPushButton] = {}
        self.later = small_button("Not now", "Leave it; it is asked again when it comes up again.")
        self.later.clicked.connect(lambda _checked: self._put_off())
        self._row = QFlowLayout()
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.addWidget(self.later)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 6, 6)
        column.addWidget(self.text)
        column.addLayout(self._row)
        self.set_tints(tints)
        self.hide()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self.setStyleSheet(
            f"QuestionCard {{ background: {tints.card}; border: none; "
            f"border-left: 4px solid {tints.busy}; border-radius: 3px; }} "
            f"QuestionCard QLabel {{ background: transparent; color: {tints.text}; }}"
        )

    def ask(self, question: Asked) -> None:
        """Show a question in place of the one that is shown; the likeliest answer stands first."""
        self.dismiss()
        self.question = question
        self.text.setText(question.text)
        self._row.removeWidget(self.later)
        for choice in question.choices:
            button = small_button(choice.label, "")
            button.clicked.connect(lambda _checked, value=choice.value: self._answer(value))
            self._row.addWidget(button)
            self.buttons[choice.value] = button
        self._row.addWidget(self.later)
        self.show()

    def dismiss(self) -> None:
        """Take the question back."""
        self.question = None
        for button in self.buttons.values():
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.buttons = {}
        self.hide()

    def _answer(self, value: str) -> None:
        question = self.question
        self.dismiss()
        self.answered.emit(question, value)

    def _put_off(self) -> None:
        question = self.question
        self.dismiss()
        self.put_off.emit(question)


def ask(parent: QWidget | None, question: Question) -> str | None:
    """Ask, and return the value of the chosen answer; None where nothing was chosen."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(question.name)
    box.setText(question.text)
    values = {}
    for choice in question.choices:
        button = box.addButton(choice.label, QMessageBox.ButtonRole.AcceptRole)
        values[id(button)] = choice.value
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.exec()
    return values.get(id(box.clickedButton()))
