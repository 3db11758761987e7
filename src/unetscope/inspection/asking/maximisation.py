"""An invented image that makes a channel fire: activation maximisation.

Gradient ascent on the image (Erhan et al. 2009, "Visualizing higher-layer features of a deep
network"; Simonyan et al. 2014, arXiv 1312.6034). Without regularisation it ends in noise that no
micrograph shows, so the image is moved about a little before every step and blurred now and then
(Yosinski et al. 2015, arXiv 1506.06579), and its values stay in the range of a real input.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from unetscope.errors import ModelError
from unetscope.inspection.asking.steps import LongWork, Step
from unetscope.inspection.following.asked import checked_channel
from unetscope.inspection.following.follower import LayerCall
from unetscope.inspection.following.reach import Kind, Reach
from unetscope.inspection.following.snapshot import Skeleton, batch_shape, check_model, spatial_axes
from unetscope.inspection.following.trace import Trace, follow

TRIED_PX = (64, 32, 128, 224, 256, 512)  # sides with which a network is followed at first
TRIED_PX_3D = (16, 32, 64)
LEAST_PX = {2: 32, 3: 16}
MOST_PX = {2: 256, 3: 48}
STEP = 0.06  # of the range, root mean square of the first step
BLUR_EVERY, BLUR_PX = 4, 0.5
JITTER_PX = 4
LEAK = 0.1


@dataclass(frozen=True, eq=False)
class Maximised:
    """An image that was made for one channel; no micrograph.

    Attributes
    ----------
    layer, channel : which.
    image : (channel, [z,] y, x) float32, as the network takes it.
    history : what was climbed, before the first step and after each (while the work goes on, not
        yet after the newest): the mean of the channel over its map, in which values below 0 count a
        tenth. (The plain mean of a convolution over a map
        says next to nothing: for a kernel that adds up to 0 it is 0 for any image.)
    kind : another seed gives another image.
    """

    layer: str
    channel: int
    image: NDArray[np.float32]
    history: tuple[float, ...]
    kind: Kind = Kind.EMPIRICAL

    @property
    def fired(self) -> bool:
        """Whether anything was reached; a dead channel gives no direction to climb."""
        return self.history[-1] > self.history[0]


@LongWork
def maximise(
    model: nn.Module,
    layer: str,
    channel: int,
    *,
    size: int | Sequence[int] | None = None,
    steps: int = 128,
    seed: int = 0,
    limits: tuple[float, float] = (0.0, 1.0),
) -> Iterator[Step[Maximised]]:
    """Climb from grey noise to an image that ``channel`` of ``layer`` answers strongly to.

    A step of the climb each, with the image so far.

    Parameters
    ----------
    model : stays as it is.
    layer : name in ``model.named_modules()``; its output may be maps or a vector.
    size : sides of the image in pixels; None for twice the layer's theoretical field, rounded up to
        what the network's strides divide, 32 to 256 (16 to 48 for volumes).
    steps : of gradient ascent.
    seed : of noise and movements.
    limits : smallest and largest value of an input.

    Raises
    ------
    ModelError
        If layer or channel do not exist, or the network takes no image of this size.
    """
    low, high = float(limits[0]), float(limits[1])
    if steps < 1 or not low < high:
        raise ModelError(
            f"steps is {steps} and limits {limits}; give 1 step or more, and the lower limit first."
        )
    shape, call = _shape_and_call(model, layer, channel, size)
    copy = Skeleton(model).with_weights()
    first = next((p for p in copy.parameters() if p.is_floating_point()), torch.zeros(1))
    random = np.random.default_rng(seed)
    start = (low + high) / 2 + (high - low) * random.normal(0, 0.05, shape)
    image = torch.as_tensor(start).to(first.device, first.dtype).clamp(low, high)
    history: list[float] = []
    for done in range(1, steps + 1):
        moves = [int(m) for m in random.integers(-JITTER_PX, JITTER_PX + 1, len(shape) - 2)]
        moves = moves if done > 1 else [0] * len(moves)  # the history begins with the image itself
        axes = tuple(range(2, len(shape)))
        value, slope = _climbed(copy, call, channel, torch.roll(image, moves, axes))
        history.append(value)
        slope = torch.roll(slope, [-m for m in moves], axes)
        image = _stepped(image, slope, low, high, share=1 - (done - 1) / steps)
        if done % BLUR_EVERY == 0 and done < steps:
            image = _blurred(image)
        if done == steps:
            with torch.no_grad():
                history.append(float(_activation(copy, call, channel, image)))
        values = image[0].detach().float().cpu().numpy().copy()
        yield Step(done, steps, Maximised(layer, channel, values, tuple(history)))


maximise_steps = maximise.steps


def _stepped(image: Tensor, slope: Tensor, low: float, high: float, *, share: float) -> Tensor:
    """One step uphill, of a length that does not depend on how steep it is."""
    steepness = float(slope.double().square().mean().sqrt())
    if not steepness > 0 or not math.isfinite(steepness):
        return image
    length = STEP * (high - low) * (0.1 + 0.9 * share)
    return (image + length / steepness * slope).clamp(low, high)


def _blurred(image: Tensor) -> Tensor:
    sigma = (0, 0, *(BLUR_PX,) * (image.ndim - 2))
    values = ndimage.gaussian_filter(image.cpu().numpy(), sigma, mode="wrap")
    return torch.as_tensor(values).to(image)


class _Reached(Exception):
    """The layer has answered; what follows it need not be run."""


def _activation(copy: nn.Module, call: LayerCall, channel: int, image: Tensor) -> Tensor:
    found: list[Tensor] = []
    count = 0

    def hook(module: nn.Module, args: Any, output: Any) -> None:
        nonlocal count
        count += 1
        if count == call.index:
            (maps,) = (leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor))
            found.append(maps)
            raise _Reached

    handle = copy.get_submodule(call.name).register_forward_hook(hook)
    try:
        with suppress(_Reached):
            copy(image)
    finally:
        handle.remove()
    return nn.functional.leaky_relu(found[0][0, channel], LEAK).mean()


def _climbed(copy: nn.Module, call: LayerCall, channel: int, image: Tensor) -> tuple[float, Tensor]:
    """The activation and its gradient with respect to the image."""
    leaf = image.detach().requires_grad_()
    with torch.enable_grad():
        value = _activation(copy, call, channel, leaf)
        if not value.requires_grad:
            raise ModelError(f"layer {call.name!r} does not depend on the image.")
        (slope,) = torch.autograd.grad(value, leaf)
    return float(value.detach()), slope


def _shape_and_call(
    model: nn.Module, layer: str, channel: int, size: int | Sequence[int] | None
) -> tuple[tuple[int, ...], LayerCall]:
    """(1, channel, [z,] y, x) of the image to be made, and the call that is looked at."""
    check_model(model)
    axes = spatial_axes(model)
    if size is None:
        trace = _default_trace(model, layer, axes)
    else:
        sides = (size,) * axes if isinstance(size, int) else tuple(int(side) for side in size)
        if len(sides) != axes or min(sides) < 1:
            raise ModelError(f"size is {size!r}; give one side in pixels, or {axes} of them.")
        trace = follow(model, sides)
    call = trace.call(layer)
    if call.output_shape is None or len(call.output_shape) < 2:
        raise ModelError(f"layer {layer!r} does not answer with channels.")
    checked_channel(channel, call.output_shape[1], layer)
    return batch_shape(model, trace.image_shape), call


def _default_trace(model: nn.Module, layer: str, axes: int) -> Trace:
    """Followed for an image of twice the layer's field."""
    trace, tried = None, TRIED_PX if axes == 2 else TRIED_PX_3D
    for side in tried:
        with suppress(ModelError):  # of a fixed size, or too small for its poolings: the next
            trace = follow(model, (side,) * axes)
            break
    if trace is None:
        raise ModelError(f"this model takes no image of {tried} px; give the size.")
    reach = trace.call(layer).reach
    if not isinstance(reach, Reach) or not reach.dims:
        return trace
    grids = [c.reach.grids for c in trace.calls if isinstance(c.reach, Reach)]
    sides = []
    for axis, field in enumerate(reach.largest()):
        # whole multiples of every stride, so that poolings come out even
        multiple = math.lcm(*(row[axis].scale.numerator for row in grids))
        multiple = multiple if 0 < multiple <= MOST_PX[axes] else 1
        wanted = min(max(2 * field, LEAST_PX[axes]), MOST_PX[axes])
        sides.append(max(1, math.ceil(wanted / multiple)) * multiple)
    with suppress(ModelError):
        return follow(model, sides)
    return trace  # a network of one fixed size
