"""Classical filters as feature maps: the hand-set kernels of the textbook, at several scales.

At strides 1, 2, 4, 8 … the image is averaged down and five detectors slide over it: Gaussian blur,
gradient magnitude, the two eigenvalues of the Hessian (ridges, blobs) and the local standard
deviation. They stand beside the learned maps, because a linear head on both is better than on
either alone. Nothing of them is learned but how loud each is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from unetscope.learning.features import Levels, upsampled
from unetscope.learning.sources.source import FeatureSource, Look, SourceMaps
from unetscope.network.cropping import Region, around, checked_core, coarser, cut

STRIDES = (1, 2, 4, 8)
FILTERS = ("gaussian", "gradient", "hessian high", "hessian low", "deviation")

_SIGMA = 1.0
_BLUR_RADIUS = 3  # three sigma


class ClassicalFilters(FeatureSource):
    """Blur, gradient, Hessian and local deviation at every stride.

    Parameters
    ----------
    strides : 1, 2, 4 …
    gain : (strides, filters); None: one for all.
    """

    name = "classical"

    def __init__(
        self,
        strides: Sequence[int] = STRIDES,
        gain: Sequence[Sequence[float]] | Tensor | None = None,
    ) -> None:
        self.strides = tuple(strides)
        self.halo_px = reach_px(max(strides))
        self.side_multiple = max(strides)
        self._gain = gain

    @property
    def fingerprint(self) -> str:
        """Of filters and strides."""
        made_of = repr((FILTERS, self.strides, self.halo_px))
        return hashlib.sha256(made_of.encode()).hexdigest()[:16]

    def columns(self, channels: int) -> dict[int, tuple[str, ...]]:
        """Five filters of every channel at every stride."""
        names = tuple(f"{name}, channel {c}" for c in range(channels) for name in FILTERS)
        return dict.fromkeys(self.strides, names)

    def gains(self, channels: int) -> dict[int, Tensor]:
        """One gain a filter and stride, for all channels."""
        gain = torch.ones(len(self.strides), len(FILTERS)) if self._gain is None else self._gain
        pairs = zip(self.strides, torch.as_tensor(gain), strict=True)
        return {stride: row.repeat(channels) for stride, row in pairs}

    def maps(self, look: Look) -> tuple[SourceMaps, ...]:
        """The filtered core at every stride."""
        core = look.wanted
        begins = (core[0].start, core[1].start)
        found = classical_maps(look.image.float(), core, self.strides)
        return tuple(SourceMaps(f"classical {s}", s, m, begins=begins) for s, m in found.items())


def classical_count(channels: int, strides: Sequence[int]) -> int:
    """How many of a pixel's features are classical filters."""
    return len(strides) * len(FILTERS) * channels


def classical_image(levels: Levels, channels: int, strides: Sequence[int]) -> Tensor:
    """The classical features of every pixel, (feature, y, x), coarse ones up-sampled."""
    return torch.cat([*classical_planes(levels, channels, strides)], dim=0)


def classical_planes(levels: Levels, channels: int, strides: Sequence[int]) -> Iterator[Tensor]:
    """The same stride by stride, so that whoever wants few pixels need not hold all of them."""
    for stride in strides:
        # They stand last in their levels; other levels hold other maps.
        yield upsampled(levels[stride][-len(FILTERS) * channels :], stride)


def reach_px(stride: int) -> int:
    """Farthest pixel a filter at ``stride`` can see: the deviation blurs twice; and the phase."""
    return stride * 2 * _BLUR_RADIUS + stride - 1


