"""What the panel's jobs show lies where the whole image's answer lies. No Qt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from unetscope import inspection
from unetscope.errors import ImageError, ModelError
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import as_micrograph
from unetscope.images.target import Target
from unetscope.looking import window
from unetscope.looking.answers import Shown
from unetscope.looking.glass import Glass, open_glass
from unetscope.looking.question import PaintedLabels, last
from unetscope.looking.questions import QUESTIONS
from unetscope.session.inside.sources import OwnModel, sources, subject

SIDE = 1152  # more than a million pixels: only what is on screen is looked at
VIEW = (slice(300, 460), slice(500, 700))
CLASSES = (LabelClass(2, "two", "#111111"), LabelClass(5, "five", "#222222"))


def opened(data: np.ndarray, view: Any = None, key: str = "bundled:general-fast") -> Glass:
    target = Target("image", as_micrograph(data), 0, view)
    return open_glass(subject(key, None, (), target))


@pytest.fixture(scope="module")
def large() -> Glass:
    rng = np.random.default_rng(0)
    return opened(rng.random((SIDE, SIDE), np.float32), VIEW)


def answer(glass: Glass, question: str, **options: Any) -> Shown:
    return last(QUESTIONS[question].ask(glass, options))


def test_maps_of_the_view_are_a_piece_of_the_maps_of_the_image(large) -> None:
    shown = answer(large, "maps", layer="enc3.relu2")
    picture = shown.pictures[0]
    whole = inspection.feature_maps(large.net, large.image, ["enc3.relu2"])["enc3.relu2"]
    first = [round((t - w) / s) for t, w, s in zip(
        picture.translate, whole.translate, picture.scale, strict=True)]  # fmt: skip
    piece = tuple(slice(f, f + n) for f, n in zip(first, picture.values.shape[1:], strict=True))
    np.testing.assert_allclose(picture.values, whole.values[(slice(None), *piece)], atol=1e-4)
    assert (picture.translate[0] - 2, picture.translate[1] - 2) <= (300, 500)
    assert picture.values.shape[1:] < (60, 70), "more was computed than is on screen"


def test_an_edited_map_lies_on_its_image(large) -> None:
    shown = answer(large, "edit", layer="enc2.conv1", kernel="sobel_x", channel=3)
    edited, change = shown.pictures[0], shown.pictures[1]
    model = inspection.edited(large.net, "enc2.conv1", "sobel_x", out=3).model
    whole = inspection.feature_maps(model, large.image, ["enc2.conv1"], [3])["enc2.conv1"]
    corner = [round((t - 0.5) / 2) for t in edited.translate]
    rows, columns = edited.values.shape
    inner = (
        slice(corner[0] + 6, corner[0] + rows - 6),
        slice(corner[1] + 6, corner[1] + columns - 6),
    )
    np.testing.assert_allclose(edited.values[6:-6, 6:-6], whole.values[0][inner], atol=1e-4)
    assert change.values.shape[0] == 2 and change.scale == (1.0, 1.0)


def test_the_window_of_questions_is_aligned_and_holds_the_view(large) -> None:
    for cut, part in zip(window.work_window(large), large.view, strict=True):
        assert cut.start <= part.start and cut.stop >= part.stop
        assert cut.start % 32 == 0 and (cut.stop - cut.start) % 32 == 0


def test_the_window_of_questions_has_the_view_in_its_middle(large) -> None:
    for cut, part in zip(window.work_window(large), large.view, strict=True):
        assert cut.stop - cut.start >= 256  # 100 px and as much again that no border reaches
        assert abs((part.start - cut.start) - (cut.stop - part.stop)) < 2 * 32  # on its grid


def test_labels_are_told_in_the_order_of_the_outputs(large) -> None:
    from dataclasses import replace

    named = replace(large, subject=replace(large.subject, classes=CLASSES))
    labels = np.array([[0, 2, 5, 9]])
    assert window.as_outputs(named, labels).tolist() == [[0, 1, 2, 0]]
    assert window.class_values(named, np.array([0, 1])).tolist() == [2, 5]


def test_strokes_outside_of_the_networks_window_are_cut() -> None:
    data = np.random.default_rng(0).random((100, 90), np.float32)
    target = Target("image", as_micrograph(data), 0, None)
    glass = open_glass(subject("textbook:lenet5", None, (), target))
    assert glass.shape == (32, 32) and glass.origin != (0, 0)
    labels = np.zeros((100, 90), int)
    labels[glass.origin[0] + 3, glass.origin[1] + 4] = 1
    assert np.argwhere(window.in_input(glass, labels)).tolist() == [[3, 4]]


def test_a_network_of_a_fixed_size_says_where_it_looks() -> None:
    data = np.random.default_rng(0).random((100, 90), np.float32)
    glass = open_glass(
        subject("textbook:lenet5", None, (), Target("a", as_micrograph(data), 0, None))
    )
    assert glass.away((50.0, 45.0)) == glass.away((7.0, 50.0, 45.0)) == ""
    assert glass.away((3.0, 45.0)) == (
        "The network looks at 32 × 32 pixels of the image, y 34 to 65, x 29 to 60: point there."
    )


def test_the_rim_that_is_added_for_the_network_is_not_shown() -> None:
    glass = opened(np.random.default_rng(0).random((100, 90), np.float32))
    assert glass.shape == (128, 96)
    shown = answer(glass, "maps", layer="enc1.relu2")
    assert shown.pictures[0].values.shape[1:] == (100, 90)


@pytest.mark.parametrize(
    ("question", "options", "kind"),
    [
        ("kernels", {"layer": "enc1.conv2"}, "exact"),
        ("pca", {"layer": "enc2.relu2"}, "empirical"),
        ("effective", {"layer": "enc2.relu2", "point": (400.0, 600.0), "inputs": 3}, "empirical"),
        ("ablate", {"part": "skip:dec1", "mode": "zero"}, "empirical"),
        ("ablate", {"layer": "enc1.conv1"}, "empirical"),
        ("attribution", {"target": 1, "where": "point", "point": (350.0, 560.0)}, "empirical"),
        ("equivariance", {"shift": (0, 2), "layer": "enc2.relu2"}, "empirical"),
        ("health", {}, "empirical"),
    ],
)
def test_every_answer_says_in_words_what_it_is_and_how_far_it_goes(
    large, question, options, kind
) -> None:
    shown = answer(large, question, **options)
    assert shown.title and len(shown.text) > 20 and shown.kind == kind
    for picture in shown.pictures:
        low = np.asarray(picture.translate)
        if not picture.beside:
            assert (low > 200).all() and (low < 700).all(), "not where the view is"


def test_dissection_uses_the_strokes_of_the_whole_image(large) -> None:
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[10:60, 10:60], labels[800:860, 800:860] = 2, 5
    painted = PaintedLabels(labels, {one.value: one.name for one in CLASSES})
    shown = answer(large, "dissect", labels=painted, layer="enc1.relu2")
    assert {row[1] for row in shown.table.rows} == {"two", "five"}
    assert shown.table.payloads[0].layer == "enc1.relu2"


def test_a_model_that_learned_names_its_outputs_and_an_untrained_one_does_not(large) -> None:
    assert next(s.key for s in sources(None, ())) == "bundled:general-fast"
    assert large.subject.classes == ()


def test_a_flat_image_for_a_volume_network_and_one_too_large_are_refused() -> None:
    net = torch.nn.Sequential(torch.nn.Conv3d(1, 1, 3))
    target = Target("image", as_micrograph(np.zeros((64, 64), np.float32)))
    with pytest.raises(ImageError, match="volumes"):
        open_glass(subject("own:0", None, [OwnModel("mine", net)], target))
    import dask.array

    huge = as_micrograph(dask.array.zeros((20_000, 20_000), dtype=np.uint8))
    with pytest.raises(ImageError, match="million pixels"):
        open_glass(subject("bundled:general-fast", None, (), Target("image", huge)))


def test_a_source_that_is_gone_is_named() -> None:
    target = Target("image", as_micrograph(np.zeros((64, 64), np.float32)))
    with pytest.raises(ModelError, match="no model any more"):
        subject("model:instant answer", None, (), target)
