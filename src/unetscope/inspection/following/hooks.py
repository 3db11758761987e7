"""Hooks on the modules of a copied model, taken away again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def hooked(
    model: nn.Module,
    entering: Callable[[str], Any],
    leaving: Callable[[str], Any],
    *,
    whole: bool = False,
) -> Iterator[None]:
    """Hooks before and after every module while the body runs.

    Parameters
    ----------
    entering, leaving : from a module's name to its forward pre-hook and forward hook.
    whole : whether the model itself, whose name is "", counts as a module.
    """
    handles = []
    for name, module in model.named_modules():
        if name or whole:
            handles.append(module.register_forward_pre_hook(entering(name)))
            handles.append(module.register_forward_hook(leaving(name)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
