"""The parts of a model file that have tensors: networks, sources, head and forest.

What a part would allocate is counted from what the manifest says, and compared with what the file
holds, before any tensor is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from unetscope.computing.machine import settled
from unetscope.errors import ModelError, ModelFileError
from unetscope.learning.familiar import MOST_IMAGES, MOST_VECTORS, TRAITS, Familiar, vector_size
from unetscope.learning.forest import PixelForest
from unetscope.learning.head import Head, InstantVoice
from unetscope.learning.manifest import (
    MAX_SEED,
    Manifest,
    listed,
    mapping,
    needed,
    text,
    values_of,
    whole,
    whole_numbers,
)
from unetscope.learning.pixel_model import ModelFeatures, PixelModel, Provenance, TunedNetwork
from unetscope.learning.recipe import Recipe
from unetscope.learning.sources.bundled import own_sources, tap_names
from unetscope.learning.sources.catalogue import kind_of, open_source
from unetscope.learning.sources.classical import classical_count
from unetscope.learning.sources.source import FeatureSource, feature_columns
from unetscope.network.model_file import StoredTensor, shown
from unetscope.network.unet import UNet, UNetConfig

CHECK_PX = 64  # side of the picture that every file answers
MAX_PARAMETERS = 100_000_000  # three times those of the U-Net of 2015
_MOST_FOREST_ROWS = 200_000

_FLOATS = ("F32", "F16")
_SINGLE = {"head.weight", "head.bias", "forest.rows", "forest.targets", "forest.weights"}
_SINGLE |= {"check.image", "check.answer"}
_FAMILIAR = {"familiar.crops", "familiar.image", "familiar.raw"}
_SINGLE |= _FAMILIAR

Stored = Mapping[str, StoredTensor]
_Tensor = TypeVar("_Tensor", StoredTensor, Tensor)


def parts_of(model: PixelModel) -> dict[str, Any]:
    """What the manifest says of the parts."""
    forest, network = model.instant.forest, model.network
    return {
        "architecture": {
            "backbone": model.features.backbone.config.to_dict(),
            "network": network.net.config.to_dict() if network else None,
        },
        "sources": [
            {
                "spec": source.name,
                "options": source.options(),
                "fingerprint": source.fingerprint,
                "licence": source.licence_note,
            }
            for source in model.features.sources
        ],
        "forest_seed": forest.seed if forest else None,
        "familiar": [
            {"key": key, "kind": kind} for key, kind in zip(known.keys, known.kinds, strict=True)
        ]
        if (known := model.provenance.familiar)
        else [],
    }


def tensors_of(model: PixelModel) -> dict[str, Tensor]:
    """The tensors of the parts, by name; an added backbone's own weights stay where they are."""
    states = {"backbone": model.features.backbone.state_dict()}
    states |= {f"source.{i}": source.state() for i, source in enumerate(model.features.sources)}
    if model.network is not None:
        states["network"] = model.network.net.state_dict()
    tensors = {f"{part}.{name}": t for part, state in states.items() for name, t in state.items()}
    head, forest = model.instant.head, model.instant.forest
    if head is not None:
        tensors |= {"head.weight": head.weight, "head.bias": head.bias}
    if forest is not None:
        tensors["forest.rows"] = torch.from_numpy(np.ascontiguousarray(forest.rows))
        tensors["forest.targets"] = torch.from_numpy(forest.targets.astype(np.int64))
        if forest.weights is not None:
            tensors["forest.weights"] = torch.from_numpy(forest.weights)
    if (known := model.provenance.familiar) is not None and known.keys:
        tensors["familiar.crops"] = torch.from_numpy(known.crops)
        tensors["familiar.image"] = torch.from_numpy(known.image_of)
        tensors["familiar.raw"] = torch.from_numpy(known.raw.astype(np.float32))
    return tensors


def check_parts(manifest: Manifest, stored: Stored) -> None:
    """Refuse values and parts that no saved model has.

    Raises
    ------
    ModelFileError
        With the value and what it must be.
    """
    values_of(manifest)
    architecture = mapping(needed(manifest, "architecture"), "the architecture")
    backbone = _checked_network(architecture, "backbone", manifest["channels"], stored)
    learned, network = manifest["network_classes"], None
    if needed(architecture, "network") is not None:
        network = _checked_network(architecture, "network", manifest["channels"], stored)
        if network.config.classes != len(learned):
            raise ModelFileError(f"the network does not answer the classes {shown(learned)}.")
    elif learned:
        raise ModelFileError("classes of a network are named, but there is no network.")
    sources = listed(manifest.get("sources", []), "sources")  # earlier releases know none
    for entry in sources:
        _check_source(mapping(entry, "a source"))
    if needed(manifest, "forest_seed") is not None or "forest.rows" in stored:
        whole(manifest["forest_seed"], 0, MAX_SEED, "seed of the forest")
    _check_gains(manifest["recipe"], len(tap_names(backbone)))
    _check_names(stored, has_network=network is not None, sources=len(sources))
    _check_shapes(manifest, stored, backbone)
    _check_familiar(manifest, stored, backbone)


