"""The demonstration in a viewer: strokes painted, answered at once, training begun by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unetscope.cli.demo import pictures
from unetscope.cli.demo.window import set_up


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_the_demo_paints_answers_and_trains(make_napari_viewer: Any, qtbot: Any) -> None:
    picture = pictures.immunohistochemistry()
    viewer = make_napari_viewer()
    panel = set_up(viewer, picture, train_seconds=30)
    key = panel.session.image.key
    strokes = panel.bench.layers.strokes_layer(key)
    assert np.array_equal(strokes.data, picture.labels)
    assert [c.name for c in panel.session.classes] == ["tissue", "brown stain", "nuclei"]

    qtbot.waitUntil(lambda: panel.session.training.epoch >= 1, timeout=60_000)
    assert panel.session.model.model.can_answer
    answers = [layer for layer in viewer.layers if layer.name.startswith("prediction")]
    assert len(answers) == 1
    shown = np.asarray(answers[0].data)
    assert set(np.unique(shown)) <= {0, 1, 2, 3}
    painted = picture.labels > 0
    assert (shown[painted] == picture.labels[painted]).mean() > 0.9

    panel.bench.trainer.stop()
    qtbot.waitUntil(lambda: not panel.session.training.busy, timeout=10_000)
    panel.shut_down()


def test_the_demo_with_a_stack_keeps_axes_and_pixel_size(make_napari_viewer: Any) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (4, 64, 64)).astype(np.uint8)
    from unetscope.images.micrograph import as_micrograph

    image = as_micrograph(stack, axes="zyx", pixel_size=(0.5, 0.1, 0.1), unit="um", name="stack")
    picture = pictures.DemoPicture(image, np.zeros(stack.shape, np.uint8), ())
    viewer = make_napari_viewer()
    panel = set_up(viewer, picture, train_seconds=60)
    assert panel.session.image.axes == "zyx"
    assert panel.session.image.pixel_size == pytest.approx((0.5, 0.1, 0.1))
    assert panel.session.image.unit == "µm"
    assert names(viewer) == ["stack"]
    panel.shut_down()
