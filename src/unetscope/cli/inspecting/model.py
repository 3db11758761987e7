"""What the command looks into: a network, an image as it takes it, and labels on that image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unetscope.errors import ImageError, LabelError, ModelError
from unetscope.network.facts import BUNDLED_TITLES, MODEL_SUFFIX, bundled_model

if TYPE_CHECKING:
    from torch import Tensor, nn

    from unetscope.images.micrograph import Micrograph
    from unetscope.inspection.following.inputs import FittedInput
    from unetscope.inspection.writing.reproduction import ModelSource
    from unetscope.learning.pixel_model import PixelModel


@dataclass(frozen=True, eq=False)
class Network:
    """A network, what it is called, where a script finds it, and what its outputs mean.

    ``classes`` maps the index of an output to the label value and name it stands for. ``prepare``
    makes the network's input of an image and a plane, (channel, y, x), as the model itself does;
    None: percentiles of the image, fitted to what the network takes.
    """

    module: nn.Module
    name: str
    source: ModelSource
    classes: dict[int, tuple[int, str]] = field(default_factory=dict)
    prepare: Callable[[Micrograph, int], Tensor] | None = None


@dataclass(frozen=True, eq=False)
class Subject:
    """A network and the image it is looked at with.

    Attributes
    ----------
    image : (channel, [z,] y, x) float32, as the network takes it: scaled, cut or padded.
    origin : the pixel of the file's image, per spatial axis, that ``image`` begins with.
    labels : ([z,] y, x) on ``image``, or None; 0 where the image was padded.
    point : pixel ([z,] y, x) of ``image``, or None.
    pixel_size : per spatial axis of ``image``, in ``unit``; None where unknown.
    notes : what was done to the image, in words.
    seen : sides of the part of ``image`` that is no padding; () for all of it.
    """

    network: Network
    image: np.ndarray
    origin: tuple[int, ...]
    labels: np.ndarray | None = None
    point: tuple[int, ...] | None = None
    pixel_size: tuple[float, ...] | None = None
    unit: str | None = None
    notes: tuple[str, ...] = ()
    seen: tuple[int, ...] = ()

    @property
    def module(self) -> nn.Module:
        """The network itself."""
        return self.network.module

    @property
    def sides(self) -> tuple[int, ...]:
        """([z,] y, x) of the image."""
        return tuple(int(n) for n in self.image.shape[1:])

    @property
    def class_names(self) -> dict[int, str]:
        """Label value → name, as far as the model knows them."""
        return dict(self.network.classes.values())

    def target(self, wanted: str | None) -> int:
        """The index of the class called ``wanted``: its name, label value or, without names, index.

        None takes the last class, which of two is the object and not the ground; -1 stands for the
        last where the model does not name its classes.

        Raises
        ------
        ModelError
            If the model has no such class.
        """
        classes = self.network.classes
        if wanted is None:
            return max(classes) if classes else -1
        for index, (value, name) in classes.items():
            if wanted in (name, str(value)):
                return index
        if not classes and wanted.isdigit():
            return int(wanted)
        known = ", ".join(f"{value} ({name})" for value, name in classes.values())
        raise ModelError(
            f"the model has no class {wanted!r}; give --target "
            f"{'one of ' + known if known else 'the index of an output, from 0'}."
        )


def load_network(name: str, *, channels: int, seed: int, weights: Path | None = None) -> Network:
    """The network that ``name`` stands for, for images of ``channels`` channels.

    Parameters
    ----------
    name : a bundled or teaching network, a ``.unetscope`` file, or ``package.module:function``.
    seed : of the teaching networks' weights.
    weights : a ``.safetensors`` file, for ``package.module:function`` alone.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    from unetscope.inspection.writing.reproduction import ModelSource

    if ":" in name and not name.endswith(MODEL_SUFFIX):
        from unetscope.network.user_models import load_user_model

        return Network(load_user_model(name, weights), name, ModelSource("factory", name))
    if weights is not None:
        raise ModelError("--weights belong to a network of your own, package.module:function.")
    if name.endswith(MODEL_SUFFIX):
        return _from_file(Path(name))
    bundled = tuple(BUNDLED_TITLES)
    return _bundled(name, channels) if name in bundled else _teaching(name, channels, seed, bundled)


def _bundled(name: str, channels: int) -> Network:
    from unetscope.inspection.writing.reproduction import ModelSource
    from unetscope.learning.persistence import start_model

    resolved = bundled_model(name).name
    model = start_model(resolved, channels=channels)
    source = ModelSource("bundled", resolved, channels)
    return Network(model.backbone, resolved, source, prepare=_as_the_model(model))


def _teaching(name: str, channels: int, seed: int, others: Sequence[str]) -> Network:
    from unetscope.inspection.writing.reproduction import ModelSource
    from unetscope.network.teaching import TEACHING, teaching_network

    if name not in TEACHING:
        raise ModelError(
            f"there is no model {name!r}; give {', '.join((*others, *TEACHING))}, a "
            f"NAME{MODEL_SUFFIX} file, or package.module:function that builds your own."
        )
    source = ModelSource("teaching", name, channels, seed)
    return Network(teaching_network(name, channels, seed), name, source)


