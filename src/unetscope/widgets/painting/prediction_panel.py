"""Predict the view, this image or all open images."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from unetscope.session.guidance import controls, predict_words
from unetscope.session.state import Session
from unetscope.session.values import Scope
from unetscope.widgets.kit.keys import KeyTable
from unetscope.widgets.kit.looks import small_button


class PredictionPanel(QWidget):
    """``predict(scope)`` and ``stop()`` are pressed; the scope chosen last stays on the button."""

    predict = Signal(object)
    stop = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.scope = Scope.IMAGE
        self._keys = KeyTable()
        self.button = QPushButton()
        self.more = small_button("▾", "Predict the view, this image or all open images.")
        self.button.clicked.connect(lambda: self.predict.emit(self.scope))
        self.menu = QMenu(self.more)
        self.actions_of: dict[Scope, QAction] = {}
        for scope in Scope:
            action = QAction(predict_words(scope), self.menu)
            action.triggered.connect(lambda _=False, wanted=scope: self._scope_chosen(wanted))
            self.menu.addAction(action)
            self.actions_of[scope] = action
        self.more.setMenu(self.menu)
        self.offer_project(there=False)
        self.idle_row = QWidget()
        idle = QHBoxLayout(self.idle_row)
        idle.setContentsMargins(0, 0, 0, 0)
        idle.setSpacing(1)
        idle.addWidget(self.button, 1)
        idle.addWidget(self.more)
        self.progress = QProgressBar()
        self.stop_button = QPushButton("Stop")
        self.stop_button.setToolTip("Stop predicting; what is done stays.")
        self.stop_button.clicked.connect(self.stop)
        self.busy_row = QWidget()
        row = QHBoxLayout(self.busy_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.progress, 1)
        row.addWidget(self.stop_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.idle_row)
        layout.addWidget(self.busy_row)

    def refresh(self) -> None:
        """Show the button, or progress while a prediction runs."""
        can, work = controls(self._session), self._session.prediction
        self.idle_row.setVisible(not work.busy)
        self.busy_row.setVisible(work.busy)
        self.button.setText(predict_words(self.scope))
        self.button.setEnabled(can.predict)
        self.more.setEnabled(can.predict)
        self.button.setToolTip(
            can.predict_reason
            or self._keys.tip("predict", "Predict with the newest model.")
            + " The arrow chooses: the view, this image, all open images."
        )
        self.stop_button.setEnabled(can.stop_predicting)
        self.progress.setRange(0, work.total)
        self.progress.setValue(work.done)
        self.progress.setFormat(f"%v of %m {work.of_what}" if work.total else "")

    def offer_project(self, *, there: bool) -> None:
        """All images of the project can be chosen where one is open."""
        self.actions_of[Scope.PROJECT].setVisible(there)
        if not there and self.scope is Scope.PROJECT:
            self.scope = Scope.IMAGE
            self.refresh()

    def show_keys(self, keys: KeyTable) -> None:
        """Tooltips with the keys as they are."""
        self._keys = keys
        self.refresh()

    def _scope_chosen(self, scope: Scope) -> None:
        self.scope = scope
        self.refresh()
        self.predict.emit(scope)
