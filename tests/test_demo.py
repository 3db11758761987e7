"""The demonstration's picture, strokes, drawings and figures, and the check of system libraries."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from unetscope import system_libraries
from unetscope.cli.demo import pictures
from unetscope.cli.demo.drawing import coloured, displayed, outlined, overlaid
from unetscope.cli.demo.headless import DemoResult, metrics_rows
from unetscope.cli.demo.strokes import Stroke, painted_labels
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import as_micrograph
from unetscope.learning.events import Validation

CLASSES = (LabelClass(1, "a", "#FF0000"), LabelClass(2, "b", "#0000FF"))


def test_three_classes_are_painted_on_the_light_micrograph() -> None:
    picture = pictures.immunohistochemistry()
    assert picture.image.is_rgb
    assert picture.labels.shape == picture.image.spatial_shape == (512, 512)
    painted = np.bincount(picture.labels.ravel(), minlength=4)[1:]
    assert [c.name for c in picture.classes] == ["tissue", "brown stain", "nuclei"]
    assert (painted > 500).all()
    assert painted.sum() < 0.02 * picture.labels.size  # a few strokes, not a mask


def test_the_strokes_lie_on_what_they_are_called() -> None:
    picture = pictures.immunohistochemistry()
    red, _, blue = picture.image.plane().astype(float)
    excess = [np.median((red - blue)[picture.labels == value]) for value in (1, 2, 3)]
    brightness = [np.median((red + blue)[picture.labels == value]) for value in (1, 2, 3)]
    assert excess[1] > 40  # brown is red without blue
    assert excess[2] < 0  # blue nuclei
    assert max(brightness) == brightness[0]  # light tissue


def test_a_stroke_is_as_wide_as_it_says() -> None:
    labels = painted_labels([Stroke(2, ((10, 5), (10, 15)), 3)], (20, 20))
    assert labels[9:12, 10].tolist() == [2, 2, 2]
    assert labels[[8, 12], 10].tolist() == [0, 0]
    assert labels[10, [3, 4, 16, 17]].tolist() == [0, 2, 2, 0]


@pytest.mark.parametrize("name", ["grains", "membranes", "nanoparticles", "nuclei", "fibres"])
def test_synthetic_strokes_agree_with_the_truth(name: str) -> None:
    picture = pictures.synthetic(name, seed=1)
    assert picture.truth is not None
    painted = picture.labels > 0
    assert np.array_equal(picture.labels[painted], picture.truth[painted])
    assert set(np.unique(picture.labels)) >= {0, 1, 2}
    assert len(picture.classes) == picture.truth.max()


def test_guessed_strokes_of_a_stack_lie_on_its_middle_plane() -> None:
    stack = np.random.default_rng(0).normal(50, 5, (5, 64, 64))
    stack[:, :, 32:] += 100
    labels = pictures.guessed_strokes(as_micrograph(stack, axes="zyx"))
    assert labels.shape == stack.shape
    assert [bool(plane.any()) for plane in labels] == [False, False, True, False, False]
    assert set(np.unique(labels[2][:, :30])) <= {0, 1}


@pytest.mark.parametrize(
    ("shape", "axes"), [((6, 7), "yx"), ((2, 6, 7), "cyx"), ((5, 6, 7), "cyx"), ((6, 7, 4), "yxc")]
)
def test_every_kind_of_image_is_drawn(shape: tuple[int, ...], axes: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 4000, shape).astype(np.uint16)
    drawn = displayed(as_micrograph(pixels, axes=axes))
    assert (drawn.shape, drawn.dtype) == ((6, 7, 3), np.uint8)
    assert drawn.max() == 255


def test_drawings_show_classes_in_their_colours() -> None:
    labels = np.array([[0, 1], [2, 0]], np.uint8)
    assert coloured(labels, CLASSES)[0, 1].tolist() == [255, 0, 0]
    grey = np.full((2, 2, 3), 100, np.uint8)
    tinted = overlaid(grey, labels, CLASSES, 0.5)
    assert tinted[1, 0].tolist() == [50, 50, 178]
    assert tinted[0, 0].tolist() == [100, 100, 100]
    assert outlined(grey, labels)[0].tolist() == [[255] * 3, [100] * 3]


def test_figures_leave_painted_pixels_out() -> None:
    truth = np.array([[1, 1, 2, 2]])
    labels = np.array([[1, 0, 0, 2]])
    image = as_micrograph(np.zeros((1, 4), np.uint8))
    picture = pictures.DemoPicture(image, labels, CLASSES, truth)
    validation = Validation(
        {1: 0.5, 2: 0.75}, {1: 0.4, 2: 0.6}, 0.1, 120, "block", {1: 3, 2: 4}, {1: 60, 2: 60}
    )
    result = DemoResult(np.array([[1, 2, 1, 2]]), np.array([[1, 1, 1, 2]]), validation)
    first, second, mean = metrics_rows(picture, result)
    assert (first["name"], first["painted_px"], first["predicted_px"]) == ("a", "1", "3")
    assert first["predicted_percent"] == "75.00"
    assert (first["dice"], first["iou"]) == ("0.6667", "0.5000")
    assert (second["dice"], second["instant_dice"]) == ("0.0000", "0.0000")
    assert (mean["name"], mean["held_back_dice"]) == ("mean", "0.6250")


def test_figures_without_truth_stay_empty() -> None:
    labels = np.array([[1, 0, 0, 2]])
    picture = pictures.DemoPicture(as_micrograph(np.zeros((1, 4), np.uint8)), labels, CLASSES)
    rows = metrics_rows(picture, DemoResult(labels, labels, None))
    assert [row["name"] for row in rows] == ["a", "b"]
    assert {row["dice"] for row in rows} == {""}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux packages")
def test_missing_libraries_are_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_libraries, "OFFSCREEN", {"libnowhere.so.9": "libnowhere9"})
    monkeypatch.setattr(system_libraries, "WINDOW", {"libnothing.so.1": "libnothing1"})
    line = system_libraries.missing_line(window=True)
    assert line is not None
    assert "\n" not in line
    assert line.endswith("sudo apt install libnowhere9 libnothing1")
    monkeypatch.setattr(system_libraries, "OFFSCREEN", {})
    assert system_libraries.missing_line(window=False) is None
