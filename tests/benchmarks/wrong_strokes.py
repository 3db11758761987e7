"""Are wrong strokes found? One stroke of a picture is painted in another class, and looked for.

``python tests/benchmarks/wrong_strokes.py`` prints how often it is listed, how often first, and how
many right strokes are listed with it.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.rows import ROOT
from unetscope.learning.advice.label_errors import label_errors
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.persistence import start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.samples import Sample
from unetscope.learning.stroke_map import stroke_map
from unetscope.pretraining.judge import Task, make_tasks


@dataclass(frozen=True)
class Found:
    """One wrong stroke in a picture: whether it was listed and first, and right ones listed."""

    task: str
    seed: int
    strokes: int
    listed: bool
    first: bool
    right_listed: int


def task_found(
    start: PixelModel, task: Task, seeds: Sequence[int], *, per_class: int, least_sure: float
) -> list[Found]:
    """Strokes of ``task``, one of them flipped to the next class, for every seed."""
    cache, found = FeatureCache(), []
    for seed in seeds:
        labels = task.strokes(seed, per_class)
        strokes = stroke_map(labels)
        values = np.unique(strokes.values)
        wrong = int(np.random.default_rng(seed).integers(strokes.count))
        place = tuple(strokes.points[strokes.strokes == wrong].T)
        was = np.searchsorted(values, labels[place][0])
        labels[place] = values[(was + 1) % len(values)]
        told = label_errors(
            start,
            [Sample(task.image_a, labels)],
            cache=cache,
            device="cpu",
            least_sure=least_sure,
        )
        hits = [bool((np.stack(place, 1) == doubt.centre).all(axis=1).any()) for doubt in told]
        found.append(
            Found(
                task.name,
                seed,
                strokes.count,
                any(hits),
                bool(hits and hits[0]),
                len(hits) - sum(hits),
            )
        )
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=5)
    told = parser.parse_args()
    warnings.filterwarnings("ignore")
    start, tasks = start_model("general-fast"), make_tasks(told.data, pairs=1, crop_px=384)
    print("| strokes a class | sure from | wrong listed | wrong first | right listed of 100 |")
    print("| --: | --: | --: | --: | --: |")
    for per_class in (5, 10):
        for sure in (0.5, 0.6, 0.8):
            rows = [
                row
                for task in tasks
                for row in task_found(
                    start, task, range(told.seeds), per_class=per_class, least_sure=sure
                )
            ]
            listed, first = (
                100 * np.mean([getattr(r, n) for r in rows]) for n in ("listed", "first")
            )
            right = 100 * sum(r.right_listed for r in rows) / sum(r.strokes - 1 for r in rows)
            print(f"| {per_class} | {sure} | {listed:.0f} % | {first:.0f} % | {right:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
