"""The forgetting guard: after a training, did an image get worse that was right before?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from unetscope.learning.advice.progress import Forgotten
from unetscope.session.engine.forgetting import CompareRequest, Compares, VersionsCompared
from unetscope.session.guidance import controls
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.project_layers import sample_key
from unetscope.session.values import Message, Scope, TrainingStatus
from unetscope.session.versions import Version
from unetscope.workbench.job_runner import JobEnded, Lane
from unetscope.workbench.timers import single_shot

if TYPE_CHECKING:
    from unetscope.workbench.workbench import Workbench

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


class ForgettingGuard(QObject):
    """Compares the version a training began with to the one it gave; ``changed`` says that the
    warning has.

    While a warning stands, the next training is compared with the same earlier version: it goes
    when the images are as good again.
    """

    changed = Signal()

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._work = work
        self.warning: GotWorse | None = None
        self._earlier: Version | None = None  # what the next or present comparison is with
        self._names: dict[str, str] = {}  # of the images of the present comparison
        self._training = False
        self.lane = Lane(self, niceness=NICENESS)
        self.lane.happened.connect(self._happened)
        self.lane.ended.connect(self._ended)
        self._timer = single_shot(self, REST_MS, self._ask)
        self._connections = Connections()
        events = work.session.events
        self._connections.connect(events.training, self._training_changed)
        self._connections.connect(events.versions, self._versions_changed)
        self._connections.connect(events.images, self._images_changed)
        work.shelf.replaced.connect(self.dismiss)

    def close(self) -> None:
        """Stop."""
        self._timer.stop()
        self._connections.close()
        self.lane.close()

    @property
    def can_go_back(self) -> bool:
        """Whether the earlier version can answer again: it is kept, and nothing is training."""
        kept = {version.number for version in self._work.session.versions.kept}
        standing = self.warning is not None and self.warning.since in kept
        session = self._work.session
        return standing and controls(session).go_back and not session.prediction.busy

    # ---- what a person does about it

    def go_back(self) -> None:
        """Let the version answer as it was; newer ones are kept to go forward to.

        Live answers are switched off: they would learn the strokes painted since at once.
        """
        if self.warning is None or not self.can_go_back:
            return
        work, session, since = self._work, self._work.session, self.warning.since
        work.set_live(False)
        while session.versions.current is not None and session.versions.current.number > since:
            work.shelf.step(back=True)  # which takes the warning away
        work.predict(Scope.ALL)  # what is on screen is another version's
        session.message = Message(
            f"Version {since} answers as it was. ▶ goes forward again, Live learns from your newer "
            "strokes."
        )

    def show(self, image: str) -> None:
        """Work on the image with this sample key; one of the project is opened."""
        ways = self._ways()
        if image in ways:
            ways[image]()

    def _ways(self) -> dict[str, Callable[[], None]]:
        """Sample key -> what brings its image, of all images that are open or in the project."""
        work, opened = self._work, self._work.project.opened
        found: dict[str, Callable[[], None]] = {}
        if opened is not None:
            for entry in opened.project.record.images:
                key = sample_key(opened.folder, entry.id)
                found[key] = partial(work.project.images.go_to, entry.id)
        for summary in work.session.images:
            note = work.layers.note(summary.key)
            key = summary.key if note is None else sample_key(*note)
            found[key] = partial(work.choose_image, summary.key)
        return found

    def dismiss(self) -> None:
        """Forget the warning and the comparison: the next training is compared with its start."""
        self._timer.stop()
        self.lane.drop()
        self._earlier = None
        self._tell(None)

    # ---- following the session

    def _training_changed(self, status: TrainingStatus) -> None:
        versions = self._work.session.versions
        if status.busy and not self._training:
            self._timer.stop()
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
            self._timer.start()

    def _images_changed(self, images: Any) -> None:
        """Images that are gone are not spoken of any more."""
        if self.warning is None:
            return
        ways, compared = self._ways(), self.warning.compared
        worse = tuple(found for found in compared.worse if found.image in ways)
        if not worse:
            self.dismiss()
        else:
            self._tell(replace(self.warning, compared=replace(compared, worse=worse)))

    def _ask(self) -> None:
        """Compare both versions on all images with strokes, once the answer is there."""
        work, session, jobs = self._work, self._work.session, self._work.bench.jobs
        now, earlier = session.versions.current, self._earlier
        if now is None or earlier is None or not isinstance(jobs, Compares):
            return
        if not earlier.model.can_answer:
            self.dismiss()  # nothing had been learned yet
            return
        if session.answering:
            self._timer.start()
            return
        with work.layers.whole_project():
            samples = work.layers.samples(now.model.channels)
        self._names = {sample.key: sample.image.name or sample.key for sample in samples}
        request = CompareRequest(earlier.model, now.model, samples)
        self.lane.start(partial(jobs.compare_versions, request), (earlier.number, now.number))

    def _happened(self, ticket: Any, event: Any) -> None:
        now = self._work.session.versions.current
        if not isinstance(event, VersionsCompared) or now is None or ticket[1] != now.number:
            return
        if event.worse:
            self._tell(GotWorse(ticket[0], event, self._names))
        else:
            self.dismiss()

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        if end.error is not None:
            self.dismiss()
            self._work.bench.tell(end.error, "Comparing with the version before")

    def _tell(self, warning: GotWorse | None) -> None:
        if warning != self.warning:
            self.warning = warning
            self.changed.emit()
