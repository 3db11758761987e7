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
from unetscope.widgets.looks import small_button

_TIPS = {
    Show.MASK: "Every pixel in the colour of its class.",
    Show.PROBABILITY: "How probable the class in your brush is: clear to full colour.",
    Show.UNCERTAINTY: "Where the model hesitates: strokes there help most.",
}


class ViewPanel(QWidget):
    """Live, Show and opacity; sets the session's fields itself.

    ``live_switched(on)``, ``show_changed()``, ``opacity_changed()``.
    """

    live_switched = Signal(bool)
    show_changed = Signal()
    opacity_changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.live = QCheckBox("Live")
        self.live.setStyleSheet("QCheckBox { margin-right: 10px; }")
        self.live.setToolTip("Answer every stroke at once, as you paint (Shift+L).")
        self.live.toggled.connect(self._live_toggled)
        self.buttons: dict[Show, QPushButton] = {}
        group = QButtonGroup(self)
        shows = QFlowLayout()  # beside each other where there is room, else below
        shows.setSpacing(2)
        shows.addWidget(self.live)
        for show in Show:
            button = small_button(show.value.capitalize(), f"{_TIPS[show]} (Shift+S: next)")
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, kind=show: self._shown(kind))
            group.addButton(button)
            shows.addWidget(button)
            self.buttons[show] = button
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setToolTip("How strongly the answer covers the image.")
        self.opacity.valueChanged.connect(self._opacity_moved)
        self.percent = QLabel()
        below = QHBoxLayout()
        below.addWidget(QLabel("Opacity"))
        below.addWidget(self.opacity, 1)
        below.addWidget(self.percent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(shows)
        layout.addLayout(below)

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
        self.percent.setText(f"{round(session.opacity * 100)} %")
        self.percent.setMinimumWidth(self.percent.fontMetrics().horizontalAdvance("100 %"))

    def show_next(self) -> None:
        """Go on to the next of mask, probability, uncertainty."""
        kinds = list(Show)
        self._shown(kinds[(kinds.index(self._session.show) + 1) % len(kinds)])

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
