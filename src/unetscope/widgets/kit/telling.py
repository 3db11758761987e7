"""A tinted card that tells one thing, always two lines high; all of it is behind *more*."""

from __future__ import annotations

import re
from typing import Any

from qtpy.QtCore import QPoint, QSize, Qt, Signal
from qtpy.QtGui import QPainter, QPalette
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from unetscope.widgets.kit.looks import Tints, card_style, line_px, small_button

LINES = 2
_SENTENCE_ENDS = re.compile(r"(?<=[.!?…]) (?=[A-Z“])")


class TellingCard:
    """What a card is besides a frame: it tells a text in the colour of its tone.

    For heirs that are a ``QFrame``, too: they call :meth:`be_card`, then :meth:`tell`. The tones
    are "error", "good", "busy", "next" and "notice". What does not fit is behind *more*, or a
    click: a card over the window whose text can be selected.
    """

    def be_card(self: Any) -> None:
        """Lay the parts out."""
        self._beyond = ""  # what is behind "more" besides what is cut
        self._is_cut = False
        self.label = TwoLines()
        self.label.setAccessibleName("Status")
        self.label.clicked.connect(self.show_all)
        self.label.cut.connect(self._cut)
        self.more = small_button("more", "Read all of it.")
        self.more.clicked.connect(lambda _checked: self.show_all())
        policy = self.more.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.more.setSizePolicy(policy)
        self.details = _Details(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 6, 4, 6)
        layout.setSpacing(2)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.more, 0, Qt.AlignmentFlag.AlignBottom)

    def tell(self: Any, text: str, tone: str, beyond: str, tints: Tints) -> None:
        """Tell a text; ``beyond`` is behind *more* as well."""
        color = {
            "error": tints.error,
            "good": tints.good,
            "busy": tints.busy,
            "next": tints.text,
            "notice": tints.busy,
        }[tone]
        self.label.setText(text)
        self.label.setToolTip(text)
        ink = tints.error if tone == "error" else tints.text
        self.setStyleSheet(card_style(type(self).__name__, tints, color, ink))
        self._beyond = beyond
        self._cut(self._is_cut)
        if self.details.isVisible():
            self.details.tell(self._whole(), self.width())

    def show_all(self: Any) -> None:
        """Show the whole text below the card, over what is there."""
        self.details.tell(self._whole(), self.width())
        self.details.move(self.mapToGlobal(QPoint(0, self.height())))
        self.details.show()

    def _whole(self: Any) -> str:
        return "\n\n".join(filter(None, (self.label.text(), self._beyond)))

    def _cut(self: Any, on: bool) -> None:
        self._is_cut = on
        self.more.setVisible(on or bool(self._beyond))


class TwoLines(QLabel):
    """A label of two lines: of a longer text the beginning, and below it the last sentence.

    ``text()`` is always the whole; ``clicked`` by the mouse, ``cut(on)`` when it fits or not.
    """

    clicked = Signal()
    cut = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self._cut = False
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Two lines in the present font, whatever is said."""
        return QSize(100, LINES * self.fontMetrics().lineSpacing())

    minimumSizeHint = sizeHint

    def setText(self, text: str | None) -> None:
        """Say something else."""
        super().setText(text)
        self._look()

    def resizeEvent(self, event: Any) -> None:
        """More or less of it fits."""
        super().resizeEvent(event)
        self._look()

    def shown(self) -> str:
        """What can be read: all of it on two lines, or its beginning and its last sentence."""
        if self._fits(self.text()):
            return self.text()
        first, _, last = self._split()
        elided = self.fontMetrics().elidedText
        lines = (first, last) if first else (last,)
        return "\n".join(elided(line, Qt.TextElideMode.ElideRight, self.width()) for line in lines)

    def paintEvent(self, event: Any) -> None:
        """Draw what can be read."""
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        middle = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.rect(), int(Qt.TextFlag.TextWordWrap | middle), self.shown())
        painter.end()

    def mouseReleaseEvent(self, event: Any) -> None:
        """A click asks for all of it."""
        self.clicked.emit()

    def _split(self) -> tuple[str, str, str]:
        sentences = _SENTENCE_ENDS.split(self.text())
        if len(sentences) == 1:  # one long sentence: as much of it as two lines hold
            return self._halved()
        return " ".join(sentences[:-1]), " ", sentences[-1]

    def _halved(self) -> tuple[str, str, str]:
        words, first = self.text().split(" "), ""
        while words and self.fontMetrics().horizontalAdvance(f"{first} {words[0]}") < self.width():
            first = f"{first} {words.pop(0)}".strip()
        return first, " ", " ".join(words)

    def _fits(self, text: str) -> bool:
        wide = self.rect().adjusted(0, 0, 0, 10_000)
        needed = self.fontMetrics().boundingRect(wide, int(Qt.TextFlag.TextWordWrap), text)
        lines = round(needed.height() / max(1, self.fontMetrics().lineSpacing()))
        return lines <= LINES and needed.width() <= self.width()

    def _look(self) -> None:
        self.update()
        cut = not self._fits(self.text())
        if cut != self._cut:
            self._cut = cut
        self.cut.emit(cut)


class _Details(QFrame):
    """The whole text over the window, gone at the next click or key elsewhere."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addWidget(self.text)

    def tell(self, text: str, width_px: int) -> None:
        """Say this, as wide as the card."""
        self.text.setText(text)
        wide = max(width_px, 10 * line_px(self.text))
        self.setFixedWidth(wide)
        self.text.setMinimumHeight(self.text.heightForWidth(wide - 24))
        self.adjustSize()
