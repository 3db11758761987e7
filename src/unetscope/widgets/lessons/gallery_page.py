"""The first page: a card for each lesson, chosen by course and by words."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFrame, QLabel, QLineEdit, QVBoxLayout, QWidget

from unetscope.lessons.courses import COURSES, found
from unetscope.lessons.declaration import Lesson
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import NarrowCombo, Tints, card_style, quiet, small_button
from unetscope.widgets.lessons.dock_words import word
from unetscope.workbench.lessons.tutor import Tutor


class LessonCard(QFrame):
    """One lesson to choose; ``chosen(id)`` by click, Enter or Space."""

    chosen = Signal(str)

    def __init__(self, lesson: Lesson, *, done: bool, language: str, tints: Tints) -> None:
        super().__init__()
        self.lesson = lesson
        about = lesson.lesson
        mark = f"✓ {word('done', language)} · " if done else ""
        title = quiet(QLabel(f"{about.order}  {lesson.title}"))
        title.setStyleSheet("font-weight: bold;")
        needs = word(about.needs, language)
        facts = quiet(QLabel(f"{mark}{about.minutes} {word('minutes', language)} · {needs}"))
        column(self, title, facts, margins=(10, 5, 6, 5)).setSpacing(1)
        self.setStyleSheet(
            card_style("LessonCard", tints, tints.good if done else tints.faint)
            + f"LessonCard:focus, LessonCard:hover {{ border-left: 4px solid {tints.accent}; }}"
        )
        facts.setStyleSheet(f"color: {tints.good if done else tints.faint};")
        self.setToolTip(lesson.idea)
        self.setAccessibleName(f"{title.text()}, {facts.text()}")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def mouseReleaseEvent(self, event: Any) -> None:
        """Choose it."""
        if self.rect().contains(event.position().toPoint()):
            self.chosen.emit(self.lesson.id)

    def keyPressEvent(self, event: Any) -> None:
        """Enter and Space choose it."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit(self.lesson.id)
        else:
            super().keyPressEvent(event)


class GalleryPage(QWidget):
    """Cards with a filter and a search, and what could not be read at the bottom."""

    def __init__(self, tutor: Tutor, tints: Tints) -> None:
        super().__init__()
        self._tutor, self._tints = tutor, tints
        self.course = NarrowCombo()
        self.course.activated.connect(lambda _at: self._fill())
        self.words = QLineEdit()
        self.words.setClearButtonEnabled(True)
        self.words.textChanged.connect(lambda _text: self._fill())
        self.cards: list[LessonCard] = []
        self._holder = QWidget()
        self._column = QVBoxLayout(self._holder)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self.none = quiet(QLabel())
        self.problems = quiet(QLabel())
        self.copy, self.again = small_button("", ""), small_button("", "")
        self.said = quiet(QLabel())
        self.copy.clicked.connect(lambda _checked: self.copy_answers())
        self.again.clicked.connect(lambda _checked: self._read_again())
        ends = QWidget()
        flow(self.copy, self.again, owner=ends)
        parts = (self.course, self.words, self._holder, self.none, ends, self.said, self.problems)
        column(self, *parts).setSpacing(6)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.problems.setStyleSheet(f"color: {tints.error};")
        for label in (self.none, self.said):
            label.setStyleSheet(f"color: {tints.faint};")
        self._fill()

    def refresh(self) -> None:
        """Show the gallery as it is, in its language."""
        language = self._tutor.state.language
        chosen = self.course.currentData() or "all"
        self.course.clear()
        for one in COURSES:
            self.course.addItem(one.title.get(language, one.title["en"]), one.name)
        self.course.setCurrentIndex(max(0, self.course.findData(chosen)))
        self.words.setPlaceholderText(word("search", language))
        self.words.setAccessibleName(word("search", language))
        self.copy.setText(word("copy", language))
        self.again.setText(word("read_again", language))
        self.none.setText(word("none", language))
        self.said.setVisible(bool(self.said.text()))
        problems = self._tutor.state.gallery.problems
        self.problems.setText("\n".join(problems))
        self.problems.setVisible(bool(problems))
        self._fill()

    def copy_answers(self) -> None:
        """Put every guess into the clipboard as CSV."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._tutor.record.as_csv())
        self.said.setText(word("copied", self._tutor.state.language))
        self.said.setVisible(True)

    def _fill(self) -> None:
        state, record = self._tutor.state, self._tutor.record
        for card in self.cards:
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        course = self.course.currentData() or "all"
        lessons = found(state.gallery.lessons, course, self.words.text())
        self.cards = [
            LessonCard(one, done=record.is_done(one), language=state.language, tints=self._tints)
            for one in lessons
        ]
        for card in self.cards:
            card.chosen.connect(self._tutor.open)
            self._column.addWidget(card)
        self.none.setVisible(not self.cards)

    def _read_again(self) -> None:
        self.said.clear()
        self._tutor.read_gallery()
