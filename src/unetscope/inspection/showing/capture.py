"""What one layer read and answered for an image, and what the network did with it next."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from unetscope.errors import ModelError
from unetscope.inspection.following.crops import Crop, Region, crop_for
from unetscope.inspection.following.reach import Reach
from unetscope.inspection.following.snapshot import Skeleton
from unetscope.inspection.following.trace import Trace, follow, module_of
from unetscope.inspection.showing.aftermath import Chain, ChainOver, Values, array_of

MORE_CELLS = 8  # around the region, for the pooling windows that reach beyond it


@dataclass(frozen=True, eq=False)
class Captured:
    """One call of one layer.

    Attributes
    ----------
    layer, module : its name and the layer itself (of a copy of the model).
    read, output : (channel, [z,] y, x) its input and output in the window that was run.
    shape : (channel, [z,] y, x) of the full output.
    first : which cell of the full output is cell 0 of ``output``.
    cells : per axis, first and one past the last cell of the full output that is held.
    chain : what follows.
    """

    layer: str
    module: nn.Module
    read: Values
    output: Values
    shape: tuple[int, ...]
    first: tuple[int, ...]
    cells: tuple[tuple[int, int], ...]
    chain: Chain


def capture(
    model: nn.Module | Trace, batch: Tensor, layer: str, region: Region | None = None
) -> Captured:
    """Run a copy of ``model`` as far as ``layer`` and what follows straight on from it.

    Parameters
    ----------
    batch : (1, channel, [z,] y, x).
    layer : ``"pool:2"`` for the second call of ``pool``; otherwise the last call.
    region : pixels of the image, a slice per axis; only what lies around them is computed.

    Raises
    ------
    ModelError
        If the layer is not used, or takes or returns several tensors.
    ImageError
        If the region is no part of the image.
    """
    net = module_of(model)
    trace = follow(model, batch.shape)
    crop, reach = None, trace.call(layer).reach
    if region is not None and isinstance(reach, Reach) and reach.dims:
        crop = crop_for(net, trace, batch.shape, [layer], region, more_cells=MORE_CELLS)
    found = _run(net, batch, layer, trace, crop)
    if crop is not None and not crop.whole and found.chain.needs_whole_map:
        found = _run(net, batch, layer, trace, None)  # the convolution could be cropped, that not
    return found


def _run(model: nn.Module, batch: Tensor, layer: str, trace: Trace, crop: Crop | None) -> Captured:
    call = trace.call(layer)
    copy = Skeleton(model).with_weights()
    module = copy.get_submodule(call.name)
    chain = Chain()
    count = 0
    reads: list[Tensor] = []

    def before(_: nn.Module, args: tuple[Any, ...]) -> None:
        nonlocal count
        count += 1
        if count == call.index:
            reads.extend(arg.detach().clone() for arg in args if isinstance(arg, Tensor))

    def behind(_: nn.Module, args: Any, output: Any) -> None:
        if count == call.index:
            outputs = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
            chain.start(outputs[0])

    module.register_forward_pre_hook(before)
    module.register_forward_hook(behind)
    with suppress(ChainOver), torch.no_grad(), chain:
        copy(batch if crop is None else crop.of(batch))
    if not reads:
        raise ModelError(f"layer {layer!r} takes no map by itself and cannot be explained value by "
                         "value; choose a layer before it.")  # fmt: skip
    if len(reads) != 1 or chain.output is None:
        raise ModelError(f"layer {layer!r} takes {len(reads)} tensors; only one can be explained.")
    read, output = array_of(reads[0]), chain.output
    sides = output.shape[1:]
    if crop is None:
        spans: Sequence[tuple[int, int]] = [(0, side) for side in sides]
        first = (0,) * len(sides)
        full = output.shape
    else:
        spans, first = crop.cells[layer], crop.first[layer]
        full = (call.output_shape or ())[1:]
    return Captured(layer, module, read, output, tuple(full), first, tuple(spans), chain)
