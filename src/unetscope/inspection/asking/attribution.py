"""Which parts of the image speak for a class: in a painted region, a polygon or at one pixel.

A segmentation network has an answer for every pixel, so what is explained is the sum of the class's
logits over a region (Vinogradova et al. 2020, "Seg-Grad-CAM", arXiv 2002.11434). Only the part of
the image that can matter, the region and its receptive field, is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from unetscope.errors import ModelError
from unetscope.inspection.asking.attribution_pixels import (
    input_gradients,
    integrated_gradients,
    occlusion,
)
from unetscope.inspection.asking.attribution_region import Region, RegionScore, question
from unetscope.inspection.asking.steps import LongWork, Step
from unetscope.inspection.following.follower import LayerCall
from unetscope.inspection.following.reach import Kind, Reach
from unetscope.inspection.following.sharing import is_within, repeated_parts
from unetscope.inspection.following.snapshot import finite_batch
from unetscope.inspection.following.trace import Trace, follow, module_of
from unetscope.inspection.showing.maps import Placement

Method = Literal["seg_grad_cam", "occlusion", "input_gradients", "integrated_gradients"]
_LEFT_OUT = ("Adaptive", "Identity", "Dropout")
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True, eq=False)
class Attribution:
    """Where in the image lies what speaks for a class.

    Attributes
    ----------
    method, target : how it was measured, and for which class (index from 0).
    layer : whose maps were weighed (Seg-Grad-CAM), otherwise None.
    values : ([z,] y, x) cells of that layer's map, or pixels; only the part of the image that can
        matter, elsewhere it is 0 (pixels) or was not looked at (Seg-Grad-CAM).
    scale, translate : where ``values`` lie, see :class:`~unetscope.inspection.Placement`. A
        coarse map is not enlarged.
    signed : whether values below 0 mean something: what speaks against the class.
    region_pixels : how many cells of the answer were asked about.
    score : the class's logits added over them.
    note : what the numbers mean, in words.
    kind : measured on this image.
    """

    method: Method
    target: int
    layer: str | None
    values: NDArray[np.float64]
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    signed: bool
    region_pixels: int
    score: float
    note: str
    kind: Kind = Kind.EMPIRICAL


@LongWork
def attribution(
    model: nn.Module | Trace,
    image: Tensor | NDArray[np.generic],
    target: int,
    region: Region | None = None,
    *,
    method: Method = "seg_grad_cam",
    layer: str | None = None,
    window: int | None = None,
    stride: int | None = None,
    nodes: int = 32,
) -> Iterator[Step[Attribution]]:
    """What in ``image`` speaks for class ``target`` in ``region``.

    Occlusion and integrated gradients grow step by step; a growing occlusion has 0 where the
    square has not been yet.

    Parameters
    ----------
    model : answers with logits (1, class, [z,] y, x), or (1, class) for the whole image; one
        channel is read as two classes. Stays as it is.
    image : ([channel,] [z,] y, x), scaled as the model takes it.
    target : index of the class, from 0.
    region : bool mask ([z,] y, x), polygon (n, 2) of [y, x] pixels or one point ([z,] y, x); None
        for all pixels that are predicted as ``target``.
    method : ``"seg_grad_cam"``: with ``α_k = mean ∂y/∂A_k`` over the cells of the map A_k, the map
        ``ReLU(Σ α_k A_k)``. ``"occlusion"`` (Zeiler and Fergus 2014): how much y falls when a
        square is replaced by the mean grey around it. ``"input_gradients"`` (Simonyan et al. 2014):
        ``|∂y/∂x|``, the largest over the channels. ``"integrated_gradients"`` (Sundararajan et al.
        2017): from the image's mean grey to the image; adds up to the difference of y.
    layer : for Seg-Grad-CAM; None for the last of the coarsest maps.
    window, stride : for occlusion, side of the square and its step, in pixels; None for a 16th of
        what is looked at.
    nodes : for integrated gradients, Gauss-Legendre nodes along the way.

    Raises
    ------
    ModelError
        For an unknown class, method or layer, or if the answer is no tensor of logits.
    ImageError, LabelError
        If the region is no part of the image or holds no pixel.
    """
    net = module_of(model)
    if method not in METHODS:
        raise ModelError(f"method is {method!r}; use {', '.join(METHODS)}.")
    batch = finite_batch(net, image)
    trace = follow(model, batch.shape)
    asked = question(net, batch, trace, int(target), region)
    if method == "seg_grad_cam":
        chosen = layer or deepest_layer(trace, repeated_parts(net))
        yield Step(1, 1, _seg_grad_cam(asked, int(target), chosen))
        return
    if method == "input_gradients":
        grown = input_gradients(asked)
    elif method == "integrated_gradients":
        mean = batch.mean(dim=tuple(range(2, batch.ndim)), keepdim=True)
        grown = integrated_gradients(asked, mean, nodes)
    else:
        grown = occlusion(asked, window, stride)
    with torch.no_grad():
        score = float(asked.run(asked.batch))
    axes = len(trace.image_shape)
    for done, total, values, note in grown:
        result = Attribution(
            method=method,
            target=int(target),
            layer=None,
            values=values,
            scale=(1.0,) * axes,
            translate=tuple(float(start) for start in asked.origin),
            signed=method != "input_gradients",
            region_pixels=asked.pixels,
            score=score,
            note=note,
        )
        yield Step(done, total, result)


attribution_steps = attribution.steps


def deepest_layer(trace: Trace, without: Sequence[str] = ()) -> str:
    """The last of the layers with the largest stride: the coarsest map, before the way up.

    Layers that squeeze the map to a given size, those that do nothing, the answer itself and the
    parts ``without`` are left out: a second look with the same weights has the coarser cells.

    Raises
    ------
    ModelError
        If no layer has places.
    """
    repeated = {call.name for call in trace.calls if call.index > 1}
    leaves = [call for call in trace.calls if call.is_leaf and call.name]
    found: dict[str, float] = {}
    for call in leaves[:-1] if len(leaves) > 1 else leaves:
        left_out = call.type_name.startswith(_LEFT_OUT) or is_within(call.name, without)
        if _has_map(call) and not left_out:
            assert isinstance(call.reach, Reach)
            name = f"{call.name}:{call.index}" if call.name in repeated else call.name
            found[name] = max(float(grid.scale) for grid in call.reach.grids)
    if not found:
        raise ModelError("no layer of this model has a map with places; name one with layer=….")
    largest = max(found.values())
    return [name for name, scale in found.items() if scale == largest][-1]


def _has_map(call: LayerCall) -> bool:
    reach = call.reach
    return (
        isinstance(reach, Reach)
        and reach.dims == tuple(range(2, len(call.output_shape or ())))
        and any(side > 1 for side in reach.shape)
    )


def _seg_grad_cam(asked: RegionScore, target: int, layer: str) -> Attribution:
    call, reach = asked.trace.spatial(layer)
    if not _has_map(call):
        raise ModelError(f"layer {layer!r} has shape {call.output_shape}: that is no map.")
    maps, gradient, score = _maps_and_gradient(asked, call)
    cells = float(np.prod(reach.shape))  # of the full map: beyond the window the gradient is 0
    weights = gradient.sum(axis=tuple(range(1, gradient.ndim)), keepdims=True) / cells
    place = Placement.of(reach)
    first, kept = _right_cells(asked, reach, maps.shape[1:])
    values = np.maximum((weights * maps).sum(axis=0), 0.0)[kept]
    triples = zip(place.translate, place.scale, first, strict=True)
    return Attribution(
        method="seg_grad_cam",
        target=target,
        layer=layer,
        values=values,
        scale=place.scale,
        translate=tuple(t + s * u for t, s, u in triples),
        signed=False,
        region_pixels=asked.pixels,
        score=score,
        note=f"Maps of {layer}, weighed by how much the class's score grows with them.",
    )


def _maps_and_gradient(
    asked: RegionScore, call: LayerCall
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """(channel, [z,] y, x) maps A of a layer in the window and ∂y/∂A, and y itself."""
    leaves: list[Tensor] = []
    count = 0

    def hook(module: nn.Module, args: Any, output: Any) -> Tensor | None:
        nonlocal count
        count += 1
        if count != call.index:
            return None
        (maps,) = (leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor))
        leaves.append(maps.detach().clone().requires_grad_())
        return leaves[0].clone()  # a ReLU in place may overwrite this one

    handle = asked.copy.get_submodule(call.name).register_forward_hook(hook)
    try:
        with torch.enable_grad():
            score = asked.run(asked.batch)
    finally:
        handle.remove()
    gradient = None
    if score.requires_grad:
        (gradient,) = torch.autograd.grad(score, leaves, allow_unused=True)
    if gradient is None:
        raise ModelError(f"the answer does not depend on layer {call.name!r}; choose another.")
    maps = leaves[0].detach()[0].double().cpu().numpy()
    return maps, gradient[0].double().cpu().numpy(), float(score.detach())


def _right_cells(
    asked: RegionScore, reach: Reach, sides: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[slice, ...]]:
    """Cells whose field lies in the window: first one of the full map, and slices of the map."""
    first, kept = [], []
    for axis, (part, full) in enumerate(zip(asked.window, asked.trace.image_shape, strict=True)):
        if part.start == 0 and part.stop == full:
            first.append(0)
            kept.append(slice(0, sides[axis]))
            continue
        inside = np.ones(reach.shape[axis], dtype=bool)
        seeing = np.zeros_like(inside)
        for branch in reach.branches:
            low, high = branch[axis].lo, branch[axis].hi
            inside &= (low > high) | ((low >= part.start) & (high < part.stop))
            seeing |= low <= high
        inside &= seeing
        where = np.flatnonzero(inside)
        origin = round(part.start / float(reach.grids[axis].scale))
        first.append(int(where[0]))
        kept.append(slice(int(where[0]) - origin, int(where[-1]) + 1 - origin))
    return tuple(first), tuple(kept)
