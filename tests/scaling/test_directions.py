"""The mean of three directions: of each what slices along it say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from learning.small_scenes import blobs, sample, small_model
from unetscope.errors import ImageError, ModelError
from unetscope.images.files import read_labels, read_micrograph
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.learning.events import Notice
from unetscope.learning.instant import fit_instant
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions, predict_probabilities
from unetscope.scaling import directions, volume_blocks
from unetscope.scaling.directions import ORDERS, predict_volume, turned
from unetscope.scaling.predicting import AnswerFiles, predict_to
from unetscope.scaling.volume_blocks import VolumeBlock, block_side, predict_blocks

SMALL = PredictOptions(tile_px=64)


@pytest.fixture(scope="module")
def model() -> PixelModel:
    torch.set_num_threads(1)
    return fit_instant(small_model(widths=(2, 3, 4, 4)), [sample()], with_forest=False)


@pytest.fixture(scope="module")
def volume() -> Micrograph:
    pixels = np.stack([blobs((40, 56), seed)[0] for seed in range(24)])
    return as_micrograph(pixels, axes="zyx", pixel_size=(5.0, 5.0, 5.0), unit="nm", name="volume")


def mean_of(model: PixelModel, image: Micrograph) -> np.ndarray:
    found = [e for e in predict_volume(model, image, SMALL) if isinstance(e, np.ndarray)]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("order", ORDERS)
def test_a_turned_volume_is_the_array_turned(volume, order) -> None:
    other = turned(volume, order)
    expected = np.asarray(volume.pixels).transpose(order)
    assert other.spatial_shape == expected.shape
    for z in (0, 3, expected.shape[0] - 1):
        assert np.array_equal(other.plane(z)[0], expected[z])
        part = (slice(3, 17), slice(5, 6))
        assert np.array_equal(other.plane(z, part)[0], expected[z][part])
    every = other._read({"z": slice(0, None, 3), "y": slice(0, None, 2), "x": slice(1, None, 2)})
    assert np.array_equal(every[0], expected[::3, ::2, 1::2])


def test_it_is_the_mean_of_slices_along_each_axis(model, volume) -> None:
    scale = fit_normalisation(volume)
    fixed = model.with_features(own_normalisation=False, normalisation=scale)
    pixels = np.asarray(volume.pixels)
    total = np.zeros((2, *pixels.shape), np.float32)
    for order in ORDERS:
        slices = as_micrograph(np.ascontiguousarray(pixels.transpose(order)), axes="zyx")
        back = np.argsort(order)
        total += predict_probabilities(fixed, slices, SMALL).transpose(0, *(1 + back))
    assert np.abs(mean_of(model, volume) - total / 3).max() < 1e-6


def test_files_hold_the_likeliest_class_of_the_mean(model, volume, tmp_path: Path) -> None:
    target = AnswerFiles(tmp_path / "a.tif", tmp_path / "p.ome.zarr", volume="three")
    events = list(predict_to(model, volume, target, SMALL))
    told = [(e.done, e.total) for e in events if not isinstance(e, Notice)]
    assert told[-1][0] == told[-1][1] and [done for done, _ in told] == sorted(d for d, _ in told)
    mean = mean_of(model, volume)
    assert np.array_equal(read_labels(target.labels), mean.argmax(0) + 1)
    assert target.probabilities is not None
    assert np.array_equal(np.asarray(read_micrograph(target.probabilities).pixels), mean)


def test_deep_pixels_are_resampled_along_z(model, volume) -> None:
    deep = Micrograph(volume.pixels, "zyx", (10.0, 5.0, 5.0), "nm")
    events = list(predict_volume(model, deep, SMALL))
    assert any("twice" in e.text or "2 times" in e.text for e in events if isinstance(e, Notice))
    mean = events[-1]
    assert isinstance(mean, np.ndarray) and mean.shape == (2, *deep.spatial_shape)
    assert np.abs(mean.sum(axis=0) - 1).max() < 1e-5


def test_what_cannot_be_is_refused(model, volume, monkeypatch) -> None:
    flat = as_micrograph(blobs((40, 56), 3)[0])
    with pytest.raises(ImageError, match="no volume"):
        next(predict_volume(model, flat, SMALL))
    sections = Micrograph(volume.pixels, "zyx", (50.0, 5.0, 5.0), "nm")
    with pytest.raises(ImageError, match="10 times as deep"):
        next(predict_volume(model, sections, SMALL))

    class Little:
        available = 1000

    monkeypatch.setattr(directions.psutil, "virtual_memory", Little)
    with pytest.raises(ModelError, match="three directions needs"):
        next(predict_volume(model, volume, SMALL))


def test_blocks_say_what_the_whole_volume_says_and_read_each_part_once(model) -> None:
    pixels = np.stack([blobs((20, 70), seed)[0] for seed in range(66)])
    read = []

    class Disk:
        shape, dtype, ndim = pixels.shape, pixels.dtype, 3

        def __getitem__(self, index):
            read.append(index)
            return pixels[index]

    image = as_micrograph(pixels, axes="zyx")
    whole = mean_of(model, image)
    found = np.full(whole.shape, np.nan, np.float32)
    events = list(predict_blocks(model, Micrograph(Disk(), "zyx"), SMALL, side=64))
    blocks = [event for event in events if isinstance(event, VolumeBlock)]
    assert len(blocks) == 2 * 1 * 2
    for block in blocks:
        assert np.isnan(found[(slice(None), *block.box)]).all()
        found[(slice(None), *block.box)] = block.mean
    assert np.array_equal(found, whole)
    tiles = [(e.done, e.total) for e in events if not isinstance(e, (VolumeBlock, Notice))]
    assert [done for done, _ in tiles] == list(range(1, len(tiles) + 1))
    assert tiles[-1][1] == len(tiles)
    assert len(read) <= 66 * len(blocks) + 10  # planes of the cubes, and the grey range


def test_a_volume_above_memory_is_answered_in_blocks_into_the_same_files(
    model, volume, tmp_path: Path, monkeypatch
) -> None:
    target = AnswerFiles(tmp_path / "a.tif", tmp_path / "p.ome.zarr", volume="three")
    mean = mean_of(model, volume)

    class Some:
        available = 2 * 4 * 2 * volume.pixels.size - 8

    monkeypatch.setattr(directions.psutil, "virtual_memory", Some)
    monkeypatch.setattr(volume_blocks, "block_side", lambda *_: 64)
    list(predict_to(model, volume, target, SMALL))
    assert np.array_equal(read_labels(target.labels), mean.argmax(0) + 1)
    assert target.probabilities is not None
    assert np.array_equal(np.asarray(read_micrograph(target.probabilities).pixels), mean)


def test_blocks_are_as_large_as_memory_allows_and_pixels_must_be_cubes(model, volume) -> None:
    large = Micrograph(np.broadcast_to(np.uint8(0), (2000, 2000, 2000)), "zyx")
    assert block_side(model, large, 64e9) == 512
    assert block_side(model, large, 1e9) == 256
    with pytest.raises(ModelError, match="blocks of 128 voxels"):
        block_side(model, large, 1e6)
    deep = Micrograph(volume.pixels, "zyx", (10.0, 5.0, 5.0), "nm")
    with pytest.raises(ModelError, match="no cubes"):
        next(predict_blocks(model, deep, SMALL, side=64))