def _from_file(path: Path) -> Network:
    from unetscope.inspection.writing.reproduction import ModelSource
    from unetscope.learning.answering import answering_network
    from unetscope.learning.persistence import load_model

    model = load_model(path)
    classes = {i: (c.value, c.name) for i, c in enumerate(model.classes)}
    source = ModelSource("file", str(path.absolute()), model.channels)
    net = answering_network(model)
    return Network(net, path.stem, source, classes, prepare=_as_the_model(model))


def _as_the_model(model: PixelModel) -> Callable[[Micrograph, int], Tensor]:
    """Normalised with the model's own range where it has one, the rim repeated to its multiple."""

    def prepare(image: Micrograph, z: int) -> Tensor:
        from unetscope.learning.answering import network_input

        return network_input(model.for_channels(image.channels), image, z)

    return prepare


def make_subject(
    network: Network,
    image: Micrograph,
    *,
    labels: np.ndarray | None = None,
    point: Sequence[int] | None = None,
) -> Subject:
    """The image and what belongs to it, made to fit the network.

    Parameters
    ----------
    labels : ([z,] y, x) on the whole image.
    point : ([z,] y, x) on the whole image; its z chooses the plane that a 2D network sees.

    Raises
    ------
    ImageError
        If the point lies outside the image, or outside what the network can look at.
    LabelError
        If labels and image differ in shape.
    """
    from unetscope.inspection.following.snapshot import spatial_axes

    asked = _checked_point(point, image.spatial_shape)
    if labels is not None and labels.shape != image.spatial_shape:
        raise LabelError(
            f"the labels have shape {labels.shape}, the image {image.spatial_shape}; give labels "
            "of the same size."
        )
    axes = spatial_axes(network.module)
    z = _plane(image, labels, asked)
    centre = None if asked is None else asked[-2:]
    fitted = _fitted(network, image, z, centre)
    origin = fitted.origin[-axes:]
    sides = tuple(int(n) for n in fitted.values.shape[1:])
    notes = [fitted.note] if fitted.note else []
    if axes == 2 and image.depth > 1:
        notes.append(f"plane z={z} of {image.depth}")
        labels = None if labels is None else labels[z]
    subject = Subject(
        *(network, fitted.values.numpy(), origin),
        notes=tuple(notes),
        unit=image.unit,
        seen=tuple(map(min, sides, image.spatial_shape[-axes:])),
    )
    if labels is not None:
        subject = replace(subject, labels=_labels_of(labels, origin, sides))
    if image.pixel_size is not None:
        subject = replace(subject, pixel_size=image.pixel_size[-axes:])
    if asked is None:
        return subject
    inside = _inside(asked, axes, origin, sides, z)
    return replace(subject, point=inside)


def _fitted(
    network: Network, image: Micrograph, z: int, centre: Sequence[int] | None
) -> FittedInput:
    from unetscope.inspection.following.inputs import FittedInput, fitted_input

    if network.prepare is None:
        return fitted_input(network.module, image, z, centre)
    values = network.prepare(image, z)
    sides = tuple(values.shape[1:])
    padded = sides != image.spatial_shape[-len(sides) :]
    note = f"its rim was repeated up to {' × '.join(map(str, sides))} px" if padded else ""
    return FittedInput(values, (0,) * len(sides), note)


def _labels_of(labels: np.ndarray, origin: tuple[int, ...], sides: tuple[int, ...]) -> np.ndarray:
    """The part of the labels that the network sees; 0 in the rim it was padded with."""
    part = labels[tuple(slice(o, o + n) for o, n in zip(origin, sides, strict=True))]
    return np.pad(part, [(0, n - m) for n, m in zip(sides, part.shape, strict=True)])


def _checked_point(point: Sequence[int] | None, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    if point is None:
        return None
    asked = tuple(int(p) for p in point)
    fits = len(asked) in (2, len(shape)) and all(
        0 <= p < n for p, n in zip(asked, shape[-len(asked) :], strict=True)
    )
    if not fits:
        raise ImageError(f"the point {asked} lies outside the image, which has {shape} pixels.")
    return asked


def _plane(image: Micrograph, labels: np.ndarray | None, point: tuple[int, ...] | None) -> int:
    """The plane asked for, else the one with most labels, else the middle one."""
    if point is not None and len(point) == 3:
        return point[0]
    if labels is not None and labels.ndim == 3 and labels.any():
        return int(np.count_nonzero(labels, axis=(1, 2)).argmax())
    return image.depth // 2


def _inside(
    point: tuple[int, ...], axes: int, origin: tuple[int, ...], sides: tuple[int, ...], z: int
) -> tuple[int, ...]:
    full = (z, *point[-2:])[-axes:]
    cut = tuple(p - o for p, o in zip(full, origin, strict=True))
    if any(not 0 <= p < n for p, n in zip(cut, sides, strict=True)):
        raise ImageError(
            f"the point {point} lies in the rim that was cut off for this network, which looks at "
            f"{sides} pixels from {origin}; choose one further inside."
        )
    return cut
