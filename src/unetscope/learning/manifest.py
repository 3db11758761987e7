"""What the manifest of a model file may say: types and ranges, and the tensors that belong to it.

Asked before any tensor is read and before a network is built, so that a forged file costs neither
memory nor time: what it would allocate is counted from what it says, and compared with what it
holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from unetscope.errors import ModelFileError
from unetscope.images.classes import MOST_CLASSES
from unetscope.images.normalisation import Normalisation
from unetscope.learning.classical import FILTERS
from unetscope.learning.features import Recipe, classical_count, feature_count, tap_names
from unetscope.learning.samples import MAX_LABEL
from unetscope.learning.sources.timm_backbone import PREFIX, BackboneOptions
from unetscope.network.model_file import StoredTensor, shown
from unetscope.network.unet import UNet, UNetConfig

CHECK_PX = 64  # side of the picture that every file answers
MAX_CHANNELS = 256
MAX_PARAMETERS = 100_000_000  # three times those of the U-Net of 2015
MAX_SEED = 2**32 - 1  # of scikit-learn's forests, which share it
_MOST_STRIDES, _FEWEST_STRIDES = 8, 4
_MOST_FOREST_ROWS = 200_000
_MOST_PASSES, _MOST_COMPONENTS, _COARSEST_PX = 8, 4096, 256
_MOST_LETTERS = 10_000
_LARGE = 1e6  # no gain, prior or penalty is anywhere near it
_FLOATS = ("F32", "F16")

Stored = Mapping[str, StoredTensor]


def check_manifest(manifest: Mapping[str, Any], stored: Stored) -> None:
    """Refuse what no saved model says, or what its tensors (by name) do not go with.

    Raises
    ------
    ModelFileError
        With the value and what it must be.
    """
    channels = whole(_of(manifest, "channels"), 1, MAX_CHANNELS, "channels")
    values = _classes(_of(manifest, "classes"))
    recipe = _of(manifest, "recipe")
    _check_small_values(manifest, channels, len(values))
    architecture = _mapping(_of(manifest, "architecture"), "the architecture")
    backbone = _network(architecture, "backbone", channels, stored)
    if _of(architecture, "network") is not None:
        network = _network(architecture, "network", channels, stored)
        learned = whole_numbers(
            _of(manifest, "network_classes"), 1, MAX_LABEL, "classes of the network"
        )
        if len(set(learned)) != len(learned) or network.config.classes != len(learned):
            raise ModelFileError(f"the network does not answer the classes {shown(learned)}.")
    elif manifest["network_classes"] != []:
        raise ModelFileError("classes of a network are named, but there is no network.")
    sources = manifest.get("sources", [])  # earlier releases know none
    _check_sources(sources)
    made = _recipe(recipe, len(tap_names(backbone)))
    _check_tensors(stored, len(values), channels, made, backbone, has_sources=bool(sources))


def whole(value: object, low: int, high: int, what: str) -> int:
    """``value`` where it is a whole number from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ModelFileError(f"{what}: {shown(value)} is no whole number from {low} to {high}.")
    return value


