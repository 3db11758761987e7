"""Lessons whose numbers are exact: held to PyTorch, and there without it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional

from unetscope import inspection
from unetscope.errors import LessonError
from unetscope.lessons.bench import Bench, Laid
from unetscope.lessons.registry import run, verbs
from unetscope.lessons.verbs.counting import output_size
from unetscope.lessons.verbs.kernels_by_hand import area_under_roc, correlated
from unetscope.looking.answers import Shown
from unetscope.network.teaching_blocks import LayerStack, OneKernel

_WITHOUT_TORCH = """
import sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ImportError("torch was asked for")
sys.meta_path.insert(0, Refused())
from unetscope.lessons.gallery import all_lessons
from unetscope.lessons.visit import Visit
gallery = all_lessons()
for wanted in ("one-window", "kernels", "next-size", "counting", "pooling"):
    lesson = gallery.lesson(wanted)
    for at in range(len(lesson.step)):
        assert Visit(lesson, at=at).shown().facts
assert "torch" not in sys.modules
"""


def asked(verb: str, image: np.ndarray, **arguments: object) -> Shown:
    bench = Bench(Laid(np.asarray(image, dtype=np.float32), "mine", own=True))
    found = [one for one in run(verbs()[verb], bench, arguments) if isinstance(one, Shown)]
    return found[-1]


def test_the_first_lessons_are_there_without_torch() -> None:
    subprocess.run([sys.executable, "-c", _WITHOUT_TORCH], check=True, timeout=120)


def test_a_thousand_windows_agree_with_pytorch() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        rows, columns = 2 * rng.integers(0, 6, 2) + 1
        image, kernel = rng.normal(size=(40, 37)), rng.normal(size=(rows, columns))
        tensors = [torch.from_numpy(one)[None, None] for one in (image, kernel)]
        padding = (int(rows) // 2, int(columns) // 2)
        expected = functional.conv2d(*tensors, padding=padding)[0, 0].numpy()
        found = correlated(image, kernel)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        for y, x in rng.integers(0, (40, 37), (100, 2)):
            patch = np.pad(image, [(n, n) for n in padding])[y : y + rows, x : x + columns]
            assert np.isclose((patch * kernel).sum(), expected[y, x], rtol=1e-5)


def test_five_hundred_sizes_agree_with_pytorch() -> None:
    rng = np.random.default_rng(1)
    compared = 0
    while compared < 500:
        side, kernel, padding, stride, dilation = (
            int(rng.integers(low, high)) for low, high in ((1, 90), (1, 12), (0, 6), (1, 6), (1, 5))
        )
        expected = 0
        if side + 2 * padding >= dilation * (kernel - 1) + 1:
            made = functional.conv1d(
                torch.zeros(1, 1, side), torch.zeros(1, 1, kernel), None, stride, padding, dilation
            )
            expected = made.shape[-1]
        assert output_size(side, kernel, padding, stride, dilation) == expected
        compared += 1


def test_as_many_pixels_are_marked_as_the_map_has_cells() -> None:
    for side in (17, 32):
        for stride in (1, 2, 3):
            shown = asked(
                "next_size", np.zeros((side, side)), side=side, stride=stride, dilation=2, padding=2
            )
            marked = shown.pictures[1].values
            assert marked.any(axis=1).sum() == shown.facts["last"]


def test_the_score_is_the_chance_to_be_ranked_higher() -> None:
    rng = np.random.default_rng(2)
    values, truth = rng.integers(0, 6, 60), rng.random(60) < 0.3
    pairs = np.sign(values[truth][:, None] - values[~truth][None]) / 2 + 0.5
    assert area_under_roc(values, truth) == pytest.approx(pairs.mean())


@pytest.mark.parametrize(
    ("verb", "shape", "arguments"),
    [
        ("pool", (1, 9), {}),
        ("pool_both", (9, 1), {}),
        ("move_in_window", (2, 2), {}),
        ("kernel_map", (8, 8), {"preset": "sobel x"}),
        ("next_size", (9, 9), {"side": 3, "kernel": 9, "padding": 0}),
        ("sizes_in_a_row", (9, 9), {"side": 5, "padding": 0, "layers": 4}),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(
    verb: str, shape: tuple[int, int], arguments: dict[str, object]
) -> None:
    with pytest.raises(LessonError, match="px"):
        asked(verb, np.zeros(shape), **arguments)


def test_the_largest_number_leaves_its_window_and_the_answer_follows() -> None:
    shown = asked("move_in_window", np.array([[9, 1, 4], [2, 3, 5]]))
    assert (shown.facts["before"], shown.facts["out"], shown.facts["kept"]) == (9, 4, 3)


def test_the_map_fills_in_up_to_the_window() -> None:
    image = np.random.default_rng(3).random((6, 7))
    shown = asked("nine_products", image, kernel=[[1.0]], place=[2, 3])
    so_far = next(one for one in shown.pictures if one.role == "map").values
    np.testing.assert_allclose(so_far.ravel()[: 2 * 7 + 4], image.ravel()[: 2 * 7 + 4], rtol=1e-6)
    assert not so_far.ravel()[2 * 7 + 4 :].any()


def test_what_a_value_sees_is_what_look_inside_says() -> None:
    layers = ("conv", "pool", "conv", "dilated", "pool", "conv")
    shown = asked("field_of_layers", np.zeros((64, 64)), layers=layers)
    table = inspection.architecture(LayerStack(layers), (64, 64))
    rows = [row for row in table.rows if row.kind != "ReLU"]
    assert [row.receptive_field for row in rows] == [(n, n) for n in shown.facts["fields"]]
    assert [row.stride for row in rows] == [(n, n) for n in shown.facts["steps"]]


def test_a_kernel_set_by_hand_is_the_lessons_map() -> None:
    rng = np.random.default_rng(4)
    image, kernel = rng.random((20, 21)), rng.normal(size=(3, 5))
    net = OneKernel(torch.from_numpy(kernel)).double()
    with torch.no_grad():
        found = net(torch.from_numpy(image)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(found, correlated(image, kernel.astype(np.float32)), rtol=1e-6)


def test_blocks_by_formula_are_the_blocks_built() -> None:
    by_formula = asked("conv_pool_blocks", np.zeros((8, 8)), side=256).facts
    built = asked("numbers_per_layer", np.zeros((8, 8)), network="blocks").facts
    assert built["numbers"][1::2] == by_formula["numbers"]
    assert built["last"] == 2 * built["image"]


def test_scores_need_two_classes() -> None:
    labels = np.ones((8, 8), np.uint8)
    bench = Bench(Laid(np.zeros((8, 8), np.float32), "mine", labels=labels, truth="strokes"))
    with pytest.raises(LessonError, match="class 2 and of another"):
        list(run(verbs()["scores_of_a_mask"], bench, {}))
