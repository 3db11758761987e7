"""The bundled weights: which there are, and how to load them safely."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import torch

from unetscope.errors import ModelError, ModelFileError
from unetscope.network.unet import UNet, UNetConfig


@dataclass(frozen=True)
class BundledModel:
    """Weights that come with the package; ``sha256`` is that of manifest and tensors."""

    name: str
    title: str
    description: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Name of the file in ``network/weights``."""
        return f"{self.name}.unetscope"


_BUNDLED = (
    BundledModel(
        "general-fast",
        "General, fast",
        "0.48 million parameters; the default.",
        "29001bb465e20967c4426de0306b305ce97276c6bd88bd0cd54b86a4f6c4bc13",
    ),
    BundledModel(
        "general-large",
        "General, large",
        "1.93 million parameters, four times the work; for long training on a GPU.",
        "7d675e0504e6e95bd4ee664eb94ad2bb688fdfe4dd2f1802961b33eeb3ec80e8",
    ),
)


def bundled_models() -> tuple[BundledModel, ...]:
    """All weights in the package."""
    return _BUNDLED


def resolve_name(name: str) -> str:
    """``"general"`` becomes the default weights; other names are checked.

    The fast net is the default on every device: as long as the large one has not learned longer,
    it is not better (docs/benchmarks.md).
    """
    if name == "general":
        return "general-fast"
    names = [model.name for model in _BUNDLED]
    if name not in names:
        raise ModelError(
            f"no bundled model is called {name!r}; there are general, {' and '.join(names)}."
        )
    return name


@cache
def load_bundled(name: str) -> tuple[UNet, dict[str, Any]]:
    """The folded network (eval mode, float32) and its manifest.

    The file's hash is compared with the one written here, so swapped weights are noticed.
    """
    from unetscope.network.model_file import load_model_file

    model = next(m for m in _BUNDLED if m.name == resolve_name(name))
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
