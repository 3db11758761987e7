"""Backbones built by timm (Wightman 2019, Apache-2.0).

timm and the weights are the user's: nothing here is loaded before such a source is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from unetscope.errors import ModelError
from unetscope.learning.sources.backbone import BackboneOptions
from unetscope.learning.sources.stages import StageMaps
from unetscope.learning.sources.tokens import TokenMaps

PREFIX = "timm:"


def import_timm() -> ModuleType:
    """timm, or an error that says how to get it."""
    try:
        import timm
    except (ImportError, RuntimeError) as error:  # torchvision of another torch: RuntimeError
        raise ModelError(
            "backbones of others need timm, which cannot be imported "
            f'({" ".join(str(error).split())}); run: pip install "napari-unetscope[timm]"'
        ) from error
    return timm


def read_backbone(
    model_name: str,
    weights: Path | None,
    options: BackboneOptions,
    **architecture: Any,
) -> StageMaps | TokenMaps:
    """Build a timm model for its maps.

    Parameters
    ----------
    weights : a safetensors file of its weights; None draws random ones.
    architecture : changes of its architecture, as ``timm.create_model`` takes them.
    """
    timm = import_timm()
    with torch.device("meta"):  # only to see what it is made of
        plan = timm.create_model(model_name, **architecture).feature_info
    strides = [int(info["reduction"]) for info in plan]
    if weights is not None:
        overlay = {"file": str(weights), "custom_load": False}
        architecture |= {"pretrained": True, "pretrained_cfg_overlay": overlay}
    if len(set(strides)) == 1:
        net = _created(timm, model_name, {"num_classes": 0} | architecture)
        return TokenMaps(net, strides[0], options.passes)
    kept = [index for index, stride in enumerate(strides) if stride <= options.coarsest_px]
    if not kept:
        raise ModelError(
            f"{model_name} has strides {strides}, all coarser than {options.coarsest_px} px."
        )
    net = _created(
        timm, model_name, architecture | {"features_only": True, "out_indices": tuple(kept)}
    )
    info: Any = net.feature_info
    return StageMaps(net, info.reduction(), info.channels())


def _created(timm: ModuleType, model_name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """The model, told to take images of any size where it needs to be told."""
    from safetensors import SafetensorError

    refused: Exception | None = None
    for flexible in ({"dynamic_img_size": True}, {"strict_img_size": False}, {}):
        try:
            net: nn.Module = timm.create_model(model_name, **arguments, **flexible)
            return net.eval().requires_grad_(False)
        except TypeError as error:  # it knows no such argument
            refused = error
        except (RuntimeError, OSError, ValueError, SafetensorError) as error:
            refused = error
            break
    weights = arguments.get("pretrained_cfg_overlay", {}).get("file", "random weights")
    reason = " ".join(str(refused).split())[:300]
    raise ModelError(f"timm cannot build {model_name} from {weights}: {reason}") from refused
