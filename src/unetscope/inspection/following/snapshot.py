"""Copies of a model to look at: without weights, or with; the live model is never touched."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.parameter import is_lazy

from unetscope.errors import ImageError, ModelError, UnetscopeError

logger = logging.getLogger(__name__)

T = TypeVar("T")
_POOLS = (nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd)


def check_model(model: nn.Module) -> None:
    """Refuse what cannot be followed, with the reason.

    Raises
    ------
    ModelError
        For TorchScript (its layers are compiled away), for modules without shapes yet, and for
        what is no module at all.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise ModelError(
            "this is a TorchScript model: its operations are compiled and cannot be watched one "
            "by one. Build the Python model and load its state_dict instead."
        )
    if not isinstance(model, nn.Module):
        raise ModelError(f"expected a torch.nn.Module, got {type(model).__name__}.")
    if any(is_lazy(p) for p in model.parameters()):
        raise ModelError("this model has lazy layers; run it once on an image first.")


def check_weights(model: nn.Module) -> None:
    """Refuse a model whose weights have shapes but no values.

    Raises
    ------
    ModelError
        If it lies on the ``meta`` device.
    """
    check_model(model)
    if any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())):
        raise ModelError(
            "this model is on the meta device and has no weights; load them first "
            "(model.to_empty and load_state_dict)."
        )


def first_convolution(model: nn.Module) -> _ConvNd | None:
    """The first convolution in the order of definition, or None."""
    return next((m for m in model.modules() if isinstance(m, _ConvNd)), None)


def spatial_axes(model: nn.Module) -> int:
    """2 or 3: how many axes the model's images have.

    Raises
    ------
    ModelError
        For a model of one-dimensional signals.
    """
    conv = first_convolution(model)
    axes = 2
    if conv is not None:
        axes = len(conv.kernel_size)
    elif any(isinstance(m, _POOLS) and type(m).__name__.endswith("3d") for m in model.modules()):
        axes = 3
    if axes not in (2, 3):
        raise ModelError(f"this model works in {axes}D; only 2D and 3D can be shown.")
    return axes


def batch_shape(model: nn.Module, image_shape: Sequence[int]) -> tuple[int, ...]:
    """(batch, channel, [z,] y, x) for an image shape with or without the first two.

    Raises
    ------
    ImageError
        If the number of axes or a side does not fit.
    """
    shape, axes = tuple(int(side) for side in image_shape), spatial_axes(model)
    if any(side < 1 for side in shape) or not axes <= len(shape) <= axes + 2:
        wanted = "(z, y, x)" if axes == 3 else "(y, x)"
        raise ImageError(
            f"image_shape is {shape}; this model takes {wanted}, with channels in front if need be."
        )
    if len(shape) == axes:
        conv = first_convolution(model)
        shape = (1 if conv is None else conv.in_channels, *shape)
    return shape if len(shape) == axes + 2 else (1, *shape)


def as_batch(model: nn.Module, image: Tensor | NDArray[np.generic]) -> Tensor:
    """The image as the model takes it: (1, channel, [z,] y, x), its device and dtype, a copy.

    Raises
    ------
    ImageError
        If it is not one image of the model's axes, in numbers.
    ModelError
        If the model cannot be run.
    """
    check_weights(model)
    try:
        tensor = torch.as_tensor(
            np.ascontiguousarray(image) if isinstance(image, np.ndarray) else image
        )
    except (TypeError, ValueError, RuntimeError) as error:
        kind = getattr(image, "dtype", type(image).__name__)
        raise ImageError(f"the image is of {kind}; give an array of numbers ({error}).") from error
    if tensor.is_complex():
        raise ImageError("the image is complex; give its magnitude, or another real picture.")
    axes = spatial_axes(model)
    if not axes <= tensor.ndim <= axes + 2 or tensor.numel() == 0:
        raise ImageError(
            f"the image has shape {tuple(tensor.shape)}; this model takes {axes} spatial axes, "
            "with channels in front."
        )
    while tensor.ndim < axes + 2:
        tensor = tensor[None]
    if tensor.shape[0] != 1:
        raise ImageError(f"the batch holds {tensor.shape[0]} images; look at one at a time.")
    first = next((p for p in model.parameters() if p.is_floating_point()), None)
    if first is None:
        return tensor.detach().float().clone()
    return tensor.detach().to(first.device, first.dtype, copy=True)


def finite_batch(model: nn.Module, image: Tensor | NDArray[np.generic]) -> Tensor:
    """As :func:`as_batch`, for what is measured: one NaN would make nonsense of every number.

    Raises
    ------
    ImageError
        Also if a value is NaN or infinite, or too large for the model's precision.
    """
    batch = as_batch(model, image)
    wrong = ~torch.isfinite(batch)
    if wrong.any():
        first = tuple(torch.nonzero(wrong)[0, 1:].tolist())
        raise ImageError(
            f"the image holds {int(wrong.sum())} values that are not finite, the first at {first} "
            "(channel first); fill them first, e.g. with numpy.nan_to_num."
        )
    return batch


@contextmanager
def running(shape: Sequence[int]) -> Iterator[None]:
    """What a model's own code raises in here becomes a ModelError that says it.

    Parameters
    ----------
    shape : of the image it is run on.
    """
    try:
        yield
    except UnetscopeError:
        raise
    except Exception as error:  # a network of others may raise anything
        reason = str(error) if isinstance(error, RuntimeError) else repr(error)
        raise ModelError(
            f"the model does not accept an image of shape {tuple(shape)}: {reason}"
        ) from error


def run_on_zeros(
    model: nn.Module, shape: tuple[int, ...], watch: Callable[[nn.Module, Tensor], T]
) -> T:
    """``watch(copy, zeros)``: without weights on PyTorch's meta device, else with them.

    Parameters
    ----------
    shape : (1, channel, [z,] y, x).
    watch : runs the copy and returns what it saw.

    Raises
    ------
    ModelError
        If the model does not accept such an image.
    """
    skeleton = Skeleton(model)
    try:
        return watch(*_with_zeros(skeleton.on_meta(), shape))
    except UnetscopeError:
        raise
    except Exception:  # some operations do not work on meta, in ways of their own
        logger.debug("not followed without weights; run with them", exc_info=True)
        copy, zeros = _with_zeros(skeleton.with_weights(), shape)
    with running(shape):
        return watch(copy, zeros)


def _with_zeros(model: nn.Module, shape: tuple[int, ...]) -> tuple[nn.Module, Tensor]:
    first = next((p for p in model.parameters() if p.is_floating_point()), None)
    if first is None:
        return model, torch.zeros(shape)
    return model, torch.zeros(shape, device=first.device, dtype=first.dtype)


class Skeleton:
    """Copies of a model in eval mode, with hooks of its own and no link back.

    Parameters
    ----------
    model : stays as it is.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model

    def on_meta(self) -> nn.Module:
        """The structure alone: parameters, buffers and other tensors have shapes but no memory."""
        memo: dict[int, object] = {}
        for module in self._model.modules():
            for parameter in module._parameters.values():
                if parameter is not None:
                    empty = torch.empty_like(parameter, device="meta")
                    memo[id(parameter)] = nn.Parameter(empty, requires_grad=False)
            others = [*module._buffers.values(), *vars(module).values()]
            for tensor in others:
                if isinstance(tensor, Tensor):
                    memo[id(tensor)] = torch.empty_like(tensor, device="meta")
        return deepcopy(self._model, memo).eval()

    def with_weights(self) -> nn.Module:
        """A detached copy with the present weights; ModelError where there are none."""
        check_weights(self._model)
        return deepcopy(self._model).eval().requires_grad_(False)
