"""Fine-tuning: the U-Net learns from the strokes, judged by what it has not seen.

An iterator of events that the window, the command line and notebooks share. New strokes reach a
running training through ``send``.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from unetscope.learning.augmentation import Augmenter, AugmentOptions
from unetscope.learning.classes import LabelClass
from unetscope.learning.events import (
    EpochDone,
    Finished,
    HeadFitted,
    LearningEvent,
    Notice,
    Started,
    StepDone,
    Validation,
)
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.held_out import HeldOut, Verdict
from unetscope.learning.instant import fit_instant, labelled_rows, prepared
from unetscope.learning.losses import guide_loss, segmentation_loss
from unetscope.learning.memory import is_out_of_memory
from unetscope.learning.partition import Partition, partition
from unetscope.learning.patches import PatchSource
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.placement import release_devices, settled
from unetscope.learning.precision import autocast, choose_device, training_precision
from unetscope.learning.ridge import solve_ridge
from unetscope.learning.samples import Sample, check_samples
from unetscope.network.channels import with_classes
from unetscope.network.unet import UNet

_BAD_STEPS = 5  # steps in a row whose loss is not finite, before going back
_SMALLEST_PATCH_PX = 64


@dataclass(frozen=True)
class TrainOptions:
    """How to fine-tune; the defaults are what experiments found best (docs/benchmarks.md).

    Attributes
    ----------
    max_seconds : time budget in seconds of work (pauses do not count); None: until the plateau.
    max_epochs, steps_per_epoch : an epoch is a fixed number of steps, then the check.
    patience_epochs : stop after so many epochs without a gain on held-back pixels.
    learning_rate, weight_decay : of AdamW.
    patch_px, batch_size : size and number of the patches of a step.
    dice_weight : weight of the Dice loss beside cross-entropy.
    guide_weight : weight of staying near the instant answer where nothing is labelled; 0 leaves
        unlabelled pixels without any influence.
    average_decay : of the exponential average of the weights, which is what answers.
    validation_fraction : share of the labels held back.
    precision : ``"auto"``, ``"bf16"`` or ``"fp32"``.
    """

    max_seconds: float | None = 60.0
    max_epochs: int = 500
    steps_per_epoch: int = 20
    patience_epochs: int = 15
    learning_rate: float = 5e-4
    weight_decay: float = 1e-4
    patch_px: int = 128
    batch_size: int = 4
    dice_weight: float = 0.5
    guide_weight: float = 1.0
    average_decay: float = 0.98
    validation_fraction: float = 0.2
    augmentation: AugmentOptions = field(default_factory=AugmentOptions)
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"


def fine_tune(
    model: PixelModel,
    samples: Sequence[Sample],
    options: TrainOptions | None = None,
    *,
    cache: FeatureCache | None = None,
    classes: Sequence[LabelClass] | None = None,
) -> Generator[LearningEvent, Sequence[Sample] | None, None]:
    """Fine-tune ``model`` on the strokes of ``samples``.

    Yields ``Started``, ``HeadFitted``, then ``StepDone`` and ``EpochDone``, and ``Finished`` at
    last. Sending a new sequence of samples re-reads the strokes and goes on from the present
    weights. The given model is never changed; every event carries a new one.

    One seed gives bitwise the same weights on the CPU at a fixed thread count, as long as a number
    of epochs ends the training and not a time budget.
    """
    options = options or TrainOptions()
    run = _Run(model, options, cache or FeatureCache())
    try:
        yield from run.start(samples, classes)
        update: Sequence[Sample] | None = None
        while (reason := run.reason_to_stop()) is None:
            if update is not None:
                yield from run.start(update, classes)
            update = yield from run.step()
            if run.epoch_is_over():
                late = yield run.close_epoch()
                update = late if late is not None else update
        yield run.finish(reason)
    finally:
        run.release()


class _Run:
    """The state of one training, so that the loop above reads as the story it is."""

    def __init__(self, model: PixelModel, options: TrainOptions, cache: FeatureCache) -> None:
        self.model, self.options, self.cache = model, options, cache
        self.device = choose_device(options.device)
        self.precision = training_precision(self.device, options.precision)
        self.batch_size, self.patch_px = options.batch_size, options.patch_px
        self.seconds, self.steps, self.epoch, self.best_epoch = 0.0, 0, 0, 0
        self.best_loss, self.best_validation = float("inf"), None  # type: float, Validation | None
        self.idle_epochs, self.bad_steps = 0, 0
        self.losses: list[float] = []
        self.net: UNet | None = None

    def start(
        self, samples: Sequence[Sample], classes: Sequence[LabelClass] | None
    ) -> Generator[LearningEvent, Sequence[Sample] | None, None]:
        """(Re-)read the strokes: solve the head, split, and set up network and optimiser."""
        began = time.perf_counter()
        counts = check_samples(samples)
        values = tuple(counts)
        self.model = fit_instant(
            prepared(self.model, samples, self.cache),
            samples,
            cache=self.cache,
            classes=classes,
            device=self.device,
        )
        yield HeadFitted(self.model, time.perf_counter() - began, counts, with_forest=True)
        parts, goes_on = self._parts(samples, values)
        # Everything drawn at random starts from the seed again: new strokes, a new run.
        self.augment = Augmenter(self.options.augmentation, self.options.seed, self.device)
        self.held = HeldOut(
            self.model, samples, parts, values, cache=self.cache, device=self.device
        )
        self.patches = PatchSource(
            self.model,
            samples,
            parts.training,
            values,
            cache=self.cache,
            seed=self.options.seed,
            guide=(self.held.told or self.model) if self.options.guide_weight else None,
        )
        self.prior = (self.held.told or self.model).prior
        if not goes_on:
            self._set_up_network(samples, parts, values)
        self.values = values
        self.model = replace(self.model, partition=parts)
        self.best_loss, self.best_validation, self.idle_epochs = float("inf"), None, 0
        self._judge()
        self.seconds += time.perf_counter() - began
        yield self._started(values, parts)

    def _parts(
        self, samples: Sequence[Sample], values: tuple[int, ...]
    ) -> tuple[Partition, bool]:
        """What is held back now, and whether the running network may go on with it."""
        guard_px = 2 * self.model.backbone.config.reach_px
        before = self.model.partition if self.model.network_classes == values else None
        parts = before.extended(samples, guard_px) if before is not None else None
        if parts is not None:
            return parts, self.net is not None
        parts = partition(
            samples,
            guard_px=guard_px,
            fraction=self.options.validation_fraction,
            seed=self.options.seed,
        )
        if before is not None:
            # The present network may have seen what is held back now: begin with a fresh one.
            self.model = replace(self.model, network=None, network_classes=(), network_weight=0.0)
        elif self.model.network is not None and self.model.network_classes == values:
            note = "If this model learned from these images before, its scores are too good."
            parts = replace(parts, note=f"{parts.note} {note}")
        return parts, False

    def _set_up_network(
        self, samples: Sequence[Sample], parts: Partition, values: tuple[int, ...]
    ) -> None:
        start = self.model.network
        if start is None or self.model.network_classes != values:
            start = self._network_from_head(samples, parts, values)
        self.net = copy.deepcopy(start).to(self.device).requires_grad_(True).train()
        self.average = copy.deepcopy(start).to(self.device).requires_grad_(False).eval()
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(),
            lr=self.options.learning_rate,
            weight_decay=self.options.weight_decay,
            fused=True,
        )

    def _network_from_head(
        self, samples: Sequence[Sample], parts: Partition, values: tuple[int, ...]
    ) -> UNet:
        """The backbone with a 1×1 classifier solved in closed form on its last map."""
        net = with_classes(self.model.backbone, len(values))
        shown = [replace(s, labels=t) for s, t in zip(samples, parts.training, strict=True)]
        rows = labelled_rows(self.model, shown, values, cache=self.cache, device=self.device)
        width = net.config.widths[0]
        recipe = self.model.recipe
        weight, bias = solve_ridge(
            rows.features[:, :width].double() * recipe.tap_gain[0],
            torch.from_numpy(rows.targets),
            len(values),
            recipe.ridge,
        )
        weight = weight * recipe.tap_gain[0] * recipe.sharpness
        with torch.no_grad():
            net.classifier.weight.copy_(weight.t().reshape(net.classifier.weight.shape))
            net.classifier.bias.copy_(bias * recipe.sharpness + self._log_prior(bias))
        return settled(net)

    def _log_prior(self, like: Tensor) -> Tensor:
        """Logarithm of the classes' prior weights, (class,)."""
        return torch.tensor(self.prior, dtype=like.dtype, device=like.device).log()

    def _started(self, values: tuple[int, ...], parts: Partition) -> Started:
        figure = self.held.kind != "strokes"
        return Started(
            device=self.device,
            precision=self.precision,
            training_pixels=dict(zip(values, self.patches.pixels, strict=True)),
            validation_pixels=len(self.held) if figure else 0,
            validation_note=parts.note,
        )

    def reason_to_stop(self) -> str | None:
        """Why training ends now, or None."""
        options = self.options
        if options.max_seconds is not None and self.seconds >= options.max_seconds:
            return "time"
        if self.epoch >= options.max_epochs:
            return "steps"
        return "plateau" if self.idle_epochs >= options.patience_epochs else None

    def step(self) -> Generator[LearningEvent, Sequence[Sample] | None, Sequence[Sample] | None]:
        """One optimiser step; less memory at a time where it runs out."""
        began = time.perf_counter()
        try:
            loss = self._optimise()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            loss = None
        self.seconds += time.perf_counter() - began
        if loss is None:
            return (yield self._use_less_memory())
        self.steps += 1
        self.losses.append(loss)
        if self.bad_steps >= _BAD_STEPS:
            return (yield self._go_back())
        return (yield StepDone(self.steps, loss, self.seconds))

    def _optimise(self) -> float:
        assert self.net is not None
        images, targets = self.patches.draw(self.batch_size, self.patch_px)
        images, targets = self.augment(images.to(self.device), targets.to(self.device))
        images = images.contiguous(memory_format=torch.channels_last)
        with autocast(self.device, self.precision):
            logits = self.net(images)
        # Strokes are painted in like amounts for all classes, the network shall answer in natural
        # shares: the shares are taken out before it is compared with the strokes (logit
        # adjustment: Menon et al. 2021, arXiv 2007.07314).
        balanced = logits - self._log_prior(logits).reshape(1, -1, 1, 1)
        loss = segmentation_loss(
            balanced, targets[:, 0], self._class_weights(logits), self.options.dice_weight
        )
        if self.options.guide_weight:
            loss = loss + self.options.guide_weight * guide_loss(
                logits, targets[:, 1:], targets[:, 0]
            )
        if not torch.isfinite(loss):
            self.bad_steps += 1
            return float("nan")
        self.bad_steps = 0
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self._warm_up()
        self.optimiser.step()
        decay = min(self.options.average_decay, (self.steps + 1) / (self.steps + 10))
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.net.parameters(), strict=True)
            for mine, theirs in pairs:
                mine.lerp_(theirs, 1 - decay)
        return float(loss.detach())

    def _warm_up(self) -> None:
        # The first steps at full rate unlearn more than they learn (docs/benchmarks.md).
        rate = self.options.learning_rate * min(1.0, (self.steps + 1) / 40)
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def _class_weights(self, logits: Tensor) -> Tensor:
        """Between plain and balanced: rare classes count more, but do not spread everywhere."""
        counts = torch.tensor(self.patches.pixels, dtype=torch.float32, device=logits.device)
        weights = counts.clamp(min=1) ** -0.5
        return weights / weights.mean()

    def epoch_is_over(self) -> bool:
        """Whether a check is due."""
        return self.steps > 0 and self.steps % self.options.steps_per_epoch == 0 and bool(self.losses)

    def close_epoch(self) -> EpochDone:
        """Judge the averaged weights on held-back pixels and keep the best."""
        began = time.perf_counter()
        self.epoch += 1
        verdict, improved = self._judge()
        self.idle_epochs = 0 if improved else self.idle_epochs + 1
        finite = [loss for loss in self.losses if loss == loss]
        mean = sum(finite) / len(finite) if finite else float("nan")
        self.losses.clear()
        self.seconds += time.perf_counter() - began
        return EpochDone(
            epoch=self.epoch,
            seconds=self.seconds,
            train_loss=mean,
            validation=verdict.validation,
            network_weight=self.model.network_weight,
            improved=improved,
            model=self.model,
        )

    def _judge(self) -> tuple[Verdict, bool]:
        verdict = self.held.judge(self.average, self.precision)
        improved = verdict.loss < self.best_loss
        if improved:
            self.best_loss, self.best_epoch = verdict.loss, self.epoch
            self.best_validation = verdict.validation
            answering = settled(copy.deepcopy(self.average).to("cpu"))
            self.model = replace(
                self.model,
                network=answering,
                network_classes=self.values,
                network_weight=verdict.share,
            )
        return verdict, improved

    def finish(self, reason: str) -> Finished:
        """The best model, with what happened written down in it."""
        record = {
            "reason": reason,
            "steps": self.steps,
            "epochs": self.epoch,
            "best_epoch": self.best_epoch,
            "seconds": round(self.seconds, 3),
            "network_weight": self.model.network_weight,
            "training_pixels": {str(v): n for v, n in zip(self.values, self.patches.pixels, strict=True)},
            "seed": self.options.seed,
            "threads": torch.get_num_threads(),
            "device": self.device,
            "precision": self.precision,
            "torch": str(torch.__version__),
        }
        if self.best_validation is not None:
            figure = self.best_validation
            record["validation"] = {
                "kind": figure.kind,
                "pixels": figure.pixels,
                "dice": {str(v): round(d, 4) for v, d in figure.dice.items()},
            }
        self.model = replace(self.model, record=record)
        return Finished(reason, self.model, self.best_epoch, self.seconds, self.best_validation)

    def _go_back(self) -> Notice:
        """Restore the best weights after losses that are not finite, with a smaller rate."""
        assert self.model.network is not None and self.net is not None
        for net in (self.net, self.average):
            net.load_state_dict(self.model.network.state_dict())
        self.bad_steps = 0
        self.options = replace(self.options, learning_rate=self.options.learning_rate / 4)
        return Notice("Training became unstable: going on from the best weights, more gently.")

    def _use_less_memory(self) -> Notice:
        self.optimiser.zero_grad(set_to_none=True)
        release_devices()
        if self.batch_size > 1:
            self.batch_size //= 2
            return Notice(f"Out of memory: training on with batches of {self.batch_size}.")
        if self.patch_px // 2 >= _SMALLEST_PATCH_PX:
            self.patch_px //= 2
            return Notice(f"Out of memory: training on with patches of {self.patch_px} px.")
        if self.device == "cpu":
            raise MemoryError("there is not enough memory to train; close other programs.")
        was, self.device = self.device, "cpu"
        self.precision = training_precision("cpu", self.options.precision)
        self._move_to_cpu()
        return Notice(f"Out of memory on {was}: training on on the CPU.")

    def _move_to_cpu(self) -> None:
        assert self.net is not None
        self.net, self.average = self.net.cpu(), self.average.cpu()
        self.held.move("cpu")
        self.augment = Augmenter(self.options.augmentation, self.options.seed, "cpu")
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(),
            lr=self.options.learning_rate,
            weight_decay=self.options.weight_decay,
        )

    def release(self) -> None:
        """Give the device's memory back, however training ended."""
        self.net = None
        self.__dict__.pop("optimiser", None)
        self.__dict__.pop("average", None)
        self.__dict__.pop("held", None)
        if self.device != "cpu":
            release_devices()
