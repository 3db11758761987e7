"""Tiles on their way: in order, unchanged, few at a time, and nothing left behind."""

from __future__ import annotations

import logging
import threading
from contextlib import nullcontext
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from learning.small_scenes import blobs, sample, small_model
from unetscope.computing import staging
from unetscope.computing.staging import AHEAD, Behind, fetched, in_memory, staged
from unetscope.errors import ImageError
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.normalisation import Normalisation
from unetscope.learning import prediction
from unetscope.learning.instant import fit_instant
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import (
    PredictOptions,
    predict_labels,
    predict_probabilities,
    predict_tiles,
)

SMALL = PredictOptions(tile_px=64, device="cpu")
READER = "unetscope-read"


def readers() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith(READER)]


class OnDisk:
    """Pixels that are read as from a file, by whom is remembered; rows from ``torn`` on are not."""

    def __init__(self, pixels: np.ndarray, torn: int | None = None) -> None:
        self.pixels, self.torn = pixels, torn
        self.shape, self.dtype, self.ndim = pixels.shape, pixels.dtype, pixels.ndim
        self.by: list[str] = []

    def __getitem__(self, key):
        self.by.append(threading.current_thread().name)
        if self.torn is not None and key[0].stop > self.torn:
            raise OSError("torn file")
        return self.pixels[key]


@pytest.fixture(scope="module")
def model() -> PixelModel:
    torch.set_num_threads(1)
    fitted = fit_instant(small_model(widths=(2, 3, 4, 4)), [sample()], with_forest=False)
    scale = Normalisation((0.5,), (2.5,))
    return fitted.with_features(own_normalisation=False, normalisation=scale)


# ---- reading ahead


def test_reads_come_in_order_and_few_are_ahead() -> None:
    started: list[int] = []
    read_on = threading.Event()

    def read(number: int) -> Tensor:
        started.append(number)
        if number == AHEAD:
            read_on.set()
        return torch.tensor(number)

    tensors = staged((partial(read, number) for number in range(9)), "cpu")
    assert int(next(tensors)) == 0
    assert read_on.wait(10)  # though nobody asked for them yet
    assert started == list(range(AHEAD + 1))
    assert [int(tensor) for tensor in tensors] == list(range(1, 9))
    assert started == list(range(9)) and not readers()


def test_an_iterator_that_is_closed_leaves_no_thread() -> None:
    started: list[int] = []

    def read(number: int) -> Tensor:
        started.append(number)
        return torch.tensor(number)

    tensors = staged((partial(read, number) for number in range(99)), "cpu")
    next(tensors)
    assert readers()
    tensors.close()  # type: ignore[attr-defined]
    assert not readers() and len(started) <= AHEAD + 1


def test_an_error_is_raised_in_its_turn() -> None:
    def broken() -> Tensor:
        raise ImageError("row 7 cannot be read")

    tensors = staged([partial(torch.tensor, 1), partial(torch.tensor, 2), broken], "cpu")
    assert [int(next(tensors)), int(next(tensors))] == [1, 2]
    with pytest.raises(ImageError, match="row 7"):
        next(tensors)
    assert not readers()


def test_what_is_in_memory_is_told_from_what_is_not(tmp_path) -> None:
    pixels = np.zeros((8, 8), np.float32)
    np.save(tmp_path / "image.npy", pixels)
    assert in_memory(as_micrograph(pixels))
    assert not in_memory(as_micrograph(np.load(tmp_path / "image.npy", mmap_mode="r")))
    assert not in_memory(Micrograph(OnDisk(pixels), "yx"))


# ---- predictions


def test_pixels_on_disk_are_read_ahead_and_answered_alike(model) -> None:
    pixels = blobs((150, 130), 3)[0]
    disk = OnDisk(pixels)
    found = predict_probabilities(model, Micrograph(disk, "yx"), SMALL)
    assert np.array_equal(found, predict_probabilities(model, as_micrograph(pixels), SMALL))
    assert len(disk.by) == 9 and all(name.startswith(READER) for name in disk.by)
    assert not readers()


def test_pixels_in_memory_need_no_thread(model, monkeypatch) -> None:
    monkeypatch.setattr(prediction, "staged", None)  # not called
    assert predict_labels(model, as_micrograph(blobs((90, 90), 3)[0]), SMALL).any()


def test_a_prediction_that_is_closed_leaves_no_thread(model) -> None:
    events = predict_tiles(model, Micrograph(OnDisk(blobs((150, 130), 3)[0]), "yx"), SMALL)
    next(events)
    assert readers()
    events.close()  # type: ignore[attr-defined]
    assert not readers()


def test_a_torn_file_is_named_after_what_could_be_read(model) -> None:
    image = Micrograph(OnDisk(blobs((300, 60), 3)[0], torn=290), "yx", name="torn.tif")
    done = []
    with pytest.raises(ImageError, match=r"torn\.tif.*torn file"):
        for event in predict_tiles(model, image, SMALL):
            done.append(event.region[0].start)
    assert done and max(done) < 256 and not readers()


def test_out_of_memory_in_the_reader_is_survived(model) -> None:
    class Scarce(OnDisk):
        def __getitem__(self, key):
            if len(self.by) == 4:
                self.by.append("")
                raise MemoryError("no room")
            return super().__getitem__(key)

    pixels = blobs((300, 150), 3)[0]
    options = PredictOptions(tile_px=128, device="cpu")
    found = predict_labels(model, Micrograph(Scarce(pixels), "yx"), options)
    assert np.array_equal(found, predict_labels(model, as_micrograph(pixels), options))
    assert not readers()


# ---- a device that computes by itself


