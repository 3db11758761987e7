"""The arguments of an ATen operation by name, and the work it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def named_arguments(
    function: torch._ops.OpOverload, args: Sequence[Any], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Arguments by name, defaults filled in."""
    schema = function._schema.arguments
    values = {a.name: a.default_value for a in schema if a.has_default_value()}
    values.update(zip((a.name for a in schema), args, strict=False))
    return {**values, **kwargs}


def multiply_adds(name: str, arguments: dict[str, Any], output_shape: tuple[int, ...]) -> int:
    """Multiplications with an addition, of a convolution or matrix product; otherwise 0.

    ``Ho·Wo·Cout·(Cin/groups)·kh·kw``; a transposed convolution multiplies once per *input* cell.
    Twice this is what is often called FLOPs. Biases are not counted.
    """
    if name == "convolution":
        weight, cells = arguments["weight"].shape, output_shape
        if arguments["transposed"]:
            cells = tuple(arguments["input"].shape)
        return int(cells[0] * torch.Size(cells[2:]).numel() * weight.numel())
    pairs = {"addmm": ("mat1", "mat2"), "mm": ("self", "mat2"), "bmm": ("self", "mat2")}
    if name == "baddbmm":
        pairs["baddbmm"] = ("batch1", "batch2")
    if name not in pairs:
        return 0
    left: Tensor = arguments[pairs[name][0]]
    right: Tensor = arguments[pairs[name][1]]
    return int(left.numel() * right.shape[-1])