def number(value: object, low: float, high: float, what: str) -> float:
    """``value`` where it is a number from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ModelFileError(f"{what}: {shown(value)} is no number from {low:g} to {high:g}.")
    return float(value)


def whole_numbers(value: object, low: int, high: int, what: str) -> list[int]:
    """``value`` where it is a list of such whole numbers."""
    return [whole(one, low, high, what) for one in _list(value, what)]


def numbers(value: object, low: float, high: float, what: str) -> list[float]:
    """``value`` where it is a list of such numbers."""
    return [number(one, low, high, what) for one in _list(value, what)]


def network_shapes(config: UNetConfig) -> tuple[UNet, dict[str, tuple[int, ...]]]:
    """A network without memory, and the shapes of its tensors by name."""
    with torch.device("meta"):
        net = UNet(config)
    return net, {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}


def _check_small_values(manifest: Mapping[str, Any], channels: int, count: int) -> None:
    _text(_of(manifest, "name"), "the name", _MOST_LETTERS)
    prior = numbers(_of(manifest, "prior"), 1e-6, _LARGE, "prior")
    if len(prior) not in (0, count):
        raise ModelFileError(f"the prior has {len(prior)} values for {count} classes.")
    number(_of(manifest, "network_weight"), 0, 1, "the network's share")
    _flag(_of(manifest, "own_normalisation"), "own_normalisation")
    _flag(manifest.get("alone", False), "alone")
    whole(_of(manifest, "seed"), 0, MAX_SEED, "seed")
    if _of(manifest, "forest_seed") is not None:
        whole(manifest["forest_seed"], 0, MAX_SEED, "seed of the forest")
    whole(_of(manifest, "version"), 0, 10**9, "version")
    _mapping(_of(manifest, "record"), "the record")
    _check_scale(_of(manifest, "pixel_size"), _of(manifest, "unit"))
    _check_range(_of(manifest, "normalisation"), channels)


def _check_scale(sizes: object, unit: object) -> None:
    if sizes is not None and len(numbers(sizes, 1e-300, 1e300, "pixel size")) not in (2, 3):
        raise ModelFileError(f"the pixel size {shown(sizes)} is not that of two or three axes.")
    if unit is not None:
        _text(unit, "the unit", 32)


def _check_range(stored: object, channels: int) -> None:
    if stored is None:
        return
    record = _mapping(stored, "the grey range")
    low = numbers(_of(record, "low"), -1.8e308, 1.8e308, "grey range")
    high = numbers(_of(record, "high"), -1.8e308, 1.8e308, "grey range")
    if len(low) != channels or len(high) != channels:
        raise ModelFileError(f"the grey range is not one of {channels} channel(s).")
    Normalisation.from_dict(record)


def _classes(stored: object) -> list[int]:
    values: list[int] = []
    for entry in _list(stored, "classes"):
        one = _mapping(entry, "a class")
        values.append(whole(_of(one, "value"), 1, MAX_LABEL, "value of a class"))
        _text(_of(one, "name"), "name of a class", _MOST_LETTERS, least=0)
        _text(_of(one, "color"), "colour of a class", _MOST_LETTERS, least=0)
    if not 1 <= len(values) <= MOST_CLASSES or len(set(values)) != len(values):
        raise ModelFileError(
            f"{shown(values)} are not the values of 1 to {MOST_CLASSES} different classes."
        )
    return values


def _recipe(stored: object, taps: int) -> Recipe:
    values = _mapping(stored, "the head's recipe")
    rows = _list(_of(values, "classical_gain"), "gains of the filters")
    if not _FEWEST_STRIDES <= len(rows) <= _MOST_STRIDES:
        raise ModelFileError(f"the recipe has gains for {len(rows)} strides; 4 to 8 are known.")
    for row in rows:
        if len(numbers(row, -_LARGE, _LARGE, "gains of the filters")) != len(FILTERS):
            raise ModelFileError(f"{shown(row)} are not the gains of {len(FILTERS)} filters.")
    for name, wanted in (("tap_gain", (taps,)), ("context_gain", (0, taps))):
        gains = values.get("context_gain", []) if name == "context_gain" else _of(values, name)
        if len(numbers(gains, -_LARGE, _LARGE, name)) not in wanted:
            raise ModelFileError(f"{name} {shown(gains)} does not go with {taps} taps.")
    number(_of(values, "ridge"), 1e-9, _LARGE, "ridge")
    number(_of(values, "sharpness"), 1e-3, _LARGE, "sharpness")
    number(_of(values, "prior_strength"), 0, 10, "prior_strength")
    number(values.get("forest_share", 0.5), 0, 1, "forest_share")
    number(values.get("temperature", 1.0), 0.01, 100, "temperature")
    return Recipe.from_dict(values)


def _network(architecture: Mapping[str, Any], part: str, channels: int, stored: Stored) -> UNet:
    """The network without memory; its tensors must be those of the file."""
    config = _mapping(_of(architecture, part), f"the {part}")
    widths = whole_numbers(_of(config, "widths"), 1, 4096, f"widths of the {part}")
    for name in ("ndim", "in_channels", "classes"):
        whole(_of(config, name), 1, 4096, f"{name} of the {part}")
    for name in ("upsampling", "norm"):
        _text(_of(config, name), f"{name} of the {part}", 32)
    made = UNetConfig.from_dict({**config, "widths": widths})
    if (made.ndim, made.in_channels) != (2, channels):
        raise ModelFileError(f"the {part} is not for {channels} channel(s) in 2D.")
    net, expected = network_shapes(made)
    parameters = sum(parameter.numel() for parameter in net.parameters())
    if parameters > MAX_PARAMETERS:
        raise ModelFileError(
            f"the {part} has {parameters:,} parameters; at most {MAX_PARAMETERS:,} are read."
        )
    own = {name[len(part) + 1 :] for name in stored if name.startswith(f"{part}.")}
    if own != set(expected):
        missing, extra = sorted(set(expected) - own), sorted(own - set(expected))
        raise ModelFileError(
            f"the {part} lacks {shown(missing[:3])} and has foreign {shown(extra[:3])}."
        )
    for name, shape in expected.items():
        # Folded networks have floats only; counters of batch normalisation are whole.
        dtypes = _FLOATS if net.state_dict()[name].is_floating_point() else ("I64",)
        _check_tensor(stored, f"{part}.{name}", shape, dtypes)
    return net


def _check_sources(sources: object) -> None:
    for entry in _list(sources, "sources"):
        one = _mapping(entry, "a source")
        if not _text(_of(one, "spec"), "a source", 200).startswith(PREFIX):
            raise ModelFileError(f"the source {shown(one['spec'])} is not known.")
        _text(_of(one, "fingerprint"), "fingerprint of a source", 200)
        options = _mapping(_of(one, "options"), "options of a source")
        if set(options) != set(BackboneOptions.__dataclass_fields__):
            raise ModelFileError(f"a source has the options {shown(sorted(options))}.")
        whole(options["passes"], 1, _MOST_PASSES, "passes of a source")
        whole(options["components"], 1, _MOST_COMPONENTS, "components of a source")
        whole(options["coarsest_px"], 1, _COARSEST_PX, "coarsest_px of a source")


def _check_tensors(
    stored: Stored,
    count: int,
    channels: int,
    recipe: Recipe,
    backbone: UNet,
    *,
    has_sources: bool,
) -> None:
    """The tensors beside the networks: those of head, forest and check."""
    if "head.weight" in stored or "head.bias" in stored:
        features = feature_count(backbone, channels, recipe.layout)
        if has_sources and len(stored_shape(stored, "head.weight")) == 2:
            features = max(features, stored_shape(stored, "head.weight")[0])
        _check_tensor(stored, "head.weight", (features, count))
        _check_tensor(stored, "head.bias", (count,))
    if "forest.rows" in stored or "forest.targets" in stored:
        rows = (*stored_shape(stored, "forest.targets"), 0)[0]
        whole(rows, 1, _MOST_FOREST_ROWS, "rows of the forest")
        columns = classical_count(channels, recipe.layout)
        _check_tensor(stored, "forest.rows", (rows, columns))
        _check_tensor(stored, "forest.targets", (rows,), ("I64",))
    if "forest.weights" in stored:
        _check_tensor(stored, "forest.weights", (count,))
    _check_tensor(stored, "check.image", (channels, CHECK_PX, CHECK_PX))
    _check_tensor(stored, "check.answer", (count, CHECK_PX, CHECK_PX))


def stored_shape(stored: Stored, name: str) -> tuple[int, ...]:
    """The shape of a tensor that must be there."""
    if name not in stored:
        raise ModelFileError(f"the file lacks {name}.")
    return stored[name].shape


def _check_tensor(
    stored: Stored, name: str, shape: Sequence[int], dtypes: Sequence[str] = ("F32",)
) -> None:
    have = stored_shape(stored, name)
    if have != tuple(shape):
        raise ModelFileError(f"{name} has shape {have}, expected {tuple(shape)}.")
    if stored[name].dtype not in dtypes:
        raise ModelFileError(f"{name} is {stored[name].dtype}, expected {' or '.join(dtypes)}.")


def _of(values: Mapping[str, Any], name: str) -> Any:
    if name not in values:
        raise ModelFileError(f"{name} is missing.")
    return values[name]


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ModelFileError(f"{what}: {shown(value)} is not a set of named values.")
    return value


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ModelFileError(f"{what}: {shown(value)} is not a list.")
    return value


def _text(value: object, what: str, most: int, *, least: int = 1) -> str:
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise ModelFileError(f"{what}: {shown(value)} is no text of {least} to {most} letters.")
    return value


def _flag(value: object, what: str) -> None:
    if not isinstance(value, bool):
        raise ModelFileError(f"{what}: {shown(value)} is neither true nor false.")
