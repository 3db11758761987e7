"""What a prediction costs by the way its voices are heard, and what that costs in Dice.

``python -m benchmarks.voices speed DATA`` (in ``tests``) answers images of 1,536² in all ways in
turns, in processor time of one thread; ``dice DATA`` compares labels on two pairs of each set, and
``stages DATA`` tells what a tile's time goes to. One JSON row for each measurement.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from unetscope.computing.machine import Engine, Machine
from unetscope.computing.memory import keep_freed_memory
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.learning import mixing, tile_answer
from unetscope.learning.feature_cache import FeatureCache, Spot, grid
from unetscope.learning.feature_reader import FeatureReader
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.forest import PixelForest
from unetscope.learning.instant import fit_instant
from unetscope.learning.metrics import mean_dice
from unetscope.learning.persistence import start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions
from unetscope.learning.samples import Sample
from unetscope.learning.sources.classical import classical_image
from unetscope.learning.voice import Voices
from unetscope.pretraining.judge import Task, make_tasks
from unetscope.scaling.hearing import heard
from unetscope.scaling.into_arrays import predict_into

SIDE = 1536
SETS = ("ads_sem_myelin", "vnc_sstem", "wsu_chloroplast", "bbbc039")
_TRAINED_S = 12.0
Row = dict[str, Any]


def all_trees(model: PixelModel, levels: Any, logits: Tensor | None, core: Any = None) -> Tensor:
    """Labels as they were found before: of the probabilities of every pixel."""
    return mixing.likeliest(mixing.probabilities(model, levels, logits))[core]


def by_library(self: PixelForest, rows: np.ndarray, trees: range, threads: int = 1) -> np.ndarray:
    """All trees at once, as scikit-learn asks them."""
    return self._trees.predict_proba(rows) * self.trees


@contextmanager
def asking_all() -> Iterator[None]:
    """Every pixel asks all trees, as before there was a bound."""
    with (
        patch.object(tile_answer, "likeliest_classes", all_trees),
        patch.object(PixelForest, "votes", by_library),
    ):
        yield


def instant(task: Task, strokes: int) -> PixelModel:
    """The instant answer to so many strokes a class."""
    start = start_model("general-fast", channels=task.image_a.channels)
    painted = Sample(task.image_a, task.strokes(0, strokes), task.name)
    return fit_instant(start, [painted], cache=FeatureCache(), device="cpu")


def trained(model: PixelModel, task: Task) -> PixelModel:
    """With a fine-tuned network that speaks."""
    painted = Sample(task.image_a, task.strokes(0, 5), task.name)
    options = TrainOptions(max_seconds=_TRAINED_S, device="cpu")
    events = [*fine_tune(model, [painted], options)]
    (net,) = {e.model.network.net for e in events[-1:] if e.model.network}  # type: ignore[union-attr]
    return model.with_network(net, 0.15)


def large(task: Task) -> Micrograph:
    """The other image, mirrored to a side of 1,536."""
    pixels = np.asarray(task.image_b.pixels)
    return as_micrograph(np.pad(pixels, [(0, SIDE)] * 2, mode="symmetric")[:SIDE, :SIDE])


def speed(data: Path) -> Iterator[Row]:
    """Seconds of one thread for each million pixels, before and now, all and fast."""
    wanted = [t for t in make_tasks(data, pairs=1) if t.name.split()[0] in SETS]
    for task in wanted:
        first = instant(task, 5)
        for model in (first, trained(first, task)):
            yield _turns(task, model)


def _turns(task: Task, model: PixelModel) -> Row:
    image, best, labels = large(task), dict[str, float](), dict[str, np.ndarray]()
    for _ in range(2):
        for way in ("before", "all", "fast"):
            asked = PredictOptions(device="cpu")
            voices = Voices.FAST if way == "fast" else Voices.ALL
            options, engine = heard(voices, model, asked, Engine())
            labels[way] = np.zeros((SIDE, SIDE), np.uint8)
            machine, began = Machine("cpu", engine), time.process_time()
            if way == "before":
                with asking_all():
                    list(predict_into(model, image, labels[way], options, machine=machine))
            else:
                list(predict_into(model, image, labels[way], options, machine=machine))
            spent = (time.process_time() - began) / (SIDE * SIDE / 1e6)
            best[way] = min(best.get(way, np.inf), spent)
    return {
        "what": "speed",
        "set": task.name.split()[0],
        "network": model.network is not None,
        "cpu_s_mpx": best,
        "times": {way: best["before"] / best[way] for way in best},
        "differ": {way: float(np.mean(labels[way] != labels["before"])) for way in best},
    }


def dice(data: Path) -> Iterator[Row]:
    """Mean class Dice of all voices, fast ones, and the head without its forest."""
    for task in make_tasks(data, pairs=2, crop_px=512):
        for strokes in (5, 20):
            model = instant(task, strokes)
            hidden = np.where(task.strokes(0, strokes) > 0, 0, task.truth_a)
            pairs = (("same", task.image_a, hidden), ("other", task.image_b, task.truth_b))
            for which, image, truth in pairs:
                yield {
                    "what": "dice",
                    "task": task.name,
                    "unseen": not task.may_train,
                    "strokes": strokes,
                    "which": which,
                } | _answers(model, image, truth)


def _answers(model: PixelModel, image: Micrograph, truth: np.ndarray) -> Row:
    asked, walks = PredictOptions(device="cpu"), [0, 0]
    votes = PixelForest.votes

    def counted(self: PixelForest, rows: np.ndarray, trees: range, threads: int = 1) -> np.ndarray:
        walks[0] += len(rows) * len(trees)
        return votes(self, rows, trees, threads)

    def answer(model: PixelModel, voices: Voices) -> np.ndarray:
        options, engine = heard(voices, model, asked, Engine())
        labels = np.zeros(image.spatial_shape, np.uint8)
        machine = Machine("cpu", engine)
        list(predict_into(model, image, labels, options, machine=machine))
        return labels

    with asking_all():
        before = answer(model, Voices.ALL)
    with patch.object(PixelForest, "votes", counted):
        found = {"all": answer(model, Voices.ALL)}
    found["fast"] = answer(model, Voices.FAST)
    found["no forest"] = answer(model.with_instant(forest=None), Voices.ALL)
    return {
        "dice": mean_dice(truth, before),
        "lost": {way: mean_dice(truth, before) - mean_dice(truth, a) for way, a in found.items()},
        "differ": {way: float(np.mean(a != before)) for way, a in found.items()},
        "trees_asked": walks[0] / before.size / model.instant.forest.trees,  # type: ignore[union-attr]
    }


@torch.inference_mode()
def stages(data: Path) -> Iterator[Row]:
    """Seconds of one thread for each million pixels answered, by what they are spent for."""
    for task in (t for t in make_tasks(data, pairs=1) if t.name.split()[0] in SETS):
        yield {
            "what": "stages",
            "set": task.name.split()[0],
            "cpu_s_mpx": _stages(instant(task, 5), large(task)),
        }


def _stages(model: PixelModel, image: Micrograph) -> dict[str, float]:
    spent: dict[str, float] = {}
    forest, head = model.instant.forest, model.instant.head
    assert forest is not None and head is not None
    tile = grid(model, image)[4]  # in the middle
    spot, strides = Spot(image, 0, tile), model.features.recipe.strides
    for precision in ("bf16", "fp32"):
        machine = Machine("cpu", Engine("torch", precision))
        reader = FeatureReader(model, FeatureCache(0), machine)
        for _ in range(3):
            window = _timed(spent, "read", reader.window, spot)
            levels = _timed(spent, f"features {precision}", reader.levels_in, window, tile)
    for _ in range(2):
        _timed(spent, "head", head.scores, levels)
        columns = _timed(spent, "forest's columns", classical_image, levels, 1, strides)
        rows = columns.flatten(1).t().contiguous().numpy()
        _timed(spent, "all trees", by_library, forest, rows, range(forest.trees))
        _timed(spent, "labels", mixing.likeliest_classes, model, levels, None)
    return spent


def _timed(spent: dict[str, float], name: str, work: Callable[..., Any], *given: Any) -> Any:
    began = time.process_time()
    found = work(*given)
    took = (time.process_time() - began) / (512 * 512 / 1e6)
    spent[name] = min(spent.get(name, np.inf), took)
    return found


def main() -> int:
    """Measure and print."""
    torch.set_num_threads(1)
    keep_freed_memory()
    what, data = sys.argv[1], Path(sys.argv[2])
    for row in {"speed": speed, "dice": dice, "stages": stages}[what](data):
        print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
