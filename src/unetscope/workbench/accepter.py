"""Accept and correct: gestures on the image become labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from unetscope.errors import UnetscopeError
from unetscope.session.layers.accept_tools import AcceptTools, Gesture, Tool, enclosed, swept
from unetscope.session.layers.accepting import Accepting, on_plane
from unetscope.session.layers.stroke_keeping import StrokeKeeper
from unetscope.workbench.context import Context
from unetscope.workbench.part import Part

if TYPE_CHECKING:
    from unetscope.learning.advice.accepting import GrownRegion

PATCH_PX = (8, 32)  # a patch is about twice as wide as the brush, within these


class Accepter(Part):
    """The tools of a window.

    ``told(text)`` says what the last gesture did, ``tool_changed(tool or None)`` what is in hand.
    """

    told = Signal(str)
    tool_changed = Signal(object)

    def __init__(self, context: Context, keeper: StrokeKeeper, parent: QObject) -> None:
        super().__init__(context, parent)
        self.tools = AcceptTools(context.layers)
        self.accepting = Accepting(context.layers, context.results, keeper)
        self._again: Tool | None = None  # put away by the choice of another class
        self._take_again = self._timer(0, self._back_to_it)
        self._follow(self.tools.drawn, self._drawn)
        self._follow(self.tools.changed, self.tool_changed.emit)
        self._follow(self.tools.refused, self.told.emit)
        self._follow(self.tools.lost, self._lost)
        self._follow(context.session.events.current_class, self._class_changed)
        self._follow(context.session.events.image, self._image_changed)

    def close(self) -> None:
        """Give the mouse back."""
        super().close()
        self.tools.stop()

    def choose(self, tool: Tool | None) -> None:
        """Take a tool into the hand, or put it away."""
        session = self._session
        if tool is None or session.image is None:
            self.tools.stop()
            return
        try:
            self.tools.start(session.image.key, tool, session.current_class, session.classes)
        except UnetscopeError as error:
            self._context.tell(error, "Painting")

    def _drawn(self, gesture: Gesture) -> None:
        image = self._session.image
        if image is None:
            return
        try:
            self.told.emit(self._done(image.key, gesture))
        except UnetscopeError as error:
            self._context.tell(error, "Accepting")

    def _done(self, key: str, gesture: Gesture) -> str:
        """Do what a gesture says; return it in words."""
        region = self._region(key, gesture)
        if region is None:
            return "Nothing is predicted there." if gesture.tool is Tool.REGION else ""
        if gesture.shift or gesture.tool is Tool.PATCH:
            session = self._session
            painted = self.accepting.fill(key, region, session.current_class)
            found = session.class_of(session.current_class)
            return _said(painted, f"painted as {found.name if found else session.current_class}")
        if not self.accepting.is_predicted(key, region):
            return "Nothing is predicted there."
        return _said(self.accepting.accept(key, region), "taken over as predicted")

    def _region(self, key: str, gesture: Gesture) -> GrownRegion | None:
        shape = self._context.layers.micrograph(key).spatial_shape
        point = [round(at) for at in gesture.path[0]]
        if gesture.tool in (Tool.BRUSH, Tool.LASSO):
            flat = (
                swept(gesture.path, self.tools.brush_px, shape)
                if gesture.tool is Tool.BRUSH
                else enclosed(gesture.path, shape)
            )
            return None if flat is None else on_plane(flat, point)
        if not all(0 <= at < n for at, n in zip(point, shape, strict=True)):
            return None
        if gesture.tool is Tool.REGION:
            return self.accepting.predicted_at(key, point)
        least, most = PATCH_PX
        size_px = min(max(2 * self.tools.brush_px, least), most)
        return self.accepting.superpixel_at(key, point, size_px)

    def _class_changed(self, value: int) -> None:
        """A class is chosen together with napari's brush; here the tool stays in the hand."""
        if self.tools.tool is not None:
            self._again = self.tools.tool
            self._take_again.start()

    def _lost(self, tool: Tool) -> None:
        """Say why a tool is no longer in the hand, unless it comes back at once."""
        if self._again is not tool:
            self.told.emit(
                f"“{tool.value}” was put away, for something else was chosen or its layer is gone; "
                "click it to take it again."
            )

    def _back_to_it(self) -> None:
        tool, self._again = self._again, None
        if tool is not None and self.tools.tool is None:
            self.choose(tool)

    def _image_changed(self, image: Any) -> None:
        self.tools.stop()


def _said(pixels: int, what: str) -> str:
    if not pixels:
        return "Everything there is painted already."
    return f"{pixels:,} px {what}. Z takes it back."
