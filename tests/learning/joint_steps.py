"""Steps on fixed batches, alone or as one of two processes: what a test of both begins."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist

from learning.small_scenes import small_model
from unetscope.learning.losses import IGNORE
from unetscope.learning.optimiser_steps import OptimiserSteps
from unetscope.learning.together import ALONE, Together, met
from unetscope.learning.train_options import TrainOptions
from unetscope.network.channels import with_classes

OPTIONS = TrainOptions(device="cpu", precision="fp32")
FEW, MANY, SIDE = 5, 50, 32
PIXELS, PRIOR = (300, 100), (0.7, 0.3)


def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Four patches: the later ones with fewer labelled pixels, and fewer of one class."""
    drawn = torch.Generator().manual_seed(step)
    images = torch.rand((4, 1, SIDE, SIDE), generator=drawn)
    targets = torch.full((4, 3, SIDE, SIDE), IGNORE, dtype=torch.int16)
    for index in range(4):
        rows = slice(0, 22 - 5 * index)
        painted = images[index, 0, rows] * 3 + index * 0.3 > 1.5
        targets[index, 0, rows] = painted.to(torch.int16)
        targets[index, 1:, 24:] = 128
    return images.contiguous(memory_format=torch.channels_last), targets


def after(steps: int, together: Together = ALONE) -> torch.Tensor:
    """The weights and their average after so many steps."""
    learner = OptimiserSteps(OPTIONS, together)
    learner.start_from(with_classes(small_model().backbone, 2))
    for step in range(steps):
        mine = [part[together.rank :: together.size] for part in batch(step)]
        learner.learn(mine[0], mine[1], PIXELS, PRIOR)
        learner.steps += 1
    return torch.cat([learner._weights.master.detach(), learner._averaged])


def second(port: int, into: Any) -> None:
    """The other process: its weights after few and many steps go into a queue."""
    torch.set_num_threads(1)
    door = dist.TCPStore("127.0.0.1", port, is_master=False)
    with met(1, 2, door) as together:
        for steps in (FEW, MANY):
            into.put(after(steps, together).numpy())
