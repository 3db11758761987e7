"""An image at another pixel size: the window answers it resampled as files are, labels back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from napari.components import ViewerModel

from learning.small_scenes import blobs, sample, small_model
from unetscope.errors import ModelError
from unetscope.images.files import read_labels
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.rescaled import resampled
from unetscope.images.target import Target
from unetscope.learning.check_box import CheckBox
from unetscope.learning.instant import fit_instant
from unetscope.learning.learned_pixels import LearnedPixels
from unetscope.learning.pixel_model import PixelModel
from unetscope.scaling.matching import difference, matched
from unetscope.scaling.predicting import AnswerFiles, predict_to
from unetscope.session.engine.answering import predict
from unetscope.session.engine.shared import Shared
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.requests import PredictRequest, TileShown
from unetscope.session.results.mask import MASK
from unetscope.session.state import STARTING_CLASSES
from unetscope.session.values import EngineSettings


@pytest.fixture(scope="module")
def model() -> PixelModel:
    torch.set_num_threads(1)
    taught = fit_instant(small_model(widths=(2, 3, 4, 4)), [sample()], with_forest=False)
    return taught.with_provenance(pixel_size=(4.0, 4.0), unit="nm")


def image(size: float, unit: str = "nm") -> Micrograph:
    return as_micrograph(blobs((230, 310), 3)[0], pixel_size=(size, size), unit=unit, name="b")


@pytest.mark.parametrize("size", [2.5, 8.0])
def test_the_window_sees_an_image_as_files_are_seen(model, tmp_path: Path, size: float) -> None:
    shown = image(size)
    for _ in predict_to(model, shown, AnswerFiles(tmp_path / "a.tif", pixels="auto")):
        pass
    expected = read_labels(tmp_path / "a.tif")
    found = np.zeros(shown.spatial_shape, np.uint8)
    factors = (size / 4, size / 4)
    target = Target("a", shown, seen=resampled(shown, factors))
    shared = Shared(EngineSettings(device="cpu", threads=1, tile_px=128))
    for event in predict(shared, PredictRequest(model, [target])):
        assert isinstance(event, TileShown)
        assert not found[event.region].any()  # each pixel once
        found[event.region] = event.answers[MASK]
    assert np.array_equal(found, expected)


def test_a_view_is_told_in_the_pixels_that_the_model_sees() -> None:
    shown = image(8.0)
    target = Target("a", shown, 0, (slice(31, 61), slice(100, 310)), resampled(shown, (2.0, 2.0)))
    assert target.seen_view == (slice(62, 122), slice(200, 620))
    assert Target("a", shown, 0, target.view).seen_view == target.view


def test_differences_are_told_and_units_that_cannot_be_are_refused(model) -> None:
    found, known = difference(model, image(8.0))
    assert known and found is not None and found.words == "2 times coarser"
    assert (found.learned, found.own, found.is_far) == ("4 nm", "8 nm", False)
    assert difference(model, image(4.3)) == (None, True)
    assert difference(model, as_micrograph(np.zeros((9, 9)))) == (None, False)
    absurd, _ = difference(model, image(4.0, "µm"))
    assert absurd is not None and absurd.is_absurd and absurd.words == "1e+03 times coarser"
    with pytest.raises(ModelError, match="mostly a wrong unit"):
        matched(model, image(20.0), "auto")
    assert matched(model, image(20.0), "resample").factors == (5.0, 5.0)  # who saw both sizes asked


def test_strokes_follow_the_image_to_its_other_pixels_and_back() -> None:
    viewer = ViewerModel()
    pixels = blobs((96, 120), 1)[0]
    key = layer_key(viewer.add_image(pixels, name="b"))
    layers = OpenLayers(viewer)
    strokes = layers.paint_with(key, 2, STARTING_CLASSES)
    strokes.data[10:30, 40:60] = 2
    layers.read_strokes(key)
    assert layers.see_at(key, (0.5, 0.5)) and not layers.see_at(key, (0.5, 0.5))
    (half,) = layers.samples(1)
    assert half.image is layers.seen_as(key) and half.image.spatial_shape == (48, 60)
    assert half.labels.shape == (48, 60) and (half.labels[5:15, 20:30] == 2).all()
    assert np.count_nonzero(half.labels) == 100
    learned = LearnedPixels.of([half])  # what a check box asks is in the image's own pixels
    assert learned.any_in([key], CheckBox(0, 12, 28, 42, 58))
    assert not learned.any_in([key], CheckBox(0, 40, 80, 40, 60))
    assert layers.see_at(key, None)
    (whole,) = layers.samples(1)
    assert whole.image is layers.learned_as(key) and np.count_nonzero(whole.labels) == 400
