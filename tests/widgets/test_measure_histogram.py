"""The histogram of a measure: what is drawn, what is said, and the brush."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt

from measuring.object_tables import many, table_with
from unetscope.measuring.quantities import Quantity
from unetscope.widgets.kit.looks import theme_tints
from unetscope.widgets.kit.plots import plotting
from unetscope.widgets.measuring.measure_histogram import MeasureHistogram


@pytest.fixture
def histogram(qtbot: Any) -> MeasureHistogram:
    made = MeasureHistogram(theme_tints("dark"))
    qtbot.addWidget(made)
    made.resize(400, 280)
    made.show()
    qtbot.waitExposed(made)
    return made


def bars(histogram: MeasureHistogram) -> list[np.ndarray]:
    """Heights of all objects, and of those that are shown."""
    items = histogram._graph.getPlotItem().items
    kind = plotting().BarGraphItem
    return [np.asarray(item.opts["height"]) for item in items if isinstance(item, kind)]


def x_px(histogram: MeasureHistogram, at: float) -> float:
    """Where a place of the axis is on screen."""
    scene = histogram._graph.getViewBox().mapViewToScene(QPointF(at, 0))
    return float(histogram._graph.mapFromScene(scene).x())


def drag(histogram: MeasureHistogram, qtbot: Any, first: float, last: float) -> None:
    port = histogram._graph.viewport()
    places = [QPointF(x, 60).toPoint() for x in (first, (first + last) / 2, last)]
    qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=places[0])
    for place in places[1:]:
        qtbot.mouseMove(port, place)
    qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, pos=places[-1])


def test_bars_are_shares_and_objects_that_are_not_shown_are_faint(
    histogram: MeasureHistogram,
) -> None:
    table = many(500)
    histogram.show_table(table, "diameter")
    everything, shown = bars(histogram)
    assert everything.sum() == pytest.approx(100) and (everything == shown).all()
    kept = table.columns["diameter"] > 60
    histogram.show_kept(kept)
    everything, shown = bars(histogram)
    assert everything.sum() == pytest.approx(100) and (shown <= everything).all()
    assert histogram.spread is not None
    assert shown.sum() == pytest.approx(100 * histogram.spread.shares[kept].sum())


def test_every_percentile_is_told_with_unit_interval_and_count(
    histogram: MeasureHistogram,
) -> None:
    table = many(500)
    histogram.show_table(table, "diameter")
    told = histogram.told.text()
    for number, name in zip(histogram.percentiles, ("d10", "d50", "d90"), strict=True):
        assert f"{name} {number.value:.4g}"[:8] in told
    assert told.count(" nm (") == 3 and told.count("95%") == 3
    inside = int((table.columns["at_border"] == 0).sum())
    assert told.endswith(f"n = {inside} objects, {500 - inside} left out.")
    assert "rest weighted (Miles-Lantuéjoul); Woodruff" in histogram.told.toolTip()
    assert histogram._graph.getAxis("bottom").labelText == "diameter (nm)"
    assert histogram._graph.getAxis("left").labelText == "% of number"


def test_too_few_objects_have_no_interval_and_that_is_said(histogram: MeasureHistogram) -> None:
    histogram.show_table(table_with(circularity=[0.5, 0.7, math.nan]), "circularity")
    assert "50 % 0.6000 (no interval: 2 objects that count, an interval needs 10)" in (
        histogram.told.text()
    )
    assert histogram.told.text().endswith("n = 2 objects, 1 left out.")


def test_numbers_told_elsewhere_stand_as_they_are(histogram: MeasureHistogram) -> None:
    known = Quantity("d50 by volume", 77.0, "nm", 500, "objects", "bootstrap", 70.0, 80.0)
    histogram.show_table(many(500), "diameter", known=[known])
    assert known not in histogram.percentiles
    histogram.base.setCurrentIndex(2)
    assert histogram.percentiles[1] is known
    assert "d50 77.00 nm (70.00 to 80.00, 95%)" in histogram.told.text()
    assert histogram._graph.getAxis("left").labelText == "% of volume"


def test_nothing_to_show_is_said(histogram: MeasureHistogram) -> None:
    histogram.show_table(None, "diameter")
    assert histogram.told.text() == "Nothing is measured yet."
    histogram.show_table(many(5).where(np.zeros(5, bool)), "diameter")
    assert histogram.told.text().endswith("n = 0 objects.")
    assert bars(histogram) == []


@pytest.mark.parametrize("key", ["diameter", "area"])
def test_dragging_says_the_range_and_a_click_clears_it(
    histogram: MeasureHistogram, qtbot: Any, key: str
) -> None:
    rng = np.random.default_rng(0)
    histogram.show_table(
        table_with(diameter=rng.uniform(10, 100, 300), area=rng.lognormal(3, 1.6, 300)), key
    )
    assert histogram.spread is not None and histogram.spread.log == (key == "area")
    ends = (3.0, 100.0) if key == "area" else (20.0, 50.0)
    places = np.log10(ends) if key == "area" else ends
    heard: list[tuple[str, float, float]] = []
    histogram.brushed.connect(lambda *told: heard.append(told))
    drag(histogram, qtbot, *(x_px(histogram, at) for at in (places[1], places[0])))
    told, low, high = heard[-1]
    assert told == key and low < high
    assert (low, high) == pytest.approx(ends, rel=0.05)
    assert len(f"{low:g}") <= 5, "no more digits than a pixel of the screen tells"
    assert histogram._marks._region.isVisible()
    drag(histogram, qtbot, 150, 150)
    assert heard[-1] == (key, -math.inf, math.inf)
    assert not histogram._marks._region.isVisible()


def test_a_range_of_the_filter_is_marked_until_another_column_comes(
    histogram: MeasureHistogram, qtbot: Any
) -> None:
    histogram.show_table(many(300), "diameter")
    with qtbot.assertNotEmitted(histogram.brushed):
        histogram.set_brush(-math.inf, 60)
    low, high = histogram._marks._region.getRegion()
    assert high == 60 and low == histogram.spread.edges[0]
    histogram.set_tints(theme_tints("light"))
    assert histogram._marks._region.isVisible()
    histogram.show_table(many(300), "circularity")
    assert not histogram._marks._region.isVisible()
