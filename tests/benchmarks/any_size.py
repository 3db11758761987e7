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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from benchmarks.streaming import _Peak, anonymous_mb

_CHUNK = 512
_STEP = 2048
#: Blocks of a cluster that are not timed, as processes start meanwhile.
_FIRST = 3


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


# ---- scheduling


def nothing(number: int) -> Any:
    """A block of nothing, as a worker returns it."""
    from unetscope.scaling.ledger import BlockDone

    return BlockDone(number, "0" * 16, (1, 1, 1, 1), {1: 1})


def dask_blocks(count: int) -> dict[str, Any]:
    """What blocks of nothing cost client and scheduler, which are both in this process."""
    from unetscope.scaling.workers import Cluster, WorkerOptions, done_by

    class Nothing(Cluster):
        """Does blocks of nothing."""

        def submit(self, path: str, number: int, how: WorkerOptions) -> Any:
            return self.submitted(nothing, number)

    pool = Nothing("local", 2)
    how = WorkerOptions("cpu")
    for _ in done_by(pool, "", range(1_000), how):  # all that is made once is there
        pass
    peak, began, cpu = _Peak(), time.perf_counter(), time.process_time()
    grown = []
    peak.start()
    for done, _ in enumerate(done_by(pool, "", range(count), how), 1):
        if done % (count // 10) == 0:
            grown.append(round(anonymous_mb() - peak.before, 1))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    added = peak.added()
    pool.close()
    return {
        "what": "any size, dask",
        "blocks": count,
        "added_mb": added,
        "grown_mb": grown,
        "cpu_ms_block": 1e3 * cpu / count,
        "ms_block": 1e3 * wall / count,
    }


# ---- one process and several


def _written_image(folder: Path, side: int, seed: int = 0) -> Path:
    from learning.small_scenes import blobs
    from unetscope.images.files import write_micrograph
    from unetscope.images.micrograph import as_micrograph

    path = folder / f"image{seed}.tif"
    write_micrograph(as_micrograph(blobs((side, side), seed, 4)[0]), path)
    return path


def cluster(turns: int = 2) -> dict[str, Any]:
    """16 blocks of 1,024² by one process and by a cluster of two of one thread each, in turns.

    Seconds a block from the third one on: until then processes start and open the model.
    """
    import torch

    from unetscope.images.files import read_micrograph
    from unetscope.learning.prediction import PredictOptions
    from unetscope.scaling.ledger import BlockDone
    from unetscope.scaling.running import Work, begin, run_here
    from unetscope.scaling.workers import Cluster, WorkerOptions, run_by

    torch.set_num_threads(1)
    model, how = four_classes(), WorkerOptions("cpu")
    seconds: dict[str, list[float]] = {"one": [], "two": []}
    with tempfile.TemporaryDirectory() as folder:
        source = _written_image(Path(folder), 4096)
        for turn in range(turns):
            for who in seconds:
                path = Path(folder) / f"{who}{turn}.zarr"
                work = Work(path, source={"path": str(source)}, side=1024)
                run = begin(model, read_micrograph(source), work, PredictOptions(device="cpu"))
                pool = Cluster("local", 2) if who == "two" else None
                times = [
                    time.perf_counter()
                    for event in (run_here(run) if pool is None else run_by(run, pool, how))
                    if isinstance(event, BlockDone)
                ]
                seconds[who].append((times[-1] - times[_FIRST]) / (len(times) - 1 - _FIRST))
    one, two = (float(np.median(seconds[who])) for who in ("one", "two"))
    return {"what": "any size, processes", "one_s": one, "two_s": two, "times": one / two}


# ---- every way to the same labels


def images(count: int, side: int = 520) -> dict[str, Any]:
    """Window, command line, Python, processes, cluster and parts over the same images.

    Blocks are 512² pixels, so that each image has four of them.
    """
    from typer.testing import CliRunner

    from unetscope.cli.app import app
    from unetscope.images.files import read_labels, read_micrograph
    from unetscope.learning.persistence import load_model, save_model
    from unetscope.learning.prediction import PredictOptions, predict_labels
    from unetscope.scaling.running import Work, begin, run_here
    from unetscope.scaling.workers import Cluster, Processes, WorkerOptions, run_by
    from unetscope.session.engine import answering
    from unetscope.session.engine.shared import Shared
    from unetscope.session.requests import PredictRequest, Target
    from unetscope.session.results.mask import MASK
    from unetscope.session.values import EngineSettings

    how, options = WorkerOptions("cpu"), PredictOptions(device="cpu")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        save_model(four_classes(), folder / "m.unetscope")
        model = load_model(folder / "m.unetscope")
        sources = [_written_image(folder, side, seed) for seed in range(count)]
        shared = Shared(EngineSettings(device="cpu", threads=1))
        kept: dict[str, Any] = {"processes": Processes(2), "dask": Cluster("local", 2)}
        ends = [(pool, pool.close) for pool in kept.values()]
        for pool in kept.values():
            pool.close = lambda: None  # for all images the same

        def window(source: Path) -> np.ndarray:
            image = read_micrograph(source)
            labels = np.zeros(image.spatial_shape, np.uint8)
            request = PredictRequest(model, [Target("a", image, 0)], MASK)
            for event in answering.predict(shared, request):
                if hasattr(event, "answers"):
                    labels[event.region] = event.answers[MASK]
            return labels

        def blocks(source: Path, way: str) -> np.ndarray:
            path = folder / f"{source.stem}-{way}.zarr"
            work = Work(path, source={"path": str(source)}, side=512, begin="join")
            parts = [(n, 3) for n in (1, 2, 3)] if way == "parts" else [(1, 1)]
            for part in parts:
                run = begin(model, read_micrograph(source), work, options)
                pool = kept.get(way)
                for _ in run_here(run, part) if pool is None else run_by(run, pool, how):
                    pass
            return read_labels(path)

        def typed(source: Path) -> np.ndarray:
            words = ["predict", folder / "m.unetscope", source, "--out", folder / "out"]
            done = CliRunner().invoke(app, [*map(str, words), "--device", "cpu"])
            assert done.exit_code == 0, done.output
            return read_labels(folder / "out" / f"{source.stem}_labels.tif")

        ways: dict[str, Callable[[Path], np.ndarray]] = {
            "window": window,
            "command line": typed,
            **{w: partial(blocks, way=w) for w in ("here", "parts", "processes", "dask")},
        }
        differ = dict.fromkeys(ways, 0)
        for source in sources:
            expected = predict_labels(model, read_micrograph(source), options)
            for way, answered in ways.items():
                differ[way] += int((answered(source) != expected).sum())
        for _, end in ends:
            end()
    return {"what": "any size, ways", "images": count, "pixels": count * side**2, "differ": differ}


def _main(what: str, *told: str) -> None:
    jobs: dict[str, Callable[[], dict[str, Any]]] = {
        "memory": lambda: memory(int(told[0]), int(told[1]), "probabilities" in told),
        "dask": lambda: dask_blocks(int(told[0])),
        "cluster": cluster,
        "images": lambda: images(int(told[0])),
    }
    print(json.dumps({**jobs[what](), "load": os.getloadavg()[0]}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
