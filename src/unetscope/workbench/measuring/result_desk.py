"""Numbers go out: files of one image or of all images of the project, and the words for a paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject

from unetscope.images.classes import LabelClass, default_color
from unetscope.looking.answers import Working
from unetscope.session.measuring.measure_state import FoundObjects, MeasureState
from unetscope.session.values import Message
from unetscope.workbench.job_runner import JobEnded, Lane
from unetscope.workbench.measuring.measure_jobs import project_jobs, results

_MOST_NAMED = 3

#: What an image is written with: its file, and what was done to its objects.
Told = Callable[[FoundObjects], tuple[Path | None, tuple[dict[str, Any], ...]]]


class ResultDesk(QObject):
    """Writes what was found; a lane of its own, so that closing the window lets it end."""

    def __init__(self, state: MeasureState, told: Told, parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._told = state, told
        self.lane = Lane(self, writes=True)
        self.lane.happened.connect(self._happened)
        self.lane.ended.connect(self._ended)

    def close(self) -> None:
        """What is being written is written."""
        self.lane.close()

    def export(self, table: Path, **wanted: Any) -> None:
        """Write the present image: ``wanted`` are kinds of files, as of the command line."""
        found = self._state.found
        if found is None:
            return
        file, edits = self._told(found)
        one = {"found": found, "file": file, "edits": edits}
        self._state.message = None
        self._state.working = Working("Writing files")
        job = partial(_writing, one, self._class_of(found), {"table": table, **wanted})
        self.lane.start(job, "Writing files")

    def export_project(self, project: Path, table: Path, **wanted: Any) -> None:
        """Measure all predicted images of a project as the present one, into one table."""
        found = self._state.found
        if found is None:
            return
        self._state.message = None
        self._state.working = Working("Measuring the project")
        asked = project, found.wish, self._class_of(found), {"table": table, **wanted}
        self.lane.start(partial(_measuring_all, *asked), "Measuring the project")

    def paragraph(self) -> str:
        """The words for a paper; "" while numbers are being computed."""
        found = self._state.found
        if found is None or not found.quantities:
            return ""
        file, edits = self._told(found)
        return results().paragraph(found, self._class_of(found), file, edits)

    def _class_of(self, found: FoundObjects) -> LabelClass:
        value = found.wish.value
        known = next((c for c in found.source.classes if c.value == value), None)
        color = known.color if known is not None else default_color(value)
        return LabelClass(value, self._state.name_of(value), color)

    def _happened(self, ticket: Any, event: Any) -> None:
        if isinstance(event, Working):
            self._state.working = event
            return
        if isinstance(event, str):
            self._state.message = Message(event)
            return
        names = [path.name for path in event.paths[:_MOST_NAMED]]
        more = len(event.paths) - len(names)
        rest = f" and {more} more" if more > 0 else ""
        folder = event.paths[0].parent if event.paths else Path()
        before = self._state.message
        said = f"{before.text} " if before is not None else ""
        self._state.message = Message(f"{said}Written to {folder}: {', '.join(names)}{rest}.")

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        self._state.working = None
        if end.error is not None:
            self._state.message = Message.of(end.error, str(ticket))


def _writing(one: dict[str, Any], of_class: LabelClass, files: dict[str, Any]) -> Iterator[Any]:
    room = results()
    images = (room.MeasuredImage(**one),)
    yield from room.write_measures(room.WriteMeasures(images, of_class, room.WantedFiles(**files)))


def _measuring_all(
    project: Path, wish: Any, of_class: LabelClass, files: dict[str, Any]
) -> Iterator[Any]:
    room = results()
    yield from project_jobs().measure_project(project, wish, of_class, room.WantedFiles(**files))
