"""What every dispatch mode here shares: it sees each operation of a run, and each module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode


class Watcher(TorchDispatchMode):
    """Heirs say what becomes of an operation, and what is noted where a module begins and ends.

    Attributes
    ----------
    whole : whether the model itself, whose name is "", counts as a module.
    """

    whole = False

    @contextmanager
    def watching(self, model: nn.Module) -> Iterator[None]:
        """Hooks on every module of the (copied) model while the body runs."""
        handles = []
        for name, module in model.named_modules():
            if name or self.whole:
                handles.append(module.register_forward_pre_hook(self.entering(name)))
                handles.append(module.register_forward_hook(self.leaving(name)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def entering(self, name: str) -> Any:
        """The forward pre-hook of a module."""
        raise NotImplementedError

    def leaving(self, name: str) -> Any:
        """The forward hook of a module."""
        raise NotImplementedError

    def operation(
        self, func: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Do ``func``, note it, and return what it gives."""
        raise NotImplementedError

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        return self.operation(func, args, kwargs or {})
