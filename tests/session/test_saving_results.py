"""Results are saved of several images at once: calibrated, named apart, and never over anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from learning.small_scenes import blobs, sample, small_model
from unetscope.errors import ImageError
from unetscope.images.annotations.formats import read_annotations
from unetscope.images.claims import Role, mark_of
from unetscope.images.classes import LabelClass
from unetscope.images.files import read_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.learning.instant import fit_instant
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_labels
from unetscope.session.engine.saving_results import save_results, stems
from unetscope.session.engine.shared import Shared
from unetscope.session.requests import (
    Answerable,
    ResultFailed,
    ResultFile,
    ResultsRequest,
    What,
)
from unetscope.session.values import EngineSettings

CLASSES = (LabelClass(1, "background", "#0072B2"), LabelClass(2, "pore", "#E69F00"))


@pytest.fixture(scope="module")
def model() -> PixelModel:
    fitted = fit_instant(small_model(), [sample()], with_forest=False, device="cpu")
    return fitted.with_instant(classes=CLASSES)


def image(seed: int = 0) -> Micrograph:
    return Micrograph(blobs((60, 70), seed=seed)[0], "yx", (2.5, 2.5), "nm", f"{seed}.tif")


def saved(
    model: PixelModel, images: list[Answerable], folder: Path, *what: What
) -> tuple[list[Path], list[str]]:
    request = ResultsRequest(model, images, what, folder, CLASSES)
    events = list(save_results(Shared(EngineSettings(device="cpu")), request))
    files = [event.path for event in events if isinstance(event, ResultFile)]
    return files, [event.why for event in events if isinstance(event, ResultFailed)]


def test_each_kind_of_result_is_written_with_pixel_size_and_class_names(
    model: PixelModel, tmp_path: Path
) -> None:
    own = image()
    files, failed = saved(model, [Answerable("a.tif", lambda: own)], tmp_path, *What)
    assert failed == []
    assert [path.name for path in files] == [f"a{what.value}" for what in What]
    answer = predict_labels(model, own)
    mask, objects, chances = (tifffile.imread(path) for path in files[:3])
    assert np.array_equal(mask, answer)
    count = ndimage.label(answer == 2)[1]
    assert 0 < objects.max() <= count and not objects[answer == 1].any()
    assert np.array_equal(chances.argmax(axis=0) + 1, answer)
    for path in files[:3]:
        assert read_micrograph(path).pixel_size[-2:] == pytest.approx((2.5, 2.5))  # type: ignore
        assert read_micrograph(path).unit == "nm"
    for path in files[3:]:
        read = read_annotations(path, own.spatial_shape, CLASSES, image_name="a.tif")
        assert np.array_equal(read.labels, answer)
        assert {c.name for c in read.classes} >= {"background", "pore"}
    roles = [mark_of(path) for path in files]
    assert roles == [Role.PREDICTION, Role.PREDICTION, Role.PROBABILITIES, *[Role.PREDICTION] * 2]


def test_the_answer_on_screen_and_corrected_objects_are_taken_as_they_are(
    model: PixelModel, tmp_path: Path
) -> None:
    labels = np.full((60, 70), 2, np.uint8)
    objects = np.zeros((60, 70), np.uint32)
    objects[5:9, 5:9] = 70_000
    own = Answerable("a.tif", image, None, labels, objects)
    files, _ = saved(model, [own], tmp_path, What.MASK, What.OBJECTS)
    assert np.array_equal(tifffile.imread(files[0]), labels)
    assert np.array_equal(tifffile.imread(files[1]), objects)


def test_one_bad_image_and_a_file_of_others_do_not_end_the_rest(
    model: PixelModel, tmp_path: Path
) -> None:
    def broken() -> Micrograph:
        raise ImageError("it is no picture")

    (tmp_path / "b_mask.tif").write_bytes(b"mine")
    images = [
        Answerable("a.tif", broken),
        Answerable("b.tif", lambda: image(1)),
        Answerable("c.tif", lambda: image(2)),
    ]
    files, failed = saved(model, images, tmp_path, What.MASK, What.GEOJSON)
    assert [path.name for path in files] == [
        "b_outlines.geojson",
        "c_mask.tif",
        "c_outlines.geojson",
    ]
    assert failed[0] == "it is no picture" and "is not replaced" in failed[1]
    assert (tmp_path / "b_mask.tif").read_bytes() == b"mine"
    again, _ = saved(model, images[2:], tmp_path, What.MASK)
    assert [path.name for path in again] == ["c_mask.tif"]  # its own may be replaced


def test_an_image_is_never_written_over(model: PixelModel, tmp_path: Path) -> None:
    source = tmp_path / "a_mask.tif"
    tifffile.imwrite(source, blobs((60, 70))[0])
    own = Answerable("a.tif", image, source)
    files, failed = saved(model, [own], tmp_path, What.MASK)
    assert files == [] and "may not replace it" in failed[0]


def test_images_of_one_name_get_files_of_their_own() -> None:
    assert stems(["a.tif", "A.png", "b.tif", "a.tif", ".tif"]) == ["a", "A-2", "b", "a-3", ".tif"]
