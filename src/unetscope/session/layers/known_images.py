"""The image layers of a viewer as micrographs: how they are read, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from napari.layers import Image, Labels

from unetscope.errors import ImageError, as_sentence
from unetscope.images.micrograph import Micrograph
from unetscope.learning.samples import first_channel
from unetscope.session.axes import reading_note
from unetscope.session.layers.findings import Findings
from unetscope.session.layers.layer_facts import (
    NOTES,
    layer_axes,
    layer_key,
    note_of,
    role_of,
    spatial_axes,
)
from unetscope.session.layers.placement import pixel_size
from unetscope.session.layers.squeezing import squeezed
from unetscope.session.values import ImageSummary

_CLOSED = "this image was closed; pick another one."


class KnownImages:
    """What is known of each image of a viewer, by the key of its layer."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._axes: dict[str, str] = {}  # image key -> reading the user chose
        self._micrographs: dict[str, Micrograph] = {}
        self._findings: dict[str, Findings] = {}  # image key -> what was found out about it
        self._greys: dict[str, Micrograph] = {}  # image key -> grey image that looks like colour
        self._serials: dict[str, int] = {}  # image key -> grows when its pixels or reading change
        self._grey_model = False  # whether the model answers grey images

    def layer(self, key: str) -> Any:
        """The layer with this key, or None where it is gone."""
        return next((found for found in self._viewer.layers if layer_key(found) == key), None)

    # ---- pixels

    def known(self) -> tuple[str, ...]:
        """The keys of the images whose pixels are at hand."""
        return tuple(self._micrographs)

    def micrograph(self, key: str) -> Micrograph:
        """The pixels of an image, lazily; the same object until image or reading change."""
        if key not in self._micrographs:
            layer = self.layer(key)
            if layer is None:
                raise ImageError(_CLOSED)
            axes = self.reading_of(layer)
            stored = squeezed(layer.data[0] if layer.multiscale else layer.data, axes)
            size, unit = pixel_size(layer, spatial_axes(axes))
            known = axes.replace("1", "")
            notes = tuple(note_of(layer).get(NOTES, ()))
            self._micrographs[key] = Micrograph(stored, known, size, unit, layer.name, notes)
        return self._micrographs[key]

    def learned_as(self, key: str) -> Micrograph:
        """An image as it is learned from and answered.

        A colour image whose channels are all equal is a grey one beside grey images, and for a
        model that knows grey ones, as it is for a script.
        """
        image = self.micrograph(key)
        findings = self._findings.get(key)
        if findings is None or not findings.grey or not image.is_rgb:
            return image
        if not (self._grey_model or self._has_grey_images()):
            return image
        if key not in self._greys:
            self._greys[key] = first_channel(image)
        return self._greys[key]

    def answer_grey(self, *, on: bool) -> bool:
        """The model that answers knows grey images, or others; say whether an image changes."""
        changed, self._grey_model = on != self._grey_model, on
        return changed and any(found.grey for found in self._findings.values())

    def forget_pixels(self, key: str) -> None:
        """The pixels of an image, or their reading, have changed."""
        self._micrographs.pop(key, None)
        self._greys.pop(key, None)

    def _has_grey_images(self) -> bool:
        """Whether an image of one channel is open."""
        for layer in image_layers(self._viewer):
            try:
                if self.micrograph(layer_key(layer)).channels == 1:
                    return True
            except ImageError:
                continue
        return False

    # ---- what is found out about them

    def findings(self, key: str) -> Findings | None:
        """What was found out about the present pixels of an image; None where nobody looked."""
        return self._findings.get(key)

    def serial(self, key: str) -> int:
        """A number that grows when an image gets other pixels or another reading."""
        return self._serials.get(key, 0)

    def take_findings(self, key: str, findings: Findings, serial: int) -> bool:
        """Take up what was found out about an image; False where it has changed meanwhile."""
        if self.layer(key) is None or serial != self.serial(key):
            return False
        self._findings[key] = findings
        return True

    def forget_findings(self, key: str) -> None:
        """What was found out is true no more."""
        self._findings.pop(key, None)
        self._serials[key] = self.serial(key) + 1

    def notes(self, key: str) -> tuple[str, ...]:
        """What a person should know of an image and its file, as sentences."""
        findings = self._findings.get(key)
        told = [as_sentence(note) for note in self.learned_as(key).notes]
        return tuple(dict.fromkeys((*told, *(findings.notes if findings else ()))))

    # ---- readings

    def reading(self, key: str) -> str:
        """How the axes of an image's layer are read, one letter each; "1" for one left out."""
        layer = self.layer(key)
        if layer is None:
            raise ImageError(_CLOSED)
        return self.reading_of(layer)

    def reading_of(self, layer: Any) -> str:
        """As :meth:`reading`, of a layer."""
        return self._axes.get(layer_key(layer)) or layer_axes(layer)[0]

    def reading_or_none(self, layer: Any) -> str | None:
        """As :meth:`reading_of`; None for a layer that cannot be read."""
        try:
            return self.reading_of(layer)
        except ImageError:
            return None

    def read_as(self, key: str, axes: str) -> None:
        """Read an image as a person says."""
        self._axes[key] = axes
        self.forget_findings(key)
        self.forget_pixels(key)

    def drop_impossible_reading(self, layer: Any) -> None:
        """Forget what a person chose where the layer cannot be read so any more."""
        if self._axes.get(layer_key(layer)) not in (None, *choices_of(layer)):
            del self._axes[layer_key(layer)]

    def unreadable(self) -> tuple[str, ...]:
        """The image layers that nothing can be painted on, each with the reason."""
        told = []
        for layer in image_layers(self._viewer):
            try:
                self.micrograph(layer_key(layer))
            except ImageError as error:
                told.append(f"{layer.name} cannot be read: {error}")
        return tuple(told)

    def summary(self, layer: Any, fixed: Callable[[str], str]) -> ImageSummary | None:
        """What the picker says; ``fixed`` says why the reading of an image cannot be another."""
        key = layer_key(layer)
        try:
            choices = layer_axes(layer)
            stored, image = self.micrograph(key), self.learned_as(key)
        except ImageError:
            return None  # not an image this plugin can read, e.g. a time series
        findings = self._findings.get(key)
        labels = tuple(str(name) for name in layer.axis_labels)
        return ImageSummary(
            key,
            str(layer.name),
            image.axes,
            image.spatial_shape,
            image.channels,
            image.is_rgb,
            image.pixel_size,
            image.unit,
            choices,
            self.reading_of(layer),
            fixed(key),
            reading_note(stored.shape, rgb=stored.is_rgb, labels=labels),
            self.notes(key),
            findings is not None and findings.constant,
        )


def image_layers(viewer: Any) -> Iterator[Any]:
    """The layers of a viewer that are images and not of our making."""
    for layer in viewer.layers:
        if isinstance(layer, Image) and not isinstance(layer, Labels) and not role_of(layer):
            yield layer


def choices_of(layer: Any) -> tuple[str, ...]:
    """The ways an image layer can be read; none for one that cannot be."""
    try:
        return layer_axes(layer)
    except ImageError:
        return ()
