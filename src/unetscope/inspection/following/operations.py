"""What each PyTorch operation does to what a tensor sees: one rule per operation.

The names are those of ATen, the few hundred operations into which PyTorch itself takes every layer
and function apart, so ``nn.Conv2d``, ``F.conv2d`` and ``padding="same"`` meet the same rule here.
An operation without a rule ends the trail (:class:`.reach.Lost`) and is named
in the error if somebody asks about a layer behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from unetscope.inspection.following.reach import Kind, Lost, Reach, spread
from unetscope.inspection.following.resampling import (
    MovingWindow,
    adaptive_pool,
    constant_pad,
    convolution,
    crop,
    mirror_pad,
    pixel_shuffle,
    pool,
    replicate_pad,
    resize,
    resize_nearest,
)


@dataclass(frozen=True)
class Operation:
    """One call of one operation: its arguments by name, its first input, its first output."""

    name: str
    arguments: dict[str, Any]
    source: Reach
    source_shape: tuple[int, ...]
    output_shape: tuple[int, ...]


Rule = Callable[[Operation], Reach | Lost]

SAME_PLACE = frozenset(
    (
        *("clone", "_to_copy", "detach", "alias", "lift_fresh", "contiguous", "native_dropout"),
        *("_native_batch_norm_legit_no_training", "cudnn_batch_norm", "_batch_norm_no_update"),
        *("relu", "relu_", "leaky_relu", "leaky_relu_", "elu", "elu_", "gelu", "silu", "silu_"),
        *("mish", "hardswish", "hardswish_", "hardsigmoid", "hardtanh", "hardtanh_", "softplus"),
        *("threshold", "threshold_", "clamp", "clamp_", "log_sigmoid_forward", "_prelu_kernel"),
        *("channel_shuffle", "native_channel_shuffle"),
    )
)
"""Operations that keep every cell where it is (beside those PyTorch tags as pointwise)."""


def _at(op: Operation, size: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size[dim] for dim in op.source.dims)


def _convolution(op: Operation) -> Reach | Lost:
    a = op.arguments
    sides = op.output_shape[2:]
    kernel = tuple(a["weight"].shape[2:])
    if len(kernel) != len(op.source.dims):
        return Lost(f"a {len(kernel)}D convolution on {len(op.source.dims)}D maps")
    # padding="valid" hands over one number for all axes
    windows = _windows(kernel, a["stride"], a["padding"], a["dilation"])
    return convolution(op.source, sides, windows, transposed=bool(a["transposed"]))


def _pool(op: Operation) -> Reach | Lost:
    a, axes = op.arguments, len(op.source.dims)
    kernel = _each(a["kernel_size"], axes)
    padding, dilation = a.get("padding") or 0, a.get("dilation") or 1
    windows = _windows(kernel, a.get("stride") or kernel, padding, dilation)
    return pool(op.source, _at(op, op.output_shape), windows)


def _windows(
    kernel: tuple[int, ...],
    stride: int | Sequence[int],
    padding: int | Sequence[int],
    dilation: int | Sequence[int],
) -> list[MovingWindow]:
    """One window per image axis; what is said once holds for all axes."""
    others = (_each(value, len(kernel)) for value in (stride, padding, dilation))
    return [MovingWindow(*axis) for axis in zip(kernel, *others, strict=True)]


def _each(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * axes if len(values) == 1 else values


def _adaptive(op: Operation) -> Reach | Lost:
    return adaptive_pool(op.source, _at(op, op.output_shape))


def _resize(op: Operation) -> Reach | Lost:
    a, sides = op.arguments, _at(op, op.output_shape)
    factors = a.get("scale_factors")
    if factors is None:
        letters = ("scales",) if len(sides) == 1 else ("scales_d", "scales_h", "scales_w")
        factors = [a.get(name) for name in letters[-len(sides) :]]
    if "nearest" in op.name:
        return resize_nearest(op.source, sides, list(factors), centred="exact" in op.name)
    cubic, aligned = "bicubic" in op.name, bool(a["align_corners"])
    return resize(op.source, sides, list(factors), align_corners=aligned, cubic=cubic)


def _constant_pad(op: Operation) -> Reach | Lost:
    return constant_pad(op.source, _start_widths(op, op.arguments["pad"]), _out(op))


def _start_widths(op: Operation, widths: Sequence[int]) -> tuple[int, ...]:
    """Cells added before the first, per image axis (PyTorch counts from the last dimension)."""
    last = len(op.source_shape) - 1
    starts = []
    for dim in op.source.dims:
        index = 2 * (last - dim)
        starts.append(int(widths[index]) if index < len(widths) else 0)
    return tuple(starts)


def _reflect(op: Operation) -> Reach | Lost:
    return mirror_pad(op.source, _start_widths(op, op.arguments["padding"]), _out(op))


def _replicate(op: Operation) -> Reach | Lost:
    return replicate_pad(op.source, _start_widths(op, op.arguments["padding"]), _out(op))


def _out(op: Operation) -> tuple[int, ...]:
    return _at(op, op.output_shape)


def _slice(op: Operation) -> Reach | Lost:
    a = op.arguments
    rank = len(op.source_shape)
    dim = (a.get("dim") or 0) % rank
    if dim not in op.source.dims:
        return op.source
    axis = op.source.dims.index(dim)
    start = a.get("start") or 0
    start = max(0, start + op.source_shape[dim]) if start < 0 else start
    return crop(op.source, axis, start, int(a.get("step") or 1), op.output_shape[dim])


def _select(op: Operation) -> Reach | Lost:
    dim = op.arguments["dim"] % len(op.source_shape)
    if dim in op.source.dims:
        return Lost("one row or column of a map is taken out")
    return replace(op.source, dims=tuple(d - (d > dim) for d in op.source.dims))


def _split(op: Operation) -> Reach | Lost:
    dim = (op.arguments.get("dim") or 0) % len(op.source_shape)
    if dim in op.source.dims:
        return Lost("a map is split along an image axis")
    return op.source


def _permute(op: Operation) -> Reach | Lost:
    order = [dim % len(op.source_shape) for dim in op.arguments["dims"]]
    return replace(op.source, dims=tuple(order.index(dim) for dim in op.source.dims))


def _transpose(op: Operation) -> Reach | Lost:
    rank = len(op.source_shape)
    first, second = op.arguments["dim0"] % rank, op.arguments["dim1"] % rank
    swap = {first: second, second: first}
    return replace(op.source, dims=tuple(swap.get(dim, dim) for dim in op.source.dims))


def _reshape(op: Operation) -> Reach | Lost:
    """Keep the place where the image axes stay the last ones; otherwise a vector is left."""
    axes = len(op.source.dims)
    rank, new_rank = len(op.source_shape), len(op.output_shape)
    ends = tuple(range(rank - axes, rank)) == op.source.dims
    if ends and op.source_shape[rank - axes :] == op.output_shape[new_rank - axes :]:
        return replace(op.source, dims=tuple(range(new_rank - axes, new_rank)))
    if len(op.output_shape) <= 2:
        return op.source.as_vector()
    return Lost("maps are reshaped so that places and channels mix")


def _unsqueeze(op: Operation) -> Reach | Lost:
    dim = op.arguments["dim"] % len(op.output_shape)
    return replace(op.source, dims=tuple(d + (d >= dim) for d in op.source.dims))


def _expand(op: Operation) -> Reach | Lost:
    """Repeat an axis of one cell; new dimensions come in front."""
    more = len(op.output_shape) - len(op.source_shape)
    moved = replace(op.source, dims=tuple(d + more for d in op.source.dims))
    return spread(moved, tuple(op.output_shape[dim] for dim in moved.dims))


def _reduce(op: Operation) -> Reach | Lost:
    a, rank = op.arguments, len(op.source_shape)
    dims = a.get("dim")
    if dims is None or dims == []:
        return op.source.as_vector()
    gone = {d % rank for d in ([dims] if isinstance(dims, int) else dims)}
    axes = [i for i, dim in enumerate(op.source.dims) if dim in gone]
    if a.get("keepdim"):
        return op.source.pooled(axes)
    if axes and len(axes) < len(op.source.dims):
        return Lost("one image axis is reduced and the other kept")
    if axes:
        return op.source.as_vector()
    kept = [d for d in range(rank) if d not in gone]
    return replace(op.source, dims=tuple(kept.index(d) for d in op.source.dims))


def _softmax(op: Operation) -> Reach | Lost:
    if op.arguments["dim"] % len(op.source_shape) in op.source.dims:
        return replace(op.source, kind=Kind.STRUCTURAL)
    return op.source


def _layer_norm(op: Operation) -> Reach | Lost:
    first = len(op.source_shape) - len(op.arguments["normalized_shape"])
    if any(dim >= first for dim in op.source.dims):
        return replace(op.source, kind=Kind.STRUCTURAL)
    return op.source


def _group_norm(op: Operation) -> Reach | Lost:
    return replace(op.source, kind=Kind.STRUCTURAL)


def _batch_norm(op: Operation) -> Reach | Lost:
    # In eval mode this is True for instance norm and for batch norm without running statistics.
    training = op.arguments.get("training", "no_stats" in op.name)
    return replace(op.source, kind=Kind.STRUCTURAL) if training else op.source


def _vector(op: Operation) -> Reach | Lost:
    return op.source.as_vector() if op.source.dims else op.source


RULES: dict[str, Rule] = {
    "convolution": _convolution,
    "constant_pad_nd": _constant_pad,
    "pixel_shuffle": lambda op: pixel_shuffle(op.source, int(op.arguments["upscale_factor"])),
    "native_group_norm": _group_norm,
    "native_layer_norm": _layer_norm,
    "slice": _slice,
    "select": _select,
    "split": _split,
    "split_with_sizes": _split,
    "permute": _permute,
    "expand": _expand,
    "transpose": _transpose,
    "unsqueeze": _unsqueeze,
    "_softmax": _softmax,
    "_log_softmax": _softmax,
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min"), _reduce),
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "squeeze", "_reshape_alias"), _reshape),
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit"), _batch_norm),
    **dict.fromkeys(("avg_pool2d", "avg_pool3d"), _pool),
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool3d_with_indices"), _pool),
    **dict.fromkeys(("_adaptive_avg_pool2d", "_adaptive_avg_pool3d"), _adaptive),
    **dict.fromkeys(("adaptive_max_pool2d", "adaptive_max_pool3d"), _adaptive),
    **dict.fromkeys(("reflection_pad2d", "reflection_pad3d"), _reflect),
    **dict.fromkeys(("replication_pad2d", "replication_pad3d"), _replicate),
    **dict.fromkeys(("upsample_nearest2d", "upsample_nearest3d"), _resize),
    **dict.fromkeys(("_upsample_nearest_exact2d", "_upsample_nearest_exact3d"), _resize),
    **dict.fromkeys(("upsample_bilinear2d", "upsample_trilinear3d"), _resize),
    "upsample_bicubic2d": _resize,
    **dict.fromkeys(("addmm", "mm", "linear"), _vector),
}


def rule_for(function: torch._ops.OpOverload) -> Rule | None:
    """The rule of an ATen operation, or None where there is none."""
    name = function.overloadpacket.__name__
    if name in RULES:
        return RULES[name]
    if name in SAME_PLACE or torch.Tag.pointwise in function.tags:
        return lambda op: op.source
    return None
