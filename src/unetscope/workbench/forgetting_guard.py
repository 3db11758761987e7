"""The forgetting guard: after a training, did an image get worse that was right before?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.learning.advice.progress import Forgotten
from unetscope.session.guidance import controls
from unetscope.session.project.reading import sample_key
from unetscope.session.requests import CompareRequest, VersionsCompared
from unetscope.session.values import TrainingStatus
from unetscope.session.versions import Version
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded
from unetscope.workbench.part import Part
from unetscope.workbench.project_context import ProjectContext

REST_MS = 600  # after a training: its answer is to be seen first
NICENESS = 10


@dataclass(frozen=True)
class GotWorse:
    """What is to be told: the images that got worse since version ``since``, and their names."""

    since: int
    compared: VersionsCompared
    names: dict[str, str]  # sample key -> name

    def name(self, found: Forgotten) -> str:
        """The name of an image that got worse."""
        return self.names[found.image]


class ForgettingGuard(Part):
    """Compares the version a training began with to the one it gave.

    ``changed`` says that the warning has.
    While a warning stands, the next training is compared with the same earlier version: it goes
    when the images are as good again. ``version_wanted(number)`` is to answer again, and
    ``image_wanted(key)`` or ``closed_image_wanted(image id)`` is to be worked on.
    """

    changed = Signal()
    version_wanted = Signal(int)
    image_wanted = Signal(str)
    closed_image_wanted = Signal(str)

    def __init__(self, context: Context, project: ProjectContext, parent: QObject) -> None:
        super().__init__(context, parent)
        self._project = project
        self.warning: GotWorse | None = None
        self._earlier: Version | None = None  # what the next or present comparison is with
        self._names: dict[str, str] = {}  # of the images of the present comparison
        self._training = False
        self.lane = self._lane(self._happened, self._ended, niceness=NICENESS)
        self._ask_timer = self._timer(REST_MS, self._ask)
        events = context.session.events
        self._follow(events.training, self._training_changed)
        self._follow(events.versions, self._versions_changed)
        self._follow(events.images, self._images_changed)

    @property
    def can_go_back(self) -> bool:
        """Whether the earlier version can answer again: it is kept, and nothing is training."""
        session = self._session
        kept = {version.number for version in session.versions.kept}
        standing = self.warning is not None and self.warning.since in kept
        return standing and controls(session).go_back and not session.prediction.busy

    # ---- what a person does about it

    def go_back(self) -> None:
        """Let the version answer as it was."""
        if self.warning is not None and self.can_go_back:
            self.version_wanted.emit(self.warning.since)

    def show(self, image: str) -> None:
        """Work on the image with this sample key; one of the project is opened."""
        opened = self._open_images()
        if image in opened:
            self.image_wanted.emit(opened[image])
        elif image in self._of_project():
            self.closed_image_wanted.emit(self._of_project()[image])

    def _open_images(self) -> dict[str, str]:
        """Sample key -> image key of the images that are open."""
        keys = [image.key for image in self._session.images]
        notes = {key: self._context.layers.note(key) for key in keys}
        return {key if note is None else sample_key(*note): key for key, note in notes.items()}

    def _of_project(self) -> dict[str, str]:
        """Sample key -> image id of the images of the project, open or not."""
        opened = self._project.opened
        if opened is None:
            return {}
        return {sample_key(opened.folder, e.id): e.id for e in opened.project.record.images}

    def dismiss(self) -> None:
        """Forget the warning and the comparison: the next training is compared with its start."""
        self._ask_timer.stop()
        self.lane.drop()
        self._earlier = None
        self._tell(None)

    # ---- following the session

    def _training_changed(self, status: TrainingStatus) -> None:
        versions = self._session.versions
        if status.busy and not self._training:
            self._ask_timer.stop()
            self.lane.drop()
            if self._earlier not in versions.kept:
                self._earlier = versions.current
        if status.busy != self._training:
            self._training = status.busy
            self.changed.emit()  # going back waits for the end of a training

    def _versions_changed(self, versions: Any) -> None:
        now = versions.current
        earlier = self._earlier
        if earlier is not None and now is not None and now.number > earlier.number:
            self._ask_timer.start()

    def _images_changed(self, images: Any) -> None:
        """Images that are gone are not spoken of any more."""
        if self.warning is None:
            return
        known, compared = {*self._open_images(), *self._of_project()}, self.warning.compared
        worse = tuple(found for found in compared.worse if found.image in known)
        if not worse:
            self.dismiss()
        else:
            self._tell(replace(self.warning, compared=replace(compared, worse=worse)))

    def _ask(self) -> None:
        """Compare both versions on all images with strokes, once the answer is there."""
        session, layers, jobs = self._session, self._context.layers, self._context.jobs
        now, earlier = session.versions.current, self._earlier
        if now is None or earlier is None:
            return
        if not earlier.model.can_answer:
            self.dismiss()  # nothing had been learned yet
            return
        if session.answering:
            self._ask_timer.start()
            return
        with layers.whole_project():
            samples = layers.samples(now.model.channels)
        self._names = {sample.key: sample.image.name or sample.key for sample in samples}
        request = CompareRequest(earlier.model, now.model, samples)
        self.lane.start(partial(jobs.do, request), (earlier.number, now.number))

    def _happened(self, ticket: Any, event: Any) -> None:
        now = self._session.versions.current
        if not isinstance(event, VersionsCompared) or now is None or ticket[1] != now.number:
            return
        if event.worse:
            self._tell(GotWorse(ticket[0], event, self._names))
        else:
            self.dismiss()

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        if end.error is not None:
            self.dismiss()
            self._context.tell(end.error, "Comparing with the version before")

    def _tell(self, warning: GotWorse | None) -> None:
        if warning != self.warning:
            self.warning = warning
            self.changed.emit()
