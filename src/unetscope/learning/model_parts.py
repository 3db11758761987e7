"""A model from the parts of its file: each is checked, and that they belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unetscope.computing.ready import settled
from unetscope.errors import ModelError, ModelFileError
from unetscope.images.classes import harmless, harmless_class
from unetscope.images.normalisation import Normalisation
from unetscope.learning.features import Recipe, classical_count
from unetscope.learning.forest import PixelForest
from unetscope.learning.head import Head
from unetscope.learning.manifest import CHECK_PX
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.sources.catalogue import open_backbone
from unetscope.learning.sources.source import feature_columns
from unetscope.learning.sources.timm_backbone import BackboneOptions, TimmBackbone
from unetscope.network.unet import UNet, UNetConfig


def model_of(
    manifest: Mapping[str, Any], tensors: Mapping[str, Tensor], *, allow_download: bool
) -> PixelModel:
    """What manifest and tensors describe, once ``check_manifest`` has let them pass."""
    architecture = manifest["architecture"]
    backbone = _network_of("backbone", architecture["backbone"], tensors)
    network = None
    if architecture["network"] is not None:
        network = _network_of("network", architecture["network"], tensors)
    classes = tuple(harmless_class(c["value"], c["name"], c["color"]) for c in manifest["classes"])
    channels = int(manifest["channels"])
    stored_sources = manifest.get("sources", [])  # earlier releases know none
    _check_keys(tensors, has_network=network is not None, sources=len(stored_sources))
    forest = None
    if "forest.rows" in tensors:
        forest = PixelForest(
            tensors["forest.rows"].numpy(),
            tensors["forest.targets"].numpy(),
            int(manifest["forest_seed"]),
            weights=_weights_of(tensors),
        )
    stored = manifest["normalisation"]
    model = PixelModel(
        name=harmless(manifest["name"]),
        backbone=backbone,
        recipe=Recipe.from_dict(manifest["recipe"]),
        channels=channels,
        sources=tuple(
            _source_of(entry, _part(tensors, f"source.{index}"), allow_download=allow_download)
            for index, entry in enumerate(stored_sources)
        ),
        alone=bool(manifest.get("alone", False)),
        classes=classes,
        prior=tuple(float(w) for w in manifest["prior"]),
        forest=forest,
        network=network,
        network_classes=tuple(int(v) for v in manifest["network_classes"]),
        network_weight=float(manifest["network_weight"]),
        own_normalisation=bool(manifest["own_normalisation"]),
        normalisation=Normalisation.from_dict(stored) if stored else None,
        pixel_size=tuple(manifest["pixel_size"]) if manifest["pixel_size"] else None,
        unit=harmless(manifest["unit"]) if manifest["unit"] else None,
        seed=int(manifest["seed"]),
        version=int(manifest["version"]),
        record=dict(manifest["record"]),
    )
    return replace(model, head=_head_of(model, tensors))


def _weights_of(tensors: Mapping[str, Tensor]) -> np.ndarray | None:
    """Those of the forest's votes; files of earlier releases have none."""
    weights = tensors.get("forest.weights")
    return None if weights is None else weights.numpy()


def _head_of(model: PixelModel, tensors: Mapping[str, Tensor]) -> Head | None:
    if "head.weight" not in tensors:
        return None
    features = len(feature_columns(model.feature_sources, model.channels))
    shape = (features, len(model.classes))
    return Head(shaped(tensors, "head.weight", shape), shaped(tensors, "head.bias", shape[1:]))


def _source_of(
    entry: Mapping[str, Any], state: Mapping[str, Tensor], *, allow_download: bool
) -> TimmBackbone:
    """The backbone from this computer; a model file alone never starts a download."""
    spec, options = str(entry["spec"]), BackboneOptions(**entry["options"])
    try:
        source = open_backbone(spec, options=options, state=state, allow_download=allow_download)
    except ModelError as error:
        raise ModelFileError(f"this model stands on {spec} as well: {error}") from error
    if set(source.state()) != set(state):
        raise ModelFileError(f"the file holds {sorted(state)} of {spec}.")
    if source.fingerprint != entry["fingerprint"]:
        raise ModelFileError(
            f"the weights of {spec} on this computer are not those that the model learned with "
            f"({source.fingerprint} instead of {entry['fingerprint']})."
        )
    return source


