"""The buttons of the panel: each question is one job, a newer one drops an older one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Protocol

import numpy as np
from qtpy.QtCore import QObject, Signal

from unetscope.errors import LabelError, UnetscopeError
from unetscope.session.inside import asking, comparing, looking, window
from unetscope.session.inside.answers import Shown, Working
from unetscope.session.inside.glass import Glass
from unetscope.session.inside.related import has_places, kernel_layer
from unetscope.session.inside.state import Inside
from unetscope.session.inside.threads import with_threads
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.workbench.inside.networks import Networks
from unetscope.workbench.job_runner import JobEnded, Lane

SHIFTS = (1, 2, 4, 8, 16)


class Asker(Protocol):
    """What questions need of the inspector."""

    inside: Inside
    layers: OpenLayers
    networks: Networks

    def lay(self, shown: Shown) -> None:
        """Put pictures on the image."""

    def tell(self, error: Exception, doing: str) -> None:
        """Show an error."""


class Questions(QObject):
    """``answered`` carries every :class:`Shown`, growing ones as they grow."""

    answered = Signal(object)

    def __init__(self, asker: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._asker: Asker = asker
        self.lane = Lane(self, niceness=3)
        self.lane.happened.connect(self._happened)
        self.lane.ended.connect(self._ended)

    def stop(self) -> None:
        """Stop; what has been answered stays."""
        self.lane.stop()

    # ---- the questions

    def kernels(self, *, summed: bool = False) -> None:
        """The kernels of the chosen layer."""
        self._ask(lambda g: looking.show_kernels(g, self.convolution(g), summed=summed))

    def effective(self) -> None:
        """The measured field as a heat map."""
        point = self._asker.inside.point
        if point is None:
            self._asker.tell(LabelError("click a point of the image first."), "The field")
            return
        layer = self._asker.inside.layer
        self._ask(lambda g: looking.show_effective(g, layer, point[-g.axes :]))

    def colours(self) -> None:
        """The layer's maps as one colour picture."""
        layer = self._asker.inside.layer
        self._ask(lambda g: looking.show_colours(g, layer))

    def favourite(self) -> None:
        """What the chosen channel likes best."""
        inside = self._asker.inside
        layer, channel = inside.layer, inside.channel
        self._ask(lambda g: looking.show_favourite(g, layer, channel))

    def without(self, what: str, mode: Any) -> None:
        """The mask without a part, e.g. ``"skip:dec1"``."""
        labels, names = self._labels(), self._names()
        self._ask(lambda g: asking.ask_without(g, what, mode, labels=labels, names=names))

    def ranking(self, mode: Any) -> None:
        """Which channel of the layer matters most."""
        self._ask(lambda g: asking.ask_ranking(g, self.convolution(g), mode))

    def edited(self, kernel: Any, out: int, inp: int | None, *, keep_norm: bool) -> None:
        """The mask with a kernel replaced."""
        self._ask(
            lambda g: asking.ask_edited(
                g, self.convolution(g), kernel, out=out, inp=inp, keep_norm=keep_norm
            )
        )

    def why(self, method: Any, region: str, target: int | None, polygon: Any = None) -> None:
        """What speaks for a class at the point, the strokes of a class, or a drawn polygon."""
        inside = self._asker.inside
        point, labels, layer = inside.point, self._labels(), inside.layer

        def job(glass: Glass) -> Iterator[Any]:
            where = _region(glass, region, point, labels, target, polygon)
            wanted = target if target is not None else predicted_at(glass, where)
            names = self._names()
            name = names[wanted] if wanted < len(names) else f"class {wanted + 1}"
            chosen = layer if method == "seg_grad_cam" else None
            return asking.ask_why(glass, wanted, where, method=method, layer=chosen, name=name)

        self._ask(job)

    def which_class(self, *, all_layers: bool) -> None:
        """Which channel fires on which painted class."""
        labels = self._labels()
        if labels is None:
            error = LabelError("there are no strokes on this image; paint two classes first.")
            self._asker.tell(error, "Comparing")
            return
        session = self._asker.networks.session
        classes = session.classes if session is not None else ()
        layer = self._asker.inside.layer

        def job(glass: Glass) -> Iterator[Any]:
            ends = [s.layers[-1] for s in glass.diagram.stages if s.layers] if all_layers else []
            layers = [end for end in ends if has_places(glass, end)]
            return comparing.ask_classes(glass, labels, layers or [layer], classes)

        self._ask(job)

    def shift(self) -> None:
        """Do the maps of the chosen layer move with the image?"""
        layer = self._asker.inside.layer
        self._ask(lambda g: comparing.ask_shift(g, SHIFTS, layer=layer))

    def health(self) -> None:
        """Dead channels, checkerboards, skips, field against objects."""
        image = self._asker.inside.image
        size = image.pixel_size if image is not None else None
        unit = image.unit if image is not None else None
        labels = self._labels()
        classes = (
            self._asker.networks.session.classes if self._asker.networks.session is not None else ()
        )
        self._ask(lambda g: comparing.ask_health(g, labels, size, unit, classes))

    def difference(self) -> None:
        """What training changed."""
        asker = self._asker
        inside, session = asker.inside, asker.networks.session
        epochs = list(asker.networks.epochs)
        if session is None or session.model is None or not epochs:
            error = LabelError("nothing has been trained yet in this window; press Train first.")
            asker.tell(error, "Before and after")
            return
        backbone = session.model.model.backbone
        layer, channel = inside.layer, inside.channel

        def job(glass: Glass) -> Iterator[Any]:
            from unetscope.learning.answering import start_of

            nets = [("before training", start_of(backbone, epochs[-1][1])), *epochs]
            return comparing.ask_difference(glass, nets, layer, channel)

        self._ask(job)

    # ---- inside

    def _ask(self, make: Any) -> None:
        glass = self._asker.inside.glass
        if glass is None:
            self._asker.tell(LabelError("open an image and choose a network first."), "Asking")
            return
        self._asker.inside.message = None
        self._asker.inside.working = Working("Starting")
        self.lane.start(partial(with_threads, partial(_run, make, glass), 1), glass)

    def _happened(self, ticket: Any, event: Any) -> None:
        inside = self._asker.inside
        if inside.glass is None or _place(ticket) != _place(inside.glass):
            return  # another image or plane is looked at by now; another epoch does not matter
        if isinstance(event, Working):
            inside.working = event
            return
        self._asker.lay(event)
        inside.shown = event
        self.answered.emit(event)

    def _ended(self, ticket: Any, end: JobEnded) -> None:
        self._asker.inside.working = None
        if end.error is not None:
            self._asker.tell(end.error, "This")

    def _labels(self) -> np.ndarray | None:
        """The strokes on the image that is looked at, or None."""
        image = self._asker.inside.image
        return None if image is None else self._asker.layers.painted_labels(image.key)

    def _names(self) -> list[str]:
        glass = self._asker.inside.glass
        return [one.name for one in glass.subject.classes] if glass is not None else []

    def convolution(self, glass: Glass) -> str:
        """The convolution the chosen layer belongs to."""
        return kernel_layer(glass, self._asker.inside.layer)


