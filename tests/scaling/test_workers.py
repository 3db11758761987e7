"""The same bytes from other processes, parts and a cluster, also when one of them is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from learning.small_scenes import blobs, sample, small_model
from scaling.test_running import bytes_of
from unetscope.errors import OutputError
from unetscope.images.files import read_micrograph, write_micrograph
from unetscope.images.micrograph import as_micrograph
from unetscope.learning.instant import fit_instant
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions
from unetscope.scaling.ledger import BlockDone
from unetscope.scaling.running import Run, Work, begin, folder_of, run_here, state_of
from unetscope.scaling.workers import BlockFailed, Cluster, Processes, WorkerOptions, run_by

HOW = WorkerOptions("cpu", 128)


@pytest.fixture(scope="module")
def model() -> PixelModel:
    torch.set_num_threads(1)
    return fit_instant(small_model(widths=(2, 3, 4, 4)), [sample()], with_forest=False)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("source") / "image.tif"
    write_micrograph(as_micrograph(blobs((700, 1100), 3)[0].astype(np.float32)), path)
    return path


@pytest.fixture
def begun(model, source) -> Callable[..., Run]:
    def make(path: Path, how: str = "new") -> Run:
        path.parent.mkdir(exist_ok=True)
        work = Work(path, (source,), how, {"path": str(source)}, side=512)  # type: ignore[arg-type]
        return begin(model, read_micrograph(source), work, PredictOptions(tile_px=128))

    return make


@pytest.fixture
def whole(begun, tmp_path) -> dict[str, str]:
    path = tmp_path / "whole" / "a.zarr"
    list(run_here(begun(path)))
    return bytes_of(path)


def test_processes_write_the_same_bytes_also_when_one_is_killed(begun, whole, tmp_path) -> None:
    path = tmp_path / "many" / "a.zarr"
    pool = Processes(2)
    events, blocks = run_by(begun(path), pool, HOW), []
    for event in events:
        assert isinstance(event, BlockDone)
        blocks.append(event.block)
        if len(blocks) == 1:
            os.kill(next(iter(pool._pool._processes)), signal.SIGKILL)
    assert sorted(blocks) == [0, 1, 2, 3, 4, 5]
    assert bytes_of(path) == whole and state_of(path).complete


def test_parts_that_know_nothing_of_each_other_make_one_answer(begun, whole, tmp_path) -> None:
    path = tmp_path / "parts" / "a.zarr"
    for number in (2, 3, 1):
        done = [
            e.block for e in run_here(begun(path, "join"), (number, 3)) if isinstance(e, BlockDone)
        ]
        assert done == [number - 1, number + 2]
        assert state_of(path).complete == (number == 1)
    assert bytes_of(path) == whole


def test_a_block_that_fails_is_named_and_the_others_are_done(begun, tmp_path) -> None:
    class Failing:
        """Does blocks here; one of them never."""

        workers = 1

        def __init__(self, run: Run) -> None:
            self.run, self.asked = run, []

        def submit(self, path: str, number: int, how: WorkerOptions) -> int:
            self.asked.append(number)
            return len(self.asked)

        def ended(self):
            number, self.waiting = self.asked[-1], None
            future = len(self.asked)
            if number == 3:
                yield future, RuntimeError("a bad node")
                return
            entries = [e for e in self.run.answered([number]) if isinstance(e, BlockDone)]
            yield future, entries[0]

        def close(self) -> None:
            pass

    path = tmp_path / "failing" / "a.zarr"
    run = begun(path)
    pool = Failing(run)
    from unetscope.scaling import workers

    told = []
    keep = workers._AHEAD
    workers._AHEAD = 1
    try:
        told = list(run_by(run, pool, HOW))
    finally:
        workers._AHEAD = keep
    failed = [event for event in told if isinstance(event, BlockFailed)]
    assert [(one.block, one.why) for one in failed] == [(3, "a bad node")]
    assert pool.asked.count(3) == 3 and state_of(path).done == 5 and not state_of(path).complete


def test_a_cluster_writes_the_same_bytes(begun, whole, tmp_path) -> None:
    pytest.importorskip("distributed", reason="dask's distributed part is not installed")
    path = tmp_path / "cluster" / "a.zarr"
    cluster = Cluster("local", 2)
    killed, blocks = False, []
    for event in run_by(begun(path), cluster, HOW):
        assert isinstance(event, BlockDone), event
        blocks.append(event.block)
        if not killed:
            worker = next(iter(cluster._own.workers.values()))
            os.kill(worker.process.process.pid, signal.SIGKILL)
            killed = True
    assert sorted(blocks) == [0, 1, 2, 3, 4, 5]
    assert bytes_of(path) == whole and state_of(path).complete
    lines = sum(len(p.read_text().splitlines()) for p in folder_of(path).glob("ledger-*"))
    assert lines <= 7  # one block again at most


def test_a_scheduler_that_is_not_there_is_said_soon() -> None:
    pytest.importorskip("distributed", reason="dask's distributed part is not installed")
    with pytest.raises(OutputError, match="no dask scheduler answers"):
        Cluster("tcp://127.0.0.1:9", wait_s=1.0)
