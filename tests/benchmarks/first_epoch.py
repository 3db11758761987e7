"""From *Train* to the first finished epoch: ``python -m benchmarks.first_epoch DATA`` in ``tests``.

Five strokes a class on one image of nasa_superalloy, and the dense masks of its ten training
images, each in a process of its own: seconds by the clock and of the processor, one thread of
torch as in the window on two cores. What the window has ready is made ready before.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from unetscope.images.files import read_labels, read_micrograph
from unetscope.learning.events import EpochDone, HeadFitted, Started
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.persistence import start_model
from unetscope.learning.samples import Sample
from unetscope.pretraining.strokes import simulate_strokes
from unetscope.session.engine.opening import _get_ready


def samples(folder: Path, kind: str) -> list[Sample]:
    """The labelled images, dense or with strokes."""
    with (folder / "split.csv").open() as told:
        names = [row["name"] for row in csv.DictReader(told) if row["subset"] == "Super1/train"]
    found = []
    for name in names if kind == "dense" else names[:1]:
        image, mask = (next((folder / p).glob(f"{name}.*")) for p in ("images", "masks"))
        truth = (read_labels(mask) + 1).astype(np.uint8)
        if kind != "dense":
            truth = simulate_strokes(truth, per_class=5, length_px=40, width_px=3, seed=0)
        found.append(Sample(read_micrograph(image), truth, name))
    return found


def measure(folder: Path, kind: str) -> None:
    """Print what passed until each event."""
    torch.set_num_threads(1)
    model = start_model("general-fast")
    _get_ready(model, "cpu")
    labelled = samples(folder, kind)
    began, spent = time.perf_counter(), time.process_time()
    told = []
    for event in fine_tune(model, labelled, TrainOptions(), cache=FeatureCache()):
        if isinstance(event, (HeadFitted, Started, EpochDone)):
            clock, work = time.perf_counter() - began, time.process_time() - spent
            told.append(f"{type(event).__name__} {clock:.1f} ({work:.1f})")
        if isinstance(event, EpochDone):
            break
    print(f"{kind}, seconds (of the processor): {', '.join(told)}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        measure(Path(sys.argv[1]) / "nasa_superalloy", sys.argv[2])
    else:
        for kind in ("strokes", "dense") * 3:
            command = [sys.executable, "-m", "benchmarks.first_epoch", sys.argv[1], kind]
            subprocess.run(command, check=True)
