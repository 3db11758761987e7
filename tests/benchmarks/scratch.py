"""A U-Net trained from random weights for the same seconds: what the bundled weights save.

The same network, patches around the strokes, augmentation and loss as in fine-tuning, with group
normalisation because random weights need it; no instant answer stands behind it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.rows import Row
from benchmarks.scoring import Answer, Examiner, Spent, answer_from
from unetscope.computing.precision import autocast, training_precision
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.learning.augmentation import Augmenter, AugmentOptions
from unetscope.learning.losses import IGNORE, segmentation_loss
from unetscope.network.unet import UNet, UNetConfig, initialise
from unetscope.pretraining.judge import Task

SCRATCH = "U-Net from scratch"
_PATCH_PX, _BATCH = 128, 4
_RATE, _WEIGHT_DECAY, _AVERAGE = 1e-3, 1e-4, 0.98


def scratch_rows(examiner: Examiner, checkpoints_s: Sequence[float]) -> Iterator[Row]:
    """A row for every checkpoint of one training."""
    task = examiner.task
    training = ScratchTraining(task, examiner.strokes, examiner.seed)
    for (a, b), spent in training.answers((task.image_a, task.image_b), checkpoints_s):
        yield examiner.score(SCRATCH, a, b, spent)


class ScratchTraining:
    """One training; the clock counts steps only."""

    def __init__(self, task: Task, strokes: np.ndarray, seed: int) -> None:
        self.values = np.unique(strokes[strokes > 0])
        image, labels = task.image_a, strokes
        config = UNetConfig(in_channels=image.channels, classes=len(self.values), norm="group")
        self.net = initialise(UNet(config), seed).to(memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(self.net).requires_grad_(False).eval()
        self.seconds, self.steps = 0.0, 0
        self._optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=_RATE, weight_decay=_WEIGHT_DECAY, fused=True
        )
        self._precision = training_precision("cpu", "auto")
        self._augment = Augmenter(AugmentOptions(), seed)
        self._rng = np.random.default_rng(seed)
        index = np.full(int(self.values[-1]) + 1, IGNORE)
        index[self.values] = np.arange(len(self.values))
        margins = [(0, max(0, _PATCH_PX - side)) for side in labels.shape]
        self._image = torch.from_numpy(np.pad(_plane(image), [(0, 0), *margins], mode="edge"))
        self._targets = torch.from_numpy(np.pad(index[labels], margins, constant_values=IGNORE))
        self._spots = [np.argwhere(strokes == value) for value in self.values]

    def answers(
        self, images: Sequence[Micrograph], checkpoints_s: Sequence[float]
    ) -> Iterator[tuple[list[Answer], Spent]]:
        """The averaged network's answers to ``images`` after each checkpoint's seconds."""
        for due in sorted(checkpoints_s):
            while self.seconds < due:
                began = time.perf_counter()
                self._step()
                self.seconds += time.perf_counter() - began
            yield [self._asked(image) for image in images], Spent(due, 1.0, self.steps)

    def _step(self) -> None:
        images, targets = self._augment(*self._patches())
        with autocast("cpu", self._precision):
            logits = self.net(images.contiguous(memory_format=torch.channels_last))
        loss = segmentation_loss(logits, targets)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self._optimiser.step()
        self.steps += 1
        decay = min(_AVERAGE, (self.steps + 1) / (self.steps + 10))
        pairs = zip(self.average.parameters(), self.net.parameters(), strict=True)
        with torch.no_grad():
            for mine, theirs in pairs:
                mine.lerp_(theirs, 1 - decay)

    def _patches(self) -> tuple[Tensor, Tensor]:
        """A batch around painted pixels, every class in its turn."""
        images, targets = [], []
        for number in range(_BATCH):
            spots = self._spots[(self.steps * _BATCH + number) % len(self._spots)]
            centre = spots[self._rng.integers(len(spots))]
            box = []
            for position, side in zip(centre, self._targets.shape, strict=True):
                start = position - self._rng.integers(_PATCH_PX // 4, 3 * _PATCH_PX // 4)
                start = int(np.clip(start, 0, side - _PATCH_PX))
                box.append(slice(start, start + _PATCH_PX))
            images.append(self._image[(slice(None), *box)])
            targets.append(self._targets[tuple(box)])
        return torch.stack(images), torch.stack(targets)

    @torch.inference_mode()
    def _asked(self, image: Micrograph) -> Answer:
        plane = torch.from_numpy(_plane(image))[None]
        height, width = plane.shape[2:]
        multiple = self.net.config.multiple
        padded = functional.pad(plane, (0, -width % multiple, 0, -height % multiple), "replicate")
        logits = self.average(padded.contiguous(memory_format=torch.channels_last))
        chance = logits[0, :, :height, :width].softmax(dim=0)
        return answer_from(chance.numpy(), self.values.tolist())


def _plane(image: Micrograph) -> np.ndarray:
    return np.ascontiguousarray(fit_normalisation(image).apply(image.plane()), np.float32)
