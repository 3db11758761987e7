"""Parts of a network that can be taken away, and the answer without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from unetscope.errors import ModelError
from unetscope.inspection.asking.editing import check_kernel, kernel_of
from unetscope.inspection.following.joins import JoinWatcher, SkipConnection
from unetscope.inspection.following.trace import Trace, follow, module_of

Mode = Literal["zero", "mean", "shuffled"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True)
class Skip:
    """A skip connection, named as in :mod:`unetscope.inspection.following.joins`."""

    name: str

    def __str__(self) -> str:
        return f"skip:{self.name}"


@dataclass(frozen=True)
class Channel:
    """One channel of what a layer answers."""

    layer: str
    channel: int

    def __str__(self) -> str:
        return f"channel:{self.layer}:{self.channel}"


@dataclass(frozen=True)
class KernelOf:
    """The kernel of a convolution from input channel ``inp`` (of its group) to ``out``."""

    layer: str
    out: int
    inp: int

    def __str__(self) -> str:
        return f"kernel:{self.layer}:{self.out},{self.inp}"


Part = Skip | Channel | KernelOf


def parse_part(text: str) -> Part:
    """``"skip:dec1"``, ``"channel:enc1.conv2:3"`` or ``"kernel:enc1.conv1:3,0"`` (out, in).

    Raises
    ------
    ModelError
        If it is none of them.
    """
    kind, _, rest = text.partition(":")
    layer, _, numbers = rest.rpartition(":")
    try:
        if kind == "skip" and rest:
            return Skip(rest)
        if kind == "channel" and layer:
            return Channel(layer, int(numbers))
        if kind == "kernel" and layer:
            out, inp = (int(number) for number in numbers.split(","))
            return KernelOf(layer, out, inp)
    except ValueError:
        pass  # what should be a number is none: said below, as for every other word
    raise ModelError(
        f"{text!r} names no part of a network; write skip:NAME, channel:LAYER:NUMBER or "
        "kernel:LAYER:OUT,IN."
    )


def check_mode(mode: str) -> None:
    """Refuse an unknown mode (ModelError)."""
    if mode not in MODES:
        raise ModelError(f"mode is {mode!r}; use {', '.join(MODES)}.")


def answer_without(
    model: nn.Module | Trace, copy: nn.Module, batch: Tensor, part: Part, mode: Mode, seed: int
) -> Tensor:
    """What ``copy`` of ``model`` answers with ``part`` replaced; a kernel stays so in the copy.

    Raises
    ------
    ModelError
        If there is no such part, or the answer is not one tensor.
    """
    if isinstance(part, Skip):
        return _without_skip(copy, batch, part, mode, seed)
    if isinstance(part, Channel):
        return answer_without_channel(copy, batch, part, mode, seed, follow(model, batch.shape))
    check_kernel(module_of(model), part.layer, part.out, part.inp)
    kernel = kernel_of(copy, part.layer, part.out, part.inp)
    with torch.no_grad():
        kernel.copy_(_replaced(kernel[None], mode, seed)[0])
        return only_tensor(copy(batch))


def _without_skip(copy: nn.Module, batch: Tensor, part: Skip, mode: Mode, seed: int) -> Tensor:
    def replace(skip: SkipConnection, maps: Tensor) -> Tensor | None:
        return _replaced(maps[0], mode, seed)[None] if skip.name == part.name else None

    watcher = JoinWatcher(batch, replace)
    with torch.no_grad(), watcher.watching(copy), watcher:
        logits = only_tensor(copy(batch))
    names = [skip.name for skip in watcher.found]
    if part.name not in names:
        raise ModelError(
            f"no skip connection is called {part.name!r}; there are {', '.join(names) or 'none'}."
        )
    return logits


def answer_without_channel(
    copy: nn.Module, batch: Tensor, part: Channel, mode: Mode, seed: int, trace: Trace
) -> Tensor:
    """What ``copy`` answers with one channel replaced; the copy is as before afterwards."""
    call = trace.call(part.layer)
    count = (call.output_shape or (1, 0))[1]
    if not 0 <= part.channel < count:
        raise ModelError(f"layer {part.layer!r} has channels 0 to {count - 1}, not {part.channel}.")
    calls = 0

    def hook(module: nn.Module, args: Any, output: Tensor) -> Tensor | None:
        nonlocal calls
        calls += 1
        if calls != call.index:
            return None
        changed = output.clone()
        channel = slice(part.channel, part.channel + 1)
        changed[0, channel] = _replaced(output[0, channel], mode, seed)
        return changed

    handle = copy.get_submodule(call.name).register_forward_hook(hook)
    try:
        with torch.no_grad():
            return only_tensor(copy(batch))
    finally:
        handle.remove()


def _replaced(maps: Tensor, mode: Mode, seed: int) -> Tensor:
    """(channel, …) with every map's values replaced; the order of pixels is one for all maps."""
    if mode == "zero":
        return torch.zeros_like(maps)
    flat = maps.flatten(start_dim=1)
    if mode == "mean":
        mean = flat.double().mean(dim=1).to(maps.dtype)
        return mean.reshape(-1, *[1] * (maps.ndim - 1)).expand_as(maps).clone()
    order = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(seed))
    return flat[:, order.to(maps.device)].reshape(maps.shape)


def only_tensor(output: Any) -> Tensor:
    """The answer, which has to be one tensor (ModelError)."""
    if not isinstance(output, Tensor):
        raise ModelError(f"the model returns a {type(output).__name__}, not one tensor of logits.")
    return output
