"""What happens when a person looks inside: network, image, layer and point, joined.

Opening and showing run in lanes of their own, so that a newer wish drops an older one. Which image
is meant is in :mod:`.looked_images`, which network in ``networks``, and what is asked by a button
in ``questions``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from unetscope.errors import UnetscopeError, as_sentence
from unetscope.looking.answers import Pick, Shown, Working
from unetscope.looking.glass import Glass, Subject, open_glass
from unetscope.looking.pictures import map_limits
from unetscope.looking.questions import QUESTIONS
from unetscope.looking.related import first_layer, has_places
from unetscope.session.inside.looking_state import Inside
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.inside_layers import EFFECTIVE, FIELD, InsideLayers
from unetscope.session.layers.pointer import Pointer
from unetscope.session.layers.project_layers import layers_of
from unetscope.session.values import Message
from unetscope.workbench.inside.looked_images import Images
from unetscope.workbench.inside.measuring import Measuring
from unetscope.workbench.inside.networks import Networks
from unetscope.workbench.inside.probe import Probe
from unetscope.workbench.inside.questions import Questions
from unetscope.workbench.inside.threads import with_threads
from unetscope.workbench.job_runner import JobEnded, Lane
from unetscope.workbench.timers import single_shot

FOLLOW_MS = 400  # after a training epoch, so that a burst of them opens one network


class Inspector(QObject):
    """One viewer's look inside; :meth:`close` ends all of it.

    ``captured`` is emitted when maps of the chosen layer have arrived.
    """

    captured = Signal()

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.inside = Inside()
        self.layers = layers_of(viewer)
        self.pictures = InsideLayers(self.layers)
        self.pointer = Pointer(self.layers)
        self.probe = Probe(self.inside, self.pictures, self.pointer, self)
        self.networks = Networks(viewer, self.inside, self)
        self.images = Images(self.layers, self.inside, self)
        self.measuring = Measuring(self.inside, self.probe, self)
        self.own_contrast = False
        self._closed = False
        self._opened_source = ""  # of the glass that is looked at
        self._connections = Connections()
        self.opening, self.showing = Lane(self), Lane(self)
        self.questions = Questions(self, self)
        self._open_timer = single_shot(self, FOLLOW_MS, self.open)
        self._connect()
        self.networks.begin()
        self.images.begin()

    def _connect(self) -> None:
        self._connections.connect(self.pictures.channel_moved, self._channel_moved)
        self.networks.chosen.connect(self.open)
        self.networks.renewed.connect(self._network_renewed)
        self.images.chosen.connect(self._image_chosen)
        self.images.renewed.connect(self._open_timer.start)
        self.images.moved.connect(self.open)
        self.images.emptied.connect(self._images_emptied)
        for lane, heard in ((self.opening, self._opened), (self.showing, self._showed)):
            lane.happened.connect(heard)
            lane.ended.connect(self._ended)

    def close(self) -> None:
        """Stop every job, let go of the viewer, without waiting; twice is harmless."""
        if self._closed:
            return
        self._closed = True
        self._open_timer.stop()
        lanes = (self.opening, self.showing, self.questions.lane, *self.measuring.lanes())
        for lane in lanes:
            lane.close()
        self.measuring.close()
        self.probe.close()
        self.networks.close()
        self.images.close()
        self._connections.close()
        self.pictures.close()
        self.layers.close()

    def _start(self, lane: Lane, job: Any, ticket: Any = None, *, spare: int = 1) -> None:
        """Start a job; one core is left to the window and to a training that runs."""
        spare = 1 if self.networks.training else spare
        lane.start(partial(with_threads, job, spare), ticket)

    @property
    def busy(self) -> bool:
        """Whether anything runs, or waits to."""
        lanes = (self.opening, self.showing, self.questions.lane)
        waits = self._open_timer.isActive() or self.images.busy
        return waits or any(lane.busy for lane in lanes) or self.measuring.busy

    # ---- networks

    def open(self) -> None:
        """Open the chosen network for the chosen image, as both are now."""
        inside = self.inside
        if self._closed or inside.image is None or not inside.source:
            return
        self._open_timer.stop()
        try:
            chosen = self.networks.subject(self.images.target())
        except UnetscopeError as error:
            self.tell(error, "Opening")
            return
        inside.opening = True
        self._start(self.opening, partial(_opening, chosen), inside.source)

    def _opened(self, ticket: Any, event: Any) -> None:
        inside = self.inside
        if isinstance(event, Working):
            inside.working = event
            return
        glass: Glass = event
        self.probe.forget()
        inside.opening, inside.working = False, None
        inside.message = Message(as_sentence(glass.note)) if glass.note else None
        if ticket is not None and inside.glass is not None and ticket != self._opened_source:
            self._drop_answers()
        self._opened_source = inside.source
        if not has_places(glass, inside.layer):
            inside.layer = first_layer(glass)
        inside.glass = glass
        self.renew_maps()
        self.probe.redraw_soon()

    def _drop_answers(self) -> None:
        """What was shown of another network goes; feature maps that were in sight come anew."""
        in_sight = self._maps_in_sight()
        self.inside.shown = None
        self.pictures.clear()
        if in_sight:
            QTimer.singleShot(0, self.show_maps)

    # ---- layers, channels, points

    def choose_layer(self, layer: str) -> None:
        """Choose a layer; what is shown of the old one is renewed."""
        if not layer or layer == self.inside.layer:
            return
        self.inside.layer = layer
        self.inside.channel = 0
        self.probe.forget()
        if self.inside.probing or self.pictures.find(FIELD) is not None:
            self.probe.draw()
        self.renew_maps()

    def choose_channel(self, channel: int) -> None:
        """Choose a channel of the layer, and show it."""
        if channel != self.inside.channel:
            self.inside.channel = channel
            self.pictures.set_channel(channel)
            self.pictures.set_contrast(self._contrast())
            self.probe.redraw_soon()

    def show_maps(self) -> None:
        """Show the maps of the chosen layer."""
        self._start_maps(asked=True)

    def renew_maps(self) -> None:
        """New maps for the probe, and on the image where maps are in sight: nobody asked."""
        self._start_maps(asked=False)

    def _start_maps(self, *, asked: bool) -> None:
        inside = self.inside
        if inside.glass is None or not inside.layer:
            return
        options = {
            "layer": inside.layer,
            "start": inside.channel,
            "sheet": inside.as_sheet,
            "own_contrast": self.own_contrast,
        }
        job = partial(QUESTIONS["maps"].ask, inside.glass, options)
        self._start(self.showing, job, (inside.layer, inside.glass, asked), spare=0)
        self.measuring.renew()

    def _maps_in_sight(self) -> bool:
        """What is renewed unasked must not take the place of another answer."""
        layer = self.pictures.find("maps")
        return layer is not None and bool(layer.visible)

    def set_probing(self, on: bool) -> None:
        """Follow the cursor, or stop."""
        inside = self.inside
        inside.probing = on
        if on and inside.image is not None:
            self.pointer.start(inside.image.key)
            if inside.point is None:
                height, width = inside.image.spatial_shape[-2:]
                depth = (float(self.images.target().z),) if inside.image.depth > 1 else ()
                self.probe.point_at((*depth, height // 2, width // 2))
        else:
            self.pointer.stop()

    def set_sheet(self, on: bool) -> None:
        """Show maps side by side, or one at a time on the image."""
        self.inside.as_sheet = on
        self.show_maps()

    def set_follow(self, on: bool) -> None:
        """Follow a training epoch by epoch."""
        self.inside.follow = on
        if on:
            self._open_timer.start()

    def set_own_contrast(self, on: bool) -> None:
        """Each channel between its own limits, or all between the same."""
        self.own_contrast = on
        if self.inside.as_sheet:
            self.renew_maps()
        else:
            self.pictures.set_contrast(self._contrast())

    def _contrast(self) -> tuple[float, float] | None:
        """Limits of the chosen channel, or None for those of all maps."""
        maps, channel = self.probe.maps, self.inside.channel
        if not self.own_contrast or maps is None or channel not in maps.channels:
            return None
        return map_limits(maps.values[maps.channels.index(channel)])

    def pick(self, wanted: Pick) -> None:
        """Show a layer (and a channel) that a row of a table is about."""
        glass = self.inside.glass
        if glass is None or not has_places(glass, wanted.layer):
            return
        self.choose_layer(wanted.layer)
        if wanted.channel is not None:
            self.choose_channel(wanted.channel)
        self.show_maps()

    def restore(self) -> None:
        """The network as it was: what an edited kernel showed is removed."""
        self.pictures.remove("edited map", "changed mask", "changed probability")
        self.inside.shown = None

    def drawn_polygon(self) -> Any:
        """The last polygon of a Shapes layer in image pixels, (n, 2 or 3); None without one."""
        image = self.inside.image
        return None if image is None else self.pictures.drawn_polygon(image.key)

    def stop(self) -> None:
        """End what is running; what has been shown stays."""
        self.questions.stop()
        self.showing.drop()
        self.measuring.measuring.drop()
        self.inside.working = None

    def clear(self) -> None:
        """Remove every layer of the group; nothing after the end."""
        if self._closed:
            return
        self.showing.drop()
        self.pictures.clear()
        self.inside.point, self.inside.pinned = None, False
        self.inside.working = None

    # ---- answers

    def _showed(self, ticket: Any, event: Any) -> None:
        inside = self.inside
        layer, glass, asked = ticket
        if layer != inside.layer or glass is not inside.glass:
            return
        if isinstance(event, Working):
            inside.working = event if asked else None
            return
        inside.working = None
        self.probe.maps = event.result
        in_sight = self._maps_in_sight()
        if asked or in_sight:
            self.lay(event)
        if asked or (in_sight and inside.shown is not None and inside.shown.title == event.title):
            inside.shown = event
        self.captured.emit()
        self.probe.redraw_soon()

    def lay(self, shown: Shown) -> None:
        """Put the pictures of an answer on the image."""
        inside = self.inside
        if inside.glass is None:
            return
        target = inside.glass.subject.target
        z = target.z if target.image.depth > 1 else None
        classes = inside.glass.subject.classes
        for picture in shown.pictures:
            self.pictures.show(picture, target.key, z, classes)
        if shown.pictures:
            self.pictures.only({picture.role for picture in shown.pictures})

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        if self.sender() is self.opening:
            self.inside.opening = False
        if self.sender() in (self.opening, self.showing):
            self.inside.working = None
        if end.error is not None:
            self.tell(end.error, "Looking inside")

    def tell(self, error: Exception, doing: str) -> None:
        """Show an error in words; what is not one of ours says what was being done."""
        self.inside.message = Message.of(error, doing)

    # ---- following the viewer and the other panel

    def _network_renewed(self) -> None:
        if self.inside.follow:
            self._open_timer.start()

    def _images_emptied(self) -> None:
        self.inside.glass = None
        self.set_probing(False)

    def _image_chosen(self) -> None:
        """What was shown of the last image's point is not of this one."""
        image = self.inside.image
        self.inside.point = None
        self.pictures.remove(FIELD, EFFECTIVE)
        if self.inside.probing and image is not None:
            self.pointer.start(image.key)
        self._open_timer.start()

    def _channel_moved(self, channel: int) -> None:
        if channel != self.inside.channel:
            self.inside.channel = channel
            self.pictures.set_contrast(self._contrast())
            self.probe.redraw_soon()


def _opening(subject: Subject) -> Iterator[Working | Glass]:
    yield Working("Opening the network")
    yield open_glass(subject)
