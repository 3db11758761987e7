"""The arithmetic of one output value: window, kernel, sums, bias, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from unetscope.errors import ImageError, ModelError
from unetscope.inspection.aftermath import Aftermath, Normalised, Pooled
from unetscope.inspection.snapshot import Skeleton, as_batch, check_model
from unetscope.inspection.weights import kernels


@dataclass(frozen=True, eq=False)
class Convolution:
    """How one value of a convolution comes about, and what the next layers make of it.

    ``total = partial_sums.sum() + bias``; then ``normalised``, ``activated`` and ``pooled`` follow
    as far as the network goes straight on from the convolution to them.

    Attributes
    ----------
    layer, channel, point : output channel and cell ([z,] y, x) asked for.
    window : (in, [z,] y, x) float64, the input values under the kernel, zero in the padding.
    kernel : (in, [z,] y, x) float64, the weights that meet the window. A transposed convolution
        writes its kernel over the output; here stand the taps that reach the point.
    positions : per axis, the input cells of the window; outside the map where padding is read
        (for a padding that mirrors or repeats, cells of the padded map).
    input_channels : the channels of the input the rows of ``window`` are.
    partial_sums : (in,) sum of window times kernel, channel by channel.
    bias, total : the bias (0 without one) and the sum, in float64.
    computed : the value PyTorch computed; equals ``total`` up to its rounding.
    normalised, activation, activated, pooled : what follows; None where it does not.
    """

    layer: str
    channel: int
    point: tuple[int, ...]
    window: NDArray[np.float64]
    kernel: NDArray[np.float64]
    positions: tuple[tuple[int, ...], ...]
    input_channels: tuple[int, ...]
    partial_sums: NDArray[np.float64]
    bias: float
    total: float
    computed: float
    normalised: Normalised | None = None
    activation: str | None = None
    activated: float | None = None
    pooled: Pooled | None = None


def convolution_at(
    model: nn.Module,
    image: Tensor | NDArray[np.generic],
    layer: str,
    channel: int,
    point: Sequence[int],
) -> Convolution:
    """The arithmetic of channel ``channel`` of ``layer`` at cell ``point``, for ``image``.

    PyTorch's convolution is a cross-correlation: the kernel is laid on as it stands, not flipped.

    Parameters
    ----------
    model : stays as it is; a copy in eval mode is run.
    image : ([channel,] [z,] y, x), scaled as the model takes it.
    layer : a convolution or transposed convolution in ``model.named_modules()``; one that is
        called several times is shown at its last call.
    point : a cell ([z,] y, x) of its output.

    Raises
    ------
    ModelError
        If the layer is no convolution, is not used, or has no such channel.
    ImageError
        If the point lies outside the map.
    """
    check_model(model)
    bank = kernels(model, layer)
    if not 0 <= channel < len(bank.values):
        raise ModelError(
            f"layer {layer!r} has channels 0 to {len(bank.values) - 1}, not {channel}."
        )
    copy = Skeleton(model).with_weights()
    conv = copy.get_submodule(layer)
    assert isinstance(conv, _ConvNd)
    cell = tuple(int(u) for u in point)
    maps, after = _run(copy, conv, as_batch(model, image), channel, cell, layer)
    positions, taps = _taps(conv, cell, tuple(maps.shape[2:]))
    first = channel // (conv.out_channels // conv.groups) * (conv.in_channels // conv.groups)
    inputs = tuple(range(first, first + conv.in_channels // conv.groups))
    window = _gathered(maps[0, list(inputs)].double().cpu().numpy(), positions)
    kernel = _gathered(bank.values[channel].astype(np.float64), taps)
    partial = (window * kernel).reshape(len(inputs), -1).sum(axis=1)
    bias = 0.0 if bank.bias is None else float(bank.bias[channel])
    return Convolution(
        layer=layer,
        channel=channel,
        point=cell,
        window=window,
        kernel=kernel,
        positions=positions,
        input_channels=inputs,
        partial_sums=partial,
        bias=bias,
        total=float(partial.sum()) + bias,
        computed=after.computed,
        normalised=after.normalised,
        activation=after.activation,
        activated=after.activated,
        pooled=after.pooled,
    )


def _run(
    model: nn.Module,
    conv: _ConvNd,
    batch: Tensor,
    channel: int,
    cell: tuple[int, ...],
    layer: str,
) -> tuple[Tensor, Aftermath]:
    """The maps the convolution reads, padded if it pads other than with zeros, and what follows."""
    after = Aftermath(channel, cell)
    seen: list[Tensor] = []

    def before(module: nn.Module, args: Any) -> None:
        seen[:] = [args[0].detach().clone()]

    def behind(module: nn.Module, args: Any, output: Tensor) -> None:
        if len(cell) != output.ndim - 2 or any(
            not 0 <= u < n for u, n in zip(cell, output.shape[2:], strict=True)
        ):
            size = tuple(output.shape[2:])
            raise ImageError(f"point {cell} lies outside the map of {layer!r}, shape {size}.")
        after.start(output)

    conv.register_forward_pre_hook(before)
    conv.register_forward_hook(behind)
    with torch.no_grad(), after:
        model(batch)
    if not seen:
        raise ModelError(f"layer {layer!r} is not used by this model.")
    maps = seen[0]
    if conv.padding_mode != "zeros":
        widths = conv._reversed_padding_repeated_twice
        maps = nn.functional.pad(maps, widths, mode=conv.padding_mode)
    return maps, after


Positions = tuple[tuple[int, ...], ...]


def _taps(
    conv: _ConvNd, cell: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[Positions, Positions]:
    """Per axis, the input cell of every kernel tap (−1 for none), and the taps themselves."""
    positions, taps = [], []
    for i, u in enumerate(cell):
        size, stride, dilation = conv.kernel_size[i], conv.stride[i], conv.dilation[i]
        padding = _padding_before(conv, i)
        if isinstance(conv, _ConvTransposeNd):
            reached = [u + padding - dilation * a for a in range(size)]
            met = [(r // stride, a) for a, r in enumerate(reached) if r % stride == 0]
            met = [(cell_in, a) for cell_in, a in met if 0 <= cell_in < shape[i]]
            positions.append(tuple(cell_in for cell_in, _ in met))
            taps.append(tuple(a for _, a in met))
        else:
            positions.append(tuple(u * stride - padding + dilation * a for a in range(size)))
            taps.append(tuple(range(size)))
    return tuple(positions), tuple(taps)


def _padding_before(conv: _ConvNd, axis: int) -> int:
    if conv.padding_mode != "zeros":
        return 0  # the maps were padded already
    if conv.padding == "valid":
        return 0
    if conv.padding == "same":
        return int(conv.dilation[axis] * (conv.kernel_size[axis] - 1) // 2)
    return int(conv.padding[axis])


def _gathered(values: NDArray[np.floating[Any]], positions: Positions) -> NDArray[np.float64]:
    """(channel, …) values at the crossings of ``positions``; zero outside the map."""
    grid = np.ix_(np.arange(len(values)), *(np.asarray(p, dtype=np.int64) for p in positions))
    inside = np.ones((1,) * values.ndim, dtype=bool)
    held = [grid[0]]
    for index, size in zip(grid[1:], values.shape[1:], strict=True):
        inside = inside & (index >= 0) & (index < size)
        held.append(np.clip(index, 0, size - 1))
    return np.where(inside, values[tuple(held)], 0.0)
