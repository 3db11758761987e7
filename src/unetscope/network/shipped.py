"""The bundled weights, safely loaded."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from importlib import resources
from typing import Any

import torch

from unetscope.errors import ModelFileError
from unetscope.network.facts import BundledModel, bundled_model
from unetscope.network.model_file import ModelFile, load_model_file
from unetscope.network.unet import UNet, UNetConfig


def load_bundled(name: str) -> tuple[UNet, dict[str, Any]]:
    """The folded network (eval mode, float32) and its manifest; whoever asks has them alone.

    The file's hash is compared with the one written here, so swapped weights are noticed.
    """
    loaded = _read(bundled_model(name))
    net = UNet(UNetConfig.from_dict(loaded.manifest["architecture"]))
    if set(net.state_dict()) != set(loaded.tensors):
        raise ModelFileError(f"the bundled {name} do not hold the tensors of their architecture.")
    tensors = {key: tensor.to(torch.float32) for key, tensor in loaded.tensors.items()}
    net.load_state_dict(tensors, strict=True)  # which copies them
    return net.eval().requires_grad_(False), deepcopy(dict(loaded.manifest))


@cache
def _read(model: BundledModel) -> ModelFile:
    """The file, read and checked once; nobody outside gets hold of what is in it."""
    place = resources.files("unetscope.network") / "weights" / model.file_name
    with resources.as_file(place) as path:
        loaded = load_model_file(path)
    if loaded.sha256 != model.sha256:
        raise ModelFileError(
            f"the bundled weights {model.file_name} are not those of this release "
            f"({loaded.sha256[:12]} instead of {model.sha256[:12]}); install unetscope again."
        )
    return loaded