def model_of(
    manifest: Manifest, tensors: Mapping[str, Tensor], *, allow_download: bool
) -> PixelModel:
    """What manifest and tensors describe, once they have been checked.

    Raises
    ------
    ModelFileError
        Where parts are whole each but do not belong together.
    """
    values, architecture = values_of(manifest), manifest["architecture"]
    network = None
    if architecture["network"] is not None:
        net = _network_of("network", architecture["network"], tensors)
        network = TunedNetwork(net, **values["network"])
    sources = tuple(
        _source_of(
            entry,
            _part(tensors, f"source.{index}"),
            int(manifest["channels"]),
            allow_download=allow_download,
        )
        for index, entry in enumerate(manifest.get("sources", []))
    )
    backbone = _network_of("backbone", architecture["backbone"], tensors)
    features = ModelFeatures(backbone, sources=sources, **values["features"])
    instant = InstantVoice(**values["instant"], forest=_forest_of(manifest, tensors))
    provenance = Provenance(**values["provenance"], familiar=_familiar_of(manifest, tensors))
    model = PixelModel(features, provenance, instant, network)
    model = model.with_instant(head=_head_of(model, tensors))
    if not model.can_answer:
        raise ModelFileError(f"nothing in the file answers the classes {model.class_values}.")
    return model


def _checked_network(
    architecture: Mapping[str, Any], part: str, channels: int, stored: Stored
) -> UNet:
    """The network without memory; its tensors must be those of the file."""
    config = mapping(needed(architecture, part), f"the {part}")
    widths = whole_numbers(needed(config, "widths"), 1, 4096, f"widths of the {part}")
    for name in ("ndim", "in_channels", "classes"):
        whole(needed(config, name), 1, 4096, f"{name} of the {part}")
    for name in ("upsampling", "norm"):
        text(needed(config, name), f"{name} of the {part}", 32)
    made = UNetConfig.from_dict({**config, "widths": widths})
    if (made.ndim, made.in_channels) != (2, channels):
        raise ModelFileError(f"the {part} is not for {channels} channel(s) in 2D.")
    with torch.device("meta"):
        net = UNet(made)
    parameters = sum(parameter.numel() for parameter in net.parameters())
    if parameters > MAX_PARAMETERS:
        raise ModelFileError(
            f"the {part} has {parameters:,} parameters; at most {MAX_PARAMETERS:,} are read."
        )
    expected, own = net.state_dict(), set(_part(stored, part))
    if own != set(expected):
        missing, extra = sorted(set(expected) - own), sorted(own - set(expected))
        raise ModelFileError(
            f"the {part} lacks {shown(missing[:3])} and has foreign {shown(extra[:3])}."
        )
    for name, tensor in expected.items():
        # Folded networks have floats only; counters of batch normalisation are whole.
        dtypes = _FLOATS if tensor.is_floating_point() else ("I64",)
        _check_tensor(stored, f"{part}.{name}", tuple(tensor.shape), dtypes)
    return net


