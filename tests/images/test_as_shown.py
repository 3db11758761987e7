"""What is said of pixels that another program has opened from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from unetscope.images.as_shown import notes_on_shown
from unetscope.images.micrograph import Micrograph, as_micrograph


def picture() -> np.ndarray:
    return np.arange(30 * 40, dtype=np.uint16).reshape(30, 40).astype(np.uint8)


def written(path: Path, values: np.ndarray, **how: Any) -> Micrograph:
    """The file, and its pixels as they are stored, which napari shows."""
    tifffile.imwrite(path, values, metadata=None, **how)
    return as_micrograph(tifffile.imread(path))


def test_an_ordinary_file_needs_no_word(tmp_path: Path) -> None:
    shown = written(tmp_path / "a.tif", picture())
    assert notes_on_shown(tmp_path / "a.tif", shown) == ()


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_a_turned_file_is_said_to_be_shown_as_stored(tmp_path: Path, orientation: int) -> None:
    turn = [(274, "H", 1, orientation, True)]
    shown = written(tmp_path / "turned.tif", picture(), extratags=turn)
    (note,) = notes_on_shown(tmp_path / "turned.tif", shown)
    assert "turned.tif as it is stored" in note
    assert "says that it is turned" in note
    assert note.endswith("Strokes belong to what is shown.")


def test_white_is_zero_palettes_and_inks_are_said(tmp_path: Path) -> None:
    shown = written(tmp_path / "white.tif", picture(), photometric="miniswhite")
    (note,) = notes_on_shown(tmp_path / "white.tif", shown)
    assert "0 is white" in note and "as it is stored" in note
    table = np.random.default_rng(0).integers(0, 2**16, (3, 256), dtype=np.uint16)
    how = {"photometric": "palette", "colormap": table}
    shown = written(tmp_path / "palette.tif", picture(), **how)
    (note,) = notes_on_shown(tmp_path / "palette.tif", shown)
    assert "palette" in note and "as it is stored" in note
    inks = np.stack([picture()] * 4, axis=-1)
    tifffile.imwrite(tmp_path / "inks.tif", inks, photometric="separated", metadata=None)
    (note,) = notes_on_shown(tmp_path / "inks.tif", Micrograph(inks, "yxc"))
    assert "CMYK" in note and "as it is stored" in note


def test_several_series_are_said(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.tif") as tif:
        tif.write(picture(), metadata=None)
        tif.write(picture()[:20, :20], metadata=None)
    (note,) = notes_on_shown(tmp_path / "two.tif", Micrograph(picture(), "yx"))
    assert "two.tif holds 2 images" in note


def test_notes_of_pixels_that_are_the_same_are_told_as_they_are(tmp_path: Path) -> None:
    values = np.dstack([picture(), picture() // 2, picture() // 3, picture()])
    how = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
    tifffile.imwrite(tmp_path / "rgba.tif", values, metadata=None, **how)
    notes = notes_on_shown(tmp_path / "rgba.tif", Micrograph(values, "yxc"))
    assert notes == ("Its alpha channel was left out.",)


def test_what_is_no_image_or_damaged_is_no_matter_here(tmp_path: Path) -> None:
    (tmp_path / "bad.tif").write_bytes(b"II*\0nothing")
    shown = Micrograph(picture(), "yx")
    assert notes_on_shown(tmp_path / "bad.tif", shown) == ()
    assert notes_on_shown(tmp_path / "gone.tif", shown) == ()
    assert notes_on_shown(tmp_path / "note.txt", shown) == ()
