"""What the pictures behind the "?" buttons show: a synthetic micrograph and maps of a network."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from unetscope.images.normalisation import fit_normalisation
from unetscope.images.synthetic import SYNTHETIC, SyntheticMicrograph


def scene(side: int) -> SyntheticMicrograph:
    """Membranes with the truth about them, (side, side)."""
    return SYNTHETIC["membranes"]((side, side), seed=4, noise=0.03)


def micrograph(side: int) -> torch.Tensor:
    """(1, 1, side, side), scaled as the network takes it."""
    made = scene(side)
    pixels = fit_normalisation(made.image).apply(made.image.plane())
    return torch.from_numpy(np.ascontiguousarray(pixels, dtype=np.float32)).reshape(
        1, 1, side, side
    )


def maps_of(net: nn.Module, image: torch.Tensor, layer: str) -> np.ndarray:
    """(channel, y, x) output of a layer."""
    seen: list[torch.Tensor] = []
    hook = net.get_submodule(layer).register_forward_hook(lambda _m, _i, o: seen.append(o.clone()))
    with torch.no_grad():
        net(image)
    hook.remove()
    return seen[0][0].numpy()


def liveliest(maps: np.ndarray) -> int:
    """The channel whose map varies most."""
    return int(maps.std(axis=(1, 2)).argmax())
