"""Which network is looked into: the painting panel's, a bundled or textbook one, or your own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.images.target import Target
from unetscope.looking.glass import Subject
from unetscope.session.inside.looking_state import Inside
from unetscope.session.inside.sources import OwnModel, sources, subject
from unetscope.session.layers.connections import Connections
from unetscope.session.open_sessions import open_sessions
from unetscope.session.state import Session

EPOCHS_KEPT = 48


class Networks(QObject):
    """Keeps the list of sources in step with the painting panel of the same viewer.

    Signals
    -------
    chosen() : another network is meant now.
    renewed() : the same one, with newer weights.

    Attributes
    ----------
    session : that of the painting panel, or None.
    epochs : (name, network) of the present or last training, oldest first.
    """

    chosen = Signal()
    renewed = Signal()

    def __init__(self, viewer: Any, inside: Inside, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._inside = viewer, inside
        self._own: list[OwnModel] = []
        self.session: Session | None = None
        self.epochs: list[tuple[str, Any]] = []
        self._connections = Connections()
        self._session_connections = Connections()
        self._connections.connect(open_sessions.changed, self._session_changed)

    def begin(self) -> None:
        """List what there is, once somebody listens."""
        self._session_changed()
        self._list()

    def close(self) -> None:
        """Let go of the other panel."""
        self._session_connections.close()
        self._connections.close()

    @property
    def training(self) -> bool:
        """Whether the painting panel trains just now."""
        return self.session is not None and self.session.training.busy

    def add(self, title: str, module: Any = None, path: Path | None = None) -> None:
        """Offer a network handed over from Python, or a model file, and choose it."""
        self._own.append(OwnModel(title, module, path))
        self._list()
        self.choose(f"own:{len(self._own) - 1}")

    def choose(self, key: str) -> None:
        """Choose a source."""
        if key != self._inside.source and key in {s.key for s in self._inside.sources}:
            self._inside.source = key
            self._inside.message = None
            self.chosen.emit()

    def subject(self, target: Target) -> Subject:
        """What is chosen, as it is this moment.

        Raises
        ------
        ModelError
            If it is gone.
        """
        return subject(self._inside.source, self.session, self._own, target)

    def _session_changed(self, *_: Any) -> None:
        found = open_sessions.of(self._viewer)
        if found is self.session:
            return
        self._session_connections.close()
        self.session = found
        if found is not None:
            connect = self._session_connections.connect
            connect(found.events.model, self._model_changed)
            connect(found.events.newest, self._epoch_over)
            connect(found.events.versions, self._list)
        self._list()

    def _list(self, *_: Any) -> None:
        inside = self._inside
        inside.sources = sources(self.session, self._own)
        keys = [source.key for source in inside.sources]
        if inside.source not in keys:
            inside.source = keys[0]
            self.chosen.emit()

    def _model_changed(self, *_: Any) -> None:
        before = self._inside.source
        self._list()
        if before == self._inside.source and before.startswith("model:"):
            self.renewed.emit()

    def _epoch_over(self, *_: Any) -> None:
        """Keep the epoch's network for before and after."""
        newest = self.session.newest if self.session is not None else None
        if newest is None:
            self.epochs = []
            return
        self.epochs = [*self.epochs, (f"epoch {newest.epoch}", newest.network)][-EPOCHS_KEPT:]
        self._model_changed()
