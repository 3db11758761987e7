"""A volume slice by slice and along three directions: ``python -m benchmarks.volumes DATA``.

FIB-25 (10 nm, cubic pixels): strokes on three slices with z < 100, answered where z ≥ 125. The
truth are the borders of the bodies, two pixels wide; flicker is the share of labels that differ
from those of the next plane.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray

from unetscope.images.micrograph import Micrograph
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions, predict_probabilities
from unetscope.learning.samples import Sample
from unetscope.pretraining.strokes import simulate_strokes
from unetscope.scaling.directions import predict_volume

SLICES, TESTED = (20, 50, 80), (slice(125, 221), slice(40, 200), slice(40, 200))
MEMBRANE = 2


def borders(bodies: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """1 inside of bodies, 2 where the next pixel along any axis belongs to another one."""
    truth = np.ones(bodies.shape, np.uint8)
    for axis in range(3):
        first = [slice(None)] * 3
        second = [slice(None)] * 3
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        other = bodies[tuple(first)] != bodies[tuple(second)]
        truth[tuple(first)][other] = MEMBRANE
        truth[tuple(second)][other] = MEMBRANE
    return truth


def dice(answer: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Of membranes."""
    found, there = answer == MEMBRANE, truth == MEMBRANE
    return float(2 * (found & there).sum() / (found.sum() + there.sum()))


def flicker(answer: NDArray[np.uint8]) -> float:
    """The share of labels that differ from those of the next plane."""
    return float((answer[1:] != answer[:-1]).mean())


def learned(volume: NDArray[np.uint8], truth: NDArray[np.uint8], seed: int) -> PixelModel:
    """The instant answer to five strokes a class on three slices."""
    image = Micrograph(volume[: max(SLICES) + 1], "zyx", (10.0,) * 3, "nm")
    strokes = np.zeros(image.spatial_shape, np.uint8)
    for z in SLICES:
        strokes[z] = simulate_strokes(
            truth[z], per_class=5, length_px=30, width_px=3, seed=seed + z
        )
    return fit_instant(start_model("general"), [Sample(image, strokes)], with_forest=False)


def scored(folder: Path, seeds: range) -> dict[str, dict[str, float]]:
    """Means over the seeds of strokes."""
    base = folder / "fib25_neurons3d"
    volume, bodies = (
        tifffile.imread(next((base / kind).iterdir())) for kind in ("images", "masks")
    )
    truth = borders(bodies)
    image = Micrograph(np.ascontiguousarray(volume[TESTED]), "zyx", (10.0,) * 3, "nm", "FIB-25")
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in seeds:
        model = learned(volume, truth, seed)
        options = PredictOptions(device="cpu")
        chances = {"slices": predict_probabilities(model, image, options)}
        chances["three directions"] = next(
            e for e in predict_volume(model, image, options) if isinstance(e, np.ndarray)
        )
        for name, chance in chances.items():
            answer = np.asarray(model.class_values, np.uint8)[chance.argmax(axis=0)]
            found.setdefault(name, []).append((dice(answer, truth[TESTED]), flicker(answer)))
            print(name, seed, found[name][-1], flush=True)
    return {
        name: {"membrane Dice": float(d), "flicker": float(f), "seeds": len(values)}
        for name, values in found.items()
        for d, f in [np.mean(values, axis=0)]
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(scored(Path(sys.argv[1]), range(int((sys.argv[2:] or ["3"])[0]))), indent=1))
