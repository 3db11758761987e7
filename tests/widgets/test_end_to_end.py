"""The main job on a real electron micrograph with the real engine: paint, see, correct, train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.corrections import corrective_strokes
from unetscope.cli.app import app
from unetscope.images.micrograph import Micrograph
from unetscope.learning.prediction import predict_probabilities
from unetscope.pretraining.strokes import simulate_strokes
from unetscope.session.values import BUDGETS, Budget, Phase, Scope

SIDE = 384


def crop_with_truth(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """A crop of a nerve in the scanning electron microscope, and its classes 1, 2, 3."""
    path = sorted((folder / "ads_sem_myelin" / "images").iterdir())[0]
    mask_path = next((folder / "ads_sem_myelin" / "masks").glob(f"{path.stem}.*"))
    image, mask = imageio.imread(path), imageio.imread(mask_path)
    image = image[..., 0] if image.ndim == 3 else image
    _, classes = np.unique(mask, return_inverse=True)
    truth = classes.reshape(mask.shape).astype(np.uint8) + 1
    return image[100 : 100 + SIDE, 100 : 100 + SIDE], truth[100 : 100 + SIDE, 100 : 100 + SIDE]


def mean_dice(answer: np.ndarray, truth: np.ndarray) -> float:
    scores = [
        2 * np.sum((answer == v) & (truth == v)) / (np.sum(answer == v) + np.sum(truth == v))
        for v in np.unique(truth)
    ]
    return float(np.mean(scores))


@pytest.mark.slow
def test_a_real_image_is_painted_answered_corrected_trained_and_predicted(
    shared_data: Path, make_napari_viewer_proxy: Any, qtbot: Any, tmp_path: Path
) -> None:
    from unetscope.widgets.painting.paint_train_predict import PaintTrainPredict

    image, truth = crop_with_truth(shared_data)
    viewer = make_napari_viewer_proxy()
    viewer.add_image(image, name="nerve", scale=(0.1, 0.1), units=("um", "um"))
    window = PaintTrainPredict(viewer)
    viewer.window.add_dock_widget(window, name="Paint, train, predict")
    session, bench = window.session, window.bench

    def paint(strokes: np.ndarray) -> None:
        for value in (1, 2, 3):
            if (strokes == value).any():
                bench.paint_with(value)
                layer = bench.layers.strokes_layer(session.image.key)
                layer.data_setitem(np.nonzero(strokes == value), value)

    def answered() -> np.ndarray:
        qtbot.waitUntil(lambda: settled(bench), timeout=30_000)
        layer = bench.results.find(session.image.key, session.show)
        return np.array(layer.data)

    try:
        qtbot.waitUntil(lambda: session.model is not None, timeout=60_000)
        bench.add_class()
        first = simulate_strokes(truth, per_class=1, length_px=30, width_px=3, seed=1)
        paint(first)
        instant = answered()
        assert mean_dice(instant, truth) > 0.4

        corrected, strokes = instant, first
        for seed in (2, 3):
            strokes = corrective_strokes(truth, corrected, strokes, strokes=6, seed=seed)
            paint(strokes)
            corrected = answered()
        assert mean_dice(corrected, truth) > mean_dice(instant, truth)

        session.budget = Budget("a moment", 4.0)
        bench.train()
        qtbot.waitUntil(lambda: session.training.phase is Phase.RUNNING, timeout=60_000)
        qtbot.waitUntil(lambda: session.training.phase is Phase.IDLE, timeout=120_000)
        assert session.training.reason in ("time", "plateau")
        session.budget = BUDGETS[0]
        bench.predict(Scope.IMAGE)
        qtbot.waitUntil(lambda: not session.prediction.busy, timeout=30_000)
        final = answered()
        assert (final > 0).all()
        assert mean_dice(final, truth) > mean_dice(instant, truth) - 0.02
        assert session.message is None or session.message.tone != "error"
        print([round(mean_dice(a, truth), 3) for a in (instant, corrected, final)])
        written = by_command_line(session.model.model, image, tmp_path)
        assert_same_but_for_ties(session.model.model, image, written, final)
    finally:
        window.shut_down()


def by_command_line(model: Any, image: np.ndarray, folder: Path) -> np.ndarray:
    """The labels that ``unetscope predict`` writes with the window's model."""
    from unetscope.learning.persistence import save_model

    save_model(model, folder / "window.unetscope")
    imageio.imwrite(folder / "nerve.tif", image)
    told = ["predict", str(folder / "window.unetscope"), str(folder / "nerve.tif")]
    done = CliRunner().invoke(app, [*told, "--out", str(folder / "out")])
    assert done.exit_code == 0, done.output
    (written,) = (folder / "out").glob("*.tif")
    return np.asarray(imageio.imread(written))


def assert_same_but_for_ties(model: Any, image: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """Labels are equal where the two likeliest classes are not.

    The window leaves a core to napari, and the number of threads changes sums by their rounding
    (2e-7 of a probability, measured): a tie may fall either way.
    """
    differ = a != b
    if differ.any():
        chances = np.sort(predict_probabilities(model, Micrograph(image, axes="yx")), axis=0)[
            :, differ
        ]
        assert (chances[-1] - chances[-2]).max() < 1e-5, f"{differ.sum()} pixels differ"


def settled(bench: Any) -> bool:
    """Whether the newest strokes are answered with the forest, and nothing is under way."""
    answers = bench.answers
    return answers.up_to_date and not answers.lane.busy