@pytest.mark.parametrize("chances", [False, True])
def test_answers_one_tile_late_are_the_same_in_the_same_order(model, monkeypatch, chances) -> None:
    image, options = as_micrograph(blobs((150, 130), 3)[0]), SMALL
    if chances:
        options = PredictOptions(tile_px=64, device="cpu", probabilities=True)
    expected = list(predict_tiles(model, image, options))
    begun, answer = [], prediction.answer_tile

    def counted(*args, **how):
        begun.append(args[1].tile)
        return answer(*args, **how)

    monkeypatch.setattr(prediction, "overlaps", lambda device: True)
    monkeypatch.setattr(prediction, "answer_tile", counted)
    found, ahead = [], []
    for event in predict_tiles(model, image, options):
        found.append(event)
        ahead.append(len(begun) - len(found))
    assert ahead == [1] * 8 + [0]
    for one, other in zip(found, expected, strict=True):
        assert (one.done, one.total, one.region) == (other.done, other.total, other.region)
        assert np.array_equal(one.labels, other.labels)
        assert not chances or np.array_equal(one.probabilities, other.probabilities)


class OnGpu:
    """Stands for a tensor; what is done with it is written into ``log``."""

    def __init__(self, log: list[str], *, pins: bool = True) -> None:
        self.log, self.pins = log, pins

    def pin_memory(self) -> OnGpu:
        if not self.pins:
            raise RuntimeError("no pinned memory left")
        self.log.append("pin")
        return self

    def to(self, device: torch.device, *, non_blocking: bool) -> OnGpu:
        self.log.append(f"copy to {device}" + " without waiting" * non_blocking)
        return self

    def record_stream(self, stream: object) -> None:
        self.log.append("used on here")


@pytest.fixture
def pretended(monkeypatch) -> list[str]:
    """torch.cuda as far as it is used, writing down the order of things."""
    log: list[str] = []
    here = SimpleNamespace(wait_event=lambda event: log.append("here waits"))
    event = SimpleNamespace(record=lambda stream: log.append("copied"))
    fakes = {
        "current_device": lambda: 1,
        "current_stream": lambda device: here,
        "Stream": lambda device: SimpleNamespace(),
        "Event": lambda: event,
        "device": lambda device: nullcontext(),
        "stream": lambda stream: nullcontext(),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    monkeypatch.setattr(staging, "overlaps", lambda device: device.startswith("cuda"))
    return log


def test_a_copy_is_pinned_begun_by_the_reader_and_waited_for_on_the_gpu(pretended) -> None:
    (tensor,) = staged([lambda: OnGpu(pretended)], "cuda")  # type: ignore[list-item,return-value]
    assert isinstance(tensor, OnGpu)
    assert pretended == [
        "pin",
        "copy to cuda:1 without waiting",
        "copied",
        "here waits",
        "used on here",
    ]


def test_where_nothing_can_be_pinned_tiles_are_copied_all_the_same(pretended, caplog) -> None:
    reads = [lambda: OnGpu(pretended, pins=False)] * 3
    with caplog.at_level(logging.WARNING):
        assert len(list(staged(reads, "cuda:0"))) == 3  # type: ignore[arg-type]
    assert pretended.count("copy to cuda:0 without waiting") == 3
    assert len(caplog.records) == 1 and "no pinned memory left" in caplog.text


def test_on_the_cpu_an_answer_is_there_at_once() -> None:
    assert np.array_equal(fetched(torch.arange(4))(), np.arange(4))


# ---- on a GPU


@pytest.mark.gpu
def test_a_gpu_gets_and_gives_back_the_same_numbers() -> None:
    windows = [torch.rand(1, 1, 64, 64) + number for number in range(6)]
    reads = [partial(window.clone) for window in windows]
    back = [fetched(tensor * 2) for tensor in staged(reads, "cuda")]
    for window, arrived in zip(windows, back, strict=True):
        assert np.array_equal(arrived(), (window * 2).numpy())


@pytest.mark.gpu
def test_a_gpu_answers_what_is_on_disk_as_what_is_in_memory(model) -> None:
    pixels, options = blobs((300, 200), 3)[0], PredictOptions(tile_px=64, device="cuda")
    found = predict_labels(model, Micrograph(OnDisk(pixels), "yx"), options)
    assert np.array_equal(found, predict_labels(model, as_micrograph(pixels), options))
    on_cpu = predict_labels(model, as_micrograph(pixels), SMALL)
    assert (found == on_cpu).mean() > 0.995 and not readers()


def test_what_is_done_behind_comes_back_in_its_order_while_others_go_on() -> None:
    gate, did = threading.Event(), []

    def write(number: int) -> int:
        assert gate.wait(10)
        did.append((number, threading.current_thread().name.startswith("unetscope-write")))
        return number

    with Behind[int]() as behind:
        assert [*behind.begin(partial(write, 1))] == [] == [*behind.done()]
        gate.set()
        assert [*behind.begin(partial(write, 2))] == [1]
        assert [*behind.rest()] == [2] and [*behind.rest()] == []
        assert [*behind.begin(partial(write, 3))] == []
    assert did == [(1, True), (2, True), (3, True)]  # the last one, too
    assert not [t for t in threading.enumerate() if t.name.startswith("unetscope-write")]


def test_an_error_behind_is_raised_when_its_turn_comes() -> None:
    def fail() -> None:
        raise OSError("disk full")

    with Behind[None]() as behind:
        assert [*behind.begin(fail)] == []
        with pytest.raises(OSError, match="disk full"):
            [*behind.begin(fail)]
        assert [*behind.rest()] == []  # the second was never begun
