"""Masks in ImageJ's dialect show each class in its colour, and keep values and pixel size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from unetscope.images.annotations.formats import write_annotations
from unetscope.images.annotations.values import (
    as_annotations,
)
from unetscope.images.classes import LabelClass
from unetscope.images.files import read_labels, read_micrograph, write_labels
from unetscope.images.micrograph import Micrograph

CLASSES = (LabelClass(1, "a", "#0072B2"), LabelClass(4, "b", "#E69F00"))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_mask_opens_in_the_colours_of_its_classes(tmp_path: Path, dtype: str) -> None:
    labels = np.zeros((20, 30), dtype)
    labels[:5], labels[5:9] = 1, 4
    if dtype == "uint16":
        labels[9:] = 300
    image = Micrograph(np.zeros((20, 30)), "yx", (2.5, 2.5), "nm", "a")
    path = tmp_path / "mask.tif"
    write_annotations(as_annotations(labels, CLASSES), path, like=image)
    assert np.array_equal(read_labels(path), labels)
    with tifffile.TiffFile(path) as tif:
        told = tif.imagej_metadata or {}
        table = np.reshape(told["LUTs"], (3, 256))
        assert tuple(told["Ranges"][:2]) == (0, 255)
        assert (told["min"], told["max"]) == (0, 255)
        assert told["unit"] == "nm"
        assert read_micrograph(path).pixel_size == pytest.approx((2.5, 2.5))
    assert [tuple(table[:, value]) for value in (0, 1, 4)] == [
        (0, 0, 0),
        (0x00, 0x72, 0xB2),
        (0xE6, 0x9F, 0x00),
    ]


def test_labels_without_known_colours_are_not_black(tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    write_labels(np.eye(9, dtype=np.uint8), path)
    with tifffile.TiffFile(path) as tif:
        table = np.reshape((tif.imagej_metadata or {})["LUTs"], (3, 256))
    assert table[:, 1].min() >= 96
