"""The script beside an export: it makes the numbers again and says whether they are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

import unetscope
from unetscope.errors import ModelError
from unetscope.network.unet import UNet

INPUT_FILE, WEIGHTS_FILE, SCRIPT_FILE = "input.tif", "weights.safetensors", "reproduce.py"
_RELATIVE_TOLERANCE = 1e-4


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
class Recipe:
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
            text = f'tifffile.imread(HERE / "{name}.tif")' if _is_array(value) else _literal(value)
            given.append(f"{name}={text}{'.astype(bool)' if _is_mask(value) else ''}")
        steps = "".join(str(s) if str(s).startswith(".") else f"[{_literal(s)}]" for s in self.take)
        call = f"result = inspection.{self.function}({', '.join(given)})"
        if self.then is None:
            return [call, f"values = np.asarray(result{steps})"]
        second, others = self.then
        more = "".join(f", {name}={_literal(value)}" for name, value in others.items())
        return [call, f"values = np.asarray(inspection.{second}(result{steps}{more}).values)"]


def weights_sha256(model: nn.Module) -> str:
    """SHA-256 over every parameter and buffer: name, type, shape and bytes, sorted by name.

    The same weights give the same hash on every device and in every memory layout.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if not isinstance(tensor, torch.Tensor):
            continue
        values = tensor.detach().cpu().contiguous()
        head = json.dumps([name, str(values.dtype), list(values.shape)]).encode()
        content = values.reshape(-1).view(torch.uint8).numpy().tobytes()
        for part in (head, content):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.hexdigest()


def script(
    model: nn.Module,
    source: ModelSource,
    recipe: Recipe,
    *,
    values_file: str,
    order: Sequence[int],
    shape: Sequence[int],
) -> str:
    """A script that makes the numbers of ``values_file`` again.

    Parameters
    ----------
    order : the axes of the numbers as they lie in the file.
    shape : of the numbers themselves.
    """
    lines = [
        f'"""Makes the numbers of {values_file} again, and says whether they are the same.',
        "",
        f'Written by unetscope {unetscope.__version__}. Run it with: python {SCRIPT_FILE}"""',
        "",
        "from pathlib import Path",
        "",
        "import numpy as np",
        "import tifffile",
        "",
        "from unetscope import inspection",
        "from unetscope.inspection.writing.reproduction import weights_sha256",
        "",
        "HERE = Path(__file__).resolve().parent",
        f'image = tifffile.imread(HERE / "{INPUT_FILE}")',
        "",
        *_model_lines(model, source),
        *_edit_lines(source),
        "model.eval()",
        f'expected_weights = "{weights_sha256(model)}"',
        "if weights_sha256(model) != expected_weights:",
        '    raise SystemExit("These are other weights than those the numbers were made with.")',
        "",
        *recipe.lines(),
        f"assert values.shape == {tuple(int(n) for n in shape)}, values.shape",
        f'expected = tifffile.imread(HERE / "{values_file}")',
        f"found = values.transpose({tuple(order)}).reshape(expected.shape)",
        "both = np.isfinite(expected) & np.isfinite(found)",
        "difference = np.abs(np.where(both, found - expected, 0)).max()",
        "size = np.abs(expected[np.isfinite(expected)]).max(initial=0)",
        "assert np.array_equal(np.isfinite(expected), np.isfinite(found)), 'other gaps'",
        f"assert difference <= {_RELATIVE_TOLERANCE} * size + 1e-12, difference",
        'print(f"the same numbers (largest difference {difference:.2g})")',
    ]
    return "\n".join(lines) + "\n"


def _model_lines(model: nn.Module, source: ModelSource) -> list[str]:
    name = _literal(source.name)
    if source.kind == "bundled":
        return [
            "from unetscope.learning.persistence import start_model",
            f"model = start_model({name}, channels={source.channels}).backbone",
        ]
    if source.kind == "teaching":
        return [
            "from unetscope.network.teaching import teaching_network",
            f"model = teaching_network({name}, {source.channels}, {source.seed})",
        ]
    if source.kind == "file":
        voice = f", Voice({_literal(source.voice)})" if source.voice else ""
        return [
            f"from unetscope.learning.answering import {'Voice, ' if voice else ''}"
            "answering_network",
            "from unetscope.learning.persistence import load_model",
            f"model = answering_network(load_model(HERE / {name}){voice})",
        ]
    return [
        *_building_lines(model, source),
        "from safetensors.torch import load_file",
        f'model.load_state_dict(load_file(HERE / "{WEIGHTS_FILE}"))',
    ]


def _edit_lines(source: ModelSource) -> list[str]:
    """The edits made again; weights that lie beside the script hold them already."""
    if source.needs_weights:
        return []
    lines = []
    for edit in source.edits:
        given = ", ".join(f"{name}={_literal(value)}" for name, value in edit.items())
        lines.append(f"model = inspection.edited(model, {given}).model")
    return lines


def _building_lines(model: nn.Module, source: ModelSource) -> list[str]:
    if source.kind == "factory":
        module, _, function = source.name.partition(":")
        return [
            f"from {module} import {function.split('.')[0]}  # must be found by Python",
            f"model = {function}()",
        ]
    if type(model) is UNet:
        return [
            "from unetscope.network.unet import UNet, UNetConfig",
            f"model = UNet(UNetConfig.from_dict({model.config.to_dict()!r}))",
        ]
    own = type(model)
    return [
        "# Fill in how your network is built; its weights lie beside this script.",
        f"# from {own.__module__} import {own.__qualname__}",
        f"# model = {own.__qualname__}(...)",
        'if "model" not in globals():',
        '    raise SystemExit("Fill in how the network is built, in the lines above this one.")',
    ]


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


def _literal(value: Any) -> str:
    """The value as Python writes it."""
    if isinstance(value, slice):
        return f"slice({_plain(value.start)}, {_plain(value.stop)})"
    if isinstance(value, tuple):
        return "(" + "".join(f"{_literal(one)}, " for one in value) + ")"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(one) for one in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{str(k)!r}: {_literal(v)}" for k, v in value.items()) + "}"
    return repr(_plain(value))
