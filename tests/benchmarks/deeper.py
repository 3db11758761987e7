"""Slices, three directions and a network that sees planes: ``python -m benchmarks.deeper DATA``.

From the same strokes (five a class on three planes) and for the same seconds of one thread's
processor time: the U-Net of slices goes on as ``unetscope train`` does, or is deepened and goes on
with slabs of 15 planes. FIB-25 as in ``benchmarks.volumes``; nuclei of plantseg_ovule3d are
learned in one volume and answered in the other.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray

from benchmarks.volumes import SLICES, TESTED, borders, flicker
from unetscope.images.micrograph import Micrograph
from unetscope.learning.events import Finished
from unetscope.learning.finetune import fine_tune
from unetscope.learning.persistence import start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions, predict_probabilities
from unetscope.learning.samples import Sample
from unetscope.learning.slab_tuning import slab_probabilities, tuned_on_slabs
from unetscope.learning.train_options import TrainOptions
from unetscope.pretraining.strokes import simulate_strokes
from unetscope.scaling.directions import predict_volume

Case = tuple[Sample, Micrograph, NDArray[np.uint8]]


def strokes_on(truth: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Five strokes a class on each of three planes."""
    painted = np.zeros(truth.shape, np.uint8)
    for z in SLICES:
        painted[z] = simulate_strokes(
            truth[z], per_class=5, length_px=30, width_px=3, seed=seed + z
        )
    return painted


def fib25(data: Path, seed: int) -> Case:
    """Membranes two pixels wide."""
    base = data / "fib25_neurons3d"
    volume, bodies = (tifffile.imread(next((base / k).iterdir())) for k in ("images", "masks"))
    truth = borders(bodies)
    # some planes beyond the last painted one are seen, but none that is tested
    shown = Micrograph(volume[:110], "zyx", (10.0,) * 3, "nm")
    tested = Micrograph(np.ascontiguousarray(volume[TESTED]), "zyx", (10.0,) * 3, "nm")
    return Sample(shown, strokes_on(truth[:110], seed)), tested, truth[TESTED]


def ovules(data: Path, seed: int) -> Case:
    """Nuclei of one volume, answered in another."""
    base, size = data / "plantseg_ovule3d", (0.284, 0.127, 0.127)
    read = {}
    for name in ("1135_mini", "1136_mini"):
        image, mask = (tifffile.imread(base / k / f"{name}.tif") for k in ("images", "masks"))
        read[name] = Micrograph(image, "zyx", size, "µm"), (mask > 0).astype(np.uint8) + 1
    (shown, truth), (tested, other) = read.values()
    return Sample(shown, strokes_on(truth, seed)), tested, other


def dice(chance: NDArray[np.float32], truth: NDArray[np.uint8]) -> tuple[float, float]:
    """Of class 2, and flicker."""
    answer = (chance.argmax(axis=0) + 1).astype(np.uint8)
    found, there = answer == 2, truth == 2
    return float(2 * (found & there).sum() / (found.sum() + there.sum())), flicker(answer)


def compared(case: Case, seconds: float, seed: int) -> dict[str, tuple[float, float]]:
    """Dice and flicker of each way; both networks go on from one of half the time."""
    sample, image, truth = case
    options = TrainOptions(max_seconds=seconds / 2, patience_epochs=10**6, seed=seed, device="cpu")
    asked = PredictOptions(device="cpu")

    def trained(start: PixelModel) -> PixelModel:
        *_, last = fine_tune(start, [sample], options)
        assert isinstance(last, Finished)
        return last.model

    def three(of: PixelModel) -> NDArray[np.float32]:
        found = predict_volume(of, image, asked)
        return next(e for e in found if isinstance(e, np.ndarray))

    half = trained(start_model("general"))
    fitted, net, steps = tuned_on_slabs(half, [sample], options)
    model = trained(half)
    assert model.network is not None
    deep, mean_of_three = slab_probabilities(fitted, net, image), three(model)
    alone = predict_probabilities(model.with_network(model.network.net, 1.0), image, asked)
    slices = predict_probabilities(model, image, asked)
    share = model.network_weight
    found = {
        "slices": dice(slices, truth),
        "three directions": dice(mean_of_three, truth),
        "network of slices alone": dice(alone, truth),
        "deep network alone": dice(deep, truth),
        "slices, deep network in the network's share": dice(slices + share * (deep - alone), truth),
        "three directions and deep network, halves": dice((deep + mean_of_three) / 2, truth),
    }
    found["steps of slices, of slabs"] = (model.provenance.record["steps"], steps)
    found["share of the network"] = (share, 0.0)
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    time.perf_counter = time.process_time  # a busy machine gives both the same
    data, seconds, seeds = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    told = {}
    for seed in range(seeds):
        for name, case in (("FIB-25", fib25), ("ovules", ovules)):
            one = compared(case(data, seed), seconds, seed)
            told[f"{name}, seed {seed}"] = one
            print(json.dumps({f"{name}, seed {seed}": one}, indent=1), flush=True)
