"""How parts of the window look: sizes that follow the font, colours that follow the theme."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QPointF, QSize, Qt
from qtpy.QtGui import QAction, QColor, QIcon, QPainter, QPen, QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

_BUTTON = (  # a pressed one is no main action, so it is never blue
    "QPushButton { padding: 3px 8px; } QPushButton::menu-indicator { image: none; width: 0px; } "
    "QPushButton:checked { background-color: rgba(128, 128, 128, 150); }"
)
LARGE_PX = 24  # lines higher than this: a font so large that indents cost too much
_COLOR_WORDS = {
    "#0072B2": "blue",
    "#E69F00": "orange",
    "#009E73": "green",
    "#CC79A7": "pink",
    "#F0E442": "yellow",
    "#56B4E9": "light blue",
    "#D55E00": "red orange",
    "#882255": "wine",
    "#004B00": "dark green",
    "#0000C8": "deep blue",
    "#96FAAF": "mint",
    "#9664FA": "violet",
    "#C80032": "red",
    "#FAC8FA": "pale pink",
    "#4B4B7D": "slate",
    "#96AF64": "olive",
    "#C819AF": "magenta",
    "#967D4B": "brown",
    "#FAAFAF": "salmon",
    "#194BFA": "bright blue",
    "#FFFFFF": "white",
}


@dataclass(frozen=True)
class Tints:
    """Colours of the present theme, as ``#RRGGBB``."""

    text: str
    faint: str
    background: str
    card: str
    accent: str
    on_accent: str
    good: str
    busy: str
    error: str


def theme_tints(name: str) -> Tints:
    """The colours of the napari theme ``name``."""
    theme = get_theme(name)
    dark = QColor(str(theme.background.as_hex())).lightness() < 128
    return Tints(
        text=_hex(theme.text),
        faint=_mixed(_hex(theme.text), _hex(theme.background), 0.35),
        background=_hex(theme.background),
        card=_hex(theme.foreground),
        accent=_hex(theme.current),
        on_accent="#000000" if QColor(_hex(theme.current)).lightness() > 150 else "#FFFFFF",
        good="#3FC08F" if dark else "#00795A",
        busy="#56B4E9" if dark else "#005F99",
        error="#FF8A5C" if dark else "#B03A00",
    )


def swatch(color: str, size_px: int, *, ringed: bool = False) -> QIcon:
    """A square in a class's colour; ringed when it is the one painted with."""
    picture = QPixmap(size_px, size_px)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(128, 128, 128), 1))
    painter.setBrush(QColor(color))
    inset = 1 if ringed else max(1, size_px // 8)
    painter.drawRoundedRect(inset, inset, size_px - 2 * inset, size_px - 2 * inset, 3, 3)
    painter.end()
    icon = QIcon(picture)
    icon.addPixmap(picture, QIcon.Mode.Selected)  # or the selected row's would be bleached
    return icon


def eye(color: str, size_px: int, *, shut: bool) -> QIcon:
    """An eye in the colour of text; struck through where it is shut."""
    picture = QPixmap(size_px, size_px)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setOpacity(0.5 if shut else 1.0)
    painter.setPen(QPen(QColor(color), max(1.0, size_px / 12)))
    middle, wide = size_px / 2, size_px * 0.42
    painter.drawEllipse(QPointF(middle, middle), wide, wide * 0.6)
    painter.setBrush(QColor(color))
    painter.drawEllipse(QPointF(middle, middle), wide * 0.28, wide * 0.28)
    if shut:
        painter.drawLine(
            QPointF(middle - wide, middle + wide * 0.8), QPointF(middle + wide, middle - wide * 0.8)
        )
    painter.end()
    icon = QIcon(picture)
    icon.addPixmap(picture, QIcon.Mode.Selected)
    return icon


def color_words(color: str) -> str:
    """A colour of the palette as people call it; ``#RRGGBB`` for any other."""
    return _COLOR_WORDS.get(color.upper(), color)


def line_px(widget: QWidget) -> int:
    """The height of a line of text in a widget's font."""
    return int(widget.fontMetrics().height())


class NarrowCombo(QComboBox):
    """A combo box that takes the width there is and ends a longer entry in "…"."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(3)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def paintEvent(self, event: Any) -> None:
        """Draw the box with the shortened entry."""
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        style = self.style()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        if style is not None:
            field = style.subControlRect(
                QStyle.ComplexControl.CC_ComboBox,
                option,
                QStyle.SubControl.SC_ComboBoxEditField,
                self,
            )
            option.currentText = self.fontMetrics().elidedText(
                self.currentText(), Qt.TextElideMode.ElideRight, field.width() - 4
            )
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


def quiet(label: QLabel) -> QLabel:
    """A wrapped label for facts that are good to know."""
    label.setWordWrap(True)
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)  # a wrapped text is as high as its lines
    label.setSizePolicy(policy)
    label.setMinimumWidth(40)
    return label


def small_button(text: str, tip: str) -> QPushButton:
    """A button with a short word or sign, as narrow as that; a menu shows no arrow of its own."""
    button = _SmallButton(text)
    button.setToolTip(tip)
    button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    button.setStyleSheet(_BUTTON)
    return button


class _SmallButton(QPushButton):
    """As high with a sign that another font lends as without."""

    def sizeHint(self) -> QSize:
        """Room for the tallest of the signs, whatever it says."""
        hint = super().sizeHint()
        return QSize(hint.width(), max(hint.height(), round(1.2 * line_px(self)) + 6))

    minimumSizeHint = sizeHint


def fill_button(button: QPushButton, tints: Tints | None, *, on: bool) -> None:
    """Make a button the one that stands out, or one among others."""
    filled = (
        f"QPushButton:enabled {{ background-color: {tints.accent}; color: {tints.on_accent}; "
        "font-weight: bold; } "
        if on and tints is not None
        else ""
    )
    style = f"{filled}{_BUTTON}"
    if button.styleSheet() != style:
        button.setStyleSheet(style)


def offer(button: QPushButton, entries: Iterable[tuple[str, Callable[[], object]]]) -> None:
    """Give a button a menu of these words and what each does."""
    menu = QMenu(button)
    for words, call in entries:
        action = QAction(words, menu)
        action.triggered.connect(lambda _=False, chosen=call: chosen())
        menu.addAction(action)
    button.setMenu(menu)


def card_style(name: str, tints: Tints, edge: str, text: str = "") -> str:
    """The style of a card of the class ``name``: tinted, with a bar in the colour ``edge``."""
    return (
        f"{name} {{ background: {tints.card}; border: none; "
        f"border-left: 4px solid {edge}; border-radius: 3px; }} "
        f"{name} QLabel {{ background: transparent; color: {text or tints.text}; }}"
    )


def _hex(color: Any) -> str:
    return QColor(str(color.as_hex(format="long")) if hasattr(color, "as_hex") else color).name()


def _mixed(one: str, other: str, share: float) -> str:
    a, b = QColor(one), QColor(other)
    parts = [
        round(x * (1 - share) + y * share)
        for x, y in ((a.red(), b.red()), (a.green(), b.green()), (a.blue(), b.blue()))
    ]
    return QColor(*parts).name()
