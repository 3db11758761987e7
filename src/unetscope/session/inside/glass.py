"""The thing that is looked at: a copy of a network, the image as it takes it, and its trace.

A :class:`Glass` never changes. Training, another slice or another image make a new one; jobs get
the glass they were started with, so an answer always belongs to one network and one image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from unetscope.errors import ImageError
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.session.requests import Target

if TYPE_CHECKING:
    from torch import nn

    from unetscope.inspection.following.diagram import Diagram
    from unetscope.inspection.following.joins import SkipConnection
    from unetscope.inspection.following.table import Architecture
    from unetscope.inspection.following.trace import Trace

WHOLE_PX = 2**20  # up to here the whole image is looked at, whatever of it is on screen
LARGEST_PX = 64 * 2**20  # of a plane or volume: 256 MiB a channel as float32


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
    """

    key: tuple[Any, ...]
    title: str
    build: Callable[[], nn.Module]
    target: Target
    prepare: Callable[[Target], Any] | None = None
    classes: tuple[LabelClass, ...] = ()
    record: dict[str, Any] = field(default_factory=dict)
    model: Callable[[], Any] | None = None


@dataclass(frozen=True, eq=False)
class Glass:
    """An opened subject.

    Attributes
    ----------
    image : (channel, [z,] y, x) tensor, as the network takes it.
    origin : image pixel ([z,] y, x) that ``image`` begins with.
    axes : how many image axes the network works in, 2 or 3.
    view : the part of ``image`` that is on screen, as slices.
    note : what was done to the image so that it fits, or "".
    """

    subject: Subject
    net: nn.Module
    image: Any
    origin: tuple[int, ...]
    axes: int
    view: tuple[slice, ...]
    trace: Trace
    table: Architecture
    diagram: Diagram
    skips: tuple[SkipConnection, ...]
    note: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """([z,] y, x) of the network's input."""
        return tuple(self.image.shape[1:])

    def cell(self, layer: str, point: tuple[float, ...]) -> tuple[int, ...]:
        """The cell of ``layer`` whose centre is nearest to image pixel ``point``."""
        from unetscope.inspection.showing.maps import Placement

        _, reach = self.trace.spatial(layer)
        place = Placement.of(reach)
        values = zip(point, self.origin, place.scale, place.translate, reach.shape, strict=True)
        return tuple(
            int(np.clip(round((p - o - t) / s) if s else 0, 0, n - 1)) for p, o, s, t, n in values
        )

    def inside(self, point: tuple[float, ...]) -> bool:
        """Whether image pixel ``point`` is part of what the network sees."""
        return all(
            -0.5 <= p - o < n - 0.5 for p, o, n in zip(point, self.origin, self.shape, strict=True)
        )


def open_glass(subject: Subject) -> Iterator[Glass]:
    """Build the network, prepare the image, follow it once.

    Raises
    ------
    ModelError
        If the network cannot be followed or does not take such an image.
    ImageError
        If the image is too large to be prepared at once.
    """
    import torch

    from unetscope.inspection.following.diagram import diagram
    from unetscope.inspection.following.inputs import fitted_input
    from unetscope.inspection.following.joins import skip_connections
    from unetscope.inspection.following.snapshot import spatial_axes
    from unetscope.inspection.following.table import architecture
    from unetscope.inspection.following.trace import follow

    net = subject.build()
    target = subject.target
    axes = spatial_axes(net)
    if axes == 2:  # convolutions on the CPU are faster with the channels last
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    _check_axes(axes, target.image)
    if subject.prepare is not None:
        image, origin, note = subject.prepare(target), (0,) * axes, ""
    else:
        fitted = fitted_input(net, target.image, target.z, _centre(target))
        image, origin, note = fitted.values, fitted.origin, fitted.note
    shape = tuple(image.shape[1:])
    trace = follow(net, tuple(image.shape))
    table = architecture(net, tuple(image.shape))
    joins = skip_connections(net, tuple(image.shape))
    skips = tuple(join for join in joins if join.source != join.other)  # the rest is inside a layer
    view = _view(target, shape, origin)
    drawn = diagram(table, skips)
    yield Glass(subject, net, image, origin, axes, view, trace, table, drawn, skips, note)


def _check_axes(axes: int, image: Micrograph) -> None:
    if axes == 3 and "z" not in image.axes:
        raise ImageError(
            f"this network works on volumes and {image.name or 'the image'} is flat; "
            "choose a z-stack."
        )
    pixels = int(np.prod(image.spatial_shape[-axes:]))
    if pixels > LARGEST_PX:
        raise ImageError(
            f"the image has {pixels / 2**20:.0f} million pixels a plane; a look inside takes up to "
            f"{LARGEST_PX // 2**20}. Crop the image first."
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
    sides = target.image.spatial_shape[-len(shape) :]
    whole = tuple(slice(0, min(n, s - o)) for n, s, o in zip(shape, sides, origin, strict=True))
    if target.view is None or int(np.prod(shape)) <= WHOLE_PX:
        return whole
    cut = []
    for part, start, full in zip(target.view, origin[-2:], whole[-2:], strict=True):
        low, high = max(0, part.start - start), min(full.stop, part.stop - start)
        if high - low < 2:
            return whole
        cut.append(slice(low, high))
    return (*whole[:-2], *cut)
