"""The thing that is looked at: a copy of a network, the image as it takes it, and its trace.

A :class:`Glass` never changes. Training, another slice or another image make a new one; jobs get
the glass they were started with, so an answer always belongs to one network and one image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from unetscope import inspection
from unetscope.errors import ImageError
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.images.target import Target
from unetscope.inspection.writing.calls import ModelSource
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    import torch
    from torch import nn

    from unetscope.inspection.following import diagram as drawing
    from unetscope.inspection.following import snapshot
    from unetscope.inspection.following.diagram import Diagram
    from unetscope.inspection.following.joins import SkipConnection
    from unetscope.inspection.following.table import Architecture
    from unetscope.inspection.following.trace import Trace
    from unetscope.inspection.writing import report
else:
    torch = Lazily("torch")
    drawing = Lazily("unetscope.inspection.following.diagram")
    snapshot = Lazily("unetscope.inspection.following.snapshot")
    report = Lazily("unetscope.inspection.writing.report")

WHOLE_PX = 2**20  # up to here the whole image is looked at, whatever of it is on screen
LARGEST_PX = 64 * 2**20  # of a plane or volume: 256 MiB a channel as float32
SCREEN_BYTES = 2**29  # of maps on screen


@dataclass(frozen=True, eq=False)
class Subject:
    """What to open: ``build`` makes the network and is called in the worker.

    Attributes
    ----------
    key : tells subjects apart; equal keys are the same network.
    title : as the picker says it.
    prepare : makes the network input of an image, (channel, [z,] y, x); None: percentiles of the
        image, fitted to what the network takes.
    classes : what the outputs mean, where that is known.
    record : facts for export, e.g. the bundled name.
    model : gives the model the network is taken from, where there is one, in the worker.
    source : where a script finds the network; None where the model is saved beside the script, or
        only the object is known.
    """

    key: tuple[Any, ...]
    title: str
    build: Callable[[], nn.Module]
    target: Target
    prepare: Callable[[Target], Any] | None = None
    classes: tuple[LabelClass, ...] = ()
    record: dict[str, Any] = field(default_factory=dict)
    model: Callable[[], Any] | None = None
    source: ModelSource | None = None


@dataclass(frozen=True, eq=False)
class Glass:
    """An opened subject; what is followed once is followed when it is asked for first.

    Attributes
    ----------
    image : (channel, [z,] y, x) tensor, as the network takes it.
    origin : image pixel ([z,] y, x) that ``image`` begins with.
    view : the part of ``image`` that is on screen, as slices.
    note : what was done to the image so that it fits, or "".
    max_bytes : of maps that are made at once.
    """

    subject: Subject
    net: nn.Module
    image: Any
    origin: tuple[int, ...]
    view: tuple[slice, ...]
    note: str = ""
    max_bytes: int = 2**31

    @property
    def axes(self) -> int:
        """How many image axes the network works in, 2 or 3."""
        return len(self.origin)

    @property
    def shape(self) -> tuple[int, ...]:
        """([z,] y, x) of the network's input."""
        return tuple(self.image.shape[1:])

    @property
    def space(self) -> str:
        """The letters of its axes, "yx" or "zyx"."""
        return "zyx"[-self.axes :]

    @property
    def region(self) -> tuple[slice, ...] | None:
        """The part that is on screen, or None where that is all."""
        whole = self.view == tuple(slice(0, side) for side in self.shape)
        return None if whole else self.view

    @property
    def pixel_size(self) -> tuple[float, ...] | None:
        """Of the image, per axis of the network; None where unknown."""
        size = self.subject.target.image.pixel_size
        return tuple(size[-self.axes :]) if size else None

    @property
    def unit(self) -> str | None:
        """Of :attr:`pixel_size`."""
        return self.subject.target.image.unit

    @cached_property
    def trace(self) -> Trace:
        """Every operation of the network on such an image."""
        return inspection.follow(self.net, tuple(self.image.shape))

    @cached_property
    def table(self) -> Architecture:
        """A row a layer."""
        return inspection.architecture(self.trace, tuple(self.image.shape))

    @cached_property
    def skips(self) -> tuple[SkipConnection, ...]:
        """The skip connections between layers; what is joined inside a layer is none."""
        joins = inspection.skip_connections(self.net, tuple(self.image.shape))
        return tuple(join for join in joins if join.source != join.other)

    @cached_property
    def diagram(self) -> Diagram:
        """The network as it is drawn: its stages and how they are connected."""
        return drawing.diagram(self.table, self.skips)

    @cached_property
    def stage_ends(self) -> list[str]:
        """The last layer with places of every stage, at most nine of them."""
        return report.shown_layers(self.table)

    def cell(self, layer: str, point: Sequence[float] | None) -> tuple[int, ...]:
        """The cell of ``layer`` nearest to image pixel ``point``; None: to the input's middle."""
        reach = self.trace.spatial(layer)[1]
        return reach.nearest(self.pixel(point))

    def pixel(self, point: Sequence[float] | None) -> tuple[float, ...]:
        """Image pixel ``point`` in pixels of the network's input; None: its middle."""
        if point is None:
            return tuple(side // 2 for side in self.shape)
        return tuple(p - o for p, o in zip(point[-self.axes :], self.origin, strict=True))

    def inside(self, point: tuple[float, ...]) -> bool:
        """Whether image pixel ``point`` is part of what the network sees."""
        pixels = zip(self.pixel(point), self.shape, strict=True)
        return all(-0.5 <= p < n - 0.5 for p, n in pixels)

    def away(self, point: tuple[float, ...]) -> str:
        """What to say where image pixel ``point`` is no part of what the network sees, else ""."""
        if self.inside(point[-self.axes :]):
            return ""
        sides = " × ".join(f"{side}" for side in self.shape)
        ends = ", ".join(
            f"{axis} {first} to {first + side - 1}"
            for axis, first, side in zip(self.space, self.origin, self.shape, strict=True)
        )
        return f"The network looks at {sides} pixels of the image, {ends}: point there."

    def class_name(self, index: int) -> str:
        """What output ``index`` is called."""
        classes = self.subject.classes
        return classes[index].name if 0 <= index < len(classes) else f"class {index}"


def open_glass(subject: Subject, *, whole: bool = False) -> Glass:
    """Build the network and prepare the image.

    Parameters
    ----------
    whole : look at all of the network's input, however large, in the order the memory has; else as
        a window does, where somebody waits: at what is on screen, everything followed beforehand.

    Raises
    ------
    ModelError
        If the network cannot be followed or does not take such an image.
    ImageError
        If the image is too large to be prepared at once.
    """
    net = subject.build()
    target = subject.target
    axes = snapshot.spatial_axes(net)
    _check_axes(axes, target.image, LARGEST_PX if not whole else None)
    if axes == 2 and not whole:  # convolutions on the CPU are faster with the channels last
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if subject.prepare is not None:
        image, origin, note = subject.prepare(target), (0,) * axes, ""
    else:
        centre = None if whole and target.view is None else _centre(target)
        fitted = inspection.fitted_input(net, target.image, target.z, centre)
        image, origin, note = fitted.values, fitted.origin, fitted.note
    shape = tuple(image.shape[1:])
    if whole:
        return Glass(subject, net, image, origin, tuple(slice(0, n) for n in shape), note)
    glass = Glass(subject, net, image, origin, _view(target, shape, origin), note, SCREEN_BYTES)
    assert glass.trace is not None and glass.diagram is not None  # not on the window's thread
    return glass


def _check_axes(axes: int, image: Micrograph, most: int | None) -> None:
    if axes == 3 and "z" not in image.axes:
        raise ImageError(
            f"this network works on volumes and {image.name or 'the image'} is flat; "
            "choose a z-stack."
        )
    pixels = int(np.prod(image.spatial_shape[-axes:]))
    if most is not None and pixels > most:
        raise ImageError(
            f"the image has {pixels / 2**20:.0f} million pixels a plane; a look inside takes up to "
            f"{most // 2**20}. Crop the image first."
        )


def _centre(target: Target) -> tuple[int, ...]:
    height, width = target.image.spatial_shape[-2:]
    if target.view is None:
        return height // 2, width // 2
    y, x = target.view
    return (y.start + y.stop) // 2, (x.start + x.stop) // 2


def _view(target: Target, shape: tuple[int, ...], origin: tuple[int, ...]) -> tuple[slice, ...]:
    """What of a large image is on screen, in pixels of the network's input; of a small one all.

    A rim that was added to fit the network is no part of it.
    """
    whole = tuple(slice(0, n) for n in without_rim(target.image, shape, origin))
    if target.view is None or int(np.prod(shape)) <= WHOLE_PX:
        return whole
    cut = []
    for part, start, full in zip(target.view, origin[-2:], whole[-2:], strict=True):
        low, high = max(0, part.start - start), min(full.stop, part.stop - start)
        if high - low < 2:
            return whole
        cut.append(slice(low, high))
    return (*whole[:-2], *cut)


def without_rim(
    image: Micrograph, shape: tuple[int, ...], origin: tuple[int, ...]
) -> tuple[int, ...]:
    """Sides of the part of the network's input that is image and no rim added to fit."""
    sides = image.spatial_shape[-len(shape) :]
    return tuple(min(n, s - o) for n, s, o in zip(shape, sides, origin, strict=True))
