"""Which model answers: bundled, loaded or trained here, with its versions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QWidget,
)

from unetscope.session.guidance import controls
from unetscope.session.state import Session
from unetscope.widgets.looks import LARGE_PX, NarrowCombo, line_px, quiet, small_button

_FILTER = "unetscope models (*.unetscope);;All files (*)"


class ModelPanel(QWidget):
    """``bundled(name)``, ``load(path)``, ``save(path)``, ``go(back)`` are asked for."""

    bundled = Signal(str)
    load = Signal(object)
    save = Signal(object)
    go = Signal(bool)

    def __init__(
        self, session: Session, models: Sequence[tuple[str, str]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self.picker = NarrowCombo()
        self.picker.setToolTip("The weights to start from. Your own models: the button beside.")
        for name, title in models:
            self.picker.addItem(title, name)
        self._bundled = len(models)
        self.picker.activated.connect(self._picked)
        self.more = small_button("…", "Load a model you saved, or save the present one.")
        menu = QMenu(self.more)
        self.load_action = QAction("Load a model …", menu)
        self.save_action = QAction("Save this model …", menu)
        menu.addActions([self.load_action, self.save_action])
        self.load_action.triggered.connect(self._ask_load)
        self.save_action.triggered.connect(self._ask_save)
        self.more.setMenu(menu)
        self.back = small_button("◀", "Go back to the version before.")
        self.forward = small_button("▶", "Go forward to the version after.")
        self.back.clicked.connect(lambda: self.go.emit(True))
        self.forward.clicked.connect(lambda: self.go.emit(False))
        self.version = quiet(QLabel())
        self._lay_out()

    def _lay_out(self) -> None:
        self._versions = QWidget()
        versions = QHBoxLayout(self._versions)
        versions.setContentsMargins(0, 0, 0, 0)
        versions.addWidget(self.version, 1)
        versions.addWidget(self.back)
        versions.addWidget(self.forward)
        self._grid = layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("Model"), 0, 0)
        layout.addWidget(self.picker, 0, 1)
        layout.addWidget(self.more, 0, 2)
        layout.addWidget(self._versions, 1, 1, 1, 2)
        layout.setColumnStretch(1, 1)

    def refresh(self) -> None:
        """Show title, version and device."""
        indent = 1 if line_px(self.version) <= LARGE_PX else 0
        self._grid.addWidget(self._versions, 1, indent, 1, 3 - indent)
        session, can = self._session, controls(self._session)
        self._show_title()
        self.picker.setEnabled(can.change_model)
        self.load_action.setEnabled(can.change_model)
        self.save_action.setEnabled(can.save)
        for button in (self.back, self.forward):
            button.setVisible(len(session.versions.kept) > 1)
        self.back.setEnabled(can.go_back)
        self.forward.setEnabled(can.go_forward)
        current = session.versions.current
        parts = []
        if current is not None:
            parts.append(f"version {current.number} of {session.versions.last_number}")
            when = current.made_at.replace("T", " ")[:16]
            self.version.setToolTip(f"{current.note[:1].upper()}{current.note[1:]}, {when}")
        elif session.opening_model:
            parts.append("opening …")
        if session.device:
            parts.append(_device_words(session.device))
        self.version.setText(" · ".join(parts))
        self._tell_about_device(session.device)

    def _tell_about_device(self, device: str) -> None:
        if device == "cpu":
            self.version.setToolTip(
                f"{self.version.toolTip()}\nNo graphics processor is used here: answers to strokes "
                "are instant all the same, training takes minutes rather than seconds."
            )

    def _show_title(self) -> None:
        title = self._session.model.title if self._session.model else self._session.opening_model
        if not title:
            return
        index = self.picker.findText(title)
        if index < 0:  # a loaded model takes the last place
            if self.picker.count() > self._bundled:
                self.picker.removeItem(self._bundled)
            self.picker.addItem(title, None)
            index = self.picker.count() - 1
        self.picker.setCurrentIndex(index)

    def _picked(self, index: int) -> None:
        name = self.picker.itemData(index)
        if name is not None:
            self.bundled.emit(name)

    def _ask_load(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Load a model", "", _FILTER)
        if chosen:
            self.load.emit(Path(chosen))

    def _ask_save(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Save the model", "model.unetscope", _FILTER)
        if chosen:
            self.save.emit(Path(chosen))


def _device_words(device: str) -> str:
    """ "cuda" as people say it."""
    kind = device.split(":")[0]
    return {"cpu": "CPU", "cuda": "GPU", "mps": "Apple GPU"}.get(kind, device)
