"""The optimiser's side of fine-tuning: steps, averaged weights, and what to do when they fail."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from unetscope.computing.adamw import FlatAdamW
from unetscope.computing.choices import Precision
from unetscope.computing.flat_weights import FlatWeights, flattened
from unetscope.computing.memory import give_back, is_out_of_memory
from unetscope.computing.precision import autocast, choose_device, training_precision
from unetscope.computing.written_pass import WrittenPass, can_be_written
from unetscope.learning.augmentation import Augmenter
from unetscope.learning.losses import guide_loss, segmentation_loss
from unetscope.learning.patches import PatchSource
from unetscope.learning.together import ALONE, Command, Together
from unetscope.learning.train_options import TrainOptions
from unetscope.network.unet import UNet

_STEEPEST = 5.0  # longer gradients are shortened to this
_BAD_STEPS = 5  # steps in a row that are not finite, before going back
_SMALLEST_PATCH_PX = 64
NO_MEMORY = "there is not enough memory to train; close other programs."
_OTHER_DRAWS = 7919  # between the seeds of processes that train together
_Result = TypeVar("_Result")


def _balance(pixels: Sequence[int], prior: Sequence[float], device: str) -> tuple[Tensor, Tensor]:
    """How the loss weighs classes: logarithms of shares (1, class, 1, 1) and weights (class,)."""
    # Strokes are painted in like amounts for all classes, the network shall answer in natural
    # shares: the shares are taken out before it is compared with the strokes (logit
    # adjustment: Menon et al. 2021, arXiv 2007.07314).
    shares = torch.tensor(prior, dtype=torch.float32)
    # Between plain and balanced: rare classes count more, but do not spread everywhere.
    weights = torch.tensor(pixels, dtype=torch.float32).clamp(min=1) ** -0.5
    log_shares = shares.log().reshape(1, -1, 1, 1)
    return log_shares.to(device), (weights / weights.mean()).to(device)


class OptimiserSteps:
    """The network that learns, the average of its weights that answers, and AdamW.

    Out of memory, batch, patch and device shrink in that order; numbers that are not finite never
    reach the weights. What is decided here, the first of several processes decides.
    """

    def __init__(self, options: TrainOptions, together: Together = ALONE) -> None:
        self.options, self.together = options, together
        self.device = choose_device(options.device)
        self.precision = training_precision(self.device, options.precision)
        self.batch_size, self.patch_px = options.batch_size, options.patch_px
        self.steps = 0
        self.pace = 1.0  # the learning rate in that of the options; the same in all processes
        self._bad_steps = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """Everything drawn at random starts from the seed again."""
        self._augment = Augmenter(self.options.augmentation, self.seed, self.device)

    @property
    def seed(self) -> int:
        """Of the patches of this process and how they are changed."""
        return self.options.seed + _OTHER_DRAWS * self.together.rank

    def start_from(self, net: UNet) -> None:
        """Learn on from a copy of ``net``."""
        self.net = copy.deepcopy(net).to(self.device).requires_grad_(True).train()
        self.average = copy.deepcopy(net).to(self.device).requires_grad_(False).eval()
        self._set_up()

    def take_first_weights(self) -> None:
        """Have the weights of the first process."""
        self.together.of_the_first(self._weights.master.data)
        self.together.of_the_first(self._averaged)

    def _set_up(self) -> None:
        """Weights in flat vectors, which all steps are made on."""
        written = can_be_written(self.net, self.device)
        working = torch.bfloat16 if written and self.precision == Precision.BF16 else torch.float32
        self._weights = FlatWeights(self.net, working)
        self._averaged = flattened(self.average)
        self._written = WrittenPass(self._weights, self.net) if written else None
        self._optimiser = self._adamw()

    @property
    def is_unstable(self) -> bool:
        """Whether the last steps were all not finite."""
        return self._bad_steps >= _BAD_STEPS

    def step(self, patches: PatchSource, prior: Sequence[float]) -> float | None:
        """One step and its loss (NaN where it was not finite); None where memory ran out."""
        if self.together.leads:
            self.together.tell(Command.STEP, self.batch_size, self.patch_px)
        try:
            loss = self._optimised(patches, prior)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None
        self.steps += 1
        return loss

    def _optimised(self, patches: PatchSource, prior: Sequence[float]) -> float:
        def drawn() -> tuple[Tensor, Tensor]:
            images, targets = patches.draw(self.batch_size, self.patch_px)
            return self._augment(images.to(self.device), targets.to(self.device))

        return self.learn(*self._agreed(drawn), patches.pixels, prior)

    def _agreed(self, work: Callable[[], _Result]) -> _Result:
        """What ``work`` returns; where memory runs out in one process, it does in all."""
        if not self.together.are_several:
            return work()
        try:
            found: _Result | None = work()
            failed = False
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            found, failed = None, True
        if self.together.any_failed(failed):
            raise MemoryError(NO_MEMORY)
        assert found is not None
        return found

    def learn(
        self, images: Tensor, targets: Tensor, pixels: Sequence[int], prior: Sequence[float]
    ) -> float:
        """Change the weights after one batch; its loss, NaN where it was not finite.

        Parameters
        ----------
        images : (b, channel, y, x) float32, on the learner's device.
        targets : (b, 1 + class, y, x) as of :meth:`PatchSource.draw`.
        pixels, prior : labelled pixels of every class, and the shares to take out of the answer.
        """
        logits = self._agreed(lambda: self.logits(images))
        loss = self.loss(logits, targets, pixels, prior)
        if not (bool(torch.isfinite(loss)) and self.gradient_is_finite(loss, logits)):
            self._bad_steps += 1
            return float("nan")
        self._bad_steps = 0
        self._optimiser.step(self._rate())
        self._averaged.lerp_(self._weights.master.detach(), self._new_share())
        return float(loss.detach())

    def _new_share(self) -> float:
        """Of the newest weights in the average; larger at first, when the average is young."""
        return 1 - min(self.options.average_decay, (self.steps + 1) / (self.steps + 10))

    def logits(self, images: Tensor) -> Tensor:
        """The network's answer, where the loss's gradient begins or passes."""
        if self._written is not None:
            self._weights.refresh()
            return self._written.logits(images).requires_grad_(True)
        with autocast(self.device, self.precision):
            return self.net(images.contiguous(memory_format=torch.channels_last))

    def gradient_is_finite(self, loss: Tensor, logits: Tensor) -> bool:
        """Take the gradient and shorten it; a finite loss can have an infinite one."""
        gradient = self._agreed(lambda: self._gradient(loss, logits))
        self.together.add_up(gradient)
        length = gradient.norm()
        gradient.mul_((_STEEPEST / (length + 1e-6)).clamp(max=1.0))
        return bool(torch.isfinite(length))

    def _gradient(self, loss: Tensor, logits: Tensor) -> Tensor:
        """(n,) float32: of the patches of this process."""
        gradient = self._weights.gradient
        gradient.zero_()
        loss.backward()
        if self._written is not None:
            assert logits.grad is not None
            self._written.backward(logits.grad)
        return gradient

    def loss(
        self, logits: Tensor, targets: Tensor, pixels: Sequence[int], prior: Sequence[float]
    ) -> Tensor:
        """What the strokes, and the guide where there are none, say about the answer."""
        log_shares, weights = _balance(pixels, prior, self.device)
        balanced, joined = logits - log_shares, self.together.joined
        loss = segmentation_loss(
            balanced, targets[:, 0], weights, self.options.dice_weight, joined=joined
        )
        if self.options.guide_weight:
            guided = guide_loss(logits, targets[:, 1:], targets[:, 0], joined=joined)
            loss = loss + self.options.guide_weight * guided
        return loss

    def _rate(self) -> float:
        # The first steps at full rate unlearn more than they learn (docs/tried.md).
        return self.pace * self.options.learning_rate * min(1.0, (self.steps + 1) / 40)

    def go_back(self, best: UNet | None) -> str:
        """Go on from the best weights (or the average) at a quarter of the rate; says so."""
        if self.together.leads:
            self.together.tell(Command.GO_BACK)
        weights = (best or self.average).state_dict()
        for net in (self.net, self.average):
            net.load_state_dict(weights)
        self.take_first_weights()
        self._bad_steps = 0
        self.options = replace(self.options, learning_rate=self.options.learning_rate / 4)
        self._optimiser = self._adamw()  # the moments of the former one led here
        return "Training became unstable: going on from the best weights, more gently."

    def use_less_memory(self) -> str:
        """Halve the batch, then the patch, then work on the CPU; says which."""
        self.forget_maps()
        if self.batch_size > 1:
            self.batch_size //= 2
            return f"Out of memory: training on with batches of {self.batch_size}."
        if self.patch_px // 2 >= _SMALLEST_PATCH_PX:
            self.patch_px //= 2
            return f"Out of memory: training on with patches of {self.patch_px} px."
        if self.device == "cpu" or self.together.are_several:
            raise MemoryError(NO_MEMORY)
        was = self.device
        self.move_to_cpu()
        return f"Out of memory on {was}: training on on the CPU."

    def forget_maps(self) -> None:
        """Give back what a step keeps for the next one."""
        if self._written is not None:
            self._written.forget()
        give_back()

    def move_to_cpu(self) -> None:
        """Go on there, from the present weights where there are any."""
        self.device = "cpu"
        self.precision = training_precision("cpu", self.options.precision)
        self.begin_anew()
        if hasattr(self, "net"):
            self.net, self.average = self.net.cpu(), self.average.cpu()
            self._set_up()

    def _adamw(self) -> FlatAdamW:
        return FlatAdamW(self._weights.master, weight_decay=self.options.weight_decay)
