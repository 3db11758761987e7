"""The project: its images and how far each is, and what can be done with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QHeaderView,
    QLabel,
    QMenu,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from unetscope.images.files import SUFFIXES
from unetscope.images.questions import Asked
from unetscope.session.engine.projects import ListedImage
from unetscope.session.project.folder import is_project
from unetscope.session.project.recent import recent_projects
from unetscope.session.project.records import SUFFIX
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.fold import INDENTED, Fold
from unetscope.widgets.kit.looks import Tints, line_px, offer, quiet, small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.kit.question_card import QuestionCard
from unetscope.workbench.workbench import Workbench

#: Told apart by shape, not by colour; the word stands beside the mark.
MARKS = {
    "new": "○",
    "strokes": "◐",
    "predicted": "●",
    "reviewed": "✓",
    "changed": "!",
    "not found": "✕",
}
_SHOWN_ROWS = 7


class ProjectPanel(Panel):
    """The fold *Project*: its images, and buttons; images can be dropped on it."""

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._desk, self._project = work.project, ""
        self._rows: tuple[ListedImage, ...] = ()
        self._why_not = ""
        self.fold = Fold("Project")
        self.fold.toggled.connect(self._fit)
        self.banner = quiet(QLabel())
        self.banner.setAccessibleName("The project is read-only")
        self.card = QuestionCard()
        self.list = _list()
        self.list.itemClicked.connect(lambda item, _column: self._clicked(item))
        self.list.itemActivated.connect(lambda item, _column: self._clicked(item))
        self.hint = quiet(QLabel("No images yet. Add images …, or drop files or folders here."))
        self.reviewed_check = QCheckBox("This image is reviewed")
        self.reviewed_check.clicked.connect(lambda done: self._desk.review(done=done))
        self._make_buttons()
        self._lay_out()
        self.setAcceptDrops(True)
        self._join()

    def _join(self) -> None:
        desk = self._desk
        desk.changed.connect(self.refresh)
        desk.questions.asked.connect(self.show_question)
        self.card.answered.connect(lambda _question, value: desk.questions.answer(value))
        self.card.put_off.connect(lambda _question: desk.questions.answer(None))

    def _make_buttons(self) -> None:
        self.new_button = small_button("New …", "A folder for labels, models and history.")
        self.open_button = small_button("Open …", "Open a project folder.")
        self.recent_button = small_button("Recent ▾", "Projects that were open last.")
        self.add_button = small_button("Add images ▾", "")
        self.locate_button = small_button("Locate …", "")
        self.close_button = small_button(
            "Close project", "Save the project and take its images off. Nothing is lost."
        )
        menu = QMenu(self.recent_button)
        menu.aboutToShow.connect(lambda: self._list_recent(menu))
        self.recent_button.setMenu(menu)
        self.new_button.clicked.connect(lambda _checked: self._ask_new())
        self.open_button.clicked.connect(lambda _checked: self._ask_open())
        folder = "A folder of images, or OME-Zarr …"
        offer(self.add_button, (("Files …", self._ask_images), (folder, self._ask_folder)))
        self.locate_button.clicked.connect(lambda _checked: self._ask_where())
        self.close_button.clicked.connect(lambda _checked: self._desk.close_project())

    def _lay_out(self) -> None:
        inner = QWidget()
        projects = (self.new_button, self.open_button, self.recent_button)
        images = (self.add_button, self.locate_button, self.close_button)
        shown = (self.banner, self.card, self.hint, self.list, self.reviewed_check)
        column(inner, *shown, flow(*projects, *images), margins=INDENTED)
        self.fold.addWidget(inner)
        self.fold.alone_in(self)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self.card.set_tints(tints)
        self.banner.setStyleSheet(
            f"QLabel {{ background: {tints.card}; color: {tints.text}; padding: 6px; "
            f"border: none; border-left: 4px solid {tints.error}; }}"
        )

    # ---- what is shown

    def refresh(self) -> None:
        """Show the open project's images, or none."""
        opened = self._desk.opened
        if opened is None:
            self._show("", (), "", "")
        else:
            name = opened.project.record.name
            self._show(name, self._desk.rows(), opened.banner, opened.cannot_write)

    def _show(
        self, name: str, rows: tuple[ListedImage, ...], banner: str, cannot_write: str
    ) -> None:
        """Show a project's images; ``cannot_write`` is why it cannot be changed, "" if it can."""
        arrived = bool(name) and name != self._project
        self._project, self._why_not = name, cannot_write
        self.fold.setText(f"Project: {name}" if name else "Project")
        self.banner.setText(banner)
        self.banner.setVisible(bool(banner))
        if rows != self._rows:
            self._rows = rows
            self._fill()
        shown = next((row for row in rows if row.shown), None)
        self.hint.setVisible(bool(name) and not rows)
        self.reviewed_check.setVisible(bool(rows))
        self.reviewed_check.setEnabled(shown is not None and not cannot_write)
        self.reviewed_check.setChecked(shown is not None and shown.reviewed)
        self.reviewed_check.setToolTip(
            cannot_write or "Tick it when the labels of the image on screen are right."
        )
        for button in (self.add_button, self.locate_button, self.close_button):
            button.setVisible(bool(name))
        self.add_button.setEnabled(not cannot_write)
        self.add_button.setToolTip(
            cannot_write
            or "Take images in, or drop them here. They stay where they are; the project notes the "
            "place."
        )
        missing = self._missing()
        self.locate_button.setVisible(missing is not None)
        self.locate_button.setEnabled(not cannot_write)
        if missing is not None:
            self.locate_button.setToolTip(
                cannot_write
                or f"Say where {missing.name} is now; others are looked for in the same folder."
            )
        if arrived:
            self.fold.expand(animate=False)
            self.called_for.emit()
        self._fit()

    def show_question(self, question: Asked | None) -> None:
        """Ask about files of the project, or nothing any more."""
        if question is None:
            self.card.dismiss()
        elif question != self.card.question:
            self.card.ask(question)
            self.fold.expand(animate=False)
            self.called_for.emit()
        self._fit()

    def _fill(self) -> None:
        self.list.clear()
        height = round(line_px(self.add_button) * 1.4)
        for row in self._rows:
            item = QTreeWidgetItem([f"{MARKS.get(row.word, '?')}  {row.name}", row.word])
            item.setData(0, Qt.ItemDataRole.UserRole, row.image_id)
            item.setToolTip(0, row.where)
            item.setSizeHint(0, QSize(0, height))
            font = item.font(0)
            font.setBold(row.shown)
            item.setFont(0, font)
            self.list.addTopLevelItem(item)
            if row.shown:
                self.list.setCurrentItem(item)

    def _fit(self) -> None:
        height = round(line_px(self.add_button) * 1.4)
        self.list.setFont(self.add_button.font())
        self.list.setVisible(bool(self._rows))
        rows = min(max(1, len(self._rows)), _SHOWN_ROWS)
        self.list.setFixedHeight(rows * height + 2 * self.list.frameWidth() + 2)
        self.fold.fit()

    def _missing(self) -> ListedImage | None:
        """The missing image that is selected, or the first one."""
        missing = [row for row in self._rows if row.missing]
        item = self.list.currentItem()
        chosen = None if item is None else item.data(0, Qt.ItemDataRole.UserRole)
        return next((row for row in missing if row.image_id == chosen), next(iter(missing), None))

    # ---- what is pressed

    def _clicked(self, item: Any) -> None:
        self._desk.images.go_to(str(item.data(0, Qt.ItemDataRole.UserRole)))

    def _list_recent(self, menu: QMenu) -> None:
        menu.clear()
        for folder in recent_projects():
            action = menu.addAction(folder.stem)
            if action is not None:
                action.setToolTip(str(folder))
                action.triggered.connect(lambda _=False, path=folder: self._desk.open(path))
        if menu.isEmpty():
            none = menu.addAction("none yet")
            if none is not None:
                none.setEnabled(False)

    def _ask_new(self) -> None:
        kind = f"unetscope projects (*{SUFFIX})"
        chosen, _ = QFileDialog.getSaveFileName(self, "New project", f"project{SUFFIX}", kind)
        if chosen:
            self._desk.create(Path(chosen))

    def _ask_open(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Open a project: its folder")
        if chosen:
            self._desk.open(Path(chosen))

    def _ask_images(self) -> None:
        kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES if suffix != ".zarr")
        chosen, _ = QFileDialog.getOpenFileNames(self, "Add images", "", f"Images ({kinds})")
        if chosen:
            self._desk.intake.add_files([Path(path) for path in chosen])

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Add images: a folder of them, or OME-Zarr")
        if chosen:
            self._desk.intake.add_files([Path(chosen)])

    def _ask_where(self) -> None:
        missing = self._missing()
        if missing is None:
            return
        title, parent = f"Where is {missing.name} now?", str(Path(missing.where).parent)
        if Path(missing.where).suffix.lower() == ".zarr":
            chosen = QFileDialog.getExistingDirectory(self, title, parent)
        else:
            chosen, _ = QFileDialog.getOpenFileName(self, title, parent)
        if chosen:
            self._desk.intake.locate(missing.image_id, Path(chosen))

    # ---- what is dropped

    def dragEnterEvent(self, event: Any) -> None:
        """Images can be dropped on the panel of a project that can be written."""
        if self._project and not self._why_not and _local(event):
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:
        """Take dropped images in; a dropped project is opened."""
        dropped = _local(event)
        event.acceptProposedAction()
        if len(dropped) == 1 and is_project(dropped[0]):
            self._desk.open(dropped[0])
        else:
            self._desk.intake.add_files(dropped)


def _local(event: Any) -> list[Path]:
    """The files and folders that are being dropped."""
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]


def _list() -> QTreeWidget:
    shown = QTreeWidget()
    shown.setColumnCount(2)
    shown.setRootIsDecorated(False)
    shown.setIndentation(0)
    shown.setUniformRowHeights(True)
    shown.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    shown.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    shown.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    shown.setAccessibleName("Images of the project")
    header = shown.header()
    assert header is not None  # a tree has one
    header.hide()
    header.setStretchLastSection(False)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
    return shown
