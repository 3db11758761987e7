"""Large images: the same labels from file to file, in the memory of a few pieces."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import zarr

from learning.small_scenes import blobs, sample, small_model
from unetscope.errors import ImageError, ModelError, OutputError
from unetscope.images.claims import Claim, Role, mark_of
from unetscope.images.files import read_micrograph
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.learning.events import Notice, TileDone
from unetscope.learning.instant import fit_instant
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions, predict_labels, predict_probabilities
from unetscope.scaling import pieces, predicting
from unetscope.scaling.predicting import AnswerFiles, predict_into, predict_to, write_probabilities

SMALL = PredictOptions(tile_px=64)


@pytest.fixture(scope="module")
def model() -> PixelModel:
    torch.set_num_threads(1)
    return fit_instant(small_model(widths=(2, 3, 4, 4)), [sample()], with_forest=False)


def on_disk(folder: Path, pixels: np.ndarray, kind: str, axes: str) -> Micrograph:
    """The same pixels as an array of another kind."""
    if kind == "memmap":
        np.save(folder / "image.npy", pixels)
        return as_micrograph(np.load(folder / "image.npy", mmap_mode="r"), axes=axes)
    if kind == "zarr":
        chunks = (1,) * (pixels.ndim - 2) + (50, 70)
        stored = zarr.create_array(folder / "i.zarr", shape=pixels.shape, chunks=chunks, dtype="f4")
        stored[...] = pixels
        return as_micrograph(stored, axes=axes)
    return as_micrograph(pixels, axes=axes)


def done(events: Any) -> list[TileDone]:
    return [event for event in events if isinstance(event, TileDone)]


@pytest.mark.parametrize("kind", ["memory", "memmap", "zarr"])
@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".ome.zarr"])
def test_files_hold_what_the_engine_answers(model, tmp_path, kind, suffix) -> None:
    image = on_disk(tmp_path, blobs((150, 130), 3)[0], kind, "yx")
    image = replace(image, pixel_size=(0.5, 0.25), unit="µm", name="blobs")
    target = AnswerFiles(tmp_path / f"labels{suffix}", tmp_path / f"chances{suffix}")
    events = done(predict_to(model, image, target, SMALL))
    assert [e.done for e in events] == list(range(1, 10)) and {e.total for e in events} == {9}
    labels = read_micrograph(target.labels)
    assert np.array_equal(np.asarray(labels.pixels), predict_labels(model, image, SMALL))
    assert labels.pixel_size == pytest.approx((0.5, 0.25)) and labels.unit == "µm"
    assert target.probabilities is not None
    chances = np.asarray(read_micrograph(target.probabilities, axes="cyx").pixels)
    assert np.abs(chances - predict_probabilities(model, image, SMALL)).max() < 1e-5
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("kind", ["memory", "memmap", "zarr"])
def test_stacks_go_plane_by_plane(model, tmp_path, kind) -> None:
    pixels = np.stack([blobs((70, 90), seed)[0] for seed in range(3)])
    image = on_disk(tmp_path, pixels, kind, "zyx")
    out, chances = np.zeros(pixels.shape, np.uint8), np.zeros((2, *pixels.shape), np.float32)
    events = done(predict_into(model, image, out, SMALL, probabilities=chances))
    assert np.array_equal(out, predict_labels(model, image, SMALL))
    assert np.array_equal(chances, predict_probabilities(model, image, SMALL))
    for event in events:
        assert np.array_equal(out[event.region][0], event.labels)


def test_colours_and_zarr_targets(tmp_path) -> None:
    colour = fit_instant(
        small_model(channels=3, widths=(2, 3)),
        [replace(sample(), image=as_micrograph(np.stack([sample().image.pixels] * 3, -1)))],
        with_forest=False,
    )
    pixels = np.random.default_rng(0).integers(0, 255, (140, 90, 4), np.uint8)
    np.save(tmp_path / "rgba.npy", pixels)
    image = as_micrograph(np.load(tmp_path / "rgba.npy", mmap_mode="r"))
    out = zarr.create_array(tmp_path / "out.zarr", shape=(140, 90), chunks=(64, 64), dtype="u1")
    for _ in predict_into(colour, image, out, SMALL):
        pass
    assert np.array_equal(out[...], predict_labels(colour, image, SMALL))


class Watched:
    """Pixels that remember which rows were read, and by which thread."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels, self.shape, self.dtype = pixels, pixels.shape, pixels.dtype
        self.ndim = pixels.ndim
        self.read: list[tuple[slice, str]] = []

    def __getitem__(self, key):
        self.read.append((key[0], threading.current_thread().name))
        return self.pixels[key]


