"""The model that answers: an unchanging snapshot of everything a prediction needs.

Two voices can speak for every pixel. The *instant* one is the ridge head on frozen features,
averaged with the forest where that is ready. The *network* is the fine-tuned U-Net; its share is
what held-back strokes say it deserves, zero before training.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from unetscope.errors import ModelError
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import Normalisation
from unetscope.learning.familiar import Familiar
from unetscope.learning.head import SILENT, InstantVoice
from unetscope.learning.learned_pixels import LearnedPixels
from unetscope.learning.partition import Partition
from unetscope.learning.recipe import Recipe
from unetscope.learning.samples import as_grey
from unetscope.learning.sources.bundled import own_sources
from unetscope.learning.sources.source import FeatureSource
from unetscope.network.channels import adapt_input_channels
from unetscope.network.fingerprint import network_fingerprint
from unetscope.network.unet import UNet


@dataclass(frozen=True, eq=False)
class ModelFeatures:
    """What the head stands on: the frozen maps of an image, and how its grey values are read.

    Attributes
    ----------
    backbone : the folded U-Net, for ``channels`` channels.
    recipe : gains and penalties that belong to it.
    sources : added ones, whose maps feed the head as well.
    alone : the head stands on ``sources`` only; the forest keeps its classical filters.
    own_normalisation : each image by its own percentiles (the default), or all by
        ``normalisation``, the range of the images the model learned from.
    """

    backbone: UNet
    recipe: Recipe
    channels: int = 1
    sources: tuple[FeatureSource, ...] = ()
    alone: bool = False
    own_normalisation: bool = True
    normalisation: Normalisation | None = None

    @property
    def scale(self) -> Normalisation | None:
        """The grey range all images are seen in; None: each in its own."""
        return None if self.own_normalisation else self.normalisation


@dataclass(frozen=True, eq=False)
class TunedNetwork:
    """The fine-tuned U-Net, an output per class value, and its ``weight`` in the answer.

    ``learned``: where the strokes of all its trainings lay; None where that is not known.
    """

    net: UNet
    classes: tuple[int, ...]
    weight: float = 0.0
    learned: LearnedPixels | None = None


@dataclass(frozen=True, eq=False)
class Provenance:
    """Where a model comes from; nothing of it decides an answer.

    Attributes
    ----------
    name : of the weights it started from, e.g. ``"general-fast"``.
    pixel_size, unit : of the first image it learned from.
    parent : SHA-256 of the file it was read from.
    partition : what the network learned from and what was held back; not written to files.
    familiar : how the images look that it learned from; None where that is not known.
    record : what training wrote down (JSON values), for the model file.
    """

    name: str
    pixel_size: tuple[float, ...] | None = None
    unit: str | None = None
    seed: int = 0
    version: int = 0
    parent: str | None = None
    partition: Partition | None = None
    familiar: Familiar | None = None
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class PixelModel:
    """A model as it is at one moment; training makes new ones."""

    features: ModelFeatures
    provenance: Provenance
    instant: InstantVoice = SILENT
    network: TunedNetwork | None = None

    @property
    def name(self) -> str:
        """Of the weights it started from."""
        return self.provenance.name

    @property
    def backbone(self) -> UNet:
        """The folded U-Net itself, as scripts that *Look inside* wrote ask for it."""
        return self.features.backbone

    @property
    def version(self) -> int:
        """Counted by whoever trains: the window, the command line, ``Segmenter``."""
        return self.provenance.version

    @property
    def channels(self) -> int:
        """How many channels an image must have."""
        return self.features.channels

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """What the answers mean, in the order of their columns; empty before the first strokes."""
        return self.instant.classes

    @property
    def feature_sources(self) -> tuple[FeatureSource, ...]:
        """Where the head's features come from; the classical filters last in every level."""
        features = self.features
        own = own_sources(self.name, features.backbone, features.recipe)
        return (*features.sources, *own)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that decides its answers (16 hex digits); the same after saving and loading.

        Names and colours of classes, the version and the record do not count.
        """
        features, instant, network = self.features, self.instant, self.speaking
        said = {
            "recipe": features.recipe.to_dict(),
            "channels": features.channels,
            "sources": [source.fingerprint for source in features.sources],
            "alone": features.alone,
            "classes": self.class_values,
            "prior": instant.prior,
            "network": [network.classes, network.weight] if network else [],
            "own range": features.scale is None,
        }
        if features.scale is not None:
            said["range"] = features.scale.to_dict()
        hasher = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
        hasher.update(network_fingerprint(features.backbone).encode())
        if network is not None:
            hasher.update(network_fingerprint(network.net).encode())
        if instant.head is not None:
            for tensor in (instant.head.weight, instant.head.bias):
                hasher.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        if instant.forest is not None:
            hasher.update(instant.forest.grown_from())
        return hasher.hexdigest()[:16]

    @property
    def identity(self) -> str:
        """What a result can be traced back to: name, version and :attr:`fingerprint`."""
        return f"{self.name} v{self.provenance.version} {self.fingerprint}"

    def same_network(self, other: PixelModel) -> bool:
        """Whether the fine-tuned network says the same in both, or is silent in both."""
        one, two = self.speaking, other.speaking
        if one is None or two is None:
            return one is two
        if one.weight != two.weight:
            return False
        return one.net is two.net or network_fingerprint(one.net) == network_fingerprint(two.net)

    @property
    def voices(self) -> dict[str, LearnedPixels | None]:
        """The voices that speak, by fingerprint, with what each has learned from if it is known."""
        heard: dict[str, LearnedPixels | None] = {}
        head = self.instant.head
        if head is not None and self.network_weight < 1:
            hasher = hashlib.sha256()
            for tensor in (head.weight, head.bias):
                hasher.update(tensor.detach().cpu().contiguous().numpy().tobytes())
            heard[f"head {hasher.hexdigest()[:16]}"] = self.instant.learned
        network = self.speaking
        if network is not None:
            heard[f"network {network_fingerprint(network.net)[:16]}"] = network.learned
        return heard

    @property
    def class_values(self) -> tuple[int, ...]:
        """The label values of the classes, in column order."""
        return tuple(c.value for c in self.classes)

    @property
    def can_answer(self) -> bool:
        """Whether any voice is there."""
        return bool(self.classes) and (self.instant.head is not None or self.speaking is not None)

    def network_of(self, values: Sequence[int]) -> TunedNetwork | None:
        """The fine-tuned network where it answers exactly these classes."""
        network = self.network
        return network if network is not None and network.classes == tuple(values) else None

    @property
    def speaking(self) -> TunedNetwork | None:
        """The fine-tuned network where it has a share for exactly the model's classes."""
        network = self.network_of(self.class_values)
        return network if network is not None and network.weight > 0 else None

    @property
    def network_weight(self) -> float:
        """The fine-tuned network's part in the answer; 0 where there is none."""
        return self.network.weight if self.network is not None else 0.0

    def for_channels(self, channels: int) -> PixelModel:
        """This model for ``channels`` channels, where nothing learned stands against it."""
        if channels == self.channels:
            return self
        if self.instant.head is not None or self.network is not None:
            raise ModelError(
                f"this model was trained on images of {self.channels} channel(s) and the image has "
                f"{channels}; start from a bundled model, or use images of the same kind."
            )
        backbone = adapt_input_channels(self.features.backbone, channels)
        return self.with_features(channels=channels, backbone=backbone)

    def with_head_of(self, other: PixelModel) -> PixelModel:
        """This model's network with ``other``'s instant voice and what that stands on."""
        scale = other.features.normalisation or self.features.normalisation
        joined = other.with_features(normalisation=scale)
        return replace(self, features=joined.features, instant=joined.instant)

    def with_network_of(self, other: PixelModel) -> PixelModel:
        """This model's instant voice with ``other``'s fine-tuned network and its share."""
        told = other.provenance
        joined = self.with_provenance(
            partition=told.partition, record=told.record, familiar=told.familiar
        )
        return replace(joined, network=other.network)

    def with_network(self, net: UNet, weight: float) -> PixelModel:
        """This model with a fine-tuned network of its classes, of so much weight."""
        return replace(self, network=TunedNetwork(net, self.class_values, weight))

    def without_network(self) -> PixelModel:
        """This model before any training: with its instant voice alone."""
        forgotten = self.with_provenance(partition=None, record={})
        return replace(forgotten, network=None)

    def with_features(self, **changes: Any) -> PixelModel:
        """This model with these fields of its features."""
        return replace(self, features=replace(self.features, **changes))

    def with_instant(self, **changes: Any) -> PixelModel:
        """This model with these fields of its instant voice."""
        return replace(self, instant=replace(self.instant, **changes))

    def with_provenance(self, **changes: Any) -> PixelModel:
        """This model with these fields of its provenance."""
        return replace(self, provenance=replace(self.provenance, **changes))

    def check_image(self, image: Micrograph) -> None:
        """Refuse an image this model cannot answer, naming what differs."""
        if not self.can_answer:
            raise ModelError(
                "this model has not learned any classes yet; paint strokes of two classes first."
            )
        if image.channels != self.channels:
            grey = " (colour to grey in Fiji: Image ▸ Type ▸ 8-bit)" if self.channels == 1 else ""
            if self.channels == 1 and image.channels > 1 and not image.is_rgb:
                grey = ", or take one of its channels (--channel 0)"
            raise ModelError(
                f"this model was trained on images of {self.channels} channel(s); "
                f"{image.name or 'the image'} has {image.channels}. Convert it first{grey}, or use "
                "a model that was trained on such images."
            )


def as_seen(model: PixelModel, image: Micrograph) -> Micrograph:
    """``image`` as ``model`` takes it: colour whose channels are all the same is grey to it.

    Raises
    ------
    ModelError
        If the model cannot answer the image.
    """
    if model.channels == 1 and image.channels == 3:
        image = as_grey(image)
    model.check_image(image)
    return image
