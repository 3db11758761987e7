"""Train, pause and stop: one training at a time, fed with new strokes while it runs."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.learning.events import EpochDone, Finished, HeadFitted
from unetscope.learning.samples import labelled_pixels
from unetscope.session.requests import TrainRequest
from unetscope.session.values import AdvancedSettings, Phase
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded, JobPaused
from unetscope.workbench.part import Part

NICENESS = 5  # the window and its instant answers go first


class Trainer(Part):
    """Drives one training; ``improved`` says that the model that answers has changed."""

    improved = Signal()

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(context, parent)
        self.advanced = AdvancedSettings()
        self._channels = 1  # of the images that are being trained on
        self.lane = self._lane(self._happened, self._ended, niceness=NICENESS)

    def start(self, *, anew: bool = False) -> None:
        """Train on the present strokes, from the present model, within the budget.

        ``anew``: with a network that has not learned from any stroke yet.
        """
        session, layers = self._session, self._context.layers
        if session.training.busy or session.image is None or session.model is None:
            return
        model = session.model.model
        if anew:
            model = model.without_network()
            session.use_model(model)
        request = TrainRequest(
            model=model,
            samples=layers.samples(session.image.channels),
            classes=session.classes,
            seconds=session.budget.seconds,
            advanced=self.advanced,
        )
        self._channels = session.image.channels
        session.begin_training()
        session.trained_image = ""
        self.lane.start(partial(self._context.jobs.do, request))

    def hand_in(self) -> None:
        """Give the running training the strokes as they are now."""
        samples = self._context.layers.samples(self._channels)
        if self.lane.busy and len(labelled_pixels(samples)) >= 2:  # undo may leave fewer
            self.lane.post(samples)

    def pause_or_resume(self) -> None:
        """Pause a running training, resume a paused one."""
        session = self._session
        if session.training.phase is Phase.PAUSED:
            self.lane.resume()
            session.set_phase(Phase.RUNNING)
        elif session.training.phase is Phase.RUNNING:
            self.lane.pause()

    def stop(self) -> None:
        """Stop; the best model so far is kept."""
        if self.lane.busy:
            self._session.set_phase(Phase.STOPPING)
            self.lane.stop()

    def _happened(self, ticket: Any, event: Any) -> None:
        session = self._session
        if isinstance(event, JobPaused):
            if session.training.phase is Phase.RUNNING:
                session.set_phase(Phase.PAUSED)
            return
        answered = session.model is not None and session.model.model.can_answer
        if isinstance(event, HeadFitted) and session.live and answered:
            return  # the live answers know newer strokes
        session.apply(event)
        if isinstance(event, Finished) or (isinstance(event, EpochDone) and event.improved):
            self.improved.emit()

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        session = self._session
        session.trained_image = session.image.key if session.image is not None else ""
        if session.training.busy:  # no Finished came: stopped, or failed
            session.end_training()
            self.improved.emit()
        if end.error is not None:
            self._context.tell(end.error, "Training")