def fixed_range(model: PixelModel) -> PixelModel:
    from unetscope.images.normalisation import Normalisation

    scale = Normalisation((0.5,), (2.5,))
    return model.with_features(own_normalisation=False, normalisation=scale)


@pytest.fixture
def small_pieces(monkeypatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_PX", 64)


def test_the_next_piece_is_read_while_this_one_is_computed(model, small_pieces) -> None:
    watched = Watched(blobs((200, 80), 3)[0])
    events = predict_into(fixed_range(model), Micrograph(watched, "yx"), np.zeros((200, 80)), SMALL)
    next(events)
    started = [rows.start for rows, _ in watched.read]
    for _ in events:
        pass
    assert started[:1] == [0] and len(started) <= 2
    assert len(watched.read) == 8  # each piece once, not each tile
    assert all(name.startswith("unetscope-read") for _, name in watched.read)


@pytest.mark.parametrize("kind", ["memory", "zarr"])
@pytest.mark.parametrize("suffix", [".tif", ".ome.zarr"])
def test_pieces_change_no_pixel(model, tmp_path, small_pieces, kind, suffix) -> None:
    pixels = np.stack([blobs((150, 170), seed)[0] for seed in range(2)])
    image = on_disk(tmp_path, pixels, kind, "zyx")
    target = AnswerFiles(tmp_path / f"labels{suffix}", tmp_path / f"chances{suffix}")
    told = [(e.done, e.total) for e in done(predict_to(model, image, target, SMALL))]
    assert told == [(number + 1, 18) for number in range(18)]
    labels = np.asarray(read_micrograph(target.labels).pixels)
    assert np.array_equal(labels, predict_labels(model, image, SMALL))
    assert target.probabilities is not None
    written = read_micrograph(target.probabilities)
    chances = np.moveaxis(np.asarray(written.pixels), written.axes.index("c"), 0)
    assert np.abs(chances - predict_probabilities(model, image, SMALL)).max() < 1e-5


def test_pieces_are_not_listed_before_they_are_asked_for(model) -> None:
    whole = np.broadcast_to(np.uint8(3), (3, 10**6, 10**6))
    many = pieces.Pieces(model, Micrograph(whole, "zyx"), 512)
    assert len(many) == 3 * 489**2
    first = next(iter(many))
    assert first.core == (slice(0, 2048), slice(0, 2048)) and first.tiles == 16
    assert many.counted(len(many) - 1, 4, 4) == (len(many) * 16, len(many) * 16)
    box = (slice(999_424, 10**6), slice(2048, 4096))
    rim = pieces.piece_of(model, Micrograph(whole, "zyx"), 512, 2, box)
    assert rim.tiles == 8 and rim.read[0].stop == 10**6 and rim.read[1].start < 2048


def test_what_a_killed_run_left_is_removed_by_the_next(model, tmp_path) -> None:
    from unetscope.scaling.scratch import scratch

    image, target = as_micrograph(blobs((70, 90), 3)[0]), AnswerFiles(tmp_path / "labels.tif")
    with scratch(target.labels, (3, 3), np.uint8) as own:
        there = own.path.name
        gone = tmp_path / there.replace(f".{os.getpid()}.", ".999999999.")
        other = tmp_path / there.replace("labels.tif", "others.tif")
        gone.touch(), other.touch()
        list(predict_to(model, image, target, SMALL))
        assert not gone.exists() and other.exists()


def test_out_of_memory_in_a_piece_is_survived(model, monkeypatch) -> None:
    from unetscope.learning import prediction

    answer, failures = prediction.answer_tile, []

    def failing(reader, spot, **how):
        if spot.tile.core[0].stop - spot.tile.core[0].start > 64 and len(failures) < 2:
            failures.append(spot.tile)
            raise MemoryError("no room")
        return answer(reader, spot, **how)

    image, out = as_micrograph(blobs((300, 150), 3)[0]), np.zeros((300, 150), np.uint8)
    expected = predict_labels(model, image)
    monkeypatch.setattr(prediction, "answer_tile", failing)
    events = list(predict_into(model, image, out, PredictOptions(tile_px=128)))
    assert failures and np.array_equal(out, expected)
    told = [event.done for event in done(events)]
    assert told == sorted(told) and told[-1] == done(events)[-1].total


def test_a_stopped_prediction_leaves_nothing(model, tmp_path) -> None:
    image, target = as_micrograph(blobs((200, 130), 3)[0]), AnswerFiles(tmp_path / "labels.tif")
    target = replace(target, overwrite=True)
    target.labels.write_bytes(b"old")
    events = predict_to(model, image, target, SMALL)
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert [path.name for path in tmp_path.iterdir()] == ["labels.tif"]
    assert target.labels.read_bytes() == b"old"


def test_pixels_that_cannot_be_read_are_named(model, tmp_path) -> None:
    class Torn(Watched):
        def __getitem__(self, key):
            if key[0].stop > 150:
                raise OSError("torn file")
            return super().__getitem__(key)

    image = Micrograph(Torn(blobs((300, 80), 3)[0]), "yx", name="torn.tif")
    with pytest.raises(ImageError, match=r"torn\.tif"):
        list(predict_to(fixed_range(model), image, AnswerFiles(tmp_path / "labels.tif"), SMALL))
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_is_refused(model, tmp_path) -> None:
    image = as_micrograph(blobs((64, 64), 3)[0])
    with pytest.raises(OutputError, match="two files"):
        AnswerFiles(tmp_path / "x.tif", tmp_path / "x.tif")
    with pytest.raises(OutputError, match=r"labels\.tif"):
        list(predict_to(model, image, AnswerFiles(tmp_path / "nowhere" / "labels.tif"), SMALL))
    with pytest.raises(ModelError, match="paint"):
        list(predict_to(small_model(), image, AnswerFiles(tmp_path / "labels.tif"), SMALL))


def test_large_labels_are_never_whole_in_memory(model, tmp_path, monkeypatch) -> None:
    """What is handed to the writer is mapped from disk, and a piece is all that is held."""
    written: list[Micrograph] = []
    monkeypatch.setattr(predicting, "write_micrograph", lambda image, *_: written.append(image))
    image = as_micrograph(blobs((200, 130), 3)[0])
    list(predict_to(model, image, AnswerFiles(tmp_path / "labels.tif"), SMALL))
    assert isinstance(written[0].pixels, np.memmap)


def test_a_grey_model_writes_the_answer_to_colour_whose_channels_are_all_the_same(
    model, tmp_path
) -> None:
    grey = np.round(20 * blobs((70, 90), 2)[0] + 100).astype(np.uint8)
    colour = as_micrograph(np.dstack([grey] * 3), name="b.png")
    target = AnswerFiles(tmp_path / "b.tif")
    for _ in predict_to(model, colour, target, PredictOptions(tile_px=64)):
        pass
    written = tifffile.imread(tmp_path / "b.tif")
    assert np.array_equal(written, predict_labels(model, as_micrograph(grey)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_gpu_that_is_not_there_is_told_once(model, tmp_path) -> None:
    image = as_micrograph(blobs((300, 70), 3)[0])
    options = PredictOptions(device="cuda", tile_px=64)
    into = predict_into(model, image, np.zeros((300, 70), np.uint8), options)
    for events in (predict_to(model, image, AnswerFiles(tmp_path / "b.tif"), options), into):
        told = [event for event in events if isinstance(event, Notice)]
        assert len(told) == 1 and "--device" in told[0].text


def test_probabilities_alone_are_those_of_the_engine_and_calibrated(model, tmp_path) -> None:
    image = as_micrograph(blobs((150, 130), 3)[0], pixel_size=(0.5, 0.25), unit="µm", name="blobs")
    path, claim = tmp_path / "p.tif", Claim(Role.PROBABILITIES)
    assert done(write_probabilities(model, image, path, claim, SMALL))
    written = read_micrograph(path, axes="cyx")
    chances = np.asarray(written.pixels)
    assert chances.dtype == np.float32
    assert np.abs(chances - predict_probabilities(model, image, SMALL)).max() < 1e-5
    assert written.pixel_size == pytest.approx((0.5, 0.25)) and written.unit == "µm"
    assert mark_of(path) is Role.PROBABILITIES
