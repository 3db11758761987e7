"""What a lesson has on screen: the bench, pictures of answers, figures, and where one clicks."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QObject, Signal

from unetscope.lessons.bench import Laid
from unetscope.looking.answers import Picture
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.lesson_layers import BENCH, LessonLayers
from unetscope.session.layers.lesson_pointer import LessonPointer
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.workbench.lessons.own_images import OwnThings
from unetscope.workbench.timers import single_shot

FIGURES_MS = 30  # after pictures are laid, so that they are drawn first


class LessonStage(QObject):
    """The layers of the lessons of one viewer.

    Signals
    -------
    pictured() : pictures of an answer lie on the screen.
    pointed(place) : (y, x) of what the lesson works on; None for a click beside it.
    """

    pictured = Signal()
    pointed = Signal(object)

    def __init__(self, layers: OpenLayers, parent: QObject) -> None:
        super().__init__(parent)
        self._open = layers
        self.layers = LessonLayers(layers)
        self.pointer = LessonPointer(layers)
        self._laid: Laid | None = None  # what the step works on, once it is there
        self._pictured = False  # whether its answer has been laid
        self._figures = single_shot(self, FIGURES_MS, self.layers.write_figures)
        self._connections = Connections()
        self._connections.connect(self.pointer.clicked, self._clicked)

    def close(self) -> None:
        """Hear nothing any more."""
        self._figures.stop()
        self._connections.close()

    @property
    def busy(self) -> bool:
        """Whether figures are to be written yet."""
        return self._figures.isActive()

    def enter(self) -> None:
        """A lesson begins: what is on screen is remembered."""
        self.layers.enter()
        self.begin()

    def leave(self) -> None:
        """What was on screen before comes back."""
        self.pointer.stop()
        self.layers.leave()

    def begin(self) -> None:
        """A step begins: nothing of it is there yet."""
        self.pointer.stop()
        self.layers.clear()
        self._laid, self._pictured = None, False

    def lay_bench(self, laid: Laid, things: OwnThings | None) -> bool:
        """What the step works on: the text's own image alone, or a frame on one's own.

        Says whether it is the first of the step.
        """
        if laid is self._laid:
            return False
        first, self._laid = self._laid is None, laid
        if things is not None:
            shape = self._open.micrograph(things.key).spatial_shape[-2:]
            if tuple(laid.pixels.shape[:2]) != tuple(shape):
                self.layers.outline(laid, things.key, things.z)
            return first
        self.layers.bench(laid)
        self._figures.start()
        if first:
            self.layers.look_at_all()
        return first

    def lay(self, pictures: Sequence[Picture], things: OwnThings | None) -> None:
        """The pictures of an answer, where what they are of is there."""
        if self._laid is None:
            return
        first, self._pictured = not self._pictured, True
        if things is not None:
            self.layers.lay(pictures, self._laid, things.key, things.z)
        else:
            self.layers.lay(pictures, self._laid)
            if first:
                self.layers.look_at_all()
        self._figures.start()
        self.pictured.emit()

    def listen(self, things: OwnThings | None, *, on: bool) -> None:
        """Clicks are told from now on, or no more."""
        self.pointer.stop()
        if on and self._laid is not None:
            self.pointer.start(self.layers.key_of(BENCH) if things is None else things.key)

    def _clicked(self, at: tuple[float, ...]) -> None:
        laid = self._laid
        if laid is None:
            return
        sides = laid.pixels.shape[:2]
        place = [round(float(a) - o) for a, o in zip(at[-2:], laid.origin, strict=True)]
        inside = all(0 <= p < side for p, side in zip(place, sides, strict=True))
        self.pointed.emit(tuple(place) if inside else None)
