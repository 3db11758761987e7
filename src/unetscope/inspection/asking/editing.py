"""Kernels replaced by hand or by a preset, in a copy of the network.

PyTorch's convolution is a cross-correlation: a kernel is laid on as it stands, not flipped, so a
preset means what it means in ``scipy.ndimage.correlate``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from unetscope.errors import ModelError
from unetscope.inspection.asking.kernel_presets import preset
from unetscope.inspection.following.sharing import with_same_weights
from unetscope.inspection.following.snapshot import Skeleton, check_model
from unetscope.inspection.showing.weights import kernels


@dataclass(frozen=True, eq=False)
class Edit:
    """A network with one kernel replaced; the network it was made from is as it was.

    Attributes
    ----------
    model : the changed copy, in eval mode.
    layer, out, inp : which kernel; ``inp`` None means those of all input channels.
    before, after : the kernel float32, ([z,] y, x), or (in, [z,] y, x) where ``inp`` is None.
    also : other layers with the same weights, which have changed with it.
    """

    model: nn.Module
    layer: str
    out: int
    inp: int | None
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    also: tuple[str, ...] = ()


def edited(
    model: nn.Module,
    layer: str,
    kernel: str | ArrayLike,
    *,
    out: int,
    inp: int | None = None,
    keep_norm: bool = True,
) -> Edit:
    """A copy of ``model`` in which one kernel of ``layer`` is another.

    Parameters
    ----------
    model : stays as it is.
    layer : a convolution or transposed convolution in ``model.named_modules()``.
    kernel : one of :data:`PRESETS`, or numbers ([z,] y, x); with ``inp`` None also
        (in, [z,] y, x). A transposed convolution stamps it onto the output.
    out, inp : output and input channel, as in :class:`~unetscope.inspection.Kernels`
        (in groups, ``inp`` counts within the group); ``inp`` None for all input channels.
    keep_norm : scale every new kernel to the L2 norm of the one it replaces, so that its place
        in the network stays as loud as it was. Zeros stay zeros, on either side.

    Raises
    ------
    ModelError
        If the layer is no convolution, has no such channel, or its weights are computed from
        others; if the preset is unknown or the numbers do not fit.
    """
    bank = kernels(model, layer)
    _check_channels(layer, bank.values.shape, out, inp)
    before = (bank.values[out] if inp is None else bank.values[out, inp]).astype(np.float32)
    after = _as_kernel(kernel, before.shape, bank.values.ndim - 2)
    if keep_norm:
        after = _with_norm_of(after, before, bank.values.ndim - 2)
    copy = Skeleton(model).with_weights()
    target = kernel_of(copy, layer, out, inp)
    with torch.no_grad():
        target.copy_(torch.from_numpy(after).to(target.device, target.dtype))
    return Edit(copy, layer, out, inp, before, after, with_same_weights(model, layer))


def kernel_of(model: nn.Module, layer: str, out: int, inp: int | None) -> Tensor:
    """A view into the weights of ``layer`` of ``model`` itself: what is written there, counts.

    ([z,] y, x), or (in, [z,] y, x) where ``inp`` is None.

    Raises
    ------
    ModelError
        If the layer's weights are computed from others (weight or spectral normalisation), so
        that writing to them would not last.
    """
    module = model.get_submodule(layer)
    weight = module._parameters.get("weight")
    if not isinstance(module, _ConvNd) or weight is None or "weight" in _hooked(module):
        raise ModelError(
            f"the weights of {layer!r} are computed from others (a parametrisation); remove it "
            "first, e.g. with torch.nn.utils.parametrize.remove_parametrizations."
        )
    data = weight.detach()
    if not isinstance(module, _ConvTransposeNd):
        return data[out] if inp is None else data[out, inp]
    per_out = module.out_channels // module.groups  # (in, out / groups, …)
    group, column = divmod(out, per_out)
    inputs = module.in_channels // module.groups
    rows = data[group * inputs : (group + 1) * inputs, column]
    return rows if inp is None else rows[inp]


def _hooked(module: nn.Module) -> set[str]:
    """Names of parameters that are worked out anew before every call."""
    return {getattr(hook, "name", "") for hook in module._forward_pre_hooks.values()}


def _check_channels(layer: str, shape: tuple[int, ...], out: int, inp: int | None) -> None:
    for word, index, count in (("output", out, shape[0]), ("input", inp, shape[1])):
        if index is not None and (index != int(index) or not 0 <= index < count):
            raise ModelError(
                f"layer {layer!r} has kernels for the {word} channels 0 to {count - 1}, not "
                f"{index}."
            )


def _as_kernel(kernel: str | ArrayLike, shape: tuple[int, ...], axes: int) -> NDArray[np.float32]:
    """The new kernel in the shape of the old one."""
    if isinstance(kernel, str):
        values = preset(kernel, shape[-axes:])
    else:
        values = np.array(kernel, dtype=np.float64)
    if values.shape not in (shape, shape[-axes:]):
        raise ModelError(f"the kernel has shape {values.shape}; this layer takes {shape[-axes:]}.")
    if not np.isfinite(values).all():
        raise ModelError("the kernel holds values that are not finite; give plain numbers.")
    return np.broadcast_to(values, shape).astype(np.float32)


def _with_norm_of(
    new: NDArray[np.float32], old: NDArray[np.float32], axes: int
) -> NDArray[np.float32]:
    over = tuple(range(-axes, 0))
    have = np.sqrt(np.square(new, dtype=np.float64).sum(axis=over, keepdims=True))
    want = np.sqrt(np.square(old, dtype=np.float64).sum(axis=over, keepdims=True))
    scale = np.divide(want, have, out=np.zeros_like(have), where=have > 0)
    return (new * scale).astype(np.float32)


def check_kernel(model: nn.Module, layer: str, out: int, inp: int) -> None:
    """Refuse a kernel that ``layer`` does not have.

    Raises
    ------
    ModelError
        If the layer is no convolution, or has no such channels.
    """
    check_model(model)
    _check_channels(layer, kernels(model, layer).values.shape, out, inp)
