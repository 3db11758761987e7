"""Feature maps of chosen layers, and where they lie in the image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from unetscope.errors import ModelError
from unetscope.inspection.following.crops import Crop, Region, crop_for
from unetscope.inspection.following.reach import GridMismatch, Reach
from unetscope.inspection.following.snapshot import Skeleton, as_batch
from unetscope.inspection.following.trace import Trace, follow, module_of


@dataclass(frozen=True)
class Placement:
    """Where a layer's map lies: cell ``u`` is centred on image pixel ``scale·u + translate``.

    The two are what a napari layer takes as ``scale`` and ``translate`` over an image of unit
    pixels, because napari too counts from the centre of the first pixel.
    """

    scale: tuple[float, ...]
    translate: tuple[float, ...]

    @classmethod
    def of(cls, reach: Reach) -> Placement:
        """Read it off what was traced."""
        scale = tuple(float(grid.scale) for grid in reach.grids)
        return cls(scale, tuple(float(grid.offset) for grid in reach.grids))


@dataclass(frozen=True)
class Placements:
    """The placement of every layer that has places, and the skips that do not line up."""

    layers: dict[str, Placement]
    mismatches: tuple[GridMismatch, ...]


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """The maps of one layer.

    Attributes
    ----------
    values : (channel, [z,] y, x), a copy.
    channels : which channel of the layer each entry of ``values`` is.
    scale, translate : see :class:`Placement`; of ``values``, so where only a region was asked for,
        ``translate`` is where its first cell lies.
    first : ([z,] y, x) which cell of the layer's full map ``values[:, 0, 0]`` is.
    """

    layer: str
    values: NDArray[np.floating[Any]]
    channels: tuple[int, ...]
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    first: tuple[int, ...] = ()


def placement(model: nn.Module | Trace, image_shape: Sequence[int]) -> Placements:
    """Scale and offset of every layer, and every skip connection that is misregistered.

    A module that is called several times is listed as ``name:1``, ``name:2``, …

    Raises
    ------
    ModelError
        If the model cannot be traced.
    """
    trace = model if isinstance(model, Trace) else follow(model, image_shape)
    repeated = {call.name for call in trace.calls if call.index > 1}
    layers = {}
    for call in trace.calls:
        if call.name and isinstance(call.reach, Reach) and call.reach.dims:
            key = f"{call.name}:{call.index}" if call.name in repeated else call.name
            layers[key] = Placement.of(call.reach)
    return Placements(layers, trace.mismatches)


def feature_maps(
    model: nn.Module | Trace,
    image: Tensor | NDArray[np.generic],
    layers: Sequence[str] | str,
    channels: Sequence[int] | None = None,
    *,
    region: Region | None = None,
    max_bytes: int = 2**31,
    same_rounding: bool = False,
) -> dict[str, FeatureMaps]:
    """The maps of ``layers`` for ``image``, in eval mode, on a copy of the model.

    Only the asked layers are kept, and the pass ends at the last of them.

    Parameters
    ----------
    model : its weights, statistics and mode stay as they are.
    image : ([channel,] [z,] y, x), scaled as the model takes it.
    layers : names in ``model.named_modules()``; ``"pool:2"`` for the second call of ``pool``.
    channels : only these channels of each layer; None for all.
    region : slices of image pixels, one per axis. Only the cells that overlap them are returned,
        with the values of the full pass, and only their receptive fields are computed.
    same_rounding : compute every place in one way, so that equal surroundings give equal digits to
        the last wherever they lie; up to twice as slow on the CPU.
    max_bytes : refuse to collect more than this (2 GiB).

    Raises
    ------
    ModelError
        If a layer or channel does not exist, has no places, or the maps would be too large.
    ImageError
        If the image does not fit the model, or the region is no part of it.
    """
    net = module_of(model)
    names = [layers] if isinstance(layers, str) else list(layers)
    batch = as_batch(net, image)
    trace = follow(model, batch.shape)
    picked = {name: _channels_of(trace, name, channels) for name in names}
    crop = None if region is None else crop_for(net, trace, batch.shape, names, region)
    _check_size(trace, picked, crop, max_bytes)
    window = batch if crop is None else crop.of(batch)
    copy = Skeleton(net).with_weights()
    if len(trace.image_shape) == 2:  # convolutions on the CPU are faster with the channels last
        order = torch.contiguous_format if same_rounding else torch.channels_last
        copy.to(memory_format=order)  # type: ignore[call-overload]
    captured = _capture(copy, window, trace, picked)
    return {name: _made(name, captured[name], trace, picked[name], crop) for name in names}


def _made(
    layer: str, maps: Tensor, trace: Trace, channels: tuple[int, ...], crop: Crop | None
) -> FeatureMaps:
    place = Placement.of(trace.spatial(layer)[1])
    first = (0,) * len(place.scale)
    if crop is not None:
        maps = maps[(slice(None), *crop.kept(layer))].clone()
        first = tuple(span[0] for span in crop.cells[layer])
    triples = zip(place.scale, place.translate, first, strict=True)
    translate = tuple(t + s * u for s, t, u in triples)
    values = maps.to(torch.float32 if maps.dtype.itemsize < 4 else None).cpu().contiguous().numpy()
    return FeatureMaps(layer, values, channels, place.scale, translate, first)


def _channels_of(trace: Trace, layer: str, channels: Sequence[int] | None) -> tuple[int, ...]:
    call, reach = trace.spatial(layer)
    shape = call.output_shape or ()
    if reach.dims != tuple(range(2, len(shape))):
        raise ModelError(f"layer {layer!r} has shape {shape}; expected (batch, channel, … y, x).")
    wanted = tuple(range(shape[1])) if channels is None else tuple(int(c) for c in channels)
    wrong = [c for c in wanted if not 0 <= c < shape[1]]
    if wrong:
        raise ModelError(f"layer {layer!r} has channels 0 to {shape[1] - 1}, not {wrong}.")
    return wanted


def _check_size(
    trace: Trace, picked: dict[str, tuple[int, ...]], crop: Crop | None, max_bytes: int
) -> None:
    needed = 0
    for name, channels in picked.items():
        call, reach = trace.spatial(name)
        item = call.output_bytes // max(1, math.prod(call.output_shape or (1,)))
        sides = reach.shape if crop is None else [b - a for a, b in crop.cells[name]]
        needed += item * len(channels) * math.prod(sides)
    if needed > max_bytes:
        raise ModelError(
            f"these maps would take {needed / 2**20:.0f} MiB, more than {max_bytes / 2**20:.0f}; "
            "crop the image or name fewer layers or channels."
        )


class _AllSeen(Exception):
    """Ends the forward pass once the last asked layer has answered."""


def _capture(
    model: nn.Module, batch: Tensor, trace: Trace, picked: dict[str, tuple[int, ...]]
) -> dict[str, Tensor]:
    wanted: dict[tuple[str, int], list[str]] = {}
    for name in picked:
        call = trace.call(name)
        wanted.setdefault((call.name, call.index), []).append(name)
    counts: dict[str, int] = {}
    captured: dict[str, Tensor] = {}

    def keep(module_name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            counts[module_name] = counts.get(module_name, 0) + 1
            for name in wanted.get((module_name, counts[module_name]), ()):
                (maps,) = (leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor))
                captured[name] = maps[0, list(picked[name])].detach().clone()
            if len(captured) == len(picked):
                raise _AllSeen

        return hook

    modules = {module_name for module_name, _ in wanted}
    for module_name in modules:
        model.get_submodule(module_name).register_forward_hook(keep(module_name))
    # The last wanted map ends the pass: what comes after it need not be computed.
    with suppress(_AllSeen), torch.inference_mode():
        model(batch)
    return captured
