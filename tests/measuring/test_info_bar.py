"""The bar with text below a scanning micrograph: found where it is, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from unetscope.images.files import read_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.synthetic import SYNTHETIC
from unetscope.measuring.info_bar import info_bar_of


def picture(seed: int = 0, shape: tuple[int, int] = (300, 400)) -> NDArray[np.float64]:
    """Grey, noisy, with bright round things, from 0 to 255."""
    rng = np.random.default_rng(seed)
    grey = rng.normal(90, 12, shape)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for cy, cx in rng.uniform(0, shape, (25, 2)):
        grey[np.hypot(y - cy, x - cx) < 15] += 80
    return np.clip(grey, 0, 255)


def with_bar(
    grey: NDArray[np.float64], rows: int, value: float, letter: float, noise: float = 0.0
) -> NDArray[np.float64]:
    """The picture with a bar in place of its last rows: letters, a scale with ticks, a frame."""
    found, rng = grey.copy(), np.random.default_rng(1)
    bar = np.full((rows, grey.shape[1]), value)
    middle = slice(rows // 3, 2 * rows // 3)
    for at in range(10, grey.shape[1] // 2, 9):
        bar[middle, at : at + 5] = np.where(rng.random((1, 5)) < 0.6, letter, value)
    bar[rows // 2, -120:-20] = letter
    bar[rows // 3 : 2 * rows // 3, -120:-20:20] = letter
    found[-rows:] = bar + rng.normal(0, noise, bar.shape)
    return np.clip(found, 0, 255)


@pytest.mark.parametrize("rows", [14, 24, 60])
@pytest.mark.parametrize(("value", "letter"), [(0, 255), (255, 0), (30, 220)])
def test_a_bar_at_the_bottom_or_at_the_top_is_found_to_the_row(
    rows: int, value: float, letter: float
) -> None:
    for noise in (0.0, 2.0):
        grey = with_bar(picture(), rows, value, letter, noise)
        found = info_bar_of(Micrograph(grey.astype(np.uint8), "yx"))
        assert found is not None and (found.first, found.last) == (300 - rows, 300)
        assert found.region.sum() == (300 - rows) * 400 and not found.region[-1, 0]
        assert "bottom" in found.sentence() and f"{300 - rows} to 299" in found.sentence()
        top = info_bar_of(Micrograph(grey[::-1].astype(np.uint16) * 257, "yx"))
        assert top is not None and (top.first, top.last) == (0, rows)
        assert "top" in top.sentence()


def test_a_frame_around_the_bar_and_colours_are_part_of_it() -> None:
    grey = with_bar(picture(), 30, 0, 255)
    grey[-2:] = 255
    grey[-31] = 255
    colours = np.stack([grey, grey, grey]).astype(np.uint8)
    found = info_bar_of(Micrograph(colours, "cyx"))
    assert found is not None and found.first in (269, 270) and found.last == 300


@pytest.mark.parametrize("kind", sorted(SYNTHETIC))
def test_no_synthetic_micrograph_has_a_bar(kind: str) -> None:
    for seed in (0, 1):
        assert info_bar_of(SYNTHETIC[kind]((160, 200), seed=seed).image) is None


def test_what_looks_like_a_bar_and_is_none() -> None:
    plain, half, dark = picture(), picture(), np.zeros((300, 400))
    plain[-40:] = 20  # nothing is written there
    half[-140:] = 20  # nearly half of the image
    dark[100:140, 100:140] = 200  # a dark image with something in it
    y, x = np.mgrid[:300, :400]
    wavy = np.where(y > 240 + 20 * np.sin(x / 30), 5, picture())  # mould below a section
    for grey in (picture(), plain, half, dark, wavy, np.zeros((300, 400)), np.ones((5, 5))):
        assert info_bar_of(Micrograph(grey, "yx")) is None
    assert info_bar_of(Micrograph(np.full((300, 400), np.nan), "yx")) is None
    stack = np.stack([with_bar(picture(), 30, 0, 255)] * 2)
    assert info_bar_of(Micrograph(stack, "zyx")) is None


def test_bars_of_real_micrographs_are_found_and_no_others(shared_data: Path) -> None:
    found = {}
    for path in sorted((shared_data / "emps_nanoparticles" / "images").glob("*.png")):
        bar = info_bar_of(read_micrograph(path))
        if bar is not None:
            found[path.stem] = bar.first
    # two more have one: one beside a black image, one of 12 rows that are nearly all letters
    assert sorted(found) == ["406d70e411", "fcc97c015c"]
    assert list(found.values()) == pytest.approx([479, 482], abs=2)
