"""The five sections in the window: heads with results, one button stands out, Train in sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QPushButton

from unetscope.session.values import Scope
from unetscope.widgets.kit.looks import theme_tints
from unetscope.widgets.kit.section_panel import SectionPanel
from unetscope.widgets.painting.accept_panel import AcceptPanel
from unetscope.widgets.painting.five_sections import (
    ImageSection,
    LearnSection,
    PaintSection,
    ResultSection,
    SaveSection,
)
from unetscope.widgets.painting.helpers_panel import HelpersPanel
from unetscope.widgets.painting.places_panel import PlacesPanel
from unetscope.widgets.painting.plot_panel import PlotPanel
from unetscope.widgets.painting.prediction_panel import PredictionPanel
from unetscope.widgets.painting.save_panel import SavePanel
from unetscope.widgets.painting.training_panel import TrainingPanel
from widgets.conftest import Opened, halves

Open = Callable[..., Opened]


def filled(opened: Opened) -> list[str]:
    """The buttons in the colour of the main action."""
    accent = theme_tints(opened.viewer.theme).accent
    buttons = opened.window.findChildren(QPushButton)
    return [button.text() for button in buttons if accent in button.styleSheet()]


def head(opened: Opened, kind: type[SectionPanel]) -> str:
    return str(opened.window.part(kind).head.told)


def test_heads_carry_what_is_known_and_one_button_at_a_time_stands_out(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window(False)
    assert opened.window.part(ImageSection).is_open and filled(opened) == []
    opened.viewer.add_image(halves(), name="n")
    qtbot.waitUntil(lambda: opened.session.model is not None, timeout=5000)
    assert head(opened, ImageSection) == "n · 200 × 200 · no pixel size"
    assert not opened.window.part(ImageSection).is_open
    assert opened.window.part(PaintSection).is_open and opened.window.part(LearnSection).is_open
    assert not opened.window.part(ResultSection).is_open

    opened.paint_both()
    qtbot.waitUntil(lambda: opened.window.part(ResultSection).is_open, timeout=5000)
    assert head(opened, PaintSection) == "2 classes · 2,000 px"
    assert filled(opened) == ["▶ Train"]
    opened.window.part(TrainingPanel).train_button.click()
    qtbot.waitUntil(lambda: opened.session.training.reason != "", timeout=5000)
    qtbot.waitUntil(lambda: filled(opened) == ["Predict this image"], timeout=5000)
    assert head(opened, LearnSection).startswith("trained ")
    opened.window.bench.set_live(False)
    opened.window.part(PredictionPanel).button.click()
    qtbot.waitUntil(lambda: filled(opened) == ["Measure …"], timeout=5000)
    assert opened.window.part(SaveSection).is_open
    assert head(opened, ResultSection) == "this image predicted · 2 classes"


def test_what_a_person_folds_stays_folded_and_news_open_it(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    section = opened.window.part(ResultSection)
    for _ in range(2):  # open and folded again
        qtbot.mouseClick(section.head, Qt.MouseButton.LeftButton)
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.session.image.key in opened.session.seen, timeout=5000)
    assert not section.is_open and not section.body.isVisibleTo(opened.window)
    opened.window.bench.predict(Scope.VIEW)  # keys work though it is folded
    qtbot.waitUntil(lambda: not opened.session.prediction.busy, timeout=5000)
    opened.window.bring_out(opened.window.part(PredictionPanel))
    assert section.is_open and section.body.isVisibleTo(opened.window)


def test_one_helper_at_a_time(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    helpers = opened.window.part(HelpersPanel)
    assert not opened.window.part(PlacesPanel).isVisibleTo(opened.window)
    helpers.fold.expand(animate=False)
    assert opened.window.part(PlacesPanel).isVisibleTo(opened.window)
    assert opened.window.bench.advisor.wanted
    qtbot.mouseClick(helpers.buttons[AcceptPanel], Qt.MouseButton.LeftButton)
    assert [p for p in helpers.parts if p.isVisibleTo(opened.window)] == [
        opened.window.part(AcceptPanel)
    ]
    assert not opened.window.bench.advisor.wanted


def test_train_is_in_sight_in_a_window_of_640_px(show_window: Open, qtbot: Any) -> None:
    opened = show_window(points=10)
    opened.window.resize(340, 580)  # napari takes the rest for its bars
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.session.image.key in opened.session.seen, timeout=5000)
    opened.window.bench.add_class()
    qtbot.wait(50)
    for button in (
        opened.window.part(TrainingPanel).train_button,
        opened.window.part(PredictionPanel).button,
    ):
        place = button.mapTo(opened.window, QPoint(0, button.height()))
        assert button.isVisible() and place.y() <= 580


@pytest.mark.parametrize(("height", "open_after"), [(580, False), (1500, True)])
def test_the_curve_folds_after_training_where_the_dock_is_low(
    show_window: Open, qtbot: Any, height: int, open_after: bool
) -> None:
    opened = show_window(points=10)
    opened.window.resize(340, height)
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.window.bench.answers.up_to_date, timeout=5000)
    opened.window.bench.set_live(False)
    fold = opened.window.part(PlotPanel).fold
    opened.window.part(TrainingPanel).train_button.click()
    assert fold.isExpanded()
    qtbot.waitUntil(lambda: opened.session.training.reason != "", timeout=5000)
    qtbot.wait(50)
    assert fold.isExpanded() == open_after


def test_the_name_of_a_head_is_shortened_and_the_size_stays(show_window: Open) -> None:
    name = "2024-11-03_specimen_0017_left_hemisphere_anterior_rescan_b.tif"
    opened = show_window(width=420, name=name)
    shown = opened.window.part(ImageSection).head.shown()
    assert shown.endswith(" · 200 × 200 · no pixel size") and "…" in shown


def test_measure_asks_for_its_dock(open_window: Open, monkeypatch: Any) -> None:
    opened = open_window()
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(
        type(opened.viewer.window.__wrapped__),
        "add_plugin_dock_widget",
        lambda _window, plugin, name: asked.append((plugin, name)),
    )
    opened.window.part(SavePanel).measure_button.click()
    assert asked == [("napari-unetscope", "Measure")]
