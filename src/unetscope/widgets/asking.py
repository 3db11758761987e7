"""A question that a file or a layer does not answer, put to a person."""

from __future__ import annotations

from qtpy.QtWidgets import QMessageBox, QWidget

from unetscope.images.questions import Question


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
