"""Which image is looked at: it follows the viewer's layers, the slider and the camera."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Signal

from unetscope.images.target import Target
from unetscope.looking.glass import WHOLE_PX
from unetscope.session.inside.looking_state import Inside
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.workbench.timers import single_shot

VIEW_MS = 400  # after the camera has come to rest


class Images(QObject):
    """Keeps the list of images and the chosen one in step with the viewer.

    Signals
    -------
    chosen() : another image is meant now.
    renewed() : the same one, read differently.
    moved() : another plane or part of it is on screen.
    emptied() : no image is left.
    """

    chosen = Signal()
    renewed = Signal()
    moved = Signal()
    emptied = Signal()

    def __init__(self, layers: OpenLayers, inside: Inside, parent: QObject) -> None:
        super().__init__(parent)
        self._layers, self._inside = layers, inside
        self._timer = single_shot(self, VIEW_MS, self._view_moved)
        self._connections = Connections()
        connect = self._connections.connect
        connect(layers.images_changed, self._changed)
        connect(layers.activated, self.choose)
        connect(layers.moved, self._view_moves)
        connect(layers.panned, self._view_moves)

    def begin(self) -> None:
        """List what there is, once somebody listens."""
        self._changed()

    def close(self) -> None:
        """Let go of the viewer."""
        self._timer.stop()
        self._connections.close()

    @property
    def busy(self) -> bool:
        """Whether the view may have moved and is waited for to rest."""
        return self._timer.isActive()

    def target(self) -> Target:
        """The chosen image as it is on screen."""
        image = self._inside.image
        assert image is not None  # asked for by those who looked
        z, view = self._layers.visible(image.key)
        return Target(image.key, self._layers.micrograph(image.key), z, view)

    def choose(self, key: str | None) -> None:
        """Look at another image."""
        wanted = next((image for image in self._inside.images if image.key == key), None)
        if wanted is not None and wanted != self._inside.image:
            self._inside.image = wanted
            self.chosen.emit()

    def _changed(self, *_: Any) -> None:
        inside = self._inside
        inside.images = self._layers.summaries()
        keys = {image.key: image for image in inside.images}
        if inside.image is not None and inside.image.key in keys:
            if keys[inside.image.key] != inside.image:
                inside.image = keys[inside.image.key]
                self.renewed.emit()
        elif keys:
            active = self._layers.active_image()
            self.choose(active if active in keys else inside.images[-1].key)
        else:
            inside.image = None
            self.emptied.emit()

    def _view_moves(self) -> None:
        self._timer.start()

    def _view_moved(self) -> None:
        """The camera or a slider has come to rest: what is shown follows the view."""
        inside = self._inside
        if inside.glass is None or inside.image is None:
            return
        target, old = self.target(), inside.glass.subject.target
        if target.key != old.key:
            return
        if target.z != old.z or (target.view != old.view and inside.image.pixels > WHOLE_PX):
            self.moved.emit()
