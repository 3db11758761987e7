"""A model to a file and back: what the manifest says, and what is checked on the way in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import unetscope
from unetscope.errors import ModelError, ModelFileError
from unetscope.images.micrograph import as_micrograph
from unetscope.images.normalisation import Normalisation
from unetscope.learning.classes import LabelClass
from unetscope.learning.features import Recipe, classical_count
from unetscope.learning.forest import PixelForest
from unetscope.learning.pixel_model import PixelModel, RidgeHead
from unetscope.learning.placement import settled
from unetscope.learning.prediction import PredictOptions, predict_probabilities
from unetscope.learning.sources.catalogue import open_backbone
from unetscope.learning.sources.source import feature_columns
from unetscope.learning.sources.timm_backbone import PREFIX, BackboneOptions, TimmBackbone
from unetscope.network.catalogue import load_bundled, resolve_name
from unetscope.network.model_file import load_model_file, save_model_file
from unetscope.network.unet import UNet, UNetConfig, initialise

_KIND = "pixel model"
_CHECK_PX = 64
_CHECK_TOLERANCE = 1e-4
# A transformer rounds differently from machine to machine; its weights are compared by their hash.
_CHECK_TOLERANCE_OTHERS = 1e-3


def start_model(
    name: str | None = "general",
    *,
    device: str = "cpu",
    channels: int = 1,
    seed: int = 0,
    allow_download: bool = False,
) -> PixelModel:
    """A model that has learned no classes yet.

    Parameters
    ----------
    name : of bundled weights; ``"timm:"`` and a pretrained timm model for the default ones with
        that backbone beside them; None for random weights.
    allow_download : fetch a backbone's weights that are not on this computer.

    Raises
    ------
    ModelError
        If there are no such weights, or timm is missing.
    """
    if name is None:
        net = initialise(UNet(UNetConfig(norm="none")), seed)
        model = PixelModel("random", settled(net), Recipe(), seed=seed)
        return model.for_channels(channels)
    sources: tuple[TimmBackbone, ...] = ()
    if name.startswith(PREFIX):
        sources, name = (open_backbone(name, allow_download=allow_download),), "general"
    resolved = resolve_name(name)
    bundled, manifest = load_bundled(resolved)
    recipe = Recipe.from_dict(manifest["recipe"])
    model = PixelModel(resolved, settled(bundled), recipe, sources=sources, seed=seed)
    return model.for_channels(channels)


def save_model(model: PixelModel, path: str | Path) -> str:
    """Write ``model`` to one ``.unetscope`` file and return its SHA-256.

    A picture of noise and the model's answer to it travel along; loading must reproduce it.
    """
    if not model.can_answer:
        raise ModelError("this model has learned no classes yet; train it before saving it.")
    tensors = _tensors_of(model)
    tensors["check.image"] = _check_image(model)
    tensors["check.answer"] = _answer_to(model, tensors["check.image"])
    return save_model_file(path, _manifest_of(model), tensors)


def load_model(path: str | Path, *, allow_download: bool = False) -> PixelModel:
    """Read a model file; anything that does not fit together is a :class:`ModelFileError`.

    Parameters
    ----------
    allow_download : fetch the weights of a backbone it needs that are not on this computer.
    """
    loaded = load_model_file(path)
    manifest, tensors = loaded.manifest, loaded.tensors
    if manifest.get("kind") != _KIND:
        raise ModelFileError(
            f"{Path(path).name} holds {manifest.get('kind', 'something else')!r}, not a trained "
            "model; choose a file that was saved with Save model."
        )
    try:
        model = _model_of(manifest, tensors, allow_download=allow_download)
        _check_fit(model, tensors)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{Path(path).name} does not fit together: {error}") from error
    model = replace(model, parent=loaded.sha256)
    answer = _answer_to(model, tensors["check.image"])
    gap = float((answer - tensors["check.answer"]).abs().max())
    if not gap <= (_CHECK_TOLERANCE_OTHERS if model.sources else _CHECK_TOLERANCE):
        raise ModelFileError(
            f"{Path(path).name} answers its test image differently here (by {gap:.2g}); it was "
            f"saved with {manifest.get('versions')}."
        )
    return model


def _manifest_of(model: PixelModel) -> dict[str, Any]:
    return {
        "kind": _KIND,
        "name": model.name,
        "architecture": {
            "backbone": model.backbone.config.to_dict(),
            "network": model.network.config.to_dict() if model.network else None,
        },
        "sources": [
            {
                "spec": source.name,
                "options": asdict(source.options),
                "fingerprint": source.fingerprint,
                "licence": source.licence_note,
            }
            for source in model.sources
        ],
        "alone": model.alone,
        "recipe": model.recipe.to_dict(),
        "channels": model.channels,
        "classes": [{"value": c.value, "name": c.name, "color": c.color} for c in model.classes],
        "prior": list(model.prior),
        "network_classes": list(model.network_classes),
        "network_weight": model.network_weight,
        "own_normalisation": model.own_normalisation,
        "normalisation": model.normalisation.to_dict() if model.normalisation else None,
        "pixel_size": list(model.pixel_size) if model.pixel_size else None,
        "unit": model.unit,
        "seed": model.seed,
        "forest_seed": model.forest.seed if model.forest else None,
        "version": model.version,
        "parent": model.parent,
        "record": dict(model.record),
        "versions": {"unetscope": unetscope.__version__, "torch": str(torch.__version__)},
    }


def _tensors_of(model: PixelModel) -> dict[str, Tensor]:
    tensors = {f"backbone.{k}": v for k, v in model.backbone.state_dict().items()}
    for index, source in enumerate(model.sources):  # its own weights stay where they are
        tensors |= {f"source.{index}.{k}": v for k, v in source.state().items()}
    if model.network is not None:
        tensors |= {f"network.{k}": v for k, v in model.network.state_dict().items()}
    if model.head is not None:
        tensors |= {"head.weight": model.head.weight, "head.bias": model.head.bias}
    if model.forest is not None:
        tensors["forest.rows"] = torch.from_numpy(np.ascontiguousarray(model.forest.rows))
        tensors["forest.targets"] = torch.from_numpy(model.forest.targets.astype(np.int64))
    return tensors


def _model_of(
    manifest: Mapping[str, Any], tensors: Mapping[str, Tensor], *, allow_download: bool
) -> PixelModel:
    architecture = manifest["architecture"]
    backbone = _network_of("backbone", architecture["backbone"], tensors)
    network = None
    if architecture["network"] is not None:
        network = _network_of("network", architecture["network"], tensors)
    classes = tuple(
        LabelClass(int(c["value"]), str(c["name"]), str(c["color"])) for c in manifest["classes"]
    )
    channels = int(manifest["channels"])
    stored_sources = manifest.get("sources", [])  # earlier releases know none
    _check_keys(tensors, has_network=network is not None, sources=len(stored_sources))
    forest = None
    if "forest.rows" in tensors:
        forest = PixelForest(
            tensors["forest.rows"].numpy(),
            tensors["forest.targets"].numpy(),
            int(manifest["forest_seed"]),
        )
    stored = manifest["normalisation"]
    model = PixelModel(
        name=str(manifest["name"]),
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
        unit=manifest["unit"],
        seed=int(manifest["seed"]),
        version=int(manifest["version"]),
        record=dict(manifest["record"]),
    )
    return replace(model, head=_head_of(model, tensors))


def _head_of(model: PixelModel, tensors: Mapping[str, Tensor]) -> RidgeHead | None:
    if "head.weight" not in tensors:
        return None
    features = len(feature_columns(model.feature_sources, model.channels))
    shape = (features, len(model.classes))
    return RidgeHead(
        _shaped(tensors, "head.weight", shape), _shaped(tensors, "head.bias", shape[1:])
    )


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
    known = {"head.weight", "head.bias", "forest.rows", "forest.targets"}
    known |= {"check.image", "check.answer"}
    parts = ("backbone.", *(f"source.{index}." for index in range(sources)))
    parts += ("network.",) if has_network else ()
    foreign = [k for k in tensors if k not in known and not k.startswith(parts)]
    if foreign:
        raise ModelFileError(f"the file holds foreign tensors {foreign[:3]}.")
    missing = {"check.image", "check.answer"} - set(tensors)
    if missing:
        raise ModelFileError(f"the file lacks {sorted(missing)}.")


def _check_fit(model: PixelModel, tensors: Mapping[str, Tensor]) -> None:
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
        _shaped(tensors, "forest.rows", (len(targets), columns))
        if not np.array_equal(np.unique(targets), np.arange(count)) or rows.dtype != np.float32:
            raise ModelFileError("the forest was not grown for these classes.")
    _shaped(tensors, "check.image", (model.channels, _CHECK_PX, _CHECK_PX))
    _shaped(tensors, "check.answer", (count, _CHECK_PX, _CHECK_PX))


def _shaped(tensors: Mapping[str, Tensor], key: str, shape: tuple[int, ...]) -> Tensor:
    tensor = tensors[key]
    if tuple(tensor.shape) != tuple(shape):
        raise ModelFileError(f"{key} has shape {tuple(tensor.shape)}, expected {tuple(shape)}.")
    return tensor


def _check_image(model: PixelModel) -> Tensor:
    generator = torch.Generator().manual_seed(model.seed)
    return torch.rand((model.channels, _CHECK_PX, _CHECK_PX), generator=generator)


def _answer_to(model: PixelModel, image: Tensor) -> Tensor:
    micrograph = as_micrograph(image.numpy(), axes="cyx")
    chance = predict_probabilities(model, micrograph, PredictOptions(device="cpu"))
    return torch.from_numpy(chance)
