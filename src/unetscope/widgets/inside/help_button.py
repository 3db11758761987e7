"""A "?" that opens two sentences and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QGuiApplication, QPixmap
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from unetscope.looking.question import HelpText
from unetscope.looking.questions import QUESTIONS
from unetscope.widgets.kit.lesson_link import lesson_link
from unetscope.widgets.kit.looks import LARGE_PX, Tints, line_px

FOLDER = Path(__file__).parent / "help"
_WIDE_LINES = 21  # width of the popup in line heights
_MOST_PX = 420


def explained(question: str) -> HelpText:
    """The help of a question; a KeyError where there is none."""
    found = QUESTIONS[question].help
    if found is None:
        raise KeyError(question)
    return found


class HelpButton(QToolButton):
    """Explains one of the questions that have a help.

    Raises
    ------
    KeyError
        If there is no such question, or it has none.
    """

    def __init__(self, topic: str, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.help = explained(topic)
        button = QUESTIONS[topic].button
        self._titles = (self.help.title, QUESTIONS[topic].title, button.text if button else "")
        self.popup: HelpPopup | None = None
        self._tints, self._line = tints, 0
        self.setText("?")
        self.setAccessibleName(f"Help on {self.help.title}")
        self.setToolTip(f"What is this? ({self.help.title})")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(lambda _checked: self.open())
        self.set_tints(tints)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints, self._line = tints, line_px(self)
        side = round(self._line * (1.25 if self._line < LARGE_PX else 1.0))
        self.setStyleSheet(
            f"HelpButton {{ background: {tints.card}; color: {tints.text}; border: none; "
            f"border-radius: {side // 2}px; min-width: {side}px; max-width: {side}px; "
            f"min-height: {side}px; max-height: {side}px; padding: 0px; }} "
            f"HelpButton:hover, HelpButton:focus {{ background: {tints.accent}; "
            f"color: {tints.on_accent}; }}"
        )

    def changeEvent(self, event: Any) -> None:
        """As large as the font needs."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and line_px(self) != self._line:
            self.set_tints(self._tints)

    def open(self) -> None:
        """Show the explanation below the button; a click elsewhere or Esc closes it."""
        if self.popup is not None:
            self.popup.close()
        self.popup = HelpPopup(self.help, self._tints, self, lessons=self._titles)
        self.popup.destroyed.connect(self._forget)
        self.popup.open_at(self.mapToGlobal(QPoint(0, self.height() + 2)))

    def _forget(self, *_: Any) -> None:
        self.popup = None


def with_help(button: QWidget, help_button: HelpButton) -> QWidget:
    """A button and its "?" as one, so that a line never ends between them."""
    pair = QWidget()
    row = QHBoxLayout(pair)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(1)
    row.addWidget(button)
    row.addWidget(help_button)
    return pair


class HelpPopup(QFrame):
    """A small window with title, picture and text; below them the lessons about ``lessons``."""

    def __init__(
        self,
        shown: HelpText,
        tints: Tints,
        parent: QWidget | None = None,
        lessons: tuple[str, ...] = (),
    ) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        wide = min(_MOST_PX, line_px(self) * _WIDE_LINES)
        self.setStyleSheet(
            f"HelpPopup {{ background: {tints.background}; border: 1px solid {tints.faint}; }} "
            f"HelpPopup QLabel {{ background: transparent; color: {tints.text}; }}"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(5)
        title = _label(shown.title, wide)
        title.setStyleSheet("font-weight: bold;")
        layout.addWidget(title)
        picture = QPixmap(str(FOLDER / shown.picture) if shown.picture else "")
        if not picture.isNull():
            layout.addWidget(_picture(picture, wide))
            caption = _label(shown.caption, wide)
            caption.setStyleSheet(f"color: {tints.faint};")
            layout.addWidget(caption)
        layout.addWidget(_label(shown.text, wide))
        self.link = lesson_link(lessons, tints) if lessons else None
        if self.link is not None:
            self.link.linkActivated.connect(lambda _lesson: self.close())
            layout.addWidget(self.link)
        self.setAccessibleName(shown.title)
        self.setAccessibleDescription(shown.text)

    def open_at(self, corner: QPoint) -> None:
        """Open with the upper left corner there, or as near as the screen allows."""
        self.adjustSize()
        screen = QGuiApplication.screenAt(corner) or QGuiApplication.primaryScreen()
        if screen is not None:
            room = screen.availableGeometry()
            left = min(corner.x(), room.right() - self.width())
            top = min(corner.y(), room.bottom() - self.height())
            corner = QPoint(max(room.left(), left), max(room.top(), top))
        self.move(corner)
        self.show()

    def keyPressEvent(self, event: Any) -> None:
        """Esc, Enter and Space close."""
        keys = (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
        if event.key() in keys:
            self.close()
        else:
            super().keyPressEvent(event)


def _label(text: str, wide: int) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setFixedWidth(wide)
    label.setMinimumHeight(label.heightForWidth(wide))
    return label


def _picture(picture: QPixmap, wide: int) -> QLabel:
    label = QLabel()
    smooth = Qt.TransformationMode.SmoothTransformation
    label.setPixmap(picture.scaledToWidth(wide, smooth))
    return label
