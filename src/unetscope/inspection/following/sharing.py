"""Weights that several layers have in common: whose they are, and which parts only repeat others.

A layer that is *called* twice is one layer; here are layers of their own whose parameters are those
of another one, as in a network that looks twice at the same image.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def weight_owners(model: nn.Module) -> dict[str, str]:
    """Layer → the earlier layer (in the order of definition) that all its parameters belong to."""
    first: dict[int, str] = {}
    owners = {}
    for name, module in model.named_modules():
        own = [first.setdefault(id(p), name) for p in module.parameters(recurse=False)]
        if own and set(own) == {own[0]} and own[0] != name:
            owners[name] = own[0]
    return owners


def with_same_weights(model: nn.Module, layer: str) -> tuple[str, ...]:
    """The other layers that have the weights of ``layer``: whoever changes it changes them."""
    owners = weight_owners(model)
    owner = owners.get(layer, layer)
    group = [owner, *(name for name, of in owners.items() if of == owner)]
    return tuple(name for name in group if name != layer)


def repeated_parts(model: nn.Module) -> tuple[str, ...]:
    """The outermost modules that hold no parameter but those of layers defined before them."""
    seen: set[int] = set()
    found: list[str] = []
    for name, module in model.named_modules():
        inside = [id(p) for p in module.parameters()]
        if name and inside and seen.issuperset(inside) and not is_within(name, found):
            found.append(name)
        seen.update(id(p) for p in module.parameters(recurse=False))
    return tuple(found)


def is_within(layer: str, parts: Sequence[str]) -> bool:
    """Whether a layer is one of ``parts`` or lies inside of one."""
    return any(layer == part or layer.startswith(f"{part}.") for part in parts)
