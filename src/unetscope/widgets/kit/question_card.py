"""A question that a file or a layer does not answer, put to a person: as a box, or as a card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QFrame, QLabel, QMessageBox, QPushButton, QVBoxLayout, QWidget
from superqt import QFlowLayout

from unetscope.images.questions import Asked, Question
from unetscope.widgets.kit.keys import DIGITS
from unetscope.widgets.kit.looks import Tints, card_style, quiet, small_button

_COMMANDS = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)


class QuestionCard(QFrame):
    """A question in the panel, with a button for each answer and *Not now*; hidden without one.

    While it has the focus, 1 to 9 press its buttons and Esc puts it off. A question may bring a
    widget along in which a person says more before pressing one.

    ``answered(question, value)`` and ``put_off(question)`` say what was pressed; the card is empty
    by then, so that the next question may be asked at once.
    """

    answered = Signal(object, str)
    put_off = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.question: Asked | None = None
        self.body: QWidget | None = None
        self.text = quiet(QLabel())
        self.text.setAccessibleName("Question")
        self.text.setTextFormat(Qt.TextFormat.PlainText)  # a file's name is in it
        self.buttons: dict[str, QPushButton] = {}
        self.later = small_button(
            "Not now", "Leave it; it is asked again when it comes up again. Key: Esc."
        )
        self.later.clicked.connect(lambda _checked: self._put_off())
        self._row = QFlowLayout()
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.addWidget(self.later)
        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 6, 6)
        column.addWidget(self.text)
        column.addLayout(self._row)
        self.hide()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self.setStyleSheet(card_style("QuestionCard", tints, tints.busy))

    def ask(self, question: Asked, body: QWidget | None = None) -> None:
        """Show a question in place of the one that is shown; the likeliest answer stands first."""
        self.dismiss()
        self.question, self.body = question, body
        if body is not None:
            self._column.insertWidget(1, body)
        self.text.setText(question.text)
        self._row.removeWidget(self.later)
        for number, choice in enumerate(question.choices, 1):
            button = small_button(_unmarked(choice.label), f"Key: {number}" if number < 10 else "")
            button.setAccessibleName(choice.label)
            button.setMinimumWidth(40)  # or a long answer would widen the panel
            button.clicked.connect(lambda _checked, value=choice.value: self._answer(value))
            self._row.addWidget(button)
            self.buttons[choice.value] = button
        self._row.addWidget(self.later)
        self.show()
        self._wrap()

    def take_focus(self) -> None:
        """Let the keys answer."""
        for button in self.buttons.values():
            button.setFocus()
            return

    def dismiss(self) -> None:
        """Take the question back."""
        gone = [*self.buttons.values(), *([self.body] if self.body is not None else [])]
        for button in self.buttons.values():
            self._row.removeWidget(button)
        for widget in gone:
            widget.hide()
            widget.deleteLater()
        self.question, self.body, self.buttons = None, None, {}
        self.hide()

    def resizeEvent(self, event: Any) -> None:
        """Break long answers into lines."""
        super().resizeEvent(event)
        self._wrap()

    def changeEvent(self, event: Any) -> None:
        """Break them anew in another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._wrap()

    def event(self, event: Any) -> bool:
        """Keys that answer are no keys of the window while the card has the focus."""
        if event.type() == QEvent.Type.ShortcutOverride and self._pressed_by(event) is not None:
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: Any) -> None:
        """Press the button of a key."""
        button = self._pressed_by(event)
        if button is None:
            super().keyPressEvent(event)
        else:
            button.click()

    def _pressed_by(self, event: Any) -> QPushButton | None:
        if self.question is None or event.modifiers() & _COMMANDS:
            return None
        if event.key() == Qt.Key.Key_Escape:
            return self.later
        at = event.text()
        buttons = list(self.buttons.values())
        pressed = len(at) == 1 and at in DIGITS[: len(buttons)]
        return buttons[int(at) - 1] if pressed else None

    def _wrap(self) -> None:
        margins = self.contentsMargins()
        inside = self._column.contentsMargins()
        room = self.width() - sum((margins.left(), margins.right(), inside.left(), inside.right()))
        for button in self.buttons.values():
            button.ensurePolished()
            text, metrics = button.accessibleName(), button.fontMetrics()
            frame = button.sizeHint().width() - metrics.size(0, button.text()).width()
            button.setText(_unmarked(_in_lines(text, room - frame, metrics.horizontalAdvance)))

    def _answer(self, value: str) -> None:
        question = self.question
        self.dismiss()
        self.answered.emit(question, value)

    def _put_off(self) -> None:
        question = self.question
        self.dismiss()
        self.put_off.emit(question)


def _unmarked(text: str) -> str:
    """A button takes the letter behind a single & for its key."""
    return text.replace("&", "&&")


def _in_lines(text: str, room: int, width_of: Callable[[str], int]) -> str:
    """``text`` broken at spaces into lines of ``room`` px; a longer word is broken anywhere."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if width_of(longer) <= room:
            lines[-1] = longer
            continue
        lines += [""] if lines[-1] else []
        for letter in word:
            if lines[-1] and width_of(lines[-1] + letter) > room:
                lines.append("")
            lines[-1] += letter
    return "\n".join(lines)


def ask(parent: QWidget | None, question: Question) -> str | None:
    """Ask, and return the value of the chosen answer; None where nothing was chosen."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(question.name)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(question.text)
    values = {}
    for choice in question.choices:
        button = box.addButton(_unmarked(choice.label), QMessageBox.ButtonRole.AcceptRole)
        values[id(button)] = choice.value
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.exec()
    return values.get(id(box.clickedButton()))
