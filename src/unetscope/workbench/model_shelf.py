"""Open, load and save models, and go back and forward in their versions."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.network.facts import BUNDLED_TITLES, MODEL_SUFFIX
from unetscope.session.requests import (
    BundledRequest,
    LoadRequest,
    ModelOpened,
    ModelSaved,
    SaveRequest,
    SourceRequest,
    SourcesFound,
    SourcesRequest,
)
from unetscope.session.values import Message
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded
from unetscope.workbench.part import Part


class ModelShelf(Part):
    """Where models come from.

    ``replaced`` says that another model answers now, ``sources_found(entries)`` which backbones of
    others could stand beside ours.
    """

    replaced = Signal()
    sources_found = Signal(object)

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(context, parent)
        self._saving = 0  # serial of the model that is being written
        self.lane = self._lane(self._happened, self._ended)
        self._writing = self._lane(self._happened, self._ended, writes=True)

    def open_bundled(self, name: str) -> None:
        """Open a bundled model in the background."""
        self._open(BundledRequest(name), BUNDLED_TITLES.get(name, name), "Opening the model")

    def look_for_sources(self) -> None:
        """Look for backbones of others in the background, unless there is other work."""
        if not self.lane.busy:
            job = partial(self._context.jobs.do, SourcesRequest())
            self.lane.start(job, "Looking for other backbones")

    def open_with_source(self, request: SourceRequest) -> None:
        """Open a backbone of others beside ours in the background."""
        self._open(request, request.title, "Opening the model")

    def use_alone(self, alone: bool) -> None:
        """Let the head stand on the added backbone alone, or on the U-Net as well."""
        session = self._session
        if session.model is None or session.model.model.features.alone == alone:
            return
        session.use_model(session.model.model.with_features(alone=alone))
        session.keep_version("the added backbone alone" if alone else "with the U-Net again")
        self.replaced.emit()

    def open_titled(self, path: Path, title: str, doing: str) -> None:
        """Open a model file in the background; it goes by ``title`` instead of its own."""
        self._open(LoadRequest(path, title), title, doing)

    def load(self, path: Path) -> None:
        """Load a model file in the background."""
        self._open(LoadRequest(path), path.name, f"Loading {path.name}")

    def save(self, path: Path) -> None:
        """Save the model that answers; a name without suffix gets ``.unetscope``."""
        session = self._session
        if session.model is None:
            return
        path = path if path.suffix else path.with_suffix(MODEL_SUFFIX)
        self._saving = session.model.serial
        job = partial(self._context.jobs.do, SaveRequest(session.model.model, path))
        self._writing.start(job, f"Saving {path.name}")

    def step(self, *, back: bool) -> None:
        """Go to the version before or after."""
        self._session.step_version(back=back)
        self.replaced.emit()

    def _open(self, request: Any, title: str, doing: str) -> None:
        self._session.opening_model = title
        self.lane.start(partial(self._context.jobs.do, request), doing)

    def _happened(self, ticket: Any, event: Any) -> None:
        session = self._session
        if isinstance(event, ModelOpened):
            before = session.model
            session.take_model(event.model, event.title, loaded=event.path is not None)
            session.device = event.device
            session.opening_model = ""
            session.model_failed = False
            if before is not None and before.model.network is not None and not before.saved:
                session.message = Message(
                    f"{event.title} answers now. The trained model before it is not saved: "
                    "◀ brings it back."
                )
            self._context.layers.colour(session.classes)
            self.replaced.emit()
        elif isinstance(event, SourcesFound):
            self.sources_found.emit(event.entries)
        elif isinstance(event, ModelSaved):
            session.model_saved(self._saving, event.path.stem)
            session.message = Message(f"Saved {event.path.name} in {event.path.parent}.")
        else:
            session.apply(event)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        if self.sender() is self.lane:
            self._session.opening_model = ""
        if end.error is not None:
            self._session.model_failed = self._session.model is None
            self._context.tell(end.error, str(ticket))
