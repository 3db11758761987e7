"""Answers block by block: memory, time per pixel, scheduling; one JSON row for each measurement.

``python -m benchmarks.any_size memory HEIGHT WIDTH [probabilities]`` (in ``tests``) answers an
8 bit OME-Zarr of four classes in this process, at once with a crop of 2,048² for the time of a
pixel; ``dask BLOCKS`` lets a cluster of this computer do blocks of nothing; ``cluster PROCESSES``
compares processes with one; ``images COUNT`` compares all ways to the same labels.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from benchmarks.streaming import _Peak, anonymous_mb

_CHUNK = 512
_STEP = 2048


def four_classes() -> Any:
    """The instant answer of *fast* (head, no forest) to four classes of made pixels."""
    from learning.small_scenes import sample
    from unetscope.learning.instant import fit_instant
    from unetscope.learning.persistence import start_model

    return fit_instant(
        start_model("general-fast"), [sample((256, 256), classes=4)], with_forest=False
    )


def made_zarr(path: Path, shape: tuple[int, int]) -> Path:
    """An OME-Zarr of 8 bits, written piece by piece: textures that repeat, with noise."""
    from learning.small_scenes import blobs

    tile = blobs((_STEP, _STEP), 1, 4)[0]
    low, high = tile.min(), tile.max()
    tile = ((tile - low) / (high - low) * 255).astype(np.uint8)
    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    transform = [{"type": "scale", "scale": [4.0, 4.0]}]
    axes = [{"name": a, "type": "space", "unit": "nanometer"} for a in "yx"]
    dataset = {"path": "0", "coordinateTransformations": transform}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [dataset]}]}
    array = group.create_array("0", shape=shape, chunks=(_CHUNK, _CHUNK), dtype="uint8")
    for y in range(0, shape[0], _STEP):
        for x in range(0, shape[1], _STEP):
            box = slice(y, min(y + _STEP, shape[0])), slice(x, min(x + _STEP, shape[1]))
            array[box] = tile[: box[0].stop - y, : box[1].stop - x]
    return path


def memory(height: int, width: int, probabilities: bool) -> dict[str, Any]:
    """What answering adds to the memory of a process that has a model, and CPU time of a pixel.

    The first block stands for an image of 2,048²: the same file, so that noise of the machine is
    in both; the first piece also makes things ready, so the second is taken.
    """
    from unetscope.images.files import read_micrograph
    from unetscope.learning.prediction import PredictOptions
    from unetscope.scaling.ledger import BlockDone
    from unetscope.scaling.running import Work, begin, run_here

    model = four_classes()
    options = PredictOptions(device="cpu", probabilities=probabilities)
    with tempfile.TemporaryDirectory() as folder:
        small = made_zarr(Path(folder) / "small.zarr", (_STEP, _STEP))
        large = made_zarr(Path(folder) / "large.zarr", (height, width))
        idle, row = anonymous_mb(), {}

        def answered(source: Path, name: str) -> tuple[float, int]:
            began, count = time.process_time(), 0
            run = begin(model, read_micrograph(source), Work(Path(folder) / name), options)
            for event in run_here(run):
                count += isinstance(event, BlockDone)
            return time.process_time() - began, count

        answered(small, "ready.zarr")
        peak = _Peak()
        peak.start()
        before = [answered(small, f"before{n}.zarr")[0] for n in range(3)]
        seconds, blocks = answered(large, "whole.zarr")
        after = [answered(small, f"after{n}.zarr")[0] for n in range(3)]
        peak.added()
        each = float(np.median([*before, *after])) / _STEP**2
        row = {
            "what": "any size",
            "form": f"{height} x {width}" + (", probabilities" if probabilities else ""),
            "blocks": blocks,
            "idle_mb": idle,
            "added_mb": peak.most - idle,
            "cpu_us_px": 1e6 * seconds / (height * width),
            "cpu_us_px_2048": 1e6 * each,
            "of_2048": seconds / (height * width) / each,
        }
    return row


def _main(what: str, *told: str) -> None:
    jobs: dict[str, Callable[[], dict[str, Any]]] = {
        "memory": lambda: memory(int(told[0]), int(told[1]), "probabilities" in told),
    }
    print(json.dumps({**jobs[what](), "load": os.getloadavg()[0]}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
