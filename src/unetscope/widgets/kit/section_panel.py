"""A section of the dock: a head that says what there is of it, and panels that fold below it."""

from __future__ import annotations

from typing import Any, ClassVar

from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QPainter
from qtpy.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from unetscope.session.sections import (
    SECTION_FIELDS,
    HeadWords,
    Section,
    head_words,
    next_section,
    open_sections,
)
from unetscope.widgets.kit.arranging import column
from unetscope.widgets.kit.looks import Tints, line_px
from unetscope.widgets.kit.panel import Panel, all_parts
from unetscope.workbench.workbench import Workbench

_INSIDE = (2, 3, 0, 2)  # margins of what lies below a head, px
_MARK_PX = 4
_GAP_PX = 8


class SectionPanel(Panel):
    """The panels ``PARTS`` below the head of ``SECTION``.

    It opens and folds by itself as the work goes on, until a person has opened or folded it.
    """

    SHOWS = SECTION_FIELDS
    SECTION: ClassVar[Section]
    PARTS: ClassVar[tuple[type[Panel], ...]] = ()

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._wanted: bool | None = None
        self._chosen = self._was_next = False  # opened or folded by a person; had the next step
        number = list(Section).index(self.SECTION) + 1
        self.head = SectionHead(number, self.SECTION.value)
        self.head.clicked.connect(self._clicked)
        self.body = QWidget()
        self.parts = tuple(kind(work) for kind in self.PARTS)
        inside = column(self.body, *self.parts, margins=_INSIDE)
        inside.setSpacing(5)
        column(self, self.head, self.body).setSpacing(0)
        self.open(on=False)

    def refresh(self) -> None:
        """Say what there is, and open or fold where the work has come to or gone from here."""
        session = self._session
        is_next = next_section(session) is self.SECTION
        self.head.tell(self.words(), is_next=is_next)
        wanted = self.SECTION in open_sections(session)
        if wanted != self._wanted:
            self._wanted = wanted
            if not self._chosen:
                self.open(on=wanted)
        if is_next and not self._was_next and self.SECTION is list(Section)[-1]:
            self.called_for.emit()  # the work has come to its end, which may be out of sight
        self._was_next = is_next

    def words(self) -> HeadWords:
        """What the head tells."""
        return head_words(self._session, self.SECTION)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self.head.set_tints(tints)

    @property
    def is_open(self) -> bool:
        """Whether its panels are to be seen."""
        return self.head.isChecked()

    def open(self, *, on: bool) -> None:
        """Open or fold it."""
        self.head.setChecked(on)
        self.body.setVisible(on)

    def bring_out(self, part: Panel) -> None:
        """Open it where ``part`` lies in it."""
        if part in all_parts(self.parts):
            self._chosen = True  # what was brought out is not folded by itself
            self.open(on=True)

    def _clicked(self, on: bool) -> None:
        self._chosen = True
        self.open(on=on)


class SectionHead(QAbstractButton):
    """One line to click: number and title, and at the right what there is of it.

    Of a text that is too long the words get shorter, the end stays.
    """

    def __init__(self, number: int, title: str) -> None:
        super().__init__()
        self._number, self._words, self._is_next = number, HeadWords(), False
        self._tints: Tints | None = None
        self.setText(title)
        self.setCheckable(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def tell(self, words: HeadWords, *, is_next: bool) -> None:
        """Say this; ``is_next`` marks the section with the next step."""
        if (words, is_next) == (self._words, self._is_next):
            return
        self._words, self._is_next = words, is_next
        self.setToolTip(words.text)
        step = "the next step is here" if is_next else ""
        named = filter(None, (self.text(), words.text, step))
        self.setAccessibleName(", ".join(named))
        self.update()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.update()

    @property
    def told(self) -> str:
        """What it says behind its title."""
        return self._words.text

    def sizeHint(self) -> QSize:
        """As wide as the title needs: what is told takes the room that is left."""
        return QSize(self._title_end() + _GAP_PX, round(line_px(self) * 1.55))

    minimumSizeHint = sizeHint

    def shown(self) -> str:
        """What can be read of the words."""
        metrics = self.fontMetrics()
        room = self.width() - self._title_end() - 2 * _GAP_PX
        end = f" · {self._words.end}" if self._words.words and self._words.end else self._words.end
        left = room - metrics.horizontalAdvance(end)
        if left < 3 * metrics.horizontalAdvance("n") and self._words.words:
            return metrics.elidedText(self._words.text, Qt.TextElideMode.ElideRight, room)
        return metrics.elidedText(self._words.words, Qt.TextElideMode.ElideMiddle, left) + end

    def paintEvent(self, event: Any) -> None:
        """Draw the ground, the mark of the next step, the title, and the words in faint."""
        tints = self._tints
        if tints is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(128, 128, 128, 75 if self.underMouse() else 50))
        painter.drawRoundedRect(self.rect(), 3, 3)
        if self._is_next:
            painter.setBrush(QColor(tints.accent))
            painter.drawRoundedRect(QRect(0, 0, _MARK_PX, self.height()), 2, 2)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(self.font())
        painter.setPen(QColor(tints.faint))
        sign = "▾" if self.isChecked() else "▸"
        painter.drawText(self._from(_MARK_PX + 4), int(middle), f"{sign} {self._number}")
        words = self.rect().adjusted(0, 0, -_GAP_PX, 0)
        painter.drawText(words, int(middle | Qt.AlignmentFlag.AlignRight), self.shown())
        painter.setFont(self._bold())
        painter.setPen(QColor(tints.text))
        painter.drawText(self._from(self._title_start()), int(middle), self.text())
        painter.end()

    def enterEvent(self, event: Any) -> None:
        """Lighter under the mouse."""
        self.update()

    def leaveEvent(self, event: Any) -> None:
        """As it was."""
        self.update()

    def _from(self, left: int) -> QRect:
        return self.rect().adjusted(left, 0, 0, 0)

    def _title_start(self) -> int:
        return _MARK_PX + 4 + self.fontMetrics().horizontalAdvance(f"▾ {self._number} ") + 2

    def _title_end(self) -> int:
        return self._title_start() + QFontMetrics(self._bold()).horizontalAdvance(self.text())

    def _bold(self) -> QFont:
        font = QFont(self.font())
        font.setBold(True)
        return font
