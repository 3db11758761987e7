"""One training, from the strokes to the best model: what ``fine_tune`` steps through."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import torch

from unetscope.computing.machine import settled
from unetscope.computing.memory import is_out_of_memory
from unetscope.images.classes import LabelClass
from unetscope.learning.beside import Beside
from unetscope.learning.end_reason import EndReason
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
from unetscope.learning.feature_reader import FeatureReader
from unetscope.learning.head import Penalty, solve_head
from unetscope.learning.held_out import HeldOut, Verdict, judging_pixels
from unetscope.learning.instant import fit_instant, labelled_rows, prepared
from unetscope.learning.learned_pixels import LearnedPixels
from unetscope.learning.optimiser_steps import NO_MEMORY, OptimiserSteps
from unetscope.learning.partition import Partition, partition
from unetscope.learning.patches import PatchSource
from unetscope.learning.pixel_model import PixelModel, TunedNetwork
from unetscope.learning.samples import Sample, are_dense, check_samples, labelled_pixels
from unetscope.learning.schedule import Schedule
from unetscope.learning.sources.source import columns_of
from unetscope.learning.surprise import familiar_with
from unetscope.learning.together import ALONE, Command, Together
from unetscope.learning.train_options import TrainOptions
from unetscope.network.channels import with_classes
from unetscope.network.unet import UNet

# From here on the network gets all that experience grants it: until then its answers to whole
# images, not to strokes, grow better (docs/tried.md).
MATURE_STEPS = 300
_Result = TypeVar("_Result")


class TrainingRun:
    """The state of one training, so that the loop of ``fine_tune`` reads as the story it is.

    Of several processes that train together each has one; only that of the first judges.
    """

    def __init__(
        self,
        model: PixelModel,
        options: TrainOptions,
        cache: FeatureCache,
        together: Together = ALONE,
    ) -> None:
        self.model, self.options, self.cache = model, options, cache
        self.together = together
        self.learner = OptimiserSteps(options, together)
        self.seconds, self.epoch, self.best_epoch = 0.0, 0, 0
        self.best_loss = float("inf")
        self.best_validation: Validation | None = None
        self.idle_epochs = 0
        self._schedule = Schedule(options)
        self.losses: list[float] = []
        self._sent: Sequence[Sample] | None = None  # at an event of the stage under way
        self.values: tuple[int, ...] = ()  # of the classes the network learns; none before it does
        self.learned: LearnedPixels | None = None  # by that network; None: not known

    def start(
        self, samples: Sequence[Sample], classes: Sequence[LabelClass] | None
    ) -> Generator[LearningEvent, Sequence[Sample] | None, Sequence[Sample] | None]:
        """(Re-)read the strokes: solve the head, split, and set up network and optimiser.

        Returns newer samples that were sent meanwhile.
        """
        began = time.perf_counter()
        counts = check_samples(samples, names={c.value: c.name for c in classes or ()})
        values = tuple(counts)
        self._sent = None
        fitted = yield from self._recovering(partial(self._fitted, samples, classes))
        self.model = fitted
        seconds = time.perf_counter() - began
        yield from self._heard(HeadFitted(fitted, seconds, counts, with_forest=True))
        parts = yield from self._recovering(partial(self._set_up, fitted, samples, values))
        self.values = values
        self.model = self.model.with_provenance(partition=parts)
        self.best_loss, self.best_validation, self.idle_epochs = float("inf"), None, 0
        self._unfamiliar = samples if self.together.leads else ()
        if self.together.leads:
            self._first = yield from self._recovering(self._snapshot)
            if self.learner.steps or self.model.network_of(values) is not None:
                # It goes on: what it knows already is judged, and shown again, at once.
                yield from self._recovering(lambda: self._judge(self._first))
            self.together.tell(Command.BEGIN)
            self.learner.take_first_weights()
        if self.learner.steps:  # the budget begins with the first step
            self.seconds += time.perf_counter() - began
        self._schedule.begin(self.learner.steps, self.seconds)
        yield from self._heard(self._started(values, parts))
        return self._sent

    def _shares(self, shown: Sequence[Sample]) -> tuple[float, ...]:
        """How frequent classes are: masks say so themselves, of strokes the instant voice does."""
        if not self.dense:
            return self._told().instant.prior
        counts = labelled_pixels(shown)
        return tuple(n / sum(counts.values()) for n in counts.values())

    def _taken_out(self) -> tuple[float, ...]:
        """Which shares of the classes the loss takes out of the answer before it is compared.

        Of strokes all that there are, for they are as frequent for every class. Masks show classes
        as frequent as they are; there the loss's own weights (pixels ** -½) are to be undone.
        """
        if not self.dense:
            return self.prior
        roots = [share**0.5 for share in self.prior]
        return tuple(root / sum(roots) for root in roots)

    def _judging(
        self,
        model: PixelModel,
        samples: Sequence[Sample],
        parts: Partition,
        values: tuple[int, ...],
    ) -> HeldOut:
        device = self.learner.device
        return HeldOut(model, samples, parts, values, cache=self.cache, device=device)

    @property
    def held(self) -> HeldOut:
        """The judge; waits until it is ready."""
        return self._judge_beside.result()

    def _judge_on_device(self) -> None:
        judge = self._judge_beside.wait() if hasattr(self, "_judge_beside") else None
        if judge is not None:
            judge.move(self.learner.device)

    def _told(self) -> PixelModel:
        """Whose answer guides: that of the labels that are learned from alone."""
        return self.held.told or self.model

    def _familiar(self) -> None:
        """Note what the images look like; nothing of it decides an answer."""
        if self._unfamiliar:
            machine = self.cache.machine(self.learner.device)
            known = familiar_with(self.model, self._unfamiliar, machine)
            self.model = self.model.with_provenance(familiar=known)
            self._unfamiliar = ()

    def _fitted(
        self, samples: Sequence[Sample], classes: Sequence[LabelClass] | None
    ) -> PixelModel:
        return fit_instant(
            prepared(self.model, samples, self.cache),
            samples,
            cache=self.cache,
            classes=classes,
            device=self.learner.device,
        )

    def _set_up(
        self, fitted: PixelModel, samples: Sequence[Sample], values: tuple[int, ...]
    ) -> Partition:
        """What is held back, who judges, and the network that learns; can be called again."""
        self.model = fitted
        parts, goes_on = self._parts(samples, values)
        self.learned = self._learned_with(samples, values, goes_on=goes_on)
        seen = self.model
        # What judges is made ready beside the first steps.
        self._judge_beside = Beside(lambda: self._judging(seen, samples, parts, values))
        shown = parts.shown(samples)
        self.dense = are_dense(samples)
        # Masks need no guide, and its patches from anywhere would show fewer of rare classes.
        guided = self.options.guide_weight and not self.dense
        self.patches = PatchSource(
            self.model,
            shown,
            values,
            cache=self.cache,
            seed=self.learner.seed,
            guide=self._told if guided else None,
        )
        self.prior = self._shares(shown)
        self.taken_out = self._taken_out()
        self.learner.begin_anew()  # new strokes, a new run
        if not goes_on:
            self.learner.start_from(self._first_network(samples, parts, values))
        return parts

    def _learned_with(
        self, samples: Sequence[Sample], values: tuple[int, ...], *, goes_on: bool
    ) -> LearnedPixels | None:
        """What the network that learns now will have learned from."""
        known = self.model.network_of(values)
        if not goes_on and known is None:
            return LearnedPixels.of(samples)
        before = self.learned if goes_on or known is None else known.learned
        return None if before is None else before.joined(samples)

    def _heard(
        self, event: LearningEvent
    ) -> Generator[LearningEvent, Sequence[Sample] | None, None]:
        """Tell an event; samples that are sent at it are kept for the end of the stage."""
        sent = yield event
        self._sent = sent if sent is not None else self._sent

    def _recovering(
        self, work: Callable[[], _Result]
    ) -> Generator[LearningEvent, Sequence[Sample] | None, _Result]:
        """What ``work`` returns; where memory runs out, once more with less of it.

        Raises
        ------
        MemoryError
            Where nothing helps.
        """
        relief = iter(self._reliefs())
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Outside of the handler, which still holds the failed tensors.
            yield from self._heard(Notice(next(relief)))

    def _reliefs(self) -> Iterator[str]:
        """Give memory back, a little more each time; says what was done."""
        self._free()
        yield "Out of memory: what was kept of the images is given back and computed anew."
        while self.cache.use_smaller_tiles():
            self._free()
            yield f"Out of memory: going on with tiles of {self.cache.tile_px} px."
        if self.learner.device != "cpu" and not self.together.are_several:
            was = self.learner.device
            self.learner.move_to_cpu()
            self._judge_on_device()
            self._free()
            yield f"Out of memory on {was}: going on on the CPU."
        raise MemoryError(NO_MEMORY)

    def _free(self) -> None:
        self.cache.forget()
        self.cache.release()

    def _parts(self, samples: Sequence[Sample], values: tuple[int, ...]) -> tuple[Partition, bool]:
        """What is held back now, and whether the running network may go on with it."""
        guard_px = 2 * self.model.features.backbone.config.reach_px
        known = self.model.network_of(values)
        before = self.model.provenance.partition if known is not None else None
        parts = before.extended(samples, guard_px) if before is not None else None
        if parts is not None:
            return parts, self.values == values
        parts = partition(
            samples,
            guard_px=guard_px,
            fraction=self.options.validation_fraction,
            seed=self.options.seed,
            names={c.value: c.name for c in self.model.classes},
        )
        if before is not None and not before.knows(samples):
            return replace(parts, earlier=(*before.earlier, *before.keys)), self.values == values
        if before is not None:
            # The present network may have seen what is held back now: begin with a fresh one.
            self.model = replace(self.model, network=None)
        elif known is not None:
            note = "If this model learned from these images before, its scores are too good."
            parts = replace(parts, note=f"{parts.note} {note}")
        return parts, False

    def _first_network(
        self, samples: Sequence[Sample], parts: Partition, values: tuple[int, ...]
    ) -> UNet:
        """The model's own network where it knows these classes, else the backbone with a head."""
        known = self.model.network_of(values)
        return known.net if known is not None else self._network_from_head(samples, parts, values)

    def _network_from_head(
        self, samples: Sequence[Sample], parts: Partition, values: tuple[int, ...]
    ) -> UNet:
        """The backbone with a 1×1 classifier solved in closed form on its last map."""
        net = with_classes(self.model.features.backbone, len(values))
        shown = parts.shown(samples)
        machine = self.cache.machine(self.learner.device)
        rows = labelled_rows(FeatureReader(self.model, self.cache, machine), shown, values)
        width = net.config.widths[0]
        recipe = self.model.features.recipe
        penalty = Penalty(torch.tensor([recipe.tap_gain[0]] * width).double(), recipe.ridge)
        shown_as = torch.from_numpy(rows.targets)
        sources = self.model.feature_sources  # an added one may have maps as fine, before these
        last = columns_of(self.model.name, sources, self.model.channels)[:width]
        solved = solve_head(rows.features[:, last], shown_as, len(values), penalty)
        head = solved.as_logits(recipe, self.prior)
        kernel = head.weight.t()[:, :, None, None]  # (class, channel, 1, 1)
        net.classifier.load_state_dict({"weight": kernel, "bias": head.bias})
        return settled(net)

    def _started(self, values: tuple[int, ...], parts: Partition) -> Started:
        figure = parts.kind != "strokes"
        return Started(
            device=self.learner.device,
            precision=self.learner.precision,
            training_pixels=dict(zip(values, self.patches.pixels, strict=True)),
            validation_pixels=judging_pixels(parts, self.options.seed) if figure else 0,
            validation_note=parts.note,
        )

    def reason_to_stop(self) -> EndReason | None:
        """Why training ends now, or None.

        A time budget of more than nothing reaches a check, however short it is.
        """
        options = self.options
        if self.time_is_up and (self.epoch or not options.max_seconds) and not self.losses:
            return EndReason.TIME
        if self.epoch >= options.max_epochs:
            return EndReason.STEPS
        patience_is_over = self.idle_epochs >= options.patience_epochs
        if patience_is_over and not self.together.are_several:
            self._schedule.settle(self.learner.steps)
        ended = self._schedule.has_settled(self.learner.steps)
        if ended or (patience_is_over and self.together.are_several):
            return EndReason.PLATEAU
        return None

    @property
    def time_is_up(self) -> bool:
        """Whether the budget is used up; it begins with the first step."""
        budget = self.options.max_seconds
        return budget is not None and self.seconds >= budget

    def step(self) -> Generator[LearningEvent, Sequence[Sample] | None, Sequence[Sample] | None]:
        """One optimiser step; less memory at a time where it runs out."""
        began = time.perf_counter()
        if not self.together.are_several:  # the others do not know the time
            pace = self._schedule.pace(self.learner.steps, self.seconds)
            self.learner.pace = pace * (self.options.mask_speed if self.dense else 1.0)
        loss = self.learner.step(self.patches, self.taken_out)
        self.seconds += time.perf_counter() - began
        if loss is None:
            notice = Notice(self.learner.use_less_memory())
            self._judge_on_device()
            return (yield notice)
        self.losses.append(loss)
        if self.learner.is_unstable:
            network = self.model.network
            best = network.net if network is not None else None
            return (yield Notice(self.learner.go_back(best)))
        return (yield StepDone(self.learner.steps, loss, self.seconds))

    def follow(self) -> None:
        """Do what the first process tells, until it tells the end; ``start`` was run before."""
        while True:
            match self.together.told():
                case Command.BEGIN, _:
                    self.learner.take_first_weights()
                case Command.STEP, (batch_size, patch_px):
                    self.learner.batch_size, self.learner.patch_px = batch_size, patch_px
                    if self.learner.step(self.patches, self.taken_out) is None:
                        self.learner.forget_maps()
                case Command.GO_BACK, _:
                    self.learner.go_back(None)
                case Command.END, _:
                    return

    def epoch_is_over(self) -> bool:
        """Whether a check is due: after a round of steps, or when the time is up."""
        is_round = self.learner.steps % self.options.steps_per_epoch == 0
        return bool(self.losses) and (is_round or self.time_is_up)

    def close_epoch(
        self,
    ) -> Generator[LearningEvent, Sequence[Sample] | None, Sequence[Sample] | None]:
        """Judge the averaged weights on held-back pixels and keep the best.

        Returns newer samples that were sent meanwhile.
        """
        began = time.perf_counter()
        self.epoch += 1
        self._sent = None
        newest = yield from self._recovering(self._snapshot)
        verdict, taken, best = yield from self._recovering(lambda: self._judge(newest))
        if self.epoch > 1:
            yield from self._recovering(self._familiar)
        self.idle_epochs = 0 if best else self.idle_epochs + 1
        finite = [loss for loss in self.losses if loss == loss]
        mean = sum(finite) / len(finite) if finite else float("nan")
        self.losses.clear()
        self.seconds += time.perf_counter() - began
        yield from self._heard(
            EpochDone(
                epoch=self.epoch,
                seconds=self.seconds,
                train_loss=mean,
                validation=verdict.validation,
                network_weight=self.model.network_weight,
                improved=taken,
                model=self.model,
                newest=newest,
            )
        )
        return self._sent

    def _snapshot(self) -> UNet:
        """The averaged weights as they are now, ready to answer."""
        return settled(copy.deepcopy(self.learner.average).to("cpu"))

    def _judge(self, newest: UNet) -> tuple[Verdict, bool, bool]:
        """The verdict, whether its network is shown from now on, and whether none was better.

        Where few pixels judge, a newer network is taken unless it is clearly worse.
        """
        maturity = min(1.0, self.learner.steps / MATURE_STEPS)
        verdict = self.held.judge(self.learner.average, self.learner.precision, maturity=maturity)
        if self.best_loss == float("inf") and not verdict.share:
            # No better than the instant answer, by which those that follow are compared.
            self.best_loss, self.best_validation = verdict.loss, verdict.validation
            self.best_epoch = 0
            first = TunedNetwork(self._first, self.values, 0.0, self.learned)
            self.model = replace(self.model, network=first)
            return verdict, False, False
        best = verdict.loss < self.best_loss
        taken = best or (verdict.share > 0 and verdict.loss < self.best_loss + verdict.slack)
        if best:
            self.best_loss = verdict.loss
        if taken:
            self.best_epoch = self.epoch
            self.best_validation = verdict.validation
            shown = TunedNetwork(newest, self.values, verdict.share, self.learned)
            self.model = replace(self.model, network=shown)
        return verdict, taken, best

    def conclude(self) -> Generator[LearningEvent, Sequence[Sample] | None, None]:
        """What the model shall have even where training ended before its first check."""
        if not self.epoch:
            yield from self._recovering(lambda: self._judge(self._snapshot()))
        yield from self._recovering(self._familiar)

    def finish(self, reason: EndReason) -> Finished:
        """The best model, with what happened written down in it."""
        counts = zip(self.values, self.patches.pixels, strict=True)
        record: dict[str, Any] = {
            "reason": str(reason),
            "steps": self.learner.steps,
            "epochs": self.epoch,
            "best_epoch": self.best_epoch,
            "seconds": round(self.seconds, 3),
            "network_weight": self.model.network_weight,
            "training_pixels": {str(value): pixels for value, pixels in counts},
            "seed": self.options.seed,
            "threads": torch.get_num_threads(),
            "device": self.learner.device,
            "devices": self.together.size,
            "precision": self.learner.precision,
            "torch": str(torch.__version__),
        }
        if self.best_validation is not None:
            figure = self.best_validation
            record["validation"] = {
                "kind": figure.kind,
                "pixels": {str(v): n for v, n in figure.class_pixels.items()},
                "strokes": {str(v): n for v, n in figure.strokes.items()},
                "dice": {str(v): round(d, 4) for v, d in figure.told.items()},
            }
        self.model = self.model.with_provenance(record=record)
        return Finished(reason, self.model, self.best_epoch, self.seconds, self.best_validation)

    def release(self) -> None:
        """Give the device's memory back, however training ended."""
        on_gpu = self.learner.device != "cpu"
        judge = self.__dict__.get("_judge_beside")
        if on_gpu and judge is not None:
            judge.wait()
        for part in ("learner", "patches", "_judge_beside"):
            self.__dict__.pop(part, None)
        if on_gpu:
            self.cache.release()
