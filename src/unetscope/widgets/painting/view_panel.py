"""How the answer is shown: live or not, mask, probability or uncertainty, and how strongly."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from unetscope.session.state import Session
from unetscope.session.values import Show
from unetscope.widgets.kit.keys import KeyTable
from unetscope.widgets.kit.looks import small_button

_TIPS = {
    Show.MASK: "Every pixel in the colour of its class.",
    Show.PROBABILITY: "How probable the class in your brush is: clear to full colour.",
    Show.UNCERTAINTY: "Where the model hesitates: strokes there help most.",
}
_OPACITY_STEP = 10  # percent


class ViewPanel(QWidget):
    """Live, Show and opacity; sets the session's fields itself.

    ``live_switched(on)``, ``show_changed()``, ``opacity_changed()``, ``outlined(on)``,
    ``hidden(on)``.
    """

    live_switched = Signal(bool)
    show_changed = Signal()
    opacity_changed = Signal()
    outlined = Signal(bool)
    hidden = Signal(bool)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.live = QCheckBox("Live")
        self.live.setStyleSheet("QCheckBox { margin-right: 10px; }")
        self.live.toggled.connect(self._live_toggled)
        self.buttons: dict[Show, QPushButton] = {}
        group = QButtonGroup(self)
        shows = QFlowLayout()  # beside each other where there is room, else below
        shows.setSpacing(2)
        shows.addWidget(self.live)
        for show in Show:
            button = small_button(show.value.capitalize(), "")
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, kind=show: self._shown(kind))
            group.addButton(button)
            shows.addWidget(button)
            self.buttons[show] = button
        self.outlines, self.hide_button = small_button("Outlines", ""), small_button("Hide", "")
        for switch, signal in ((self.outlines, self.outlined), (self.hide_button, self.hidden)):
            switch.setCheckable(True)
            switch.toggled.connect(signal)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setMinimumWidth(80)
        self.opacity.valueChanged.connect(self._opacity_moved)
        self.percent = QLabel()
        strength = QWidget()
        beside = QHBoxLayout(strength)
        beside.setContentsMargins(6, 0, 0, 0)
        beside.addWidget(self.opacity, 1)
        beside.addWidget(self.percent)
        below = QFlowLayout()
        below.setSpacing(4)
        for part in (self.outlines, self.hide_button, strength):
            below.addWidget(part)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(shows)
        layout.addLayout(below)
        self.show_keys(KeyTable())

    def show_keys(self, keys: KeyTable) -> None:
        """Tooltips with the keys as they are."""
        self.live.setToolTip(keys.tip("live", "Answer every stroke at once, as you paint."))
        for show, button in self.buttons.items():
            button.setToolTip(f"{_TIPS[show]} ({keys.shown('show')}: the next one)")
        self.outlines.setToolTip(
            keys.tip("contour", "Draw the classes of the mask as outlines, up to 4 megapixels.")
        )
        self.hide_button.setToolTip(keys.tip("toggle", "Hide the answer, to see the image."))
        self.opacity.setToolTip(
            "How strongly the answer covers the image "
            f"({keys.shown('fainter')} less, {keys.shown('stronger')} more)."
        )

    def refresh(self) -> None:
        """Show the session's choices."""
        session = self._session
        for widget in (self.live, self.opacity):
            widget.blockSignals(True)
        self.live.setChecked(session.live)
        self.opacity.setValue(round(session.opacity * 100))
        for widget in (self.live, self.opacity):
            widget.blockSignals(False)
        self.buttons[session.show].setChecked(True)
        self.outlines.setEnabled(session.show is Show.MASK)  # there is nothing to outline else
        self.percent.setText(f"{round(session.opacity * 100)} %")
        self.percent.setMinimumWidth(self.percent.fontMetrics().horizontalAdvance("100 %"))

    def show_next(self) -> None:
        """Go on to the next of mask, probability, uncertainty."""
        kinds = list(Show)
        self._shown(kinds[(kinds.index(self._session.show) + 1) % len(kinds)])

    def cover(self, *, more: bool) -> None:
        """One step more or less of the answer over the image."""
        step = _OPACITY_STEP if more else -_OPACITY_STEP
        self.opacity.setValue(self.opacity.value() + step)

    def _live_toggled(self, on: bool) -> None:
        self._session.live = on
        self.live_switched.emit(on)

    def _shown(self, show: Show) -> None:
        if self._session.show is not show:
            self._session.show = show
            self.show_changed.emit()

    def _opacity_moved(self, percent: int) -> None:
        self._session.opacity = percent / 100
        self.opacity_changed.emit()
