"""Table and histogram side by side: what is filtered in one is seen in the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from measuring.object_tables import many
from unetscope.measuring.quantities import Quantity
from unetscope.widgets.kit.looks import theme_tints
from unetscope.widgets.measuring.object_browser import ObjectBrowser


@pytest.fixture
def browser(qtbot: Any) -> ObjectBrowser:
    made = ObjectBrowser(theme_tints("dark"))
    qtbot.addWidget(made)
    made.resize(1000, 300)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_a_histogram_is_shown_when_it_is_asked_for(browser: ObjectBrowser) -> None:
    browser.show_table(many(200))
    assert not browser.histogram.isVisible() and browser.histogram.spread is None
    browser.table.histogram_of.emit("area")
    assert browser.histogram.isVisible() and browser.histogram.key == "area"
    assert browser.histogram.width() > 200
    browser.histogram.leave.click()
    assert not browser.histogram.isVisible()


def test_what_is_brushed_is_filtered_and_what_is_typed_is_marked(browser: ObjectBrowser) -> None:
    table = many(200)
    browser.show_table(table)
    browser.show_histogram("diameter")
    browser.histogram.brushed.emit("diameter", 40.0, 60.0)
    inside = (table.columns["diameter"] >= 40) & (table.columns["diameter"] <= 60)
    assert (browser.table.model.kept() == inside).all()
    assert browser.table.entry.text() == "diameter ≥ 40 nm, diameter ≤ 60 nm"
    assert (browser.histogram._kept == inside).all()
    browser.table.filter_by("d < 50, not at border")
    assert browser.histogram._brush == (-math.inf, 50.0)
    browser.histogram.brushed.emit("diameter", -math.inf, math.inf)
    assert browser.table.entry.text() == "not at border"


def test_new_objects_and_numbers_are_drawn(browser: ObjectBrowser) -> None:
    browser.show_table(many(200))
    browser.show_histogram("diameter")
    browser.table.filter_by("d > 60")
    known = Quantity("d50 by number", 77.0, "nm", 300, "objects", "bootstrap", 70.0, 80.0)
    fewer = many(200).where(np.arange(200) > 4)
    browser.replace(fewer, [known])
    assert browser.histogram.percentiles[1] is known
    assert len(browser.histogram._kept) == 195
    browser.show_table(many(300), edge="keep")
    assert browser.histogram.spread is not None and browser.histogram.spread.count == 300
    browser.tell_numbers([known])
    assert browser.histogram.percentiles[1] is known
    browser.show_table(None)
    assert browser.histogram.told.text() == "Nothing is measured yet."


@pytest.mark.parametrize("height", [180, 600])
def test_percentiles_can_be_read_in_a_low_dock_too(
    browser: ObjectBrowser, qtbot: Any, height: int
) -> None:
    browser.show_table(many(200))
    browser.show_histogram("diameter")
    browser.resize(700, height)
    told = browser.histogram.told
    qtbot.waitUntil(lambda: told.height() >= told.heightForWidth(told.width()))
    assert browser.histogram._graph.height() >= 60
    assert told.geometry().bottom() <= browser.histogram.height()
    assert browser.table.height() == browser.height(), "the table has all of the height"
