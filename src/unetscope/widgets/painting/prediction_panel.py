"""Predict the view, this image or all open images."""

from __future__ import annotations

import os
from pathlib import Path

from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QFileDialog,
    QMenu,
    QProgressBar,
    QPushButton,
    QWidget,
)

from unetscope.session.guidance import controls, predict_words
from unetscope.session.sections import SECTION_FIELDS, Section, next_section
from unetscope.session.values import Scope
from unetscope.widgets.kit.arranging import column, row
from unetscope.widgets.kit.keys import KeyTable
from unetscope.widgets.kit.looks import Tints, fill_button, small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.kit.shortcuts import Calls
from unetscope.workbench.folders import start_folder, used_folder
from unetscope.workbench.workbench import Workbench

MASKS = "predicted"  # the folder for masks, in a folder of images


class PredictionPanel(Panel):
    """Predict, then how far it is; the scope chosen last stays on the button."""

    SHOWS = SECTION_FIELDS

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._work = work
        self.scope = Scope.IMAGE
        self._keys = KeyTable()
        self._tints: Tints | None = None
        self.button = QPushButton()
        self.more = small_button("▾", "Predict the view, this image, all open images, or a folder.")
        self.button.clicked.connect(self._predict)
        self.menu = QMenu(self.more)
        self.actions_of: dict[Scope, QAction] = {}
        for scope in Scope:
            action = QAction(predict_words(scope), self.menu)
            action.triggered.connect(lambda _=False, wanted=scope: self._scope_chosen(wanted))
            self.menu.addAction(action)
            self.actions_of[scope] = action
        self.more.setMenu(self.menu)
        self.idle_row, self.busy_row = QWidget(), QWidget()
        row(self.button, self.more, owner=self.idle_row, stretched=(0,)).setSpacing(1)
        self.progress = QProgressBar()
        self.stop_button = QPushButton("Stop")
        self.stop_button.setToolTip("Stop predicting; what is done stays.")
        self.stop_button.clicked.connect(work.stop_predicting)
        self.pause_button = QPushButton()
        self.pause_button.clicked.connect(self._pause)
        parts = (self.progress, self.pause_button, self.stop_button)
        row(*parts, owner=self.busy_row, stretched=(0,))
        column(self, self.idle_row, self.busy_row)
        work.project.changed.connect(self._offer_project)
        self._offer_project()

    def keys(self) -> Calls:
        """What the button says."""
        return {"predict": self._predict}

    def refresh(self) -> None:
        """Show the button, or progress while a prediction runs."""
        can, work = controls(self._session), self._session.prediction
        self.idle_row.setVisible(not work.busy)
        self.busy_row.setVisible(work.busy)
        fill_button(self.button, self._tints, on=next_section(self._session) is Section.RESULT)
        self.button.setText(predict_words(self.scope))
        self.button.setEnabled(can.predict)
        self.more.setEnabled(can.predict)
        self.button.setToolTip(
            can.predict_reason
            or self._keys.tip("predict", "Predict with the newest model.")
            + " The arrow chooses: the view, this image, all open images, the project, a folder."
        )
        self.stop_button.setEnabled(can.stop_predicting)
        self.stop_button.setText("Cancel" if work.pausable else "Stop")
        self.pause_button.setVisible(work.pausable)
        self.pause_button.setEnabled(can.stop_predicting)
        self.pause_button.setText("Go on" if work.paused else "Pause")
        self.pause_button.setToolTip("Go on." if work.paused else "Hold after this tile.")
        self.progress.setRange(0, work.total)
        self.progress.setValue(work.done)
        self.progress.setFormat(f"%v of %m {work.of_what}" if work.total else "")

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.refresh()

    def _predict(self) -> None:
        if self.scope is Scope.FOLDER:
            self._ask_folder()
        else:
            self._work.predict(self.scope)

    def _pause(self) -> None:
        self._work.predictor.pause(on=not self._session.prediction.paused)

    def _ask_folder(self) -> None:
        """Ask for a folder of images; masks go into a folder in it, or where it can be written."""
        image = self._session.image
        start = start_folder("images", self._work.layers.file(image.key) if image else None)
        title = "Predict the images in this folder"
        chosen = QFileDialog.getExistingDirectory(self, title, str(start))
        if not chosen:
            return
        source = Path(chosen)
        used_folder("images", source / "any")
        into = source / MASKS
        if not os.access(source, os.W_OK):
            other = QFileDialog.getExistingDirectory(self, "Where the masks go", str(Path.home()))
            if not other:
                return
            into = Path(other)
        self._work.predict_folder(source, into)

    def _offer_project(self) -> None:
        """All images of the project can be chosen where one is open."""
        there = self._work.project.opened is not None
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
        self._predict()
