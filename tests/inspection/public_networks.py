"""Networks of others, small enough for a test."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import nn

_OPERATORS: list[Any] = []  # kept alive: they are forgotten with the library that defines them


@cache
def torchvision_models() -> Any:
    """``torchvision.models``, also beside a PyTorch that cannot load its compiled operators.

    Its detection operators are of no use here, but importing torchvision asks for two of them.
    """
    try:
        import torchvision
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        boxes = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(f"nms{boxes}")
        library.define(f"qnms{boxes}")
        _OPERATORS.append(library)
        import torchvision
    return torchvision.models


def _vision(name: str, **options: Any) -> Callable[[], nn.Module]:
    return lambda: getattr(torchvision_models(), name)(weights=None, **options)


def _smp(name: str, **options: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        torchvision_models()
        import segmentation_models_pytorch

        return getattr(segmentation_models_pytorch, name)(encoder_weights=None, **options)

    return make


PUBLIC: dict[str, tuple[Callable[[], nn.Module], tuple[int, int]]] = {
    "resnet18": (_vision("resnet18"), (64, 64)),
    "vgg11": (_vision("vgg11"), (64, 64)),
    "alexnet": (_vision("alexnet"), (96, 96)),
    "squeezenet1_1": (_vision("squeezenet1_1"), (64, 64)),
    "mobilenet_v2": (_vision("mobilenet_v2"), (64, 64)),
    "smp.Unet": (_smp("Unet", encoder_name="resnet18", classes=3), (64, 64)),
    "smp.FPN": (_smp("FPN", encoder_name="resnet18", classes=3), (64, 64)),
}
"""Name: how to make it, and an image (y, x) of three channels that it takes."""
