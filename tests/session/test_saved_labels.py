"""What is saved from the window is calibrated, in colour, and named after the image's own file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from unetscope.images.claims import Role
from unetscope.images.files import read_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.session.engine.annotation_jobs import ExportRequest, exported
from unetscope.session.state import STARTING_CLASSES


def request() -> ExportRequest:
    labels = np.ones((20, 30), np.uint8)
    labels[5:] = 2
    image = Micrograph(np.zeros((20, 30)), "yx", (2.5, 2.5), "nm", "cells")
    return ExportRequest(labels, STARTING_CLASSES, image, Role.PREDICTION, Path("/data/cells.tif"))


@pytest.mark.parametrize(("name", "format"), [("a.tif", "mask"), ("a.zarr", "ome-zarr")])
def test_saved_labels_have_the_pixel_size_of_their_image(
    tmp_path: Path, name: str, format: str
) -> None:
    list(exported(request(), tmp_path / name, format))
    saved = read_micrograph(tmp_path / name)
    assert saved.pixel_size == pytest.approx((2.5, 2.5))
    assert saved.unit == "nm"


def test_a_saved_mask_has_the_colours_of_its_classes(tmp_path: Path) -> None:
    list(exported(request(), tmp_path / "a.tif", "mask"))
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        table = np.reshape((tif.imagej_metadata or {})["LUTs"], (3, 256))
    color = STARTING_CLASSES[1].color
    assert [int(c) for c in table[:, 2]] == [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def test_saved_coco_names_the_images_own_file(tmp_path: Path) -> None:
    list(exported(request(), tmp_path / "other.json", "coco"))
    (image,) = json.loads((tmp_path / "other.json").read_text())["images"]
    assert image["file_name"] == "cells.tif"
