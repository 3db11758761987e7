"""A dispatch mode that carries what each tensor sees past every operation of one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.padding import _CircularPadNd
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from unetscope.inspection.following.arguments import multiply_adds, named_arguments
from unetscope.inspection.following.operations import Operation, rule_for
from unetscope.inspection.following.reach import GridMismatch, Lost, Reach, joined
from unetscope.inspection.following.watching import Watcher


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One call of one module.

    Attributes
    ----------
    name : as in ``model.named_modules()``.
    index : which call of this module it is, from 1.
    type_name : class of the module.
    is_leaf : whether it contains no other modules.
    output_shape : (batch, channel, [z,] y, x), or None where it does not return one tensor.
    output_bytes : memory of that tensor.
    multiply_adds : of the operations in this module itself, not of those it contains.
    reach : what the output sees, or :class:`Lost` with the reason.
    reads_image : whether it is given the image itself.
    """

    name: str
    index: int
    type_name: str
    is_leaf: bool
    output_shape: tuple[int, ...] | None
    output_bytes: int
    multiply_adds: int
    reach: Reach | Lost
    reads_image: bool = False


class Follower(Watcher):
    """Carries what each tensor sees past every operation."""

    whole = True

    def __init__(self, image: Tensor, reach: Reach) -> None:
        super().__init__()
        self.calls: list[LayerCall] = []
        self.mismatches: list[GridMismatch] = []
        self._image = image
        self._seen: Any = WeakIdKeyDictionary()
        self._seen[image] = reach
        self._overwritten: dict[int, tuple[Any, Lost]] = {}  # the memory is held, so is its address
        self._inside: list[str] = [""]
        self._modules: list[nn.Module | None] = [None]
        self._work: list[int] = [0]
        self._counts: dict[str, int] = {}

    def entering(self, name: str) -> Any:
        """Its operations are this module's."""

        def hook(module: nn.Module, args: Any) -> None:
            self._inside.append(name)
            self._modules.append(module)
            self._work.append(0)

        return hook

    def leaving(self, name: str) -> Any:
        """Note the call, with what its output sees."""

        def hook(module: nn.Module, args: Any, output: Any) -> None:
            self._inside.pop()
            self._modules.pop()
            work = self._work.pop()
            self._counts[name] = self._counts.get(name, 0) + 1
            tensors = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
            kind, leaf = type(module).__name__, next(module.children(), None) is None
            first = any(given is self._image for given in tree_leaves(args))
            if len(tensors) != 1:
                lost = Lost(f"it returns {len(tensors)} tensors, not one")
                self.calls.append(
                    LayerCall(name, self._counts[name], kind, leaf, None, 0, work, lost, first)
                )
                return
            out = tensors[0]
            size = out.numel() * out.element_size()
            reach = self._seen.get(out, Lost("its output does not depend on the image"))
            shape = tuple(out.shape)
            self.calls.append(
                LayerCall(name, self._counts[name], kind, leaf, shape, size, work, reach, first)
            )

        return hook

    def operation(
        self, func: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Carry what the arguments see to what comes out."""
        arguments = named_arguments(func, args, kwargs)
        inputs = [leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)]
        shapes = [tuple(tensor.shape) for tensor in inputs]
        result = func(*args, **kwargs)
        outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if not outputs:
            return result
        name = func.overloadpacket.__name__
        self._work[-1] += multiply_adds(name, arguments, tuple(outputs[0].shape))
        known = [
            (reach, shape)
            for tensor, shape in zip(inputs, shapes, strict=True)
            if (reach := self._known(tensor)) is not None
        ]
        if known:
            reach = self._after(func, arguments, known, tuple(outputs[0].shape))
            self._note(func, inputs, outputs, reach)
        return result

    def _known(self, tensor: Tensor) -> Reach | Lost | None:
        reach = self._seen.get(tensor)
        if reach is None and self._overwritten:
            held = self._overwritten.get(tensor.untyped_storage()._cdata)
            reach = None if held is None else held[1]
        return reach

    def _after(
        self,
        func: torch._ops.OpOverload,
        arguments: dict[str, Any],
        known: list[tuple[Reach | Lost, tuple[int, ...]]],
        output_shape: tuple[int, ...],
    ) -> Reach | Lost:
        reaches = []
        for reach, _ in known:
            if isinstance(reach, Lost):
                return reach
            reaches.append(reach)
        name = func.overloadpacket.__name__
        if name == "cat" or len(reaches) > 1:
            return self._joined(func, arguments, reaches, output_shape)
        rule = rule_for(func)
        if not reaches[0].dims and rule is not None:
            return reaches[0]  # a vector stays a vector, whatever is done to it
        if rule is None:
            return Lost(self._not_followed(name))
        return rule(Operation(name, arguments, reaches[0], known[0][1], output_shape))

    def _not_followed(self, operation: str) -> str:
        layer, module = self._inside[-1], self._modules[-1]
        circular = isinstance(module, _CircularPadNd)
        if circular or getattr(module, "padding_mode", "") == "circular":
            wanted = "a ZeroPad or ReflectionPad" if circular else 'padding_mode="zeros"'
            return (
                f"{layer or type(module).__name__!r} pads circularly, and what wraps round the "
                "image has no place in it; choose a layer before it, or look at a copy of the "
                f"network with {wanted} there"
            )
        return f"the operation {operation!r} is not followed"

    def _joined(
        self,
        func: torch._ops.OpOverload,
        arguments: dict[str, Any],
        reaches: list[Reach],
        output_shape: tuple[int, ...],
    ) -> Reach | Lost:
        name = func.overloadpacket.__name__
        if any(reach.dims != reaches[0].dims for reach in reaches):
            return Lost(f"{name!r} joins maps with something that has no places")
        if name == "cat":
            if (arguments.get("dim") or 0) % len(output_shape) in reaches[0].dims:
                return Lost("maps are concatenated along an image axis")
        elif torch.Tag.pointwise not in func.tags:
            return Lost(f"the operation {name!r} is not followed for several maps")
        reach, mismatches = joined(reaches, self._inside[-1])
        self.mismatches += mismatches
        return reach

    def _note(
        self,
        func: torch._ops.OpOverload,
        inputs: list[Tensor],
        outputs: list[Tensor],
        reach: Reach | Lost,
    ) -> None:
        name = func.overloadpacket.__name__
        changed = [t for t in inputs if any(t is out for out in outputs)]
        for tensor in changed:  # in place: whoever else looks at the same memory changed too
            if self._seen.get(tensor) is reach:
                continue
            memory = tensor.untyped_storage()
            lost = Lost(f"part of it was overwritten in place by {name!r}")
            self._overwritten[memory._cdata] = (memory, lost)
            for other in list(self._seen.keys()):
                if other is not tensor and other.untyped_storage()._cdata == memory._cdata:
                    self._seen[other] = lost
        several = name in ("split", "split_with_sizes")
        for out in outputs if several else outputs[:1]:
            self._seen[out] = reach
