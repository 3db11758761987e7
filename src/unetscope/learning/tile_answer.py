"""What a model says of one tile: voices, labels and probabilities, where the tile is computed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unetscope.computing.machine import Machine
from unetscope.computing.staging import Fetched, fetched
from unetscope.learning.feature_cache import Spot
from unetscope.learning.feature_reader import FeatureReader
from unetscope.learning.features import Levels, cropped
from unetscope.learning.head import tempered_logits
from unetscope.learning.mixing import likeliest, likeliest_classes, probabilities
from unetscope.learning.pixel_model import PixelModel
from unetscope.network.cropping import Region, around, checked_core, cut, relative
from unetscope.network.unet import UNet


@dataclass(frozen=True, eq=False)
class TileAnswer:
    """What is said of a tile's core inside the image; on a GPU it may still be on its way."""

    index: Fetched  # (y, x) uint8, of the class
    chance: Fetched | None  # (class, y, x) float32


@torch.inference_mode()
def answer_tile(
    reader: FeatureReader,
    spot: Spot,
    *,
    window: Tensor | None,
    chances: bool,
    only: Region | None = None,
) -> TileAnswer:
    """The answer for a tile's core inside the image and, with ``chances``, how likely it is.

    Features of a ``window`` that is given are not kept. ``only``: no more than this part of the
    core, in pixels of the image.
    """
    model, tile = reader.model, spot.tile
    frame: Region = tile.grown
    asked = only or tile.inside(spot.image.spatial_shape[-2:])
    logits: Tensor | None = None
    network, head = model.speaking, model.instant.head
    if head is None or (network is not None and network.weight >= 1.0):
        levels = {}
    else:
        levels = reader.levels(spot) if window is None else reader.levels_in(window, tile)
    if only is not None:
        levels, frame = cropped(levels, frame, only) if levels else (levels, only)
    if network is not None:
        shown = reader.window(spot) if window is None else window
        logits = _network_logits(network.net, shown, relative(frame, tile.window), reader.machine)
    core = relative(asked, frame)
    if logits is None and model.instant.forest is None:
        said = head_logits(model, levels)[(slice(None), *core)]
        index = fetched(likeliest(said))
        chance = tempered_logits(said, model.features.recipe.temperature) if chances else None
    elif chances:
        chance = probabilities(model, levels, logits, core)
        index = fetched(likeliest(chance))
    else:
        return TileAnswer(fetched(likeliest_classes(model, levels, logits, core)), None)
    return TileAnswer(index, None if chance is None else fetched(chance.float()))


def _network_logits(net: UNet, window: Tensor, core: Region, machine: Machine) -> Tensor:
    """Logits (class, y, x) of ``core``; of the window no more is looked at than that needs."""
    config, sides = net.config, tuple(window.shape[2:])
    seen = around(core, config.reach_px, sides, config.multiple)
    shown = cut(window, seen, checked_core(None, sides)).to(machine.device)
    logits: Tensor = machine.net(net)(shown, relative(core, seen))[0]
    return logits


def head_logits(model: PixelModel, levels: Levels) -> Tensor:
    """Logits (class, y, x) of the instant voice without a forest.

    Their softmax is ``instant_probabilities``: sharpness and the classes' prior are in the head's
    weights already, so that labels need neither a softmax nor another pass over the pixels. The
    temperature is left out, as it changes no label.
    """
    instant = model.instant
    assert instant.head is not None
    return instant.head.as_logits(model.features.recipe, instant.prior).scores(levels)
