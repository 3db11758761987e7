"""The pixel size a file tells is found in its header, and said in a unit that reads well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from unetscope.images import told_sizes
from unetscope.images.files import write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.told_sizes import ToldSize, told_pixel_size
from unetscope.images.units import length_in_words, lengths_in_words


@pytest.mark.parametrize(
    ("length", "unit", "words"),
    [
        (0.0025, "µm", "2.5 nm"),
        (12.5, "nm", "12.5 nm"),
        (0.65, "um", "0.65 µm"),
        (1500.0, "nm", "1.5 µm"),
        (999.9, "nm", "1 µm"),
        (0.8, "angstrom", "0.8 Å"),
        (2e-8, "m", "20 nm"),
        (3.0, None, "3"),
        (7.0, "voxelish", "7 voxelish"),
    ],
)
def test_a_length_is_told_in_the_unit_that_reads_well(
    length: float, unit: str | None, words: str
) -> None:
    assert length_in_words(length, unit) == words


def test_lengths_of_several_axes_name_a_shared_unit_once() -> None:
    assert lengths_in_words((0.09, 0.0644, 0.0644), "µm") == "90 × 64.4 × 64.4 nm"
    assert lengths_in_words((5.0, 5.0), "nm") == "5 nm"
    assert lengths_in_words((2000.0, 5.0), "nm") == "2 µm × 5 nm"


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.zarr"])
def test_every_dialect_tells_its_size_without_a_look_at_the_pixels(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    volume = Micrograph(np.zeros((3, 20, 30), np.uint8), "zyx", (9.0, 2.5, 2.5), "nm")
    write_micrograph(volume, path)
    monkeypatch.setattr(tifffile.TiffFile, "asarray", lambda *_: pytest.fail("pixels were read"))
    told = told_pixel_size(path)
    assert told is not None
    assert told.unit == "nm"
    assert told.sizes == pytest.approx({"z": 9.0, "y": 2.5, "x": 2.5})


def test_a_file_that_tells_nothing_or_is_damaged_has_no_size(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "plain.tif", np.zeros((5, 5), np.uint8))
    (tmp_path / "bad.tif").write_bytes(b"II*\0 and then nothing")
    (tmp_path / "note.txt").write_text("5 nm")
    for name in ("plain.tif", "bad.tif", "note.txt", "missing.tif"):
        assert told_pixel_size(tmp_path / name) is None
    assert told_sizes.told_pixel_size(tmp_path) is None


def test_a_told_size_is_plain_values() -> None:
    assert ToldSize({"y": 1.0, "x": 1.0}, "nm") == ToldSize({"y": 1.0, "x": 1.0}, "nm")
