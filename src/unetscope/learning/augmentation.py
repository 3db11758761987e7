"""Random changes to training patches: mirror, turn, scale, and the looks of another exposure.

Everything runs on the device of the images, with kornia's functions for warps, gamma and blur.
Kornia's augmentation containers are not used: they take several times longer on small patches
and draw from torch's global random state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from unetscope.learning.losses import IGNORE

_LOWEST, _HIGHEST = -1.0, 2.0  # the range normalised images have


@dataclass(frozen=True)
class AugmentOptions:
    """What may happen to a patch, and how strongly.

    Each of the changes below mirrors and quarter turns happens to a patch with ``probability``.
    Intensities are in units of a normalised image, where 0 to 1 is the usual range.

    Parameters
    ----------
    flips, quarter_turns : bool
        All mirrorings and turns by 90 degrees, equally likely. Patches that are not square are
        turned by 180 degrees only.
    rotation_degrees : float
        Free rotation, uniform in plus or minus this angle.
    scale : (low, high)
        Free magnification; its logarithm is uniform.
    brightness : float
        Offset, uniform in plus or minus this.
    contrast, gamma : (low, high)
        Factor around the patch's mean, and exponent of the values between 0 and 1; uniform in
        the logarithm.
    noise : float
        Largest standard deviation of added Gaussian noise.
    blur_px : float
        Largest standard deviation of a Gaussian blur, in pixels.
    probability : float
        How often each change below the mirrors and quarter turns is made.
    """

    flips: bool = True
    quarter_turns: bool = True
    rotation_degrees: float = 180.0
    scale: tuple[float, float] = (0.8, 1.25)
    brightness: float = 0.15
    contrast: tuple[float, float] = (0.75, 1.35)
    gamma: tuple[float, float] = (0.7, 1.4)
    noise: float = 0.06
    blur_px: float = 1.2
    probability: float = 0.5


class Augmenter:
    """Changes batches at random, from its own seeded random numbers.

    Two augmenters with the same options and seed give bitwise the same outputs for the same
    sequence of inputs on the same device. Torch's global random state is neither read nor moved.

    Parameters
    ----------
    options : AugmentOptions
    seed : int
    device : str or torch.device
        Where the batches will be.
    """

    def __init__(
        self, options: AugmentOptions, seed: int, device: str | torch.device = "cpu"
    ) -> None:
        """Keep the options and seed the random numbers."""
        self.options = options
        self.device = torch.device(device)
        # Decisions are drawn on the CPU (no waiting for the GPU); noise where it is needed.
        self._choices = torch.Generator("cpu").manual_seed(seed)
        self._noise = torch.Generator(self.device).manual_seed(seed)

    @torch.no_grad()
    def __call__(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return changed copies of ``images`` and ``targets``.

        Parameters
        ----------
        images : (b, c, y, x) float tensor
            Normalised values, mostly 0 to 1, at most -1 to 2.
        targets : (b, y, x) or (b, maps, y, x) integer tensor
            Class indices, `IGNORE` where unlabelled. They move with the image by nearest
            neighbour; what comes in from outside the patch is mirrored image with `IGNORE`.
        """
        images, targets = self._mirrored_and_turned(images, targets)
        images, targets = self._rotated_and_scaled(images, targets)
        images = self._blurred(images)
        images = self._with_other_exposure(images)
        images = self._with_noise(images)
        return images.clamp(_LOWEST, _HIGHEST), targets

    def _uniform(self, count: int, low: float, high: float) -> torch.Tensor:
        return torch.rand(count, generator=self._choices) * (high - low) + low

    def _log_uniform(self, count: int, bounds: tuple[float, float]) -> torch.Tensor:
        return self._uniform(count, math.log(bounds[0]), math.log(bounds[1])).exp()

    def _chosen(self, count: int) -> torch.Tensor:
        """Booleans that say which patches a change is made to."""
        return torch.rand(count, generator=self._choices) < self.options.probability

    def _mirrored_and_turned(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One of the eight symmetries of the square for each patch, without interpolation."""
        mirrors = torch.randint(0, 2, (len(images),), generator=self._choices).tolist()
        turns = torch.randint(0, 4, (len(images),), generator=self._choices).tolist()
        square = images.shape[-1] == images.shape[-2]
        moved_images, moved_targets = [], []
        for image, target, mirror, turn in zip(images, targets, mirrors, turns, strict=True):
            if self.options.flips and mirror:
                image, target = image.flip(-1), target.flip(-1)
            if self.options.quarter_turns:
                quarters = turn if square else turn // 2 * 2
                image, target = image.rot90(quarters, (-2, -1)), target.rot90(quarters, (-2, -1))
            moved_images.append(image)
            moved_targets.append(target)
        return torch.stack(moved_images), torch.stack(moved_targets)

    def _rotated_and_scaled(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        count, size = len(images), (images.shape[-2], images.shape[-1])
        chosen = self._chosen(count)
        limit = math.radians(self.options.rotation_degrees)
        angles = self._uniform(count, -limit, limit)[chosen]
        scales = self._log_uniform(count, self.options.scale)[chosen]
        if not len(angles) or (not limit and self.options.scale == (1.0, 1.0)):
            return images, targets
        from kornia.geometry.transform import warp_affine

        where = chosen.nonzero()[:, 0].to(images.device)  # a mask would wait for a GPU
        matrices = _about_the_centre(angles, scales, size).to(images)
        image_part = warp_affine(images[where], matrices, size, "bilinear", "reflection")
        # Shifted by one, so that kornia's zero outside becomes IGNORE when shifted back.
        chosen_targets = targets[where]
        shifted = (chosen_targets - IGNORE).reshape(len(angles), -1, *size).float()
        target_part = warp_affine(shifted, matrices.float(), size, "nearest", "zeros")
        images[where] = image_part
        moved = target_part.round().to(targets.dtype).reshape(chosen_targets.shape)
        targets[where] = moved + IGNORE
        return images, targets

    def _blurred(self, images: torch.Tensor) -> torch.Tensor:
        count = len(images)
        chosen = self._chosen(count)
        sigmas = self._uniform(count, 0.3, max(0.3, self.options.blur_px))[chosen]
        if not len(sigmas) or self.options.blur_px <= 0:
            return images
        from kornia.filters import gaussian_blur2d

        where = chosen.nonzero()[:, 0].to(images.device)
        reach = min(math.ceil(2.5 * self.options.blur_px), min(images.shape[-2:]) - 1)
        sigma = sigmas[:, None].repeat(1, 2).to(images)
        images[where] = gaussian_blur2d(images[where], 2 * reach + 1, sigma)
        return images

    def _with_other_exposure(self, images: torch.Tensor) -> torch.Tensor:
        """Gamma, contrast and brightness; what is not chosen gets the neutral value."""
        from kornia.enhance import adjust_brightness, adjust_gamma

        options, count = self.options, len(images)
        gamma = self._chosen_or(self._log_uniform(count, options.gamma), 1.0)
        contrast = self._chosen_or(self._log_uniform(count, options.contrast), 1.0)
        offset = self._chosen_or(self._uniform(count, -options.brightness, options.brightness), 0.0)
        if options.gamma != (1.0, 1.0):
            # Powers are for values between 0 and 1; what lies outside is carried over as it is.
            inside = images.clamp(0.0, 1.0)
            images = adjust_gamma(inside, gamma.to(images)) + (images - inside)
        mean = images.mean((-3, -2, -1), keepdim=True)
        images = (images - mean) * contrast.to(images).view(-1, 1, 1, 1) + mean
        return adjust_brightness(images, offset.to(images), clip_output=False)

    def _chosen_or(self, drawn: torch.Tensor, neutral: float) -> torch.Tensor:
        return torch.where(self._chosen(len(drawn)), drawn, torch.full_like(drawn, neutral))

    def _with_noise(self, images: torch.Tensor) -> torch.Tensor:
        count = len(images)
        sigma = self._chosen_or(self._uniform(count, 0.0, self.options.noise), 0.0)
        if not sigma.any():
            return images
        noise = torch.randn(
            images.shape, generator=self._noise, device=self.device, dtype=torch.float32
        )
        return images + noise.to(images) * sigma.to(images).view(-1, 1, 1, 1)


def _about_the_centre(
    angles: torch.Tensor, scales: torch.Tensor, size: tuple[int, int]
) -> torch.Tensor:
    """(n, 2, 3) matrices from input to output pixel (x, y) that leave the centre in place."""
    centre = torch.tensor([(size[1] - 1) / 2, (size[0] - 1) / 2])
    cos, sin = scales * angles.cos(), scales * angles.sin()
    turn = torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], -2)  # (n, 2, 2)
    shift = centre - (turn @ centre)
    return torch.cat([turn, shift[:, :, None]], dim=-1)
