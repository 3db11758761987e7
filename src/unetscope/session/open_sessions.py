"""Which sessions are open in which viewer, so that one panel can find the other's model."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

from psygnal import Signal

from unetscope.session.state import Session


class _OpenSessions:
    """``changed`` is emitted with the viewer's key when a session comes or goes."""

    changed = Signal(int)

    def __init__(self) -> None:
        self._sessions: WeakValueDictionary[int, Session] = WeakValueDictionary()

    def enter(self, viewer: Any, session: Session) -> None:
        """A panel with a session of its own has opened in ``viewer``."""
        self._sessions[viewer_key(viewer)] = session
        self.changed.emit(viewer_key(viewer))

    def leave(self, viewer: Any, session: Session) -> None:
        """The panel was closed; harmless if another one has taken its place."""
        if self._sessions.get(viewer_key(viewer)) is session:
            del self._sessions[viewer_key(viewer)]
            self.changed.emit(viewer_key(viewer))

    def of(self, viewer: Any) -> Session | None:
        """The session open in ``viewer``, or None."""
        return self._sessions.get(viewer_key(viewer))


def viewer_key(viewer: Any) -> int:
    """The viewer itself, for plugins are handed proxies of it."""
    return id(getattr(viewer, "__wrapped__", viewer))


open_sessions = _OpenSessions()
