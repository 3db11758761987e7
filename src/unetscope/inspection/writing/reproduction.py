"""The script beside an export: it makes the numbers again and says whether they are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import torch
from torch import nn

import unetscope
from unetscope.inspection.writing.calls import ModelSource, NumbersRecipe, literal
from unetscope.network.unet import UNet

INPUT_FILE, WEIGHTS_FILE, SCRIPT_FILE = "input.tif", "weights.safetensors", "reproduce.py"
_RELATIVE_TOLERANCE = 1e-4


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
    recipe: NumbersRecipe,
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
        "",
        "HERE = Path(__file__).resolve().parent",
        f'image = tifffile.imread(HERE / "{INPUT_FILE}")',
        "",
        *_model_lines(model, source),
        *_edit_lines(source),
        "model.eval()",
        f'expected_weights = "{weights_sha256(model)}"',
        "if inspection.weights_sha256(model) != expected_weights:",
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
    name = literal(source.name)
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
        voice = f", Voice({literal(source.voice)})" if source.voice else ""
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
        given = ", ".join(f"{name}={literal(value)}" for name, value in edit.items())
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
