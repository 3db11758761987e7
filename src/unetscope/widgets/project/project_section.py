"""What the window has for projects and for labels of other programs, joined to what does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.session.layers.connections import Connections
from unetscope.session.project.recent import recent_projects
from unetscope.widgets.kit.looks import Tints
from unetscope.widgets.painting.annotation_panel import AnnotationPanel
from unetscope.widgets.project.project_panel import ProjectPanel
from unetscope.workbench.annotation_files import AnnotationFiles, News
from unetscope.workbench.folders import file_of
from unetscope.workbench.workbench import Workbench


class ProjectSection(QObject):
    """Two panels for the window to lay out, ``project`` and ``labels``; ``told`` brings news."""

    told = Signal()

    def __init__(self, work: Workbench, tints: Tints, parent: QObject) -> None:
        super().__init__(parent)
        self._work, self._desk = work, work.project
        self.project = ProjectPanel(tints, recent_projects)
        self.labels = AnnotationPanel(work.session, tints)
        self.files = AnnotationFiles(work.context, work.said, self)
        self._connections = Connections()
        self._connections.connect(work.session.events.image, self.labels.refresh)
        self._connections.connect(work.strokes.keeper.changed, work.project.strokes_changed)
        self._connect_project()
        self._connect_labels()
        self.refresh()

    def close(self) -> None:
        """Let go of the session; the desk is closed by the workbench."""
        self._connections.close()
        self.files.close()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self.project.set_tints(tints)
        self.labels.set_tints(tints)

    def refresh(self) -> None:
        """Show project and buttons."""
        self._show_project()
        self.labels.refresh()

    def _connect_project(self) -> None:
        desk, panel = self._desk, self.project
        desk.changed.connect(self._show_project)
        panel.created.connect(desk.create)
        panel.opened.connect(desk.open)
        panel.added.connect(desk.intake.add_files)
        panel.chosen.connect(desk.images.go_to)
        panel.reviewed.connect(lambda done: desk.review(done=done))
        panel.located.connect(desk.intake.locate)
        panel.closed.connect(desk.close_project)
        desk.questions.asked.connect(panel.show_question)
        panel.card.answered.connect(lambda _question, value: desk.questions.answer(value))
        panel.card.put_off.connect(lambda _question: desk.questions.answer(None))

    def _connect_labels(self) -> None:
        files, panel = self.files, self.labels
        panel.imported.connect(files.import_from)
        panel.exported.connect(files.export_to)
        panel.saved.connect(files.save_result)
        panel.image_file = self._image_file
        panel.confirmed.connect(files.confirm)
        panel.answered.connect(files.answer)
        panel.asked_again.connect(files.ask_again)
        files.asked.connect(panel.ask)
        files.told.connect(panel.tell)
        for told in (files.told, files.failed):
            told.connect(lambda _text: self.told.emit())
        self._connections.connect(self._work.session.events.image, self._image_changed)
        files.failed.connect(lambda text: panel.tell(News(text), failed=True))

    def _image_changed(self, _image: Any) -> None:
        """What came of another image's files is no news any more."""
        if not self.labels.asking:
            self.labels.dismiss()

    def _image_file(self) -> Path | None:
        image = self._work.session.image
        return None if image is None else file_of(self._work.layers.layer(image.key))

    def _show_project(self) -> None:
        opened = self._desk.opened
        if opened is None:
            self.project.show_project("", (), "", "")
            return
        name = opened.project.record.name
        self.project.show_project(name, self._desk.rows(), opened.banner, opened.cannot_write)
