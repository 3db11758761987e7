"""Skip connections of any network: where two maps of the image are joined, and where from.

Operations are watched, not modules, so ``torch.cat`` and ``+=`` in a ``forward`` are found whoever
wrote it. Of the maps that are joined, the one that went through the fewest operations is the
*skipped* one (He et al. 2016; Ronneberger et al. 2015): it took the short way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from unetscope.inspection.following.snapshot import batch_shape, check_model, run_on_zeros
from unetscope.inspection.following.watching import Watcher

JoinKind = Literal["concatenation", "addition"]
IMAGE = "image"
"""What :attr:`SkipConnection.source` says where the image itself is handed on."""


@dataclass(frozen=True)
class SkipConnection:
    """One map that is handed past other layers and joined with what they made.

    Attributes
    ----------
    name : the module in which they are joined; ``"block:2"`` for the second connection joined in
        ``block``, ``"model"`` where the model's own ``forward`` joins them.
    kind : ``"concatenation"`` (of channels) or ``"addition"``.
    source : the layer that made the skipped map, or ``"image"``.
    other : the layer that made the map it is joined with.
    operand : which of the joined tensors the skipped map is, from 0.
    channels : of the skipped map.
    """

    name: str
    kind: JoinKind
    source: str
    other: str
    operand: int
    channels: int

    def __str__(self) -> str:
        sign = "beside" if self.kind == "concatenation" else "+"
        return f"{self.name}: {self.source} {sign} {self.other}"


def skip_connections(model: nn.Module, image_shape: Sequence[int]) -> tuple[SkipConnection, ...]:
    """Every concatenation and addition of maps of the image, in the order of the data.

    A concatenation of n maps counts as n - 1 connections: the map that went through the most
    operations is the main path, each of the others is handed on to it.

    Parameters
    ----------
    model : any module that takes one tensor (batch, channel, [z,] y, x); stays as it is.
    image_shape : ([z,] y, x), with channels in front if need be.

    Raises
    ------
    ModelError
        For TorchScript, or if the model does not accept such an image.
    """
    check_model(model)
    shape = batch_shape(model, image_shape)
    return tuple(run_on_zeros(model, shape, _watched).found)


def _watched(model: nn.Module, image: Tensor) -> JoinWatcher:
    watcher = JoinWatcher(image)
    with torch.no_grad(), watcher.watching(model), watcher:
        model(image)
    return watcher


@dataclass(frozen=True)
class _Origin:
    """The layer a tensor came from, operations since the image, and when it was last written."""

    layer: str
    depth: int
    time: int


Replace = Callable[[SkipConnection, Tensor], Tensor | None]


class JoinWatcher(Watcher):
    """Follows which layer made which tensor, and notes every join in :attr:`found`.

    Parameters
    ----------
    image : the tensor that will be handed to the model.
    replace : asked at every connection what to put in place of the skipped map; None leaves it.
    """

    def __init__(self, image: Tensor, replace: Replace | None = None) -> None:
        super().__init__()
        self.found: list[SkipConnection] = []
        self._replace = replace
        self._origins: Any = WeakIdKeyDictionary()
        self._origins[image] = _Origin(IMAGE, 0, 0)
        self._time = 0
        self._inside: list[tuple[str, int]] = [("", 0)]
        self._counts: dict[str, int] = {}

    def entering(self, name: str) -> Any:
        """Note when the module begins."""

        def hook(module: nn.Module, args: Any) -> None:
            self._inside.append((name, self._time))

        return hook

    def leaving(self, name: str) -> Any:
        """What was made since it began is the module's."""

        def hook(module: nn.Module, args: Any, output: Any) -> None:
            _, entered = self._inside.pop()
            tensors = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
            if len(tensors) > 1 and next(module.children(), None) is not None:
                return  # which of the layers inside made which of them is known
            for tensor in tensors:
                origin = self._origins.get(tensor)
                if origin is not None and origin.time > entered:  # an identity makes nothing
                    self._origins[tensor] = _Origin(name, origin.depth, origin.time)

        return hook

    def operation(
        self, func: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Note which layer made what, and what is joined."""
        inputs = [leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)]
        origins = [o for tensor in inputs if (o := self._origins.get(tensor)) is not None]
        operands = self._joined(func, args, kwargs) if len(origins) > 1 else []
        if operands:
            args = self._noted(func, args, operands)
        result = func(*args, **kwargs)
        if origins:
            self._time += 1
            deepest = max(origins, key=lambda origin: (origin.depth, origin.time))
            made = _Origin(deepest.layer, deepest.depth + 1, self._time)
            for leaf in tree_leaves(result):
                if isinstance(leaf, Tensor):
                    self._origins[leaf] = made
        return result

    def _joined(
        self, func: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> list[Tensor]:
        """The tensors that are joined, if this operation joins maps of one size; else none."""
        name = func.overloadpacket.__name__
        if name == "cat":
            operands = list(args[0])
            dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
            if dim % operands[0].ndim != 1:
                return []  # laid side by side in space or in the batch
        elif name in ("add", "add_") and len(args) > 1 and isinstance(args[1], Tensor):
            operands = list(args[:2])
        else:
            return []
        first = operands[0]
        sizes_fit = all(t.ndim == first.ndim and t.shape[2:] == first.shape[2:] for t in operands)
        known = [tensor for tensor in operands if tensor in self._origins]
        return operands if sizes_fit and first.ndim > 2 and len(known) > 1 else []

    def _noted(
        self, func: torch._ops.OpOverload, args: tuple[Any, ...], operands: list[Tensor]
    ) -> tuple[Any, ...]:
        """Note the connections of a join; the arguments with what takes their place."""
        origins = {i: self._origins[t] for i, t in enumerate(operands) if t in self._origins}
        main = max(origins, key=lambda i: (origins[i].depth, origins[i].time))
        concatenated = func.overloadpacket.__name__ == "cat"
        changed = list(operands)
        for index, origin in origins.items():
            if index == main or operands[index] is operands[main]:
                continue
            skip = SkipConnection(
                name=self._name(),
                kind="concatenation" if concatenated else "addition",
                source=origin.layer,
                other=origins[main].layer,
                operand=index,
                channels=int(operands[index].shape[1]),
            )
            self.found.append(skip)
            put = None if self._replace is None else self._replace(skip, operands[index])
            if put is not None:
                changed[index] = put
        if concatenated:
            return (changed, *args[1:])
        if func.overloadpacket.__name__ == "add_" and changed[0] is not operands[0]:
            operands[0].copy_(changed[0])  # the sum must be written where the caller looks
            changed[0] = operands[0]
        return (*changed, *args[2:])

    def _name(self) -> str:
        label = self._inside[-1][0] or "model"
        self._counts[label] = self._counts.get(label, 0) + 1
        return label if self._counts[label] == 1 else f"{label}:{self._counts[label]}"
