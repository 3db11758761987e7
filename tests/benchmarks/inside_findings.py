"""What was found by looking into the bundled network on real micrographs."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.inside_speed import SIDE, STAGES, network, taken
from benchmarks.rows import Row
from unetscope import inspection
from unetscope.network.unet import UNet, UNetConfig

PICTURES = {"EM (vnc_sstem)": "vnc_sstem", "light (bbbc039)": "bbbc039"}
SHIFTS = (1, 2, 4, 8, 16)
UNTRAINED = "untrained, with skips", "untrained, without skips"


def pictures(data: Path) -> dict[str, Tensor]:
    """A 512 × 512 px corner of an electron and of a light micrograph, as the network takes it.

    Raises
    ------
    FileNotFoundError
        If the real micrographs are not in ``data``.
    """
    from unetscope.pretraining.datasets import dataset, scenes

    if not data.is_dir():
        raise FileNotFoundError(f"the real micrographs are not in {data}")
    net = network()
    found = {}
    for title, name in PICTURES.items():
        scene = next(scenes(data, dataset(name), limit=1))
        found[title] = taken(net, np.asarray(scene.image)[:SIDE, :SIDE])
    return found


def effective_rows(shown: dict[str, Any], inputs: int) -> list[Row]:
    """Theoretical and effective fields by stage, and of an untrained network."""
    net = network()
    rows = []
    for picture, image in shown.items():
        for layer in (*STAGES, "classifier"):
            found = inspection.effective_receptive_field(net, image, layer, inputs=inputs)
            rows.append(_field_row(picture, found))
    torch.manual_seed(0)
    plain = UNet(UNetConfig(widths=(8, 16, 32, 64))).eval()  # as PyTorch initialises it
    noise = np.random.default_rng(0).normal(size=(192, 192)).astype(np.float32)
    for name, model in zip(UNTRAINED, (plain, _without_skips(plain)), strict=True):
        found = inspection.effective_receptive_field(model, noise, "classifier", inputs=inputs)
        rows.append(_field_row(name, found))
    return rows


def _field_row(picture: str, found: inspection.EffectiveField) -> Row:
    return {
        "what": "effective field",
        "picture": picture,
        "layer": found.layer,
        "inputs": found.inputs,
        "theoretical_px": list(found.theoretical),
        "side_px": found.side(),
        "ratio": found.ratio,
        "radius_50_px": found.radius_50,
        "radius_95_px": found.radius_95,
    }


def _without_skips(net: UNet) -> UNet:
    copy = deepcopy(net)
    for level in range(1, net.config.pools + 1):
        conv = copy.get_submodule(f"dec{level}.convs.conv1")
        with torch.no_grad():
            conv.weight[:, : net.config.widths[level - 1]] = 0
    return copy


def ablation_rows(shown: dict[str, Any]) -> list[Row]:
    """What becomes of the network's own mask without each of its skips."""
    net, rows = network(), []
    for picture, image in shown.items():
        for skip in inspection.skip_connections(net, tuple(image.shape)):
            for mode in ("mean", "zero", "shuffled"):
                found = inspection.ablate(net, image, inspection.Skip(skip.name), mode)
                rows.append(
                    {
                        "what": "ablation",
                        "picture": picture,
                        "skip": skip.name,
                        "source": skip.source,
                        "mode": mode,
                        "changed_share": found.changed_share,
                        "probability_change": float(np.abs(found.probability_change).mean()),
                        "dice_between": [float(d) for d in found.dice_between],
                    }
                )
    return rows


def shift_rows(shown: dict[str, Any]) -> list[Row]:
    """How far the answer to a moved image is from the moved answer."""
    net, rows = network(), []
    for picture, image in shown.items():
        for found in inspection.equivariance_profile(net, image, SHIFTS):
            rows.append(
                {
                    "what": "shift",
                    "picture": picture,
                    "shift_px": found.shift[-1],
                    "max_error": found.max_error,
                    "relative_error": found.relative_error,
                    "multiple_px": found.multiple,
                }
            )
    return rows
