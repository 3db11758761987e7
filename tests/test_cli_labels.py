"""``unetscope labels convert``: labels from one format to another, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from unetscope.cli.app import app
from unetscope.images.annotations.formats import read_annotations
from unetscope.images.files import write_labels, write_micrograph
from unetscope.images.micrograph import Micrograph

SHAPE = (30, 40)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "cells.tif"
    write_micrograph(Micrograph(np.zeros(SHAPE, np.uint8), "yx"), path)
    return path


def labels() -> np.ndarray:
    painted = np.zeros(SHAPE, np.uint8)
    painted[3:9, 4:20], painted[15:25, 22:33] = 1, 2
    return painted


def convert(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["labels", "convert", *map(str, arguments)])
    return done.exit_code, " ".join(done.output.split())


@pytest.mark.parametrize(
    ("name", "format"), [("a.zip", None), ("a.geojson", None), ("a.json", "coco-rle")]
)
def test_a_mask_becomes_another_format_without_losing_a_pixel(
    image: Path, tmp_path: Path, name: str, format: str | None
) -> None:
    folder = tmp_path / "masks"
    folder.mkdir()
    write_labels(labels(), folder / "cells_mask.png")
    more = [] if format is None else ["--format", format]
    code, said = convert(folder, tmp_path / name, "--image", image, *more)
    assert code == 0, said
    assert said.endswith(name)
    back = read_annotations(tmp_path / name, SHAPE)
    np.testing.assert_array_equal(back.labels, labels())


def test_labels_of_another_image_are_refused_and_nothing_is_written(
    image: Path, tmp_path: Path
) -> None:
    write_labels(np.ones((8, 8), np.uint8), tmp_path / "other.png")
    code, said = convert(tmp_path / "other.png", tmp_path / "a.zip", "--image", image)
    assert code == 2
    assert "(8, 8)" in said and "(30, 40)" in said
    assert not (tmp_path / "a.zip").exists()
