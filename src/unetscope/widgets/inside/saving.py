"""Export and report: asked for by a button, written in the background, told in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from unetscope.errors import ImageError
from unetscope.looking.answers import Shown
from unetscope.looking.keeping import write_bytes, write_view
from unetscope.looking.question import Answer
from unetscope.looking.questions import QUESTIONS
from unetscope.session.layers.layer_facts import file_of
from unetscope.workbench.folders import start_folder, used_folder
from unetscope.workbench.job_runner import JobEnded, Lane


class Saving(QObject):
    """``said(text)`` when files are written."""

    said = Signal(str)

    def __init__(self, inspector: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._inspector = inspector
        self.lane = Lane(self, writes=True)
        self.lane.happened.connect(self._happened)
        self.lane.ended.connect(self._ended)

    def close(self) -> None:
        """End without waiting; what is being written is written."""
        self.lane.close()

    def export(self) -> None:
        """Ask for a folder and write what is shown into it."""
        folder = QFileDialog.getExistingDirectory(
            self._window(), "Export what is shown into a folder", str(self._start_folder())
        )
        if folder:
            used_folder("inside", Path(folder) / "view")
            self.export_to(Path(folder))

    def export_to(self, folder: Path) -> None:
        """Write what is shown into ``folder``."""
        inside = self._inspector.inside
        if inside.glass is None or inside.shown is None:
            error = ImageError("nothing is shown yet; press Feature maps or Kernels first.")
            self._inspector.tell(error, "Export")
            return
        self._start(partial(write_view, inside.glass, inside.shown, inside.point, folder))

    def report(self) -> None:
        """Ask for a file and write the report."""
        start = str(self._start_folder() / "report.html")
        chosen, _ = QFileDialog.getSaveFileName(
            self._window(), "Report", start, "Web page (*.html)"
        )
        if chosen:
            used_folder("inside", Path(chosen))
            self.report_to(Path(chosen))

    def report_to(self, path: Path) -> None:
        """Write the report of the network and image that are looked at."""
        inside = self._inspector.inside
        if inside.glass is None:
            return
        effective = self._inspector.probe.effective
        options = {
            "point": inside.point,
            "labels": self._inspector.questions.painted(),
            "effective": () if effective is None else (effective,),
        }
        answer = partial(QUESTIONS["report"].ask, inside.glass, options)
        self._start(partial(_write_report, answer, path))

    def _window(self) -> QWidget | None:
        """The panel, so that a dialog has the colours of the window."""
        parent = self.parent()
        return parent if isinstance(parent, QWidget) else None

    def _start_folder(self) -> Path:
        image = self._inspector.inside.image
        layer = self._inspector.layers.layer(image.key) if image is not None else None
        return start_folder("inside", file_of(layer))

    def _start(self, job: Any) -> None:
        self._inspector.inside.message = None
        self.lane.start(job)

    def _happened(self, ticket: Any, event: Any) -> None:
        if isinstance(event, str):
            self._inspector.inside.working = None
            self.said.emit(event)
        else:
            self._inspector.inside.working = event

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        self._inspector.inside.working = None
        if end.error is not None:
            self._inspector.tell(end.error, "Saving")


def _write_report(answer: Callable[[], Answer], path: Path) -> Iterator[Any]:
    """Ask for the page and write it; yields progress and, at the end, a sentence."""
    for event in answer():
        if not isinstance(event, Shown):
            yield event
            continue
        write_bytes(path, event.files["report.html"].encode("utf-8"))
        yield f"The report is in {path}."
