"""Pixels of another size than the model's: said, resampled or refused; blocks change nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from learning.small_scenes import blobs, sample, small_model
from unetscope.errors import ModelError, OutputError
from unetscope.images.files import read_labels, read_micrograph
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.rescaled import nearest, resampled
from unetscope.learning.events import Notice
from unetscope.learning.instant import fit_instant
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions, predict_labels
from unetscope.scaling import pieces
from unetscope.scaling.matching import matched
from unetscope.scaling.predicting import AnswerFiles, predict_to
from unetscope.scaling.running import Work, begin, run_here

SMALL = PredictOptions(tile_px=128)


@pytest.fixture(scope="module")
def model() -> PixelModel:
    """Learned at 4 nm a pixel."""
    torch.set_num_threads(1)
    fitted = fit_instant(small_model(widths=(2, 3, 4, 4)), [sample()], with_forest=False)
    return fitted.with_provenance(pixel_size=(4.0, 4.0), unit="nm")


def at(size: float, unit: str = "nm", shape: tuple[int, int] = (300, 420)) -> Micrograph:
    return as_micrograph(blobs(shape, 3)[0], pixel_size=(size, size), unit=unit, name="blobs")


@pytest.mark.parametrize("size", [3.7, 4.0, 4.3])
def test_what_is_alike_is_left_alone(model, size) -> None:
    for how in ("say", "auto", "as-is"):
        assert matched(model, at(size), how) == matched(model, at(4.0), "as-is")


def test_other_sizes_are_said_or_resampled(model) -> None:
    told = matched(model, at(8.0))
    assert told.factors is None
    assert "4 nm" in told.note and "8 nm" in told.note and "2 times coarser" in told.note
    seen = matched(model, at(0.008, "µm"), "auto")
    assert seen.factors == pytest.approx((2.0, 2.0)) and "resampled" in seen.note
    assert matched(model, at(8.0), "as-is").note == ""


def test_a_wrong_unit_is_refused_unless_it_is_meant(model) -> None:
    for how in ("say", "auto"):
        with pytest.raises(ModelError, match=r"1e\+03 times coarser.*as-is"):
            matched(model, at(4.0, "µm"), how)
    assert matched(model, at(4.0, "µm"), "as-is").factors is None


def test_unknown_sizes_are_told_where_resampling_was_asked_for(model) -> None:
    bare = as_micrograph(blobs((80, 90), 3)[0])
    assert matched(model, bare).note == "" and "not known" in matched(model, bare, "auto").note


@pytest.mark.parametrize("size", [2.0, 3.2, 8.0])
def test_files_and_blocks_hold_the_answer_to_the_resampled_image(
    model, tmp_path: Path, monkeypatch, size
) -> None:
    image, factor = at(size, shape=(300, 640)), size / 4.0
    seen = resampled(image, (factor, factor))
    whole = predict_labels(model, seen)
    rows, columns = (
        nearest(slice(0, n), factor, m)
        for n, m in zip(image.spatial_shape, seen.spatial_shape, strict=True)
    )
    expected = whole[rows[:, None], columns]
    assert expected.shape == image.spatial_shape
    monkeypatch.setattr(pieces, "PIECE_PX", 128)
    files = AnswerFiles(tmp_path / "a.tif", tmp_path / "p.tif", pixels="auto")
    events = list(predict_to(model, image, files, SMALL))
    assert [e.text for e in events if isinstance(e, Notice)] == [matched(model, image, "auto").note]
    assert np.array_equal(read_labels(tmp_path / "a.tif"), expected)
    assert read_micrograph(tmp_path / "a.tif").pixel_size == pytest.approx((size, size))
    chances = np.asarray(read_micrograph(tmp_path / "p.tif", axes="cyx").pixels)
    assert np.array_equal(chances.argmax(0) + 1, expected)
    work = Work(tmp_path / "a.zarr", side=512, pixels="auto")
    list(run_here(begin(model, image, work, SMALL)))
    assert np.array_equal(read_labels(tmp_path / "a.zarr"), expected)


def test_another_size_on_resume_is_refused(model, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    begin(model, at(8.0), Work(path, side=512, pixels="auto"), SMALL)
    with pytest.raises(OutputError, match="the pixel size at which the image is seen was"):
        begin(model, at(8.0), Work(path, begin="resume", side=512), SMALL)
