"""Which model answers: bundled, loaded or trained here, with its versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QMessageBox,
    QWidget,
)

from unetscope.errors import capital
from unetscope.network.facts import BUNDLED_TITLES
from unetscope.session.guidance import controls
from unetscope.session.requests import SourceRequest
from unetscope.widgets.kit.looks import LARGE_PX, NarrowCombo, line_px, quiet, small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.workbench.folders import start_folder, used_folder
from unetscope.workbench.workbench import Workbench

if TYPE_CHECKING:
    from unetscope.learning.sources.kinds import SourceEntry

_FILTER = "unetscope models (*.unetscope);;All files (*)"


class ModelPicker(NarrowCombo):
    """The list of models; ``opened`` says that somebody looks at it."""

    opened = Signal()

    def showPopup(self) -> None:
        """Open the list, as wide as its longest entry."""
        self.opened.emit()
        self._show()

    def show_again(self) -> None:
        """Give the list, where it is open, the size of its new entries."""
        view = self.view()
        if view is not None and view.isVisible():
            self.hidePopup()
            self._show()

    def _show(self) -> None:
        view = self.view()
        if view is not None:
            view.setMinimumWidth(view.sizeHintForColumn(0) + 2 * line_px(self))
        super().showPopup()


class ModelPanel(Panel):
    """The list of models, the way to files, and back and forward in the versions."""

    SHOWS = frozenset({"training", "model", "opening_model", "versions", "device"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._shelf, models = work.shelf, BUNDLED_TITLES
        self._shelf.sources_found.connect(self.show_sources)
        self.picker = ModelPicker()
        self.picker.setToolTip("The weights to start from. Your own models: the button beside.")
        for name, title in models.items():
            self.picker.addItem(title, name)
        self._bundled = len(models)
        self._sources: tuple[SourceEntry, ...] = ()
        self.picker.activated.connect(self._picked)
        self.picker.opened.connect(self._shelf.look_for_sources)
        self.more = small_button("…", "Load a model you saved, or save the present one.")
        menu = QMenu(self.more)
        self.load_action = QAction("Load a model …", menu)
        self.save_action = QAction("Save this model …", menu)
        self.alone_action = QAction("Use the added backbone alone", menu)
        self.alone_action.setCheckable(True)
        self.alone_action.triggered.connect(self._shelf.use_alone)
        menu.addActions([self.load_action, self.save_action, self.alone_action])
        self.load_action.triggered.connect(self._ask_load)
        self.save_action.triggered.connect(self._ask_save)
        self.more.setMenu(menu)
        self.back = small_button("◀", "Go back to the version before.")
        self.forward = small_button("▶", "Go forward to the version after.")
        self.back.clicked.connect(lambda: self._shelf.step(back=True))
        self.forward.clicked.connect(lambda: self._shelf.step(back=False))
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
        model: Any = session.model.model if session.model else None
        self.alone_action.setVisible(bool(model and model.features.sources))
        self.alone_action.setEnabled(can.change_model)
        self.alone_action.setChecked(bool(model and model.features.alone))
        for button in (self.back, self.forward):
            button.setVisible(len(session.versions.kept) > 1)
        self.back.setEnabled(can.go_back)
        self.forward.setEnabled(can.go_forward)
        current = session.versions.current
        parts = []
        if current is not None:
            number, last = current.number, session.versions.last_number
            # In large type the line is to stay one.
            parts.append(f"version {number} of {last}" if indent else f"v{number}/{last}")
            if session.model and session.model.model.can_answer and not session.model.saved:
                parts[-1] += " ● not saved"
            when = current.made_at.replace("T", " ")[:16]
            ran_on = f", {_device_words(session.device)}" if session.device else ""
            self.version.setToolTip(f"{capital(current.note)}, {when}{ran_on}")
        elif session.opening_model:
            parts.append("opening …")
        if session.device and "not saved" not in "".join(
            parts
        ):  # one line; the tooltip has it, too
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
        titles = [self._title(index) for index in range(self.picker.count())]
        if title not in titles:  # a loaded model takes the last place
            if len(titles) > self._bundled + len(self._sources):
                titles.pop()
                self.picker.removeItem(len(titles))
            self.picker.addItem(title, None)
            titles.append(title)
        self.picker.setCurrentIndex(titles.index(title))

    def _title(self, index: int) -> str:
        """What a model opened from this place is called."""
        place = index - self._bundled
        if 0 <= place < len(self._sources):
            return _source_title(self._sources[place])
        return self.picker.itemText(index)

    def show_sources(self, entries: tuple[SourceEntry, ...]) -> None:
        """Offer backbones of others behind the bundled models."""
        if entries == self._sources:
            return
        for _ in self._sources:
            self.picker.removeItem(self._bundled)
        self._sources = entries
        for index, entry in enumerate(entries, self._bundled):
            size = f" (downloads {entry.download_mb} MB)" if entry.download_mb else ""
            self.picker.insertItem(index, _source_title(entry) + size, entry)
            tip = f"Licence of its weights: {entry.licence_note}"
            self.picker.setItemData(index, tip, Qt.ItemDataRole.ToolTipRole)
        self._show_title()
        self.picker.show_again()

    def _picked(self, index: int) -> None:
        chosen = self.picker.itemData(index)
        if isinstance(chosen, str):
            self._shelf.open_bundled(chosen)
        elif chosen is not None:
            self._ask_source(chosen)

    def _ask_source(self, entry: SourceEntry) -> None:
        download = entry.where == "to download"
        if download and not self._may_download(entry):
            self._show_title()
            return
        request = SourceRequest(entry.spec, _source_title(entry), download)
        self._shelf.open_with_source(request)

    def _may_download(self, entry: SourceEntry) -> bool:
        answer = QMessageBox.question(
            self,
            "Download a backbone",
            f"{entry.title} is not on this computer. Download its weights ({entry.download_mb} MB) "
            f"from huggingface.co?\n\nTheir licence: {entry.licence_note}",
        )
        return bool(answer == QMessageBox.StandardButton.Yes)

    def _ask_load(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Load a model", str(start_folder("model")), _FILTER
        )
        if chosen:
            used_folder("model", Path(chosen))
            self._shelf.load(Path(chosen))

    def _ask_save(self) -> None:
        start = start_folder("model") / "model.unetscope"
        chosen, _ = QFileDialog.getSaveFileName(self, "Save the model", str(start), _FILTER)
        if chosen:
            used_folder("model", Path(chosen))
            self._shelf.save(Path(chosen))


def _source_title(entry: SourceEntry) -> str:
    return f"General + {entry.title}"


def _device_words(device: str) -> str:
    """ "cuda" as people say it."""
    kind = device.split(":")[0]
    return {"cpu": "CPU", "cuda": "GPU", "mps": "Apple GPU"}.get(kind, device)
