"""The bundled weights, safely loaded."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import torch

from unetscope.errors import ModelFileError
from unetscope.network.facts import bundled_model
from unetscope.network.model_file import load_model_file
from unetscope.network.unet import UNet, UNetConfig


@cache
def load_bundled(name: str) -> tuple[UNet, dict[str, Any]]:
    """The folded network (eval mode, float32) and its manifest.

    The file's hash is compared with the one written here, so swapped weights are noticed.
    """
    model = bundled_model(name)
    place = resources.files("unetscope.network") / "weights" / model.file_name
    with resources.as_file(place) as path:
        loaded = load_model_file(path)
    if loaded.sha256 != model.sha256:
        raise ModelFileError(
            f"the bundled weights {model.file_name} are not those of this release "
            f"({loaded.sha256[:12]} instead of {model.sha256[:12]}); install unetscope again."
        )
    config = UNetConfig.from_dict(loaded.manifest["architecture"])
    net = UNet(config)
    expected = net.state_dict()
    if set(expected) != set(loaded.tensors):
        raise ModelFileError(f"{model.file_name} does not hold the tensors of its architecture.")
    tensors = {key: tensor.to(torch.float32) for key, tensor in loaded.tensors.items()}
    net.load_state_dict(tensors, strict=True)
    return net.eval().requires_grad_(False), loaded.manifest