def classical_maps(
    image: Tensor, core: Region | None = None, strides: Sequence[int] = STRIDES
) -> dict[int, Tensor]:
    """Classical feature maps of an image.

    Parameters
    ----------
    image : (batch, channel, y, x) float, normalised; sides multiples of the coarsest stride.
    core : the (y, x) part that is asked about, with starts and stops that are such multiples; the
        maps are cut to it, and no more of the image is looked at than they need. None: all.

    Returns
    -------
    stride → (batch, 5 · channel, y / stride, x / stride); the five filters of the first channel
    come first, in the order of :data:`FILTERS`.
    """
    sides = tuple(image.shape[2:])
    core, whole = checked_core(core, sides), checked_core(None, sides)
    found = {}
    for stride in strides:
        seen = around(core, reach_px(stride), sides, stride)
        maps = filters_at(cut(image, seen, whole), stride)
        found[stride] = cut(maps, coarser(core, stride), coarser(seen, stride))
    return found


def filters_at(image: Tensor, stride: int) -> Tensor:
    """The five filters (batch, 5 · channel, y / stride, x / stride) of a whole image."""
    batch, channels = image.shape[:2]
    coarse = functional.avg_pool2d(image, stride) if stride > 1 else image
    # All channels of all images go through the same one-channel kernels.
    plane = coarse.reshape(batch * channels, 1, *coarse.shape[2:])
    centre = _blur(plane)
    around = functional.pad(centre, (1, 1, 1, 1), mode="replicate")
    left, right = around[..., 1:-1, :-2], around[..., 1:-1, 2:]
    above, below = around[..., :-2, 1:-1], around[..., 2:, 1:-1]
    dx, dy = right - left, below - above  # twice the slopes
    along_x, along_y = left + right, above + below
    # The Hessian's eigenvalues are its mean curvature plus and minus half their distance.
    mean = torch.add(along_x + along_y, centre, alpha=-4) / 2
    apart = along_x - along_y  # twice (dxx - dyy) / 2
    twisted = (around[..., 2:, 2:] - around[..., 2:, :-2]) - (
        around[..., :-2, 2:] - around[..., :-2, :-2]
    )  # four times dxy
    half = torch.sqrt(torch.addcmul(apart**2 / 4 + 1e-12, twisted, twisted, value=1 / 16))
    stack = torch.cat(
        [
            centre,
            torch.sqrt(torch.addcmul(dx**2 / 4 + 1e-12, dy, dy, value=1 / 4)),
            mean + half,
            mean - half,
            torch.sqrt(_blur((plane - centre) ** 2) + 1e-8),
        ],
        dim=1,
    )  # (batch * channel, 5, y/s, x/s)
    return stack.reshape(batch, channels * len(FILTERS), *stack.shape[2:])


def _blur(plane: Tensor) -> Tensor:
    r = _BLUR_RADIUS
    offsets = torch.arange(-r, r + 1, dtype=plane.dtype, device=plane.device)
    kernel = torch.exp(-(offsets**2) / (2 * _SIGMA**2))
    kernel = kernel / kernel.sum()
    # For one channel a processor adds shifted planes many times as fast as it convolves. Where the
    # layers are followed or learned from that would be many steps instead of two.
    slide = _shifted if torch.is_inference_mode_enabled() and plane.is_cpu else _convolved
    rows = slide(functional.pad(plane, (r, r, 0, 0), mode="replicate"), kernel, 3)
    return slide(functional.pad(rows, (0, 0, r, r), mode="replicate"), kernel, 2)


def _convolved(padded: Tensor, kernel: Tensor, axis: int) -> Tensor:
    shape = (1, 1, 1, -1) if axis == 3 else (1, 1, -1, 1)
    return functional.conv2d(padded, kernel.reshape(shape))


def _shifted(padded: Tensor, kernel: Tensor, axis: int) -> Tensor:
    r = _BLUR_RADIUS
    length, weights = padded.shape[axis] - 2 * r, kernel.tolist()
    total = padded.narrow(axis, r, length) * weights[r]
    for step in range(1, r + 1):  # outwards, both sides at once
        for first in (r - step, r + step):
            total.add_(padded.narrow(axis, first, length), alpha=weights[first])
    return total
