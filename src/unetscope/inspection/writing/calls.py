"""How numbers are made again: where a script finds the network, and the one call it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

import numpy as np

from unetscope.errors import ModelError


@dataclass(frozen=True)
class ModelSource:
    """Where a script finds the model again.

    Attributes
    ----------
    kind : ``"bundled"`` and ``"teaching"`` come with the package; ``"file"`` is a ``.unetscope``
        file, ``"factory"`` a function that builds the network; ``"module"`` is one of which only
        the object is known.
    name : the network's name, the file's path (relative to the script), or ``package.module:name``.
    channels, seed : what the network was built for.
    voice : which of a file's networks it is; "" for the one that speaks loudest.
    edits : kernels replaced since, each the arguments of ``inspection.edited``.
    """

    kind: Literal["bundled", "teaching", "file", "factory", "module"] = "module"
    name: str = ""
    channels: int = 1
    seed: int = 0
    voice: str = ""
    edits: tuple[Mapping[str, Any], ...] = ()

    @property
    def needs_weights(self) -> bool:
        """Whether the weights have to lie beside the script."""
        return self.kind in ("factory", "module")


@dataclass(frozen=True, eq=False)
class NumbersRecipe:
    """The one call that made the exported numbers.

    Attributes
    ----------
    function : its name in ``unetscope.inspection``; it takes the model first.
    arguments : by name: plain values, slices and arrays (which are written as TIFF).
    take : the way from its answer to the numbers: ``".values"`` an attribute, others keys.
    takes_image : whether the image is its second argument.
    then : a second function, and its arguments, for what was taken; its ``values`` are exported.
    """

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    take: tuple[str | int, ...] = (".values",)
    takes_image: bool = True
    then: tuple[str, Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        attributes = [str(step)[1:] for step in self.take if str(step).startswith(".")]
        names = [self.function, *self.arguments, *attributes]
        names += [self.then[0], *self.then[1]] if self.then else []
        wrong = [name for name in names if not name.isidentifier()]
        if wrong:
            raise ModelError(f"{wrong} cannot be written into a script; use names of Python.")

    def arrays(self) -> dict[str, np.ndarray]:
        """The arguments that are written as files: file name → array."""
        return {
            f"{name}.tif": value
            for name, value in self.arguments.items()
            if isinstance(value, np.ndarray)
        }

    def described(self) -> dict[str, Any]:
        """The recipe as plain JSON values."""
        values = {
            name: f"{name}.tif" if isinstance(value, np.ndarray) else _plain(value)
            for name, value in self.arguments.items()
        }
        then = None if self.then is None else {"function": self.then[0], **_plain(self.then[1])}
        return {"function": self.function, "arguments": values, "then": then}

    def lines(self) -> list[str]:
        """The call and the way to the numbers, in Python."""
        given = ["model", *(["image"] if self.takes_image else [])]
        for name, value in self.arguments.items():
            text = f'tifffile.imread(HERE / "{name}.tif")' if _is_array(value) else literal(value)
            given.append(f"{name}={text}{'.astype(bool)' if _is_mask(value) else ''}")
        steps = "".join(str(s) if str(s).startswith(".") else f"[{literal(s)}]" for s in self.take)
        call = f"result = inspection.{self.function}({', '.join(given)})"
        if self.then is None:
            return [call, f"values = np.asarray(result{steps})"]
        second, others = self.then
        more = "".join(f", {name}={literal(value)}" for name, value in others.items())
        return [call, f"values = np.asarray(inspection.{second}(result{steps}{more}).values)"]


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _is_mask(value: Any) -> bool:
    """A mask comes back from its TIFF as numbers."""
    return isinstance(value, np.ndarray) and value.dtype == bool


def _plain(value: Any) -> Any:
    """JSON values; slices become [first, end]."""
    if isinstance(value, slice):
        return [_plain(value.start), _plain(value.stop)]
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ModelError(
        f"a {type(value).__name__} cannot be written into a script; give plain values."
    )


def literal(value: Any) -> str:
    """The value as Python writes it."""
    if isinstance(value, slice):
        return f"slice({_plain(value.start)}, {_plain(value.stop)})"
    if isinstance(value, tuple):
        return "(" + "".join(f"{literal(one)}, " for one in value) + ")"
    if isinstance(value, list):
        return "[" + ", ".join(literal(one) for one in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{str(k)!r}: {literal(v)}" for k, v in value.items()) + "}"
    return repr(_plain(value))
