"""The legend of colours: what it says, and that its ends have the colours of the layer."""

from __future__ import annotations

from typing import Any

import pytest
from napari.utils.colormaps import ensure_colormap

from unetscope.measuring.columns import Column
from unetscope.widgets.kit.looks import theme_tints
from unetscope.widgets.measuring.colour_legend import COLORMAP, ColourLegend


@pytest.fixture
def legend(qtbot: Any) -> ColourLegend:
    made = ColourLegend(theme_tints("dark"))
    qtbot.addWidget(made)
    made.resize(400, 40)
    return made


def test_it_names_measure_unit_and_ends(legend: ColourLegend, qtbot: Any) -> None:
    assert not legend.isVisibleTo(None)
    legend.tell(Column("feret_max", "nm", "largest caliper"), (29.11, 1055.6))
    assert legend.isVisibleTo(None)
    assert (legend.bar.words, legend.bar.ends) == ("feret max (nm)", ("≤ 29.1", "≥ 1056"))
    assert legend.bar.accessibleName() == "Colours: feret max (nm) from 29.1 to 1056"
    with qtbot.waitSignal(legend.cleared):
        legend.clear.click()
    legend.tell(Column("circularity", "", "4πA/P²"), (0.5, 1.0))
    assert legend.bar.words == "circularity"
    legend.tell(None, (0.0, 1.0))
    assert not legend.isVisibleTo(None)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_ends_have_the_colours_of_the_layer(legend: ColourLegend, theme: str) -> None:
    legend.tell(Column("area", "µm²", "pixels x area of a pixel"), (0.1, 0.4))
    legend.set_tints(theme_tints(theme))
    picture = legend.bar.grab().toImage()
    for x, at in ((2, 0.0), (picture.width() - 3, 1.0)):
        seen = picture.pixelColor(x, 4)
        wanted = ensure_colormap(COLORMAP).map([at])[0] * 255
        assert (seen.red(), seen.green(), seen.blue()) == pytest.approx(wanted[:3], abs=8)