def _run(make: Any, glass: Glass) -> Iterator[Any]:
    yield from make(glass)


def _place(glass: Glass) -> tuple[str, int]:
    return glass.subject.target.key, glass.subject.target.z


def _region(
    glass: Glass,
    region: str,
    point: tuple[float, ...] | None,
    labels: np.ndarray | None,
    target: int | None,
    polygon: Any,
) -> Any:
    """A region in pixels of the window that questions work on."""
    cut = window.work_window(glass)
    corner = [o + w.start for o, w in zip(glass.origin, cut, strict=True)]
    if region == "strokes":
        if labels is None or target is None:
            raise LabelError("there are no strokes of this class on the image; paint some first.")
        mask = window.in_view(glass, window.as_outputs(glass, labels)) == target + 1
        if mask.any():
            return mask
        raise LabelError("there are no strokes of this class in view; move there first.")
    if region == "polygon":
        if polygon is None:
            raise LabelError("draw a polygon in a Shapes layer first.")
        return np.asarray(polygon, float)[:, -2:] - np.asarray(corner[-2:])
    if region == "class":
        return None
    if point is None:
        raise LabelError("click a point of the image first.")
    at = point[-glass.axes :]
    if not glass.inside(at):
        raise LabelError("the point lies outside of what the network looks at.")
    return tuple(round(p - c) for p, c in zip(at, corner, strict=True))


def predicted_at(glass: Glass, region: Any) -> int:
    """The class the network predicts at a point or most of a region."""
    import torch

    if region is None:
        raise UnetscopeError("choose a class first.")
    with torch.inference_mode():
        mask = window.probabilities(glass.net(window.cropped(glass)[None])).argmax(axis=0)
    if isinstance(region, tuple):
        return int(mask[region])
    if region.dtype == bool:
        return int(np.bincount(mask[region]).argmax())
    from skimage.draw import polygon2mask

    return int(np.bincount(mask[polygon2mask(mask.shape, region)]).argmax())
