"""Questions asked by a button: each is one job, a newer one drops an older one."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

from qtpy.QtCore import QObject, Signal

from unetscope.errors import LabelError
from unetscope.looking.answers import Shown, Working
from unetscope.looking.glass import Glass
from unetscope.looking.networks import before
from unetscope.looking.question import NetworkQuestion, OptionKind, PaintedLabels
from unetscope.looking.questions import QUESTIONS
from unetscope.looking.related import kernel_layer
from unetscope.session.inside.looking_state import Inside
from unetscope.session.layers.project_layers import ProjectLayers
from unetscope.workbench.inside.networks import Networks
from unetscope.workbench.inside.threads import with_threads
from unetscope.workbench.job_runner import JobEnded, Lane


class InspectorFace(Protocol):
    """What questions need of the inspector."""

    inside: Inside
    layers: ProjectLayers
    networks: Networks

    def lay(self, shown: Shown) -> None:
        """Put pictures on the image."""

    def tell(self, error: Exception, doing: str) -> None:
        """Show an error."""


class Questions(QObject):
    """``answered`` carries every :class:`Shown`, growing ones as they grow."""

    answered = Signal(object)

    def __init__(self, asker: InspectorFace, parent: QObject) -> None:
        super().__init__(parent)
        self._asker = asker
        self.lane = Lane(self, niceness=3)
        self.lane.happened.connect(self._happened)
        self.lane.ended.connect(self._ended)

    def stop(self) -> None:
        """Stop; what has been answered stays."""
        self.lane.stop()

    def ask(self, name: str, **given: Any) -> None:
        """Ask one of :data:`QUESTIONS`; options that are not given are those of the state."""
        question, inside = QUESTIONS[name], self._asker.inside
        if inside.glass is None:
            self._asker.tell(LabelError("open an image and choose a network first."), "Asking")
            return
        values = {**self._chosen(question, inside.glass), **given}
        for option in question.options:
            if option.missing and values.get(option.name, option.default) is None:
                self._asker.tell(LabelError(option.missing), question.title)
                return
        inside.message = None
        inside.working = Working("Starting")
        job = partial(question.ask, inside.glass, values)
        self.lane.start(partial(with_threads, job, 1), inside.glass)

    def convolution(self, glass: Glass) -> str:
        """The convolution the chosen layer belongs to."""
        return kernel_layer(glass, self._asker.inside.layer)

    def painted(self) -> PaintedLabels | None:
        """The strokes on the image that is looked at, or None."""
        image, session = self._asker.inside.image, self._asker.networks.session
        values = None if image is None else self._asker.layers.painted_labels(image.key)
        classes = session.classes if session is not None else ()
        if values is None:
            return None
        return PaintedLabels(values, {one.value: one.name for one in classes})

    # ---- inside

    def _chosen(self, question: NetworkQuestion, glass: Glass) -> dict[str, Any]:
        """What the window has for the question's options, and what its button says."""
        values = dict(question.button.says) if question.button is not None else {}
        for option in question.options:
            value = self._value(option.kind, glass)
            if value is not None:
                values[option.name] = value
        return values

    def _value(self, kind: OptionKind, glass: Glass) -> Any:
        inside = self._asker.inside
        if kind is OptionKind.LAYER:
            return inside.layer
        if kind is OptionKind.CONVOLUTION:
            return self.convolution(glass)
        if kind is OptionKind.CHANNEL:
            return inside.channel
        if kind is OptionKind.POINT:
            return inside.point
        if kind is OptionKind.LABELS:
            return self.painted()
        return self._versions() if kind is OptionKind.NETWORKS else None

    def _versions(self) -> Any:
        """The epochs of the present or last training and what it began with, for the worker."""
        networks = self._asker.networks
        epochs, session = list(networks.epochs), networks.session
        if session is None or session.model is None or not epochs:
            return None
        backbone = session.model.model.backbone
        return lambda: [("before training", before(backbone, epochs[-1][1])), *epochs]

    def _happened(self, ticket: Any, event: Any) -> None:
        inside = self._asker.inside
        if inside.glass is None or _place(ticket) != _place(inside.glass):
            return  # another image or plane is looked at by now; another epoch does not matter
        if isinstance(event, Working):
            inside.working = event
            return
        self._asker.lay(event)
        inside.shown = event
        self.answered.emit(event)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        self._asker.inside.working = None
        if end.error is not None:
            self._asker.tell(end.error, "This")


def _place(glass: Glass) -> tuple[str, int]:
    return glass.subject.target.key, glass.subject.target.z
