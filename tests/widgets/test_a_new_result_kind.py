"""A new kind of result is one file: what it declares is all that window and layers need to know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from unetscope.session.result_kind import AnsweredTile
from unetscope.session.results import kinds, register, unregister
from unetscope.session.results.mask import MASK
from unetscope.widgets.painting.view_panel import ViewPanel
from widgets.conftest import Opened
from widgets.lead import LEAD

Open = Callable[..., Opened]


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    register(LEAD)
    yield
    unregister(LEAD)


def test_a_kind_of_one_file_has_its_button_its_key_and_its_layer(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    panel = opened.window.part(ViewPanel)
    assert [button.text() for button in panel.buttons.values()] == [kind.title for kind in kinds()]
    assert panel.buttons[LEAD].text() == "Lead"
    assert panel.buttons[LEAD].toolTip().startswith("How far the likeliest class is ahead")
    assert ("F9", "Show lead", LEAD.tip) in opened.window.keyboard.keys.rows()

    opened.paint_both()
    qtbot.waitUntil(lambda: opened.layer("prediction") is not None)
    {str(bound): call for bound, call in opened.viewer.keymap.items()}["F9"](opened.viewer)
    assert opened.session.show is LEAD and panel.buttons[LEAD].isChecked()
    assert not panel.outlines.isEnabled()
    qtbot.waitUntil(lambda: opened.layer("lead v1") is not None)
    layer = opened.layer("lead")
    qtbot.waitUntil(lambda: bool((layer.data > 0.9).all()))  # dark and bright are far apart
    assert (layer.colormap.name, layer.contrast_limits) == ("viridis", [0.0, 0.5])
    assert layer.metadata["unetscope"]["kind"] == "lead"
    assert layer.visible and not opened.layer("prediction").visible

    panel.opacity.setValue(70)
    assert layer.opacity == pytest.approx(0.7)
    layer.colormap = "gray"  # as a person may choose
    panel.show_next()
    assert opened.session.show is MASK
    assert not layer.visible and opened.layer("prediction").visible
    assert layer.colormap.name == "gray"


def test_its_layer_says_that_the_model_changed_and_goes_with_its_image(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window()
    opened.paint_both()
    opened.window.part(ViewPanel).buttons[LEAD].click()
    qtbot.waitUntil(lambda: opened.layer("lead v1") is not None)
    results, context = opened.window.bench.results, opened.window.bench.context
    layer = results.find(opened.session.image.key, LEAD)
    newer = replace(context.look(), version=2)
    results.restyle(opened.session.image.key, newer)
    assert layer.name == "lead v1 (older)"
    opened.window.bench.layers.drop_orphans()
    assert layer.name in [one.name for one in opened.viewer.layers]
    opened.viewer.layers.remove(opened.viewer.layers[0])
    opened.window.bench.layers.drop_orphans()
    assert not any(one.name.startswith("lead") for one in opened.viewer.layers)


def test_of_a_single_class_nothing_is_ahead() -> None:
    sure = AnsweredTile(np.ones((2, 2), np.uint8), np.ones((1, 2, 2), np.float32), (1,), 1)
    assert LEAD.answer(sure) is None
