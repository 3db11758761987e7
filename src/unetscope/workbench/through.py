"""Labels through a stack: what the buttons do, and the job that proposes planes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.errors import UnetscopeError, capital
from unetscope.session.guidance import can_answer_image
from unetscope.session.layers.accepting import Accepting
from unetscope.session.layers.through_z import ThroughZ
from unetscope.session.requests import PlaneProposed, PropagateRequest
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded
from unetscope.workbench.part import Part

NICENESS = 5


class Through(Part):
    """Acts on the present stack and its plane on screen; ``told(text)`` says what was done."""

    told = Signal(str)

    def __init__(self, context: Context, accepting: Accepting, parent: QObject) -> None:
        super().__init__(context, parent)
        self.planes = ThroughZ(context.layers, accepting)
        self._unlike: list[int] = []  # proposed planes that a person should look at
        self.lane = self._lane(self._happened, self._ended, niceness=NICENESS)
        self._follow(context.session.events.image, self._image_changed)

    def close(self) -> None:
        """Stop; a proposal nobody has accepted is gone."""
        super().close()
        self.planes.discard()

    @property
    def possible(self) -> bool:
        """Whether the present image is a stack."""
        image = self._session.image
        return image is not None and image.depth > 1

    def interpolate(self) -> None:
        """Fill the gap between the painted planes around the one on screen."""
        self._do(self._interpolated)

    def copy(self, step: int) -> None:
        """Copy the plane on screen one plane on, and go there."""
        self._do(lambda key, z: self._copied(key, z, step))

    def propagate(self, reach: int) -> None:
        """Let the model propose labels up to ``reach`` planes to both sides."""
        self._do(lambda key, z: self._begun(key, z, reach))

    def accept(self) -> None:
        """Take the proposal over into the labels."""
        self.lane.drop()
        self._do(lambda key, z: f"{self.planes.accept(key):,} px taken over. Z takes them back.")

    def discard(self) -> None:
        """Remove the proposal."""
        self.lane.drop()
        self.planes.discard()
        self.told.emit("")

    # ---- inside

    def _do(self, act: Callable[[str, int], str]) -> None:
        image = self._session.image
        if image is None or image.depth < 2:
            return
        try:
            self.told.emit(act(image.key, self._context.layers.visible(image.key)[0]))
        except UnetscopeError as error:
            self.told.emit(capital(str(error)))

    def _interpolated(self, key: str, z: int) -> str:
        written, first, last = self.planes.interpolate(key, z)
        if not written:
            return f"Planes {first} and {last} have no class in common that overlaps."
        return f"{written:,} px painted on planes {first + 1} to {last - 1}. Z takes them back."

    def _copied(self, key: str, z: int, step: int) -> str:
        return f"{self.planes.copy(key, z, step):,} px copied to plane {z + step}."

    def _begun(self, key: str, z: int, reach: int) -> str:
        context, session = self._context, self._session
        if session.model is None:
            return "The model is still being opened."
        if not can_answer_image(session):
            return "Paint two classes first: the model must know them."
        image, painted = context.layers.micrograph(key), self.planes.painted(key)
        first, last = max(0, z - reach), min(image.depth - 1, z + reach)
        request = PropagateRequest(session.model.model, image, painted, first, last)
        self.planes.discard()
        self._unlike = []
        self.lane.start(partial(context.jobs.do, request), key)
        return f"Looking at planes {first} to {last} …"

    def _happened(self, ticket: Any, event: Any) -> None:
        session = self._session
        if not isinstance(event, PlaneProposed):
            session.apply(event)
        elif session.image is not None and session.image.key == ticket:
            self.planes.propose(ticket, event.z, event.labels, session.classes)
            if event.needs_review:
                self._unlike.append(event.z)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        if end.error is not None:
            self._context.tell(end.error, "Proposing labels")
            self.told.emit("")
            return
        if not self.planes.proposed:
            self.told.emit("Every plane there is painted already.")
            return
        text = "Go through the proposed planes; then accept or discard them."
        if self._unlike:
            listed = ", ".join(str(z) for z in sorted(self._unlike))
            text += f" Look closely at {listed}: much is different there."
        self.told.emit(text)

    def _image_changed(self, image: Any) -> None:
        self.discard()
