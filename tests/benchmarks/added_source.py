"""Does an added source hurt? Ours, ours with a backbone at gain one, and as loud as evidence says.

    python -m benchmarks.added_source DATA OUT.jsonl

A row is one task with one set of strokes; what the table of docs/benchmarks.md says of a set is the
mean over its rows.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.lite_backbone import NAME, open_lite
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.instant import fit_instant
from unetscope.learning.metrics import mean_dice
from unetscope.learning.persistence import start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_labels
from unetscope.learning.samples import Sample
from unetscope.learning.sources.kinds import Opening
from unetscope.learning.sources.source import columns_of
from unetscope.pretraining.judge import Task, make_tasks

OURS, AT_ONE, HEARD, ALONE = "ours", "at gain one", "as loud as evidence says", "alone"
PER_CLASS, SEEDS, CROP_PX = 5, 3, 512


@dataclass(frozen=True)
class AddedRow:
    """Mean class Dice of one way on one task, with one set of strokes."""

    task: str
    unseen: bool
    seed: int
    system: str
    same: float
    other: float
    heard: bool = False  # whether the backbone has weight in the head


def added_rows(task: Task, models: dict[str, PixelModel], seeds: int = SEEDS) -> Iterator[AddedRow]:
    """All ways of ``models`` on one task."""
    cache = FeatureCache()
    for seed in range(seeds):
        strokes = task.strokes(seed, PER_CLASS)
        samples = [Sample(task.image_a, strokes, task.name)]
        for system, start in models.items():
            # What the head was until there was evidence: all gains as the source gives them.
            loud = patch("unetscope.learning.instant.heard", lambda penalty, *_: penalty.gains)
            if system == AT_ONE:
                with loud:
                    model = fit_instant(start, samples, cache=cache)
            else:
                model = fit_instant(start, samples, cache=cache)
            a, b = (predict_labels(model, i, cache=cache) for i in (task.image_a, task.image_b))
            hidden = np.where(strokes > 0, 0, task.truth_a)
            dice = mean_dice(hidden, a), mean_dice(task.truth_b, b)
            yield AddedRow(
                task.name, not task.may_train, seed, system, *dice, heard=_has_weight(model)
            )


def _has_weight(model: PixelModel) -> bool:
    assert model.instant.head is not None
    columns = columns_of(NAME, model.feature_sources, model.channels)
    return bool(len(columns)) and bool(model.instant.head.weight[columns].any())


def ways() -> dict[str, PixelModel]:
    """The models that are compared, before any strokes."""
    ours = start_model("general")
    both = ours.with_features(sources=(open_lite(Opening(NAME)),))
    return {OURS: ours, AT_ONE: both, HEARD: both, ALONE: both.with_features(alone=True)}


def table(rows: Sequence[AddedRow]) -> str:
    """Means by set, same / other image, and what the backbone changed."""
    systems = list(dict.fromkeys(row.system for row in rows))
    lines = ["| set | " + " | ".join(systems) + " | heard |", "|---" * (len(systems) + 2) + "|"]
    groups = {row.task.rsplit(" ", 1)[0]: [] for row in rows}
    for row in rows:
        groups[row.task.rsplit(" ", 1)[0]].append(row)
    for name, own in [*groups.items(), ("**all**", list(rows))]:
        cells = []
        for system in systems:
            its = [row for row in own if row.system == system]
            cells.append(
                f"{np.mean([r.same for r in its]):.3f} / {np.mean([r.other for r in its]):.3f}"
            )
        heard = [row.heard for row in own if row.system == HEARD]
        lines.append(f"| {name} | {' | '.join(cells)} | {sum(heard)} of {len(heard)} |")
    return "\n".join(lines)


def main(data: Path, out: Path) -> None:
    """Measure all sets, and print the tables of those never trained on and of the others."""
    torch.set_num_threads(1)
    models, rows = ways(), []
    with out.open("a") as file:
        for task in make_tasks(data, pairs=2, crop_px=CROP_PX):
            for row in added_rows(task, models):
                rows.append(row)
                file.write(json.dumps(row.__dict__) + "\n")
                file.flush()
    for unseen in (True, False):
        sys.stdout.write(table([row for row in rows if row.unseen == unseen]) + "\n\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
