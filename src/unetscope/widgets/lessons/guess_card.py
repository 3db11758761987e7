"""The question before the answer: a number, a word, a place, an order."""

from __future__ import annotations

import textwrap
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from unetscope.lessons.declaration import Ask
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import (
    Tints,
    card_style,
    fill_button,
    line_px,
    quiet,
    small_button,
)
from unetscope.widgets.lessons.dock_words import word

#: Letters in a line of a choice: more would widen a narrow dock.
_LINE = 24


class GuessCard(QFrame):
    """``guessed(said)`` when it is checked, ``skipped()`` when the result is wanted without."""

    guessed = Signal(object)
    skipped = Signal()

    def __init__(self, tints: Tints) -> None:
        super().__init__()
        self._ask: Ask | None = None
        self._language = "en"
        self._tints = tints
        self._said: Any = None
        self.title = QLabel()
        self.text = quiet(QLabel())
        self.number = QLineEdit()
        self.number.setMaxLength(24)
        self.number.returnPressed.connect(self._check)
        self.choices = QWidget()
        self._choices = QVBoxLayout(self.choices)
        self._choices.setContentsMargins(0, 0, 0, 0)
        self._choices.setSpacing(3)
        self.buttons: dict[str, QPushButton] = {}
        self.order = QListWidget()
        self.order.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.up, self.down = small_button("↑", ""), small_button("↓", "")
        self.up.clicked.connect(lambda _checked: self._move(-1))
        self.down.clicked.connect(lambda _checked: self._move(1))
        self._moving = QWidget()
        flow(self.up, self.down, owner=self._moving)
        self.place = quiet(QLabel())
        self.check, self.skip = small_button("", ""), small_button("", "")
        self.check.clicked.connect(lambda _checked: self._check())
        self.skip.clicked.connect(lambda _checked: self.skipped.emit())
        ends = QWidget()
        flow(self.check, self.skip, owner=ends)
        parts = (self.title, self.text, self.number, self.choices, self.order, self._moving)
        lines = column(self, *parts, self.place, ends, margins=(10, 6, 8, 8))
        lines.setSpacing(5)
        self.set_tints(tints)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.setStyleSheet(card_style("GuessCard", tints, tints.accent))
        self.title.setStyleSheet(f"color: {tints.busy}; font-weight: bold;")
        self._light_up()

    def show_ask(self, ask: Ask, text: str, language: str) -> None:
        """Ask this; what was typed stays while the question does."""
        self.text.setText(text)
        self.text.setVisible(bool(text))
        if ask is self._ask and language == self._language:
            return
        self._ask, self._language, self._said = ask, language, None
        self.title.setText(word("guess", language))
        self.check.setText(word("check", language))
        self.skip.setText(word("skip", language))
        self.up.setToolTip(word("up", language))
        self.down.setToolTip(word("down", language))
        self.number.clear()
        self.number.setAccessibleName(text)
        self.place.setText(word("click", language))
        self._fill(ask)
        kinds = {
            "number": (self.number,),
            "choice": (self.choices,),
            "order": (self.order, self._moving),
            "click": (self.place,),
        }
        for kind, parts in kinds.items():
            for part in parts:
                part.setVisible(kind == ask.type)
        self._light_up()

    def take_place(self, place: tuple[int, int]) -> None:
        """A click in the image, (y, x)."""
        self._said = place
        self.place.setText(f"y {place[0]}, x {place[1]}")
        self._light_up()

    def begin(self) -> None:
        """Put the focus where an answer is given."""
        if self._ask is None:
            return
        if self._ask.type == "number":
            self.number.setFocus(Qt.FocusReason.OtherFocusReason)
        elif self.buttons:
            next(iter(self.buttons.values())).setFocus(Qt.FocusReason.OtherFocusReason)

    # ---- inside

    def _fill(self, ask: Ask) -> None:
        for button in self.buttons.values():
            self._choices.removeWidget(button)
            button.deleteLater()
        self.buttons = {}
        self.order.clear()
        if ask.type == "choice":
            for one in ask.of:
                button = small_button(textwrap.fill(one, _LINE), "")
                button.setCheckable(True)
                button.clicked.connect(lambda _checked, one=one: self._choose(one))
                self._choices.addWidget(button)
                self.buttons[one] = button
        if ask.type == "order":
            self.order.addItems(list(ask.of))
            self.order.setCurrentRow(0)
            self.order.setFixedHeight(round(line_px(self.order) * 1.5 * len(ask.of)) + 6)

    def _choose(self, one: str) -> None:
        self._said = one
        for name, button in self.buttons.items():
            button.setChecked(name == one)
        self._light_up()

    def _move(self, by: int) -> None:
        row = self.order.currentRow()
        if 0 <= row + by < self.order.count():
            self.order.insertItem(row + by, self.order.takeItem(row))
            self.order.setCurrentRow(row + by)

    def _given(self) -> Any:
        if self._ask is None:
            return None
        if self._ask.type == "number":
            return self.number.text().strip() or None
        if self._ask.type == "order":
            items = (self.order.item(row) for row in range(self.order.count()))
            return [item.text() for item in items if item is not None]
        return self._said

    def _check(self) -> None:
        given = self._given()
        if given is not None:
            self.guessed.emit(given)
        else:
            self.begin()

    def _light_up(self) -> None:
        fill_button(self.check, self._tints, on=True)
