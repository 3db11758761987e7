"""The optimiser's side of fine-tuning: steps, averaged weights, and what to do when they fail."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from unetscope.learning.augmentation import Augmenter
from unetscope.learning.losses import guide_loss, segmentation_loss
from unetscope.learning.memory import is_out_of_memory
from unetscope.learning.patches import PatchSource
from unetscope.learning.placement import release_devices
from unetscope.learning.precision import autocast, choose_device, training_precision
from unetscope.learning.train_options import TrainOptions
from unetscope.network.unet import UNet

_BAD_STEPS = 5  # steps in a row that are not finite, before going back
_SMALLEST_PATCH_PX = 64


class OptimiserSteps:
    """The network that learns, the average of its weights that answers, and AdamW.

    Out of memory, batch, patch and device shrink in that order; numbers that are not finite never
    reach the weights.
    """

    def __init__(self, options: TrainOptions) -> None:
        self.options = options
        self.device = choose_device(options.device)
        self.precision = training_precision(self.device, options.precision)
        self.batch_size, self.patch_px = options.batch_size, options.patch_px
        self.steps = 0
        self._bad_steps = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """Everything drawn at random starts from the seed again."""
        self._augment = Augmenter(self.options.augmentation, self.options.seed, self.device)

    def start_from(self, net: UNet) -> None:
        """Learn on from a copy of ``net``."""
        self.net = copy.deepcopy(net).to(self.device).requires_grad_(True).train()
        self.average = copy.deepcopy(net).to(self.device).requires_grad_(False).eval()
        self._optimiser = self._adamw()

    @property
    def is_unstable(self) -> bool:
        """Whether the last steps were all not finite."""
        return self._bad_steps >= _BAD_STEPS

    def step(self, patches: PatchSource, prior: Sequence[float]) -> float | None:
        """One step and its loss (NaN where it was not finite); None where memory ran out."""
        try:
            loss = self._optimised(patches, prior)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None
        self.steps += 1
        return loss

    def _optimised(self, patches: PatchSource, prior: Sequence[float]) -> float:
        images, targets = patches.draw(self.batch_size, self.patch_px)
        images, targets = self._augment(images.to(self.device), targets.to(self.device))
        images = images.contiguous(memory_format=torch.channels_last)
        with autocast(self.device, self.precision):
            logits = self.net(images)
        loss = self._loss(logits, targets, patches.pixels, prior)
        self._optimiser.zero_grad(set_to_none=True)
        finite = bool(torch.isfinite(loss))
        if finite:
            loss.backward()
            slope = nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
            finite = bool(torch.isfinite(slope))  # a finite loss can have an infinite gradient
        if not finite:
            self._bad_steps += 1
            return float("nan")
        self._bad_steps = 0
        self._warm_up()
        self._optimiser.step()
        decay = min(self.options.average_decay, (self.steps + 1) / (self.steps + 10))
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.net.parameters(), strict=True)
            for mine, theirs in pairs:
                mine.lerp_(theirs, 1 - decay)
        return float(loss.detach())

    def _loss(
        self, logits: Tensor, targets: Tensor, pixels: Sequence[int], prior: Sequence[float]
    ) -> Tensor:
        # Strokes are painted in like amounts for all classes, the network shall answer in natural
        # shares: the shares are taken out before it is compared with the strokes (logit
        # adjustment: Menon et al. 2021, arXiv 2007.07314).
        shares = torch.tensor(prior, dtype=logits.dtype, device=logits.device)
        balanced = logits - shares.log().reshape(1, -1, 1, 1)
        # Between plain and balanced: rare classes count more, but do not spread everywhere.
        counts = torch.tensor(pixels, dtype=torch.float32, device=logits.device)
        weights = counts.clamp(min=1) ** -0.5
        weights = weights / weights.mean()
        loss = segmentation_loss(balanced, targets[:, 0], weights, self.options.dice_weight)
        if self.options.guide_weight:
            guided = guide_loss(logits, targets[:, 1:], targets[:, 0])
            loss = loss + self.options.guide_weight * guided
        return loss

    def _warm_up(self) -> None:
        # The first steps at full rate unlearn more than they learn (docs/benchmarks.md).
        rate = self.options.learning_rate * min(1.0, (self.steps + 1) / 40)
        for group in self._optimiser.param_groups:
            group["lr"] = rate

    def go_back(self, best: UNet | None) -> str:
        """Go on from the best weights (or the average) at a quarter of the rate; says so."""
        weights = (best or self.average).state_dict()
        for net in (self.net, self.average):
            net.load_state_dict(weights)
        self._bad_steps = 0
        self.options = replace(self.options, learning_rate=self.options.learning_rate / 4)
        self._optimiser = self._adamw()  # its moments led here
        return "Training became unstable: going on from the best weights, more gently."

    def use_less_memory(self) -> str:
        """Halve the batch, then the patch, then work on the CPU; says which."""
        self._optimiser.zero_grad(set_to_none=True)
        release_devices()
        if self.batch_size > 1:
            self.batch_size //= 2
            return f"Out of memory: training on with batches of {self.batch_size}."
        if self.patch_px // 2 >= _SMALLEST_PATCH_PX:
            self.patch_px //= 2
            return f"Out of memory: training on with patches of {self.patch_px} px."
        if self.device == "cpu":
            raise MemoryError("there is not enough memory to train; close other programs.")
        was, self.device = self.device, "cpu"
        self.precision = training_precision("cpu", self.options.precision)
        self.net, self.average = self.net.cpu(), self.average.cpu()
        self.begin_anew()
        self._optimiser = self._adamw()
        return f"Out of memory on {was}: training on on the CPU."

    def _adamw(self) -> torch.optim.AdamW:
        return torch.optim.AdamW(
            self.net.parameters(),
            lr=self.options.learning_rate,
            weight_decay=self.options.weight_decay,
            fused=True,
        )
