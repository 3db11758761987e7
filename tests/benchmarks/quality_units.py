"""The units of work on Dice: what is measured at once, kept, and left out where it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch

from benchmarks import baselines, quality, scratch
from benchmarks.annotator import first_strokes
from benchmarks.plan import UNHURRIED, Plan
from benchmarks.rows import Row
from benchmarks.scoring import Examiner
from unetscope.learning.augmentation import Augmenter, AugmentOptions
from unetscope.learning.persistence import start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.pretraining.judge import Task, make_tasks


@dataclass(frozen=True)
class Choice:
    """Which units of a plan: every ``shards``-th task from ``shard`` on, these strokes and seeds.

    Empty tuples choose all that the plan holds; other numbers are measured beside the plan's.
    """

    shard: int = 0
    shards: int = 1
    strokes: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Unit:
    """A piece of work: ``measure`` gives its rows."""

    name: str
    measure: Callable[[], list[Row]] = field(repr=False)


def tasks_of(plan: Plan, data: Path) -> list[Task]:
    """The pairs of real micrographs in ``data`` that a plan asks for."""
    return make_tasks(data, pairs=plan.pairs, crop_px=plan.crop_px, only_unseen=plan.only_unseen)


class QualityUnits:
    """All units of the quality subjects of one plan, in the order they are best measured in."""

    def __init__(self, plan: Plan, tasks: Sequence[Task], choice: Choice) -> None:
        self.plan, self.choice = plan, choice
        self.tasks = tasks[: plan.tasks][choice.shard :: choice.shards]
        self._theirs: baselines.BaselineTask | None = None  # of the present task, with its features
        self._ours: quality.OurTask | None = None

    def of(self, subject: str) -> Iterator[Unit]:
        """The units of a subject: all tasks with one seed come before the next seed."""
        if subject not in UNHURRIED:
            _load_libraries()
        for seed in self._seeds(subject):
            for task in self.tasks:
                for per_class in self._strokes(subject):
                    for system in self._systems(subject, seed):
                        yield self._unit(subject, system, task, seed, per_class)

    def _unit(self, subject: str, system: str, task: Task, seed: int, per_class: int) -> Unit:
        name = ", ".join(filter(None, [task.name, f"{per_class} strokes", f"seed {seed}", system]))

        def measure() -> list[Row]:
            strokes = first_strokes(task, seed, per_class)
            return list(self._rows(subject, system, Examiner(task, strokes, per_class, seed)))

        return Unit(name, measure)

    def _seeds(self, subject: str) -> Sequence[int]:
        plan = self.plan
        many = plan.seeds if subject in ("baselines", "instant") else plan.training_seeds
        return self.choice.seeds or range(many)

    def _strokes(self, subject: str) -> Sequence[int]:
        if subject in ("corrective", "own errors"):
            return [self.plan.first_strokes]
        slow = subject in ("training", "scratch")
        planned = self.plan.training_strokes if slow else self.plan.strokes_per_class
        return self.choice.strokes or planned

    def _systems(self, subject: str, seed: int) -> Sequence[str]:
        if subject != "baselines":
            return [""]
        return list(baselines.BASELINES) if seed < self.plan.slow_seeds else [baselines.FOREST]

    def _rows(self, subject: str, system: str, examiner: Examiner) -> Iterator[Row]:
        plan, seed = self.plan, examiner.seed
        repeated = {"rounds": plan.rounds, "count": plan.corrections}
        if subject == "baselines":
            theirs = self._baseline_task(examiner.task)
            yield examiner.score(system, *theirs.answers(system, examiner.strokes, seed))
        elif subject == "own errors":
            yield from quality.own_errors_rows(examiner, **repeated)
        elif subject == "instant":
            yield from self._our_task(examiner.task).instant_rows(examiner)
        elif subject == "scratch":
            yield from scratch.scratch_rows(examiner, plan.checkpoints_s)
        elif subject == "training":
            options = quality.full_budget(max(plan.checkpoints_s), seed)
            yield from quality.training_rows(self.start, examiner, options, plan.checkpoints_s)
        else:
            options = quality.full_budget(plan.round_s, seed)
            yield from quality.corrective_rows(self.start, examiner, options, **repeated)

    @cached_property
    def start(self) -> PixelModel:
        """The bundled weights."""
        return start_model("general-fast")

    def _baseline_task(self, task: Task) -> baselines.BaselineTask:
        if self._theirs is None or self._theirs.task is not task:
            self._theirs = baselines.BaselineTask(task)
        return self._theirs

    def _our_task(self, task: Task) -> quality.OurTask:
        if self._ours is None or self._ours.task is not task:
            self._ours = quality.OurTask(self.start, task)
        return self._ours


def _load_libraries() -> None:
    """Import what augmentation imports late, so that no training pays for it."""
    images, targets = torch.zeros(4, 1, 32, 32), torch.zeros(4, 32, 32, dtype=torch.int64)
    Augmenter(AugmentOptions(probability=1.0), seed=0)(images, targets)
