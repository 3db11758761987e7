"""The model that answers: an unchanging snapshot of everything a prediction needs.

Two voices can speak for every pixel. The *instant* one is the ridge head on frozen features,
averaged with the forest where that is ready. The *network* is the fine-tuned U-Net; its share
(``network_weight``) is what held-back strokes say it deserves, zero before training.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from unetscope.computing.ready import Engine, asked_in, ready
from unetscope.errors import ModelError
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import Normalisation
from unetscope.learning.features import Levels, Recipe, classical_image
from unetscope.learning.forest import PixelForest
from unetscope.learning.head import Head, tempered, voiced
from unetscope.learning.partition import Partition
from unetscope.learning.samples import as_grey
from unetscope.learning.sources.bundled import UNetTaps
from unetscope.learning.sources.classical import ClassicalFilters
from unetscope.learning.sources.source import FeatureSource
from unetscope.network.channels import adapt_input_channels
from unetscope.network.fingerprint import network_fingerprint
from unetscope.network.unet import UNet

if TYPE_CHECKING:
    from unetscope.learning.sources.timm_backbone import TimmBackbone


@dataclass(frozen=True, eq=False)
class PixelModel:
    """A model as it is at one moment; training makes new ones.

    Attributes
    ----------
    name : of the weights it started from, e.g. ``"general-fast"``.
    backbone : the folded U-Net whose frozen maps feed the head, for ``channels`` channels.
    recipe : gains and penalties that belong to the backbone.
    sources : backbones of others whose maps feed the head as well.
    alone : the head stands on ``sources`` only; the forest keeps its classical filters.
    prior : weight of every class in the instant voice. Strokes say nothing about how frequent a
        class is (everybody paints as much crack as steel); the shares on the labelled images do.
    classes : what the answers mean, in the order of their columns; empty before the first strokes.
    network : the fine-tuned U-Net, one output per class of ``network_classes``.
    own_normalisation : each image by its own percentiles (the default), or all by
        ``normalisation``, the range of the images it learned from.
    partition : what the network learned from and what was held back; not written to files.
    record : what training wrote down (JSON values), for the model file.
    """

    name: str
    backbone: UNet
    recipe: Recipe
    channels: int = 1
    sources: tuple[TimmBackbone, ...] = ()
    alone: bool = False
    classes: tuple[LabelClass, ...] = ()
    head: Head | None = None
    prior: tuple[float, ...] = ()
    forest: PixelForest | None = None
    network: UNet | None = None
    network_classes: tuple[int, ...] = ()
    network_weight: float = 0.0
    own_normalisation: bool = True
    normalisation: Normalisation | None = None
    pixel_size: tuple[float, ...] | None = None
    unit: str | None = None
    seed: int = 0
    version: int = 0
    parent: str | None = None
    partition: Partition | None = None
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def feature_sources(self) -> tuple[FeatureSource, ...]:
        """Where the head's features come from; the classical filters last in every level."""
        layout = self.recipe.layout
        own = UNetTaps(self.name, self.backbone, context=layout.context)
        return (*self.sources, own, ClassicalFilters(layout.strides))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that decides its answers (16 hex digits); the same after saving and loading.

        Names and colours of classes, the version and the record do not count.
        """
        said = {
            "recipe": self.recipe.to_dict(),
            "channels": self.channels,
            "sources": [source.fingerprint for source in self.sources],
            "alone": self.alone,
            "classes": self.class_values,
            "prior": self.prior,
            "network": [self.network_classes, self.network_weight] if self.network_speaks else [],
            "own range": self.own_normalisation or self.normalisation is None,
            "range": self.normalisation.to_dict() if self.normalisation else None,
        }
        if said["own range"]:
            del said["range"]
        hasher = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
        hasher.update(network_fingerprint(self.backbone).encode())
        if self.network is not None and self.network_speaks:
            hasher.update(network_fingerprint(self.network).encode())
        if self.head is not None:
            for tensor in (self.head.weight, self.head.bias):
                hasher.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        if self.forest is not None:
            hasher.update(self.forest.grown_from())
        return hasher.hexdigest()[:16]

    @property
    def identity(self) -> str:
        """What a result can be traced back to: name, version and :attr:`fingerprint`."""
        return f"{self.name} v{self.version} {self.fingerprint}"

    def same_network(self, other: PixelModel) -> bool:
        """Whether the fine-tuned network says the same in both, or is silent in both."""
        speaking = (self.network_speaks, other.network_speaks)
        if self.network is None or other.network is None or speaking != (True, True):
            return not any(speaking)
        if self.network_weight != other.network_weight:
            return False
        return self.network is other.network or (
            network_fingerprint(self.network) == network_fingerprint(other.network)
        )

    @property
    def class_values(self) -> tuple[int, ...]:
        """The label values of the classes, in column order."""
        return tuple(c.value for c in self.classes)

    @property
    def can_answer(self) -> bool:
        """Whether any voice is there."""
        return bool(self.classes) and (self.head is not None or self.network_speaks)

    @property
    def network_speaks(self) -> bool:
        """Whether the fine-tuned network has a share for exactly these classes."""
        return (
            self.network is not None
            and self.network_weight > 0
            and self.network_classes == self.class_values
        )

    def for_channels(self, channels: int) -> PixelModel:
        """This model for ``channels`` channels, where nothing learned stands against it."""
        if channels == self.channels:
            return self
        if self.head is not None or self.network is not None:
            raise ModelError(
                f"this model was trained on images of {self.channels} channel(s) and the image has "
                f"{channels}; start from a bundled model, or use images of the same kind."
            )
        return replace(
            self, channels=channels, backbone=adapt_input_channels(self.backbone, channels)
        )

    def with_head_of(self, other: PixelModel) -> PixelModel:
        """This model's network with ``other``'s instant voice (head, forest and classes)."""
        return replace(
            self,
            classes=other.classes,
            head=other.head,
            prior=other.prior,
            forest=other.forest,
            channels=other.channels,
            backbone=other.backbone,
            sources=other.sources,
            alone=other.alone,
            normalisation=other.normalisation or self.normalisation,
        )

    def with_network_of(self, other: PixelModel) -> PixelModel:
        """This model's instant voice with ``other``'s fine-tuned network and its share."""
        return replace(
            self,
            network=other.network,
            network_classes=other.network_classes,
            network_weight=other.network_weight,
            partition=other.partition,
            record=other.record,
        )

    def check_image(self, image: Micrograph) -> None:
        """Refuse an image this model cannot answer, naming what differs."""
        if not self.can_answer:
            raise ModelError(
                "this model has not learned any classes yet; paint strokes of two classes first."
            )
        if image.channels != self.channels:
            grey = " (colour to grey in Fiji: Image ▸ Type ▸ 8-bit)" if self.channels == 1 else ""
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


def probabilities(model: PixelModel, levels: Levels, logits: Tensor | None) -> Tensor:
    """Class probabilities (class, y, x) of one feature tile.

    ``levels`` feeds the instant voice; ``logits`` (class, y, x) are the fine-tuned network's, or
    None where it has no share.
    """
    parts: list[tuple[float, Tensor]] = []
    share = model.network_weight if logits is not None else 0.0
    if share < 1.0 and model.head is not None:
        parts.append((1.0 - share, instant_probabilities(model, levels)))
    if logits is not None:
        parts.append((share if parts else 1.0, logits.softmax(dim=0)))
    if not parts:
        raise ModelError("this model has neither a head nor a network that can answer.")
    nothing = torch.zeros((), device=parts[0][1].device)
    mixed = sum((weight * part for weight, part in parts), nothing)
    return tempered(mixed, model.recipe.temperature)


def instant_probabilities(model: PixelModel, levels: Levels) -> Tensor:
    """What head and forest say together: (class, y, x)."""
    assert model.head is not None
    said, votes = model.head.scores(levels), None
    if model.forest is not None:
        columns = classical_image(levels, model.channels, model.recipe.layout)  # (feature, y, x)
        rows = columns.flatten(1).t().cpu().contiguous().numpy()
        told = model.forest.probabilities(rows, threads=torch.get_num_threads())
        votes = torch.from_numpy(np.ascontiguousarray(told.T)).reshape(said.shape).to(said.device)
    return voiced(said, model.recipe, model.prior, votes)


def made_ready(model: PixelModel, device: str, engine: Engine) -> PixelModel:
    """``model`` with networks that answer as ``engine`` says.

    On a GPU they stay on the CPU, where an answer goes on when the GPU's memory runs out, and
    :func:`~unetscope.computing.ready.on_device` copies them as ``engine`` says.

    Raises
    ------
    ModelError
        If device and engine do not go together, or the engine is not there.
    """
    if device != "cpu" and engine.name == "openvino":
        raise ModelError(f"OpenVINO works on the CPU here, not on {device!r}: use device cpu.")
    if device.startswith("cuda"):
        return in_precision(model, engine.precision)
    if device != "cpu":
        return model
    network = model.network if model.network_speaks else None
    return replace(
        model,
        backbone=ready(model.backbone, device, engine),
        network=ready(network, device, engine) if network is not None else model.network,
    )


def in_precision(model: PixelModel, precision: str) -> PixelModel:
    """``model`` with the same networks, whose copies on any device answer in ``precision``."""
    network = model.network if model.network_speaks else None
    return replace(
        model,
        backbone=asked_in(model.backbone, precision),
        network=asked_in(network, precision) if network is not None else model.network,
    )
