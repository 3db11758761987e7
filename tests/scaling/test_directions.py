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
from unetscope.scaling import directions
from unetscope.scaling.directions import ORDERS, predict_volume, turned
from unetscope.scaling.predicting import AnswerFiles, predict_to

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
