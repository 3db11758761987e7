"""The arithmetic of one output value: window, kernel, sums, bias, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from unetscope.errors import ImageError, ModelError
from unetscope.inspection.following.asked import checked_cell, checked_channel
from unetscope.inspection.following.crops import Region
from unetscope.inspection.following.snapshot import as_batch, check_model
from unetscope.inspection.following.trace import Trace, module_of
from unetscope.inspection.showing.capture import Captured, capture
from unetscope.inspection.showing.convolving import Convolution, ConvolutionLens
from unetscope.inspection.showing.moving import PADDINGS, SHUFFLES, MovingLens
from unetscope.inspection.showing.pointwise import (
    Pointwise,
    PointwiseLens,
    activation_of,
    is_normalisation,
)
from unetscope.inspection.showing.pooling import MAX_POOLS, MEAN_POOLS, Pooling, PoolingLens
from unetscope.inspection.showing.weights import kernels

__all__ = ["Convolution", "Microscope", "Pointwise", "Pooling", "convolution_at", "microscope"]

Lens = ConvolutionLens | PoolingLens | PointwiseLens | MovingLens
_SOFTMAX = (nn.Softmax, nn.Softmax2d, nn.LogSoftmax, nn.Softmin)


class Microscope:
    """Shows how any value of one layer comes about, without running the network again.

    Attributes
    ----------
    layer : its name.
    kind : ``"convolution"``, ``"transposed convolution"``, ``"linear"``, ``"pooling"``,
        ``"interpolation"``, ``"normalisation"``, ``"activation"``, ``"padding"`` or
        ``"pixel shuffle"``.
    shape : (channel, [z,] y, x) of the layer's full map; (channel,) of a linear layer.
    cells : per axis, first and one past the last cell that can be asked for.
    """

    def __init__(self, held: Captured) -> None:
        self._lens: Lens = _lens(held)
        self.layer = held.layer
        self.kind = self._lens.kind
        self.shape = held.shape
        self.cells = held.cells

    def at(self, channel: int, point: Sequence[int]) -> Convolution | Pooling | Pointwise:
        """The arithmetic of ``channel`` at cell ``point`` ([z,] y, x) of the full map.

        Raises
        ------
        ModelError
            If there is no such channel.
        ImageError
            If the point lies outside the map, or outside the region that was looked at.
        """
        channel = checked_channel(channel, self.shape[0], self.layer)
        cell = checked_cell(point, self.shape[1:], self.layer)
        if any(not a <= u < b for u, (a, b) in zip(cell, self.cells, strict=True)):
            raise ImageError(
                f"point {cell} lies outside the cells {self.cells} of {self.layer!r} that were "
                "looked at; open the microscope on another region."
            )
        return self._lens.at(channel, cell)


def microscope(
    model: nn.Module | Trace,
    image: Tensor | NDArray[np.generic],
    layer: str,
    *,
    region: Region | None = None,
) -> Microscope:
    """Look at ``layer`` for ``image``: run once, then ask for as many values as you like.

    Parameters
    ----------
    model : stays as it is; a copy in eval mode is run, as far as the layer and what follows it.
    image : ([channel,] [z,] y, x), scaled as the model takes it.
    layer : a convolution, transposed convolution, linear layer, pooling, up-sampling, padding,
        pixel shuffle, normalisation or activation in ``model.named_modules()``; ``"pool:2"`` for
        the second call of ``pool``, otherwise the last one.
    region : slices of image pixels, one per axis: only the cells over them (and a few around) can
        be asked for, and only their receptive fields are computed.

    Raises
    ------
    ModelError
        If the layer is not used, or does something that is not explained here.
    ImageError
        If the image does not fit the model, or the region is no part of it.
    """
    net = module_of(model)
    check_model(net)
    return Microscope(capture(model, as_batch(net, image), layer, region))


def convolution_at(
    model: nn.Module,
    image: Tensor | NDArray[np.generic],
    layer: str,
    channel: int,
    point: Sequence[int],
) -> Convolution:
    """The arithmetic of channel ``channel`` of ``layer`` at cell ``point``, for ``image``.

    PyTorch's convolution is a cross-correlation: the kernel is laid on as it stands, not flipped.
    For many values of one layer, or for other layers, see :func:`microscope`.

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
    bank = kernels(model, str(layer).partition(":")[0])
    channel = checked_channel(channel, len(bank.values), layer)
    answer = microscope(model, image, layer).at(channel, point)
    assert isinstance(answer, Convolution)
    return answer


def _lens(held: Captured) -> Lens:
    module = held.module
    if isinstance(module, _ConvNd) or (isinstance(module, nn.Linear) and len(held.shape) == 1):
        return ConvolutionLens(held)
    if isinstance(module, (*MAX_POOLS, *MEAN_POOLS, nn.Upsample)):
        return PoolingLens(held)
    if is_normalisation(module) or activation_of(module) is not None:
        return PointwiseLens(held)
    if isinstance(module, (*PADDINGS, *SHUFFLES)):
        return MovingLens(held)
    if isinstance(module, (*_SOFTMAX, nn.LayerNorm)):
        raise ModelError(
            f"layer {held.layer!r} is a {type(module).__name__}: a value of it comes of many "
            "values of its input together, which is not shown; choose the layer before it."
        )
    inside = [name for name, _ in module.named_children()]
    hint = f"; choose one of the layers inside it: {', '.join(inside)}" if inside else ""
    raise ModelError(
        f"layer {held.layer!r} is a {type(module).__name__}, which is not explained value by "
        f"value{hint}."
    )
