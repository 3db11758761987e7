"""Predict the view, this image or all open images with the newest model."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import QObject, QTimer

from unetscope.errors import ModelError
from unetscope.session.requests import PredictRequest, TileShown
from unetscope.session.values import Message, PredictionStatus, Scope
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded, Lane

REDRAW_MS = 200


class Predictor(QObject):
    """Drives predictions that were asked for by name; live answers go on beside them."""

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self.lane = Lane(self, niceness=5)
        self.lane.happened.connect(self._happened)
        self.lane.ended.connect(self._ended)
        self._written: dict[str, int] = {}  # image key -> tiles of the prediction under way
        self._left_out, self._stopped, self._scope = "", False, Scope.IMAGE
        self._redraw_timer = QTimer(self)
        self._redraw_timer.setInterval(REDRAW_MS)
        self._redraw_timer.timeout.connect(context.results.redraw)

    def close(self) -> None:
        """End without waiting."""
        self._redraw_timer.stop()
        self.lane.close()

    def start(self, scope: Scope) -> None:
        """Predict; images of another kind than the model's are left out and named."""
        context, session = self._context, self._context.session
        if session.prediction.busy or session.image is None or session.model is None:
            return
        model, self._scope = session.model.model, scope
        wanted = session.images if scope is Scope.ALL else (session.image,)
        fitting = [image for image in wanted if image.channels == model.channels]
        left_out = [image.name for image in wanted if image.channels != model.channels]
        if not fitting:
            error = ModelError(
                f"this model was trained on images of {model.channels} channel(s) and "
                f"{session.image.name} has {session.image.channels}; paint on this image and "
                "start from a bundled model, or pick an image of the same kind."
            )
            context.tell(error, "Predicting")
            return
        targets = [context.target(image.key) for image in fitting]
        request = PredictRequest(
            model, targets, session.show, session.current_class, scope is Scope.VIEW
        )
        self._left_out, self._written, self._stopped = _left_out(left_out), {}, False
        session.message = Message(self._left_out) if self._left_out else None
        session.prediction = PredictionStatus(busy=True, what=scope.value)
        self._redraw_timer.start()
        made = {target.key: context.made(target) for target in targets}
        self.lane.start(partial(context.jobs.do, request), made)

    def stop(self) -> None:
        """Stop; what is predicted already stays."""
        if self.lane.busy:
            self._stopped = True
            session = self._context.session
            session.prediction = PredictionStatus(True, session.prediction.what, stopping=True)
            self.lane.stop()

    def _happened(self, ticket: Any, event: Any) -> None:
        context, session = self._context, self._context.session
        if not isinstance(event, TileShown):
            session.apply(event)
            return
        context.results.write(event.key, event, context.look(), (ticket or {}).get(event.key))
        self._written.setdefault(event.key, 0)
        self._written[event.key] += 1
        if not session.prediction.stopping:
            name = next((i.name for i in session.images if i.key == event.key), "")
            what = name or session.prediction.what
            session.prediction = PredictionStatus(True, what, event.done, event.total)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        self._redraw_timer.stop()
        self._context.results.redraw()
        session = self._context.session
        session.seen |= self._written.keys()
        session.prediction = PredictionStatus()
        self._context.say_what_was_answered()
        if end.error is not None:
            self._context.tell(end.error, "Predicting")
        elif self._written:
            session.message = Message(f"{self._done()} {self._left_out}".strip())

    def _done(self) -> str:
        """What was predicted, and by what."""
        session, look = self._context.session, self._context.look()
        names = [image.name for image in session.images if image.key in self._written]
        what = names[0] if len(names) == 1 else f"{len(names)} images"
        if self._stopped:
            return f"Stopped; what was predicted of {what} stays."
        part = " (what is on screen)" if self._scope is Scope.VIEW else ""
        return f"Done: {what}{part} as version {look.version} answers. Save result … writes it."


def _left_out(names: list[str]) -> str:
    if not names:
        return ""
    listed = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    return f"Left out, for they have other channels: {listed}."
