"""Many channels to few of like size, so that the closed-form head stays small and well-scaled.

A backbone has hundreds of channels a map, a few of them many times larger than the rest. Every
channel is brought to zero mean and unit deviation, then the leading principal axes are kept. They
are not whitened: a rotation leaves the distances between pixels, and so the ridge's answer, as
they are, while whitening would blow up noise. One factor a map makes the root mean square of what
is kept :data:`RMS`, like the taps of the bundled U-Net, so that one penalty suits all.

The numbers come from fixed synthetic scenes and not from the image at hand: the features of an
image must neither depend on the others nor on what is on screen. They travel in the model file,
because principal axes of like weight may come out turned on another machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unetscope.images.normalisation import fit_normalisation
from unetscope.images.synthetic import SYNTHETIC

RMS = 0.7
SCENE_PX = 192
_SILENT = 1e-5  # of its largest value: a channel that moves less carries rounding errors


@dataclass(frozen=True, eq=False)
class Reduction:
    """``maps · weight + bias``: weight (channel, component), bias (component,), float32."""

    weight: Tensor
    bias: Tensor

    def __call__(self, maps: Tensor) -> Tensor:
        """(batch, channel, y, x) → (batch, component, y, x)."""
        weight, bias = self.weight.to(maps), self.bias.to(maps)
        return functional.conv2d(maps, weight.t()[:, :, None, None], bias)


def fit_reduction(rows: Tensor, components: int) -> Reduction:
    """The reduction that suits ``rows`` (n, channel); few channels are only scaled, not turned."""
    rows = rows.double()
    mean, deviation = rows.mean(dim=0), rows.std(dim=0)
    alive = deviation > _SILENT * rows.abs().amax(dim=0)
    scale = torch.where(alive, 1 / deviation.clamp(min=1e-12), 0.0)
    if rows.shape[1] <= components:
        axes = torch.eye(rows.shape[1], dtype=rows.dtype)
        gain = RMS
    else:
        axes, gain = _principal_axes((rows - mean) * scale, components)
    weight = scale[:, None] * axes * gain
    return Reduction(weight.float(), (-mean @ weight).float())


def _principal_axes(rows: Tensor, components: int) -> tuple[Tensor, float]:
    """Axes (channel, component) of the largest variance, and the factor that makes it RMS²."""
    variances, axes = torch.linalg.eigh(rows.t() @ rows / len(rows))  # ascending
    axes = axes[:, -components:].flip(1)
    largest = axes.abs().argmax(dim=0)
    axes = axes * axes[largest, torch.arange(components)].sign()  # eigh leaves the sign open
    return axes, RMS / float(variances[-components:].mean().clamp(min=1e-12).sqrt())


def reference_images() -> Iterator[Tensor]:
    """One synthetic scene of every kind, normalised: (1, 1, y, x), always the same."""
    for scene in SYNTHETIC.values():
        micrograph = scene((SCENE_PX, SCENE_PX), seed=0).image
        plane = fit_normalisation(micrograph).apply(micrograph.plane(0))
        yield torch.from_numpy(np.ascontiguousarray(plane))[None]
