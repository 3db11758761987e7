"""Follow an image through any network, operation by operation, and note what every layer sees.

The network's structure is copied without its weights onto PyTorch's ``meta`` device, where an
operation only works out shapes, and run once. A dispatch mode sees every operation in order, with
functions, re-used modules, Python loops and skip connections as they really happen. (``torch.fx``
would want a ``forward`` without conditions on shapes; ours checks the sides of the image.) A
network that cannot run on ``meta`` is run on zeros instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from unetscope.errors import ModelError
from unetscope.inspection.following.follower import Follower, LayerCall
from unetscope.inspection.following.reach import GridMismatch, Lost, Reach
from unetscope.inspection.following.snapshot import (
    batch_shape,
    check_model,
    run_on_zeros,
    spatial_axes,
)


@dataclass(frozen=True, eq=False)
class Trace:
    """Everything :func:`follow` noted.

    Functions that take a network take its trace as well, and follow it only for other images.

    Attributes
    ----------
    model : the network that was followed, not a copy.
    shape : (1, channel, [z,] y, x) of the image that was followed.
    calls : every call of every module, in the order in which they ended.
    mismatches : joined maps that do not lie on each other.
    aliases : second names of modules that are used under several.
    """

    model: nn.Module
    shape: tuple[int, ...]
    calls: tuple[LayerCall, ...]
    mismatches: tuple[GridMismatch, ...]
    aliases: dict[str, str]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """([z,] y, x) of the image that was followed."""
        return self.shape[len(self.shape) - spatial_axes(self.model) :]

    def call(self, layer: str) -> LayerCall:
        """The call named ``layer``: ``"pool:2"`` is the second of ``pool``, ``"pool"`` its last.

        Raises
        ------
        ModelError
            If no module of that name was called.
        """
        if not isinstance(layer, str):
            raise ModelError(f"layer is {layer!r}; give a name, as in model.named_modules().")
        name, _, index = layer.rpartition(":") if ":" in layer else (layer, "", "")
        name = self.aliases.get(name, name)
        found = [call for call in self.calls if call.name == name]
        if index.isdigit():
            found = [call for call in found if call.index == int(index)]
        if not found:
            names = ", ".join(dict.fromkeys(call.name for call in self.calls if call.name))
            raise ModelError(f"no layer {layer!r} was used by this model; there are: {names}.")
        return found[-1]

    def spatial(self, layer: str) -> tuple[LayerCall, Reach]:
        """The call and what it sees, for a layer whose output has places.

        Raises
        ------
        ModelError
            If the layer is unknown, could not be followed, or has no spatial output.
        """
        call = self.call(layer)
        if isinstance(call.reach, Lost):
            raise ModelError(f"layer {layer!r} cannot be followed: {call.reach.reason}.")
        if not call.reach.dims:
            raise ModelError(
                f"layer {layer!r} has no spatial output (its shape is {call.output_shape}); "
                "choose a layer before the maps are flattened."
            )
        return call, call.reach


def module_of(model: nn.Module | Trace) -> nn.Module:
    """The network itself, of a trace that which was followed."""
    return model.model if isinstance(model, Trace) else model


def follow(model: nn.Module | Trace, image_shape: Sequence[int]) -> Trace:
    """Trace ``model`` for an image of ``image_shape`` without touching the model.

    Parameters
    ----------
    model : any module that takes one tensor (batch, channel, [z,] y, x), or a trace of it, which is
        given back where it is of such an image.
    image_shape : ([z,] y, x); with channels in front where the first convolution does not say
        how many the model takes.

    Raises
    ------
    ModelError
        For TorchScript, or if the model does not accept such an image.
    """
    net = module_of(model)
    check_model(net)
    axes = spatial_axes(net)
    shape = batch_shape(net, image_shape)
    if isinstance(model, Trace) and model.shape == shape:
        return model
    aliases = {}
    first_names = {id(module): name for name, module in net.named_modules()}
    for name, module in net.named_modules(remove_duplicate=False):
        if first_names[id(module)] != name:
            aliases[name] = first_names[id(module)]
    follower = run_on_zeros(net, shape, partial(_followed, axes))
    return Trace(net, shape, tuple(follower.calls), tuple(follower.mismatches), aliases)


def _followed(axes: int, model: nn.Module, image: Tensor) -> Follower:
    follower = Follower(image, Reach.of_image(tuple(image.shape[image.ndim - axes :])))
    with torch.no_grad(), follower.watching(model), follower:
        model(image)
    return follower
