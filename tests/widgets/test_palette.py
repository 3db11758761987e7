"""The colours of classes stay apart for colour-blind people."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from unetscope.images.annotations.values import as_annotations
from unetscope.images.classes import PALETTE, default_classes
from unetscope.session.state import Session

# Machado, Oliveira and Fernandes 2009 (IEEE TVCG 15:1291), severity 1, on linear RGB.
SEEN_BY = {
    "everybody": np.eye(3),
    "protanopes": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopes": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopes": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def seen(colors: tuple[str, ...], matrix: np.ndarray) -> np.ndarray:
    """CIELAB (color, 3) of hex colours as seen through ``matrix``."""
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colors]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ matrix.T, 0, 1)
    back = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return rgb2lab(back[None])[0]


def least_distance(colors: tuple[str, ...], matrix: np.ndarray) -> float:
    lab = seen(colors, matrix)
    return min(float(deltaE_ciede2000(a, b)) for a, b in combinations(lab, 2))


@pytest.mark.parametrize("people", SEEN_BY)
def test_any_two_classes_can_be_told_apart(people) -> None:
    assert least_distance(tuple(PALETTE[:8]), SEEN_BY[people]) > 10


@pytest.mark.parametrize(
    ("people", "least"), [("everybody", 14), *[(p, 6) for p in list(SEEN_BY)[1:]]]
)
def test_twenty_classes_have_twenty_colours_that_are_seen_on_any_ground(
    people: str, least: float
) -> None:
    grounds = ("#FFFFFF", "#000000", "#808080")
    assert len(PALETTE) == 20
    assert least_distance(tuple(PALETTE), SEEN_BY[people]) > least
    for color in PALETTE:
        assert least_distance((color, *grounds), SEEN_BY["everybody"]) > 10


def test_however_many_classes_each_has_a_colour_of_its_own() -> None:
    session = Session()
    while len(session.classes) < 60:
        session.add_class()
    assert len({c.color.lower() for c in session.classes}) == 60
    assert [c.color for c in session.classes][:20] == list(PALETTE)
    assert "#ffffff" not in {c.color.lower() for c in session.classes}
    assert len({c.color for c in default_classes(range(1, 61))}) == 60


def test_the_measure_finds_colours_that_deuteranopes_confuse() -> None:
    confused = ("#cc79a7", "#999999")
    assert least_distance(confused, SEEN_BY["everybody"]) > 20
    assert least_distance(confused, SEEN_BY["deuteranopes"]) < 10


def test_classes_of_files_have_the_colours_of_the_window() -> None:
    labels = np.arange(30, dtype=np.uint8).reshape(5, 6)
    of_files = as_annotations(labels, ()).classes
    ours = default_classes(range(1, 30))
    assert [c.color for c in of_files] == [c.color for c in ours]
    assert len({c.color for c in of_files}) == 29