def _part(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``name`` and a dot, by the rest of their names."""
    prefix = f"{name}."
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}


def _network_of(part: str, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> UNet:
    net = UNet(UNetConfig.from_dict(dict(config)))
    own = _part(tensors, part)
    expected = net.state_dict()
    if set(own) != set(expected):
        missing, extra = sorted(set(expected) - set(own)), sorted(set(own) - set(expected))
        raise ModelFileError(f"the {part} lacks {missing[:3]} and has foreign {extra[:3]}.")
    for key, tensor in own.items():
        if tensor.shape != expected[key].shape:
            have, want = tuple(tensor.shape), tuple(expected[key].shape)
            raise ModelFileError(f"{part}.{key} has shape {have}, expected {want}.")
    net.load_state_dict({k: v.to(torch.float32) for k, v in own.items()}, strict=True)
    return settled(net)


def _check_keys(tensors: Mapping[str, Tensor], *, has_network: bool, sources: int) -> None:
    known = {"head.weight", "head.bias", "forest.rows", "forest.targets", "forest.weights"}
    known |= {"check.image", "check.answer"}
    parts = ("backbone.", *(f"source.{index}." for index in range(sources)))
    parts += ("network.",) if has_network else ()
    foreign = [k for k in tensors if k not in known and not k.startswith(parts)]
    if foreign:
        raise ModelFileError(f"the file holds foreign tensors {foreign[:3]}.")
    missing = {"check.image", "check.answer"} - set(tensors)
    if missing:
        raise ModelFileError(f"the file lacks {sorted(missing)}.")


def check_fit(model: PixelModel, tensors: Mapping[str, Tensor]) -> None:
    """Refuse parts that are whole each but do not belong together."""
    count, values = len(model.classes), model.class_values
    for part, net in (("backbone", model.backbone), ("network", model.network)):
        if net is not None and (net.config.ndim, net.config.in_channels) != (2, model.channels):
            raise ModelFileError(f"the {part} is not for {model.channels} channel(s) in 2D.")
    if model.network is not None and model.network.config.classes != len(model.network_classes):
        raise ModelFileError(f"the network does not answer the classes {model.network_classes}.")
    if len(set(values)) != count or not model.can_answer:
        raise ModelFileError(f"nothing in the file answers the classes {values}.")
    if len(model.prior) not in (0, count) or not 0 <= model.network_weight <= 1:
        raise ModelFileError(f"prior {model.prior} or share {model.network_weight} is impossible.")
    if model.forest is not None:
        rows, targets = model.forest.rows, model.forest.targets
        columns = classical_count(model.channels, model.recipe.layout)
        shaped(tensors, "forest.rows", (len(targets), columns))
        if not np.array_equal(np.unique(targets), np.arange(count)) or rows.dtype != np.float32:
            raise ModelFileError("the forest was not grown for these classes.")
        if model.forest.weights is not None:
            weights = shaped(tensors, "forest.weights", (count,))
            if not (weights.isfinite() & (weights > 0)).all():
                raise ModelFileError(f"votes of the forest cannot weigh {weights.tolist()}.")
    shaped(tensors, "check.image", (model.channels, CHECK_PX, CHECK_PX))
    shaped(tensors, "check.answer", (count, CHECK_PX, CHECK_PX))


def shaped(tensors: Mapping[str, Tensor], key: str, shape: tuple[int, ...]) -> Tensor:
    """The tensor called ``key``, which must have this shape."""
    tensor = tensors[key]
    if tuple(tensor.shape) != tuple(shape):
        raise ModelFileError(f"{key} has shape {tuple(tensor.shape)}, expected {tuple(shape)}.")
    return tensor
