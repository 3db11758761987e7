"""Who gains from how features scatter all over the image? Every solver of a head, with and without.

``python tests/benchmarks/head_scatter.py`` prints a table for the doubtful strokes, the network's
starting classifier, pretraining's judge and its objective; ``--only`` measures some of them.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import unetscope.pretraining
from benchmarks.rows import ROOT
from benchmarks.wrong_strokes import Found, task_found
from unetscope.learning import training_run
from unetscope.learning.advice import stroke_sums
from unetscope.learning.feature_cache import FeatureCache, grid
from unetscope.learning.features import Levels, lattice_rows
from unetscope.learning.head import scatter_of
from unetscope.learning.instant import penalty_of, prepared
from unetscope.learning.metrics import mean_dice
from unetscope.learning.persistence import start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_labels
from unetscope.learning.samples import Sample
from unetscope.learning.train_options import TrainOptions
from unetscope.learning.training_run import TrainingRun
from unetscope.pretraining import judge, meta, objective
from unetscope.pretraining.episodes import EpisodeSource
from unetscope.pretraining.judge import HeldOutJudge, Task, make_tasks
from unetscope.pretraining.learner import MetaLearner, PretrainConfig

Figures = Sequence[tuple[str, float, float]]  # what, without and with the scatter
CONFIGS = Path(unetscope.pretraining.__file__).parent / "configs"
CROP_PX, PER_CLASS = 384, 5


@contextmanager
def solving(module: ModuleType, name: str, scatter: Tensor | None) -> Iterator[None]:
    """Heads that ``module`` solves stand on this scatter, or on none."""
    plain: Callable[..., object] = getattr(module, name)
    needed = {"solve_head": 4, "solve_sums": 2}[name]
    setattr(module, name, lambda *given: plain(*given[:needed], scatter))
    try:
        yield
    finally:
        setattr(module, name, plain)


def doubtful(data: Path, seeds: int) -> Figures:
    """Wrong strokes that are listed, as the first, and right ones: of 100, 12 sets."""
    start, found = start_model("general-fast"), {}
    tasks = make_tasks(data, pairs=1, crop_px=CROP_PX)
    for per_class in (5, 10):
        for with_scatter in (False, True):
            rows: list[Found] = []
            for task in tasks:
                scatter = _with_gains(task, start) if with_scatter else None
                with solving(stroke_sums, "solve_sums", scatter):
                    rows += task_found(
                        start, task, range(seeds), per_class=per_class, least_sure=0.6
                    )
            right = sum(row.right_listed for row in rows) / sum(row.strokes - 1 for row in rows)
            shares = (np.mean([getattr(row, name) for row in rows]) for name in ("listed", "first"))
            found[per_class, with_scatter] = [100 * float(share) for share in (*shares, right)]
    names = ("wrong listed", "wrong first", "right listed")
    return [
        (f"{name} of 100, {count} strokes a class", found[count, False][i], found[count, True][i])
        for count in (5, 10)
        for i, name in enumerate(names)
    ]


def _with_gains(task: Task, start: PixelModel) -> Tensor:
    """The scatter of the picture that is painted, scaled as the sums of strokes are."""
    samples, cache = [Sample(task.image_a, task.strokes(0))], FeatureCache()
    model = prepared(start, samples, cache)
    gains = penalty_of(model).gains.double()
    tiles = grid(model, task.image_a, cache.tile_px)
    rows = torch.cat([cache.lattice(model, task.image_a, 0, tile, "cpu") for tile in tiles])
    return scatter_of(rows).double() * gains * gains[:, None]


def starting(data: Path, seeds: int, steps: int = 20) -> Figures:
    """Dice of the network alone, before training and after ``steps``: sets never trained on."""
    found: dict[bool, list[list[float]]] = {False: [], True: []}
    for task in make_tasks(data, pairs=1, crop_px=CROP_PX, only_unseen=True):
        for seed in range(seeds):
            for with_scatter, rows in found.items():
                rows.append(_network_dice(task, seed, steps, with_scatter=with_scatter))
    names = [f"{when}, {image} image" for when in (0, steps) for image in ("same", "other")]
    means = [np.mean(rows, axis=0) for rows in found.values()]
    return [
        (f"Dice after {name}", float(one), float(two))
        for name, one, two in zip(names, *means, strict=True)
    ]


def _network_dice(task: Task, seed: int, steps: int, *, with_scatter: bool) -> list[float]:
    labels, cache = task.strokes(seed, PER_CLASS), FeatureCache()
    samples = [Sample(task.image_a, labels, task.name)]
    start = start_model("general-fast", channels=task.image_a.channels)
    model = prepared(start, samples, cache)
    width = model.features.backbone.config.widths[0]
    tiles = grid(model, task.image_a, cache.tile_px)
    rows = torch.cat([cache.lattice(model, task.image_a, 0, tile, "cpu") for tile in tiles])
    scatter = scatter_of(rows[:, :width]) if with_scatter else None
    options = TrainOptions(max_seconds=None, steps_per_epoch=steps, device="cpu", seed=seed)
    run = TrainingRun(start, options, cache)
    with solving(training_run, "solve_head", scatter):
        list(run.start(samples, None))
    found = []
    for count in (0, steps):
        for _ in range(count):
            list(run.step())
        shown = run.model.with_network(run._snapshot(), 1.0)
        hidden = np.where(labels > 0, 0, task.truth_a)
        for image, truth in ((task.image_a, hidden), (task.image_b, task.truth_b)):
            found.append(mean_dice(truth, predict_labels(shown, image, cache=cache)))
    return found


def judged(data: Path, seeds: int) -> Figures:
    """What the judge says of bundled weights; its tasks have one seed."""
    figures, says = [], HeldOutJudge(data)
    for name in ("general-fast", "general-large"):
        learner = _learner(name)[0]
        with solving(judge, "solve_head", None):
            without = says(learner)
        with_it = says(learner)
        for image, dice in without.items():
            figures.append((f"{name}: Dice, {image} image", dice, with_it[image]))
    return figures


def episodes(data: Path, seeds: int) -> Figures:
    """The loss of episodes, 24 a seed, of half synthetic and half real crops."""
    learner, config = _learner("general-fast")
    losses: dict[bool, list[float]] = {False: [], True: []}
    for seed in range(5, 5 + seeds):
        source = EpisodeSource(
            seed=seed, crop_px=config.crop_px, pool=1, data_root=data, real_limit=3
        )
        source.margin_px = config.margin_px
        for _ in range(24):
            episode = source.draw()
            core = (slice(source.margin_px, source.margin_px + config.crop_px),) * 2
            with torch.no_grad():
                levels = meta._levels(learner, episode.image, core)
                learner.eval()
                crops = [{s: m[i] for s, m in levels.items()} for i in range(len(episode.image))]
                painted = [c for c, p in zip(crops, episode.support, strict=True) if (p >= 0).any()]
                scatter = scatter_of(torch.cat([_lattice(one) for one in painted]))
                for with_scatter, found in losses.items():
                    with solving(objective, "solve_head", scatter if with_scatter else None):
                        loss = objective.episode_loss(learner, crops, episode, config)
                    found.append(float(loss))
    gaps = np.subtract(losses[True], losses[False])
    spread = float(gaps.std() / len(gaps) ** 0.5)
    means = [float(np.mean(found)) for found in losses.values()]
    return [(f"loss of {len(gaps)} episodes (standard error {spread:.4f})", *means)]


def _lattice(levels: Levels) -> Tensor:
    height, width = levels[1].shape[1:]
    return lattice_rows(levels, (slice(0, height), slice(0, width)))


def _learner(name: str) -> tuple[MetaLearner, PretrainConfig]:
    config = replace(PretrainConfig.read(CONFIGS / f"{name}.toml"), start=name)
    return MetaLearner(config).eval(), config


SUBJECTS = {"doubtful": doubtful, "starting": starting, "judged": judged, "episodes": episodes}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--seeds", type=int, default=5)
    told = parser.parse_args()
    warnings.filterwarnings("ignore")
    print("| | without | with the image's scatter |\n| --- | --: | --: |")
    for subject in told.only:
        for what, without, with_it in SUBJECTS[subject](told.data, told.seeds):
            print(f"| {what} | {without:.4g} | {with_it:.4g} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
