"""Which kernels and maps training changed, channel by channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from unetscope.errors import ModelError
from unetscope.inspection.following.sharing import weight_owners
from unetscope.inspection.following.snapshot import Skeleton, check_model, finite_batch
from unetscope.inspection.following.trace import follow
from unetscope.inspection.showing.weights import Kernels, kernels

_MAX_BYTES = 2**31


@dataclass(frozen=True)
class ChannelChange:
    """One output channel of one convolution.

    Attributes
    ----------
    layer, channel : the convolution and its output channel.
    relative_change : ‖after - before‖ / ‖before‖ over all weights of that output (L2); infinite
        where there was nothing before.
    bias_change : after minus before; 0 without a bias.
    map_correlation : Pearson correlation of the two maps of the image; None without an image, or
        where a map is constant.
    map_change : ‖after - before‖ / ‖before‖ of the two maps; None without an image.
    """

    layer: str
    channel: int
    relative_change: float
    bias_change: float
    map_correlation: float | None = None
    map_change: float | None = None


@dataclass(frozen=True)
class LayerChange:
    """One convolution: its weights as one vector, and the mean and the largest of its channels.

    Attributes
    ----------
    relative_change : ‖after - before‖ / ‖before‖ over all weights of the layer.
    largest_change : the largest relative change of a channel; ``channel`` says of which.
    map_correlation : mean over the channels that have one; None if none has.
    """

    layer: str
    relative_change: float
    largest_change: float
    channel: int
    map_correlation: float | None = None


@dataclass(frozen=True)
class Comparison:
    """All channels of all convolutions, in the order in which the model defines them.

    Weights that several layers have in common are told of the first of them.
    """

    rows: tuple[ChannelChange, ...]
    layers: tuple[LayerChange, ...]

    def strongest(self, n: int = 10) -> tuple[ChannelChange, ...]:
        """The ``n`` channels whose weights changed most, relatively; the first is the strongest."""
        return tuple(sorted(self.rows, key=lambda row: -row.relative_change)[:n])

    def of(self, layer: str) -> tuple[ChannelChange, ...]:
        """The channels of one layer."""
        return tuple(row for row in self.rows if row.layer == layer)


def compare(
    before: nn.Module, after: nn.Module, image: Tensor | NDArray[np.generic] | None = None
) -> Comparison:
    """What differs between two states of one network.

    Parameters
    ----------
    before, after : of the same architecture; both stay as they are.
    image : ([channel,] [z,] y, x), scaled as the models take it; with it the maps that the
        convolutions make of it are compared too (a layer that is called several times: its last
        map). The map of a channel can change without its kernel: the layers below did.

    Raises
    ------
    ModelError
        If the networks are not of one architecture, or the maps would take more than 2 GiB.
    ImageError
        If the image does not fit.
    """
    names = _same_convolutions(before, after)
    banks = [(name, kernels(before, name), kernels(after, name)) for name in names]
    maps = {} if image is None else _map_changes(before, after, image, names)
    rows: list[ChannelChange] = []
    layers = []
    for name, old, new in banks:
        found = list(_rows(name, old, new, maps.get(name, [])))
        rows += found
        layers.append(_summary(name, old, new, found))
    return Comparison(tuple(rows), tuple(layers))


def compare_versions(
    models: Sequence[nn.Module], image: Tensor | NDArray[np.generic] | None = None
) -> list[Comparison]:
    """Every later model against the first; arguments as for :func:`compare`.

    Raises
    ------
    ModelError
        If there are fewer than two models, or they are not of one architecture.
    """
    if len(models) < 2:
        raise ModelError(f"there are {len(models)} versions; two are needed to compare.")
    return [compare(models[0], model, image) for model in models[1:]]


def _same_convolutions(before: nn.Module, after: nn.Module) -> list[str]:
    """Names of the convolutions that both have in one shape."""
    shapes = []
    for model in (before, after):
        check_model(model)
        repeated = weight_owners(model)
        convolutions = {n: m for n, m in model.named_modules() if isinstance(m, _ConvNd)}
        shapes.append({n: tuple(m.weight.shape) for n, m in convolutions.items()
                       if n not in repeated})  # fmt: skip
    old, new = shapes
    if missing := sorted(set(old) ^ set(new)):
        raise ModelError(
            f"the networks are not of one architecture: only one of them has {missing[0]!r}"
            + (f" and {len(missing) - 1} more convolutions." if len(missing) > 1 else ".")
        )
    for name, shape in old.items():
        if new[name] != shape:
            raise ModelError(
                f"the networks are not of one architecture: {name!r} has weights {shape} in one "
                f"and {new[name]} in the other."
            )
    if not old:
        raise ModelError("these networks have no convolutions to compare.")
    return list(old)


def _relative(change: NDArray[Any], reference: NDArray[Any]) -> float:
    size = float(np.linalg.norm(reference.astype(np.float64).ravel()))
    moved = float(np.linalg.norm(change.astype(np.float64).ravel()))
    if size == 0:
        return 0.0 if moved == 0 else float("inf")
    return moved / size


def _rows(
    layer: str, old: Kernels, new: Kernels, maps: list[tuple[float | None, float]]
) -> Iterator[ChannelChange]:
    for channel, (was, now) in enumerate(zip(old.values, new.values, strict=True)):
        correlation, change = maps[channel] if maps else (None, None)
        yield ChannelChange(
            layer,
            channel,
            _relative(now - was, was),
            _bias(new, channel) - _bias(old, channel),
            correlation,
            change,
        )


def _bias(bank: Kernels, channel: int) -> float:
    return 0.0 if bank.bias is None else float(bank.bias[channel])


def _summary(layer: str, old: Kernels, new: Kernels, rows: list[ChannelChange]) -> LayerChange:
    top = max(rows, key=lambda row: row.relative_change)
    known = [row.map_correlation for row in rows if row.map_correlation is not None]
    return LayerChange(
        layer,
        _relative(new.values - old.values, old.values),
        top.relative_change,
        top.channel,
        float(np.mean(known)) if known else None,
    )


def _map_changes(
    before: nn.Module,
    after: nn.Module,
    image: Tensor | NDArray[np.generic],
    names: Sequence[str],
) -> dict[str, list[tuple[float | None, float]]]:
    """Per layer and channel, correlation and relative change of the maps of the image."""
    batch = finite_batch(before, image)
    calls = [call for call in follow(before, batch.shape).calls if call.name in set(names)]
    needed = sum({call.name: call.output_bytes for call in calls}.values())
    if needed > _MAX_BYTES:
        raise ModelError(
            f"the maps would take {needed / 2**20:.0f} MiB, more than {_MAX_BYTES / 2**20:.0f}; "
            "compare on a smaller part of the image."
        )
    old: dict[str, Tensor] = {}
    found: dict[str, list[tuple[float | None, float]]] = {}

    def compared(name: str, maps: Tensor) -> None:
        if name in old:
            found[name] = [_map_change(a, b) for a, b in zip(old[name], maps, strict=True)]

    for model, take in ((before, old.__setitem__), (after, compared)):
        copy = Skeleton(model).with_weights()
        parameter = next(copy.parameters())
        with torch.inference_mode(), _hearing(copy, names, take):
            copy(batch.to(parameter.device, parameter.dtype))
    return found


@contextmanager
def _hearing(model: nn.Module, names: Sequence[str], take: Any) -> Iterator[None]:
    """Hand every map of the named layers, (channel, …), to ``take`` while the body runs."""

    def hook(name: str) -> Any:
        def hearing(module: nn.Module, args: Any, output: Tensor) -> None:
            take(name, output[0].detach().float().cpu().clone())

        return hearing

    handles = [model.get_submodule(name).register_forward_hook(hook(name)) for name in names]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _map_change(before: Tensor, after: Tensor) -> tuple[float | None, float]:
    was, now = before.double().numpy().ravel(), after.double().numpy().ravel()
    change = _relative(now - was, was)
    was, now = was - was.mean(), now - now.mean()
    size = float(np.linalg.norm(was)) * float(np.linalg.norm(now))
    if size <= 1e-12 * max(1.0, len(was)):
        return None, change
    return float(np.clip(was @ now / size, -1.0, 1.0)), change