def _network_of(part: str, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> UNet:
    net = UNet(UNetConfig.from_dict(dict(config)))
    net.load_state_dict({k: v.to(torch.float32) for k, v in _part(tensors, part).items()})
    return settled(net)


def _check_source(entry: Mapping[str, Any]) -> None:
    kind = kind_of(text(needed(entry, "spec"), "a source", 200))
    if kind is None or not kind.added:
        raise ModelFileError(
            f"the source {shown(entry['spec'])} is not known; import the file that registers it."
        )
    text(needed(entry, "fingerprint"), "fingerprint of a source", 200)
    kind.check(mapping(needed(entry, "options"), "options of a source"))


def _source_of(
    entry: Mapping[str, Any], state: Mapping[str, Tensor], channels: int, *, allow_download: bool
) -> FeatureSource:
    """The source from this computer; a model file alone never starts a download."""
    spec = str(entry["spec"])
    try:
        source = open_source(
            spec,
            channels=channels,
            options=entry["options"],
            state=state,
            allow_download=allow_download,
        )
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


def _head_of(model: PixelModel, tensors: Mapping[str, Tensor]) -> Head | None:
    if "head.weight" not in tensors:
        return None
    head = Head(tensors["head.weight"], tensors["head.bias"])
    features = len(feature_columns(model.feature_sources, model.channels))
    if len(head.weight) != features:  # what a source gives is only known once it is open
        raise ModelFileError(f"the head is for {len(head.weight)} features, not for {features}.")
    return head


def _forest_of(manifest: Manifest, tensors: Mapping[str, Tensor]) -> PixelForest | None:
    if "forest.rows" not in tensors:
        return None
    targets, weights = tensors["forest.targets"].numpy(), tensors.get("forest.weights")
    if not np.array_equal(np.unique(targets), np.arange(len(manifest["classes"]))):
        raise ModelFileError("the forest was not grown for these classes.")
    if weights is not None and not (weights.isfinite() & (weights > 0)).all():
        raise ModelFileError(f"votes of the forest cannot weigh {weights.tolist()}.")
    votes = None if weights is None else weights.numpy()  # earlier releases have none
    seed = manifest["forest_seed"]
    return PixelForest(tensors["forest.rows"].numpy(), targets, seed, weights=votes)


def _familiar_of(manifest: Manifest, tensors: Mapping[str, Tensor]) -> Familiar | None:
    told = manifest.get("familiar", [])
    if not told:
        return None
    crops, image_of, raw = (
        tensors[f"familiar.{part}"].numpy() for part in ("crops", "image", "raw")
    )
    if not (np.isfinite(crops).all() and np.isfinite(raw).all()):
        raise ModelFileError("numbers of training images are not finite.")
    if not np.array_equal(np.unique(image_of), np.arange(len(told))):
        raise ModelFileError("crops of training images do not belong to these images.")
    kinds, keys = (tuple(str(one[part]) for one in told) for part in ("kind", "key"))
    return Familiar(crops, image_of, raw.astype(np.float64), kinds, keys)


def _check_familiar(manifest: Manifest, stored: Stored, backbone: UNet) -> None:
    """What is kept of the training images; files of earlier releases have nothing of it."""
    told = listed(manifest.get("familiar", []), "training images")
    whole(len(told), 0, MOST_IMAGES, "number of training images")
    for one in told:
        text(needed(mapping(one, "a training image"), "key"), "key of a training image", 32)
        text(needed(one, "kind"), "dtype of a training image", 32)
    if not told:
        if any(name in stored for name in _FAMILIAR):
            raise ModelFileError("crops of training images are there, but no images are named.")
        return
    crops = (*_shape(stored, "familiar.crops"), 0)[0]
    whole(crops, len(told), MOST_VECTORS, "crops of training images")
    _check_tensor(stored, "familiar.crops", (crops, vector_size(backbone)), ("F16",))
    _check_tensor(stored, "familiar.image", (crops,), ("I64",))
    _check_tensor(stored, "familiar.raw", (len(told), TRAITS))


def _check_gains(recipe: Mapping[str, Any], taps: int) -> None:
    for name, wanted in (("tap_gain", (taps,)), ("context_gain", (0, taps))):
        gains = recipe.get(name, [])
        if len(gains) not in wanted:
            raise ModelFileError(f"{name} {shown(gains)} does not go with {taps} taps.")


def _check_names(stored: Stored, *, has_network: bool, sources: int) -> None:
    parts = ("backbone.", *(f"source.{index}." for index in range(sources)))
    parts += ("network.",) if has_network else ()
    foreign = [name for name in stored if name not in _SINGLE and not name.startswith(parts)]
    if foreign:
        raise ModelFileError(f"the file holds foreign tensors {shown(foreign[:3])}.")


def _check_shapes(manifest: Manifest, stored: Stored, backbone: UNet) -> None:
    """The tensors beside the networks: those of head, forest and check."""
    count, channels = len(manifest["classes"]), manifest["channels"]
    recipe = Recipe.from_dict(manifest["recipe"])
    if "head.weight" in stored or "head.bias" in stored:
        features = len(feature_columns(own_sources("", backbone, recipe), channels))
        shape = _shape(stored, "head.weight")
        if manifest.get("sources") and len(shape) == 2:
            features = max(features, shape[0])
        _check_tensor(stored, "head.weight", (features, count))
        _check_tensor(stored, "head.bias", (count,))
    if "forest.rows" in stored or "forest.targets" in stored:
        rows = (*_shape(stored, "forest.targets"), 0)[0]
        whole(rows, 1, _MOST_FOREST_ROWS, "rows of the forest")
        _check_tensor(stored, "forest.rows", (rows, classical_count(channels, recipe.strides)))
        _check_tensor(stored, "forest.targets", (rows,), ("I64",))
    if "forest.weights" in stored:
        _check_tensor(stored, "forest.weights", (count,))
    _check_tensor(stored, "check.image", (channels, CHECK_PX, CHECK_PX))
    _check_tensor(stored, "check.answer", (count, CHECK_PX, CHECK_PX))


def _shape(stored: Stored, name: str) -> tuple[int, ...]:
    """The shape of a tensor that must be there."""
    if name not in stored:
        raise ModelFileError(f"the file lacks {name}.")
    return stored[name].shape


def _check_tensor(
    stored: Stored, name: str, shape: Sequence[int], dtypes: Sequence[str] = ("F32",)
) -> None:
    have = _shape(stored, name)
    if have != tuple(shape):
        raise ModelFileError(f"{name} has shape {have}, expected {tuple(shape)}.")
    if stored[name].dtype not in dtypes:
        raise ModelFileError(f"{name} is {stored[name].dtype}, expected {' or '.join(dtypes)}.")


def _part(tensors: Mapping[str, _Tensor], name: str) -> dict[str, _Tensor]:
    """The tensors whose names begin with ``name`` and a dot, by the rest of their names."""
    prefix = f"{name}."
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
