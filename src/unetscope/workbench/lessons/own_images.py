"""What a person has for a lesson: the image on screen, its strokes, the network of the session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unetscope.errors import LessonError, UnetscopeError
from unetscope.images.target import Target
from unetscope.lessons.bench import Laid
from unetscope.lessons.declaration import Lesson
from unetscope.lessons.own_image import own_laid
from unetscope.session.inside.sources import sources, subject
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.open_sessions import open_sessions
from unetscope.session.state import Session


@dataclass(frozen=True, eq=False)
class OwnThings:
    """What a lesson is done with.

    Attributes
    ----------
    key, z : the image and its plane.
    laid : the part of it.
    net_key, net_title : the network of the session, "" without one.
    build : makes it, in a worker; None without one.
    """

    key: str
    z: int
    laid: Laid
    net_key: tuple[Any, ...] = ()
    net_title: str = ""
    build: Callable[[], Any] | None = None


class OwnImages:
    """Finds what is there in a viewer; writes nothing."""

    def __init__(self, viewer: Any, layers: OpenLayers) -> None:
        self._viewer, self._layers = viewer, layers

    @property
    def session(self) -> Session | None:
        """That of the painting panel of the same viewer."""
        return open_sessions.of(self._viewer)

    def take(self, lesson: Lesson) -> OwnThings:
        """The active image as it is on screen, with what the lesson needs of it.

        Raises
        ------
        LessonError
            With the one thing that is missing.
        ImageError
            If the pixels cannot be read.
        """
        own = lesson.scene.own
        if own == "no":
            raise LessonError("this lesson keeps to the numbers of the text.")
        key = self._image()
        if self._layers.shows_several_planes(key):
            raise LessonError("a lesson looks at one plane; go back to 2-D first.")
        z, view = self._layers.visible(key)
        target = Target(key, self._layers.micrograph(key), z, view)
        strokes = self._layers.strokes_layer(key)
        names = {one.value: one.name for one in self.session.classes} if self.session else {}
        laid = own_laid(target, None if strokes is None else strokes.data, names)
        if own == "strokes" and laid.labels is None:
            raise LessonError(
                "this needs your strokes: paint a few of two classes in what is on screen, "
                "with Paint, train, predict."
            )
        if own != "net":
            return OwnThings(key, z, laid)
        return self._with_net(OwnThings(key, z, laid), target)

    def _with_net(self, things: OwnThings, target: Target) -> OwnThings:
        session = self.session
        source = next((s for s in sources(session, ()) if s.key.startswith("model:")), None)
        if session is None or source is None:
            return things
        try:
            chosen = subject(source.key, session, (), target)
        except UnetscopeError:
            return things  # the model has no network yet: the lesson's own stands in
        return OwnThings(things.key, things.z, things.laid, chosen.key, chosen.title, chosen.build)

    def _image(self) -> str:
        found = {one.key for one in self._layers.summaries()}
        active = self._layers.active_image()
        if active in found:
            return str(active)
        visible = [key for key in found if self._layers.layer(key).visible]
        if len(visible) == 1:
            return visible[0]
        if not found:
            raise LessonError("open an image first: drop a file into the window.")
        raise LessonError("choose one of your images in the list of layers first.")
