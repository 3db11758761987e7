"""A new part of the dock is one file: what it declares is all that the dock needs to know."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from unetscope.session.state import Session
from unetscope.widgets.kit.looks import theme_tints
from unetscope.widgets.kit.status_card import StatusCard
from unetscope.widgets.painting.five_sections import SECTIONS
from unetscope.widgets.painting.helpers_panel import HelpersPanel
from unetscope.widgets.painting.paint_train_predict import PANELS, PaintTrainPredict
from widgets.conftest import halves
from widgets.fake_engine import FakeJobs
from widgets.strokes_panel import StrokesPanel


def press(viewer: Any, key: str) -> None:
    """What napari does when ``key`` is pressed while no layer is active."""
    {str(bound): call for bound, call in viewer.keymap.items()}[key](viewer)


def test_a_panel_of_one_file_is_laid_out_redrawn_tinted_and_has_its_key(
    make_napari_viewer_proxy: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer_proxy()
    viewer.add_image(halves())
    window = PaintTrainPredict(viewer, FakeJobs(), panels=(*PANELS, StrokesPanel))
    viewer.window.add_dock_widget(window, name="Paint, train, predict")
    panel = window.part(StrokesPanel)
    assert panel.window() is window.window() and panel.words.text() == "0 px are painted."

    window.session.painted = {1: 1200, 2: 34}
    assert panel.words.text() == "1,234 px are painted."

    assert panel.words.styleSheet() == f"color: {theme_tints('dark').faint}"
    viewer.theme = "light"
    assert panel.words.styleSheet() == f"color: {theme_tints('light').faint}"

    assert panel.words.toolTip() == "All images together. (F8)"
    assert ("F8", "Count the strokes", "Says how many pixels are painted.") in (
        window.keyboard.keys.rows()
    )
    press(viewer, "F8")
    assert window.session.message.text == "1,234 px are painted."
    window.shut_down()
    assert "F8" not in map(str, viewer.keymap)


def test_the_key_of_a_panel_cannot_be_wished_for_by_another_action(
    make_napari_viewer_proxy: Any,
) -> None:
    window = PaintTrainPredict(make_napari_viewer_proxy(), FakeJobs(), panels=(StrokesPanel,))
    refused = window.keyboard.take({"train": "F8"})
    assert "F8 already means “Count the strokes”" in refused[0]
    window.shut_down()


def test_a_part_that_is_not_there_is_named(make_napari_viewer_proxy: Any) -> None:
    window = PaintTrainPredict(make_napari_viewer_proxy(), FakeJobs(), panels=())
    with pytest.raises(KeyError, match="no StrokesPanel; add it to a section"):
        window.part(StrokesPanel)
    window.shut_down()


def test_every_panel_shows_fields_that_the_session_has() -> None:
    known = {field.name for field in fields(Session)}
    parts = [part for section in SECTIONS for part in section.PARTS]
    helpers = [kind for kind, _ in HelpersPanel.HELPERS.values()]
    for panel in (StatusCard, *PANELS, *parts, *helpers):
        assert known >= panel.SHOWS, panel.__name__
