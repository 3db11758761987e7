"""Check boxes: drawn, painted, kept, and the answer compared with what is painted in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from unetscope.errors import UnetscopeError
from unetscope.learning.check_box import CheckBox, PaintedBox, drawn_box
from unetscope.session.guidance import class_name
from unetscope.session.journal.history import EditKind
from unetscope.session.journal.status import Keeping
from unetscope.session.kept_boxes import KeptBox, box_file, kept_box, read_boxes, write_boxes
from unetscope.session.layers.accepting import Accepting
from unetscope.session.layers.box_layer import BoxLayer
from unetscope.session.project.reading import sample_key
from unetscope.session.requests import BoxesChecked, BoxToCheck, CheckRequest, Standing
from unetscope.session.values import CheckStatus, Message
from unetscope.workbench.context import Context
from unetscope.workbench.job_runner import JobEnded
from unetscope.workbench.kept_strokes import KeptStrokes
from unetscope.workbench.part import Part
from unetscope.workbench.project_context import ProjectContext
from unetscope.workbench.project_keeping import ProjectSaver

REST_MS = 700  # of rest after a stroke or an answer, then the boxes are looked at
NICENESS = 10


class BoxDesk(Part):
    """The check boxes of a window; ``changed`` says that there is something else to show.

    ``learning_changed`` says that other strokes are learned from now.
    """

    changed = Signal()
    learning_changed = Signal()

    def __init__(
        self,
        context: Context,
        strokes: KeptStrokes,
        project: tuple[ProjectContext, ProjectSaver],
        accepting: Accepting,
        parent: QObject,
    ) -> None:
        super().__init__(context, parent)
        self._strokes, self._accepting = strokes, accepting
        self._project, self._saver = project
        self._kept: dict[str, tuple[KeptBox, ...]] = {}  # of open images, by image key
        self.layer = BoxLayer(context.layers)
        self.lane = self._lane(self._happened, self._ended, niceness=NICENESS)
        self._check_timer = self._timer(REST_MS, self.check)
        self._follow(self.layer.drawn, self._drawn)
        self._follow(self.layer.ended, self.changed.emit)
        self._follow(context.layers.boxes_changed, self._boxes_changed)
        self._follow(context.layers.images_changed, self._images_changed)
        events = context.session.events
        self._follow(events.model, self._soon)
        self._follow(events.answering, self._soon)
        self._follow(events.training, self._soon)
        self._follow(events.image, self._image_changed)

    def close(self) -> None:
        """Stop, and take the outlines away; the boxes are kept."""
        super().close()
        self.layer.close()

    # ---- what a person does

    @property
    def drawing(self) -> bool:
        """Whether the mouse draws a box."""
        return self.layer.drawing

    @property
    def here(self) -> tuple[CheckBox, ...]:
        """The boxes of the image on screen."""
        image = self._session.image
        return () if image is None else self._context.layers.boxes(image.key)

    def draw(self, *, on: bool) -> None:
        """Let the mouse draw a box on the image on screen, or not."""
        image = self._session.image
        if not on or image is None:
            self.layer.stop()
            return
        if not self.layer.start(image.key):
            self._say("Turn the image flat (2D, whole planes) to draw a check box on it.")
        self.changed.emit()

    def remove_here(self) -> None:
        """Take away the boxes of the image on screen; what is painted in them is learned from."""
        image = self._session.image
        if image is not None and self.here:
            self._set(image.key, ())
            self._say("What is painted there is learned from again.")

    def fill_rest(self) -> None:
        """Paint what is still unpainted in the boxes on screen with the class in the brush."""
        image, session = self._session.image, self._session
        if image is None:
            return
        painted = 0
        try:
            self._context.layers.paint_with(image.key, session.current_class, session.classes)
            for box in self.here:
                painted += self._filled(image.key, box, session.current_class)
        except UnetscopeError as error:
            self._context.tell(error, "Painting the check box")
            return
        name = class_name(session, session.current_class)
        self._say(f"{painted:,} px painted as “{name}”. Z takes them back, box by box.")

    def _filled(self, key: str, box: CheckBox, value: int) -> int:
        strokes = self._context.layers.strokes_layer(key)
        index = box.region(strokes.data.ndim)
        region = tuple(slice(i, i + 1) if isinstance(i, int) else i for i in index)
        labels = np.array(strokes.data[region])
        filled = np.where(labels == 0, labels.dtype.type(value), labels)
        return self._accepting.write(key, region, filled, EditKind.FILL)

    def _drawn(self, key: str, corners: np.ndarray) -> None:
        layers = self._context.layers
        try:
            shape = layers.micrograph(key).spatial_shape
            box = drawn_box(corners, shape, layers.boxes(key))
        except UnetscopeError as error:
            self._context.tell(error, "Drawing a check box")
            return
        self._set(key, (*self._kept.get(key, ()), kept_box(box)))
        self._say(
            "Paint everything in the box, each pixel in its class: “Fill the rest” paints what is "
            "left in the class of the brush. Nothing in it is learned from."
        )

    # ---- kept

    def look_at_all(self) -> None:
        """Take up the boxes of images that have strokes already, before these are learned from."""
        for image in self._session.images:
            if self._context.layers.strokes_layer(image.key) is not None:
                self._strokes.open(image.key)
                self.look(image.key)

    def look(self, key: str) -> None:
        """Take up the boxes of an image that was opened."""
        if key in self._kept or self._context.layers.layer(key) is None:
            return
        image_id = self._project.own().get(key)
        opened = self._project.opened
        if image_id is not None and opened is not None:
            found = opened.project.image(image_id).boxes
        else:
            journal = self._strokes.keeper.journal_path(key)
            axes = self._context.layers.images.reading(key)
            found = () if journal is None else read_boxes(box_file(journal), axes)
        shape = self._context.layers.micrograph(key).spatial_shape
        self._take(key, tuple(box for box in found if box.box.fits(shape)))

    def _set(self, key: str, boxes: Sequence[KeptBox]) -> None:
        """The boxes of an image are others now: they are kept, and learning goes without them."""
        self._take(key, tuple(boxes))
        self._keep(key)
        self.learning_changed.emit()
        self._soon()

    def _take(self, key: str, boxes: tuple[KeptBox, ...]) -> None:
        self._kept[key] = boxes
        self._context.layers.set_boxes(key, [one.box for one in boxes])

    def _keep(self, key: str) -> None:
        boxes, image_id = self._kept[key], self._project.own().get(key)
        opened, keeper = self._project.writable, self._strokes.keeper
        ours = keeper.status(key).keeping is not Keeping.READ_ONLY
        journal = keeper.journal_path(key) if ours else None
        try:
            if image_id is not None and opened is not None:
                opened.project.set_boxes(image_id, boxes)
                self._saver.save_soon()
            elif image_id is None and journal is not None:
                write_boxes(box_file(journal), self._context.layers.images.reading(key), boxes)
            else:
                raise UnetscopeError(
                    "the strokes of this image are not kept here, so neither is the place of its "
                    "check boxes; it is forgotten when napari is closed"
                )
        except (UnetscopeError, OSError) as error:
            self._context.tell(error, "Keeping the check box")

    def moved(self, key: str) -> None:
        """An image has become one of the project, and its boxes with it."""
        if self._kept.get(key):
            self._keep(key)

    def _boxes_changed(self, key: str) -> None:
        self.layer.show(key, self._context.layers.boxes(key))
        self.changed.emit()

    def _images_changed(self) -> None:
        """Images that are gone have no boxes; of those that are read anew they are looked up."""
        layers = self._context.layers
        for key in [key for key in self._kept if layers.layer(key) is None]:
            del self._kept[key]
            self._soon()

    def _image_changed(self, image: Any) -> None:
        self.layer.stop()
        self.changed.emit()

    # ---- compared

    def _soon(self, _: Any = None) -> None:
        """Compare after a moment of rest, where there is a box and something may have changed."""
        if self._all() or self._session.check.boxes:
            self._check_timer.start()

    def strokes_read(self) -> None:
        """Something was painted, perhaps in a box."""
        self._soon()

    def _all(self) -> list[BoxToCheck]:
        """The boxes of open images and of those of the project that are not open."""
        layers = self._context.layers
        found = []
        for key, kept in self._kept.items():
            note = layers.note(key)
            keys = () if note is None else (sample_key(*note),)
            unseen = {one.box: one.unseen_by for one in kept}
            for painted in layers.painted_boxes(key):
                found.append(BoxToCheck(painted, keys, unseen.get(painted.box, ())))
        for image_id, closed in layers.stored.items():
            unseen = self._unseen_of_closed(image_id)
            found += [BoxToCheck(one, (), unseen.get(one.box, ())) for one in closed.boxes]
        return found

    def _unseen_of_closed(self, image_id: str) -> dict[CheckBox, tuple[str, ...]]:
        opened = self._project.opened
        entries = () if opened is None else opened.project.record.images
        kept = next((one.boxes for one in entries if one.id == image_id), ())
        return {one.box: one.unseen_by for one in kept}

    def check(self) -> None:
        """Compare the answer of the model that is there with all boxes."""
        session = self._session
        model = session.model
        if session.answering or session.training.busy:
            return  # it is asked again when that has ended
        boxes = [box for box in self._all() if self._fits(box.painted)]
        sparse = sum(not box.painted.is_dense for box in boxes)
        images = len({box.painted.key for box in boxes})
        if model is None or not model.model.can_answer or sparse == len(boxes):
            self.lane.drop()
            session.check = CheckStatus(len(boxes), sparse, images=images)
            return
        names = {c.value: c.name for c in session.classes}
        request = CheckRequest(model.model, boxes, names)
        version = session.versions.current.number if session.versions.current else 1
        started = CheckStatus(len(boxes), sparse, images=images, of=model.serial, version=version)
        self.lane.start(partial(self._context.jobs.do, request), (started, boxes))

    def _fits(self, painted: PaintedBox) -> bool:
        image = self._session.image
        return image is not None and painted.image.channels == image.channels

    def _happened(self, ticket: Any, event: Any) -> None:
        if not isinstance(event, BoxesChecked):
            return
        started, boxes = ticket
        dense = [
            standing
            for box, standing in zip(boxes, event.standings, strict=True)
            if box.painted.is_dense
        ]
        self._session.check = replace(
            started,
            learned=dense.count(Standing.LEARNED),
            unknown=dense.count(Standing.UNKNOWN),
            counted=event.counted,
            scores=event.scores,
        )
        self._remember(boxes, event)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        if end.error is not None:
            self._context.tell(end.error, "Comparing with the check boxes")
        self.changed.emit()

    def _remember(self, boxes: Sequence[BoxToCheck], event: BoxesChecked) -> None:
        """Keep which voices have not learned from a box: a file of the model does not tell."""
        apart: dict[str, set[CheckBox]] = {}
        for box, standing in zip(boxes, event.standings, strict=True):
            new = set(event.voices) - set(box.unseen_by)
            if standing is Standing.APART and any(v.startswith("network") for v in new):
                apart.setdefault(box.painted.key, set()).add(box.painted.box)
        for key in apart.keys() & self._kept.keys():
            self._kept[key] = tuple(
                kept_box(one.box, (*one.unseen_by, *event.voices)) if one.box in apart[key] else one
                for one in self._kept[key]
            )
            self._keep(key)

    def _say(self, text: str) -> None:
        self._session.message = Message(text)
        self.changed.emit()
