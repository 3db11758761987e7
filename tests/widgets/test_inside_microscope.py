"""The microscope: what is drawn and said of one value of each kind of layer."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPointF

from unetscope.widgets.inside.arithmetic import drawing
from unetscope.widgets.inside.microscope_panel import MicroscopePanel
from unetscope.widgets.inside.number_grid import color_of, number
from widgets.inside_panels import DARK, shown_at

# ---- microscope


@pytest.fixture(scope="module")
def network() -> Any:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    nn = torch.nn
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 16, 3, padding=1),
            norm1=nn.BatchNorm2d(16),
            relu1=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            conv2=nn.Conv2d(16, 8, 3, padding=1),
            relu2=nn.ReLU(),
            up=nn.Upsample(scale_factor=2, mode="bilinear"),
            back=nn.ConvTranspose2d(8, 4, 1, stride=2),
        )
    ).eval()


@pytest.fixture
def at(network: Any) -> Any:
    from unetscope.inspection.showing.microscope import microscope

    image = np.random.default_rng(0).random((1, 16, 16), dtype=np.float32)
    return lambda layer, channel, point: microscope(network, image, layer).at(channel, point)


@pytest.fixture
def panel(qtbot: Any) -> MicroscopePanel:
    made = MicroscopePanel(DARK)
    shown_at(made, qtbot)
    return made


def test_the_channels_that_count_most_come_first_and_the_rest_is_summed(
    panel: MicroscopePanel, at: Any
) -> None:
    value = at("conv2", 5, (3, 4))
    order = np.argsort(-np.abs(value.partial_sums))
    found = drawing(value, 3)
    assert [s.title.split()[0] for s in found.strips] == [f"#{i}" for i in order[:3]]
    window, kernel, product = found.strips[0].grids
    np.testing.assert_allclose(window.values * kernel.values, product.values)
    rest = number(float(value.partial_sums[order[3:]].sum()), 3)
    panel.show_value(value)
    assert panel.rest.text() == f"… 13 more: {rest}"
    few = panel.sheet.height()
    panel.more.click()
    assert panel.rest.text() == ""
    assert panel.sheet.height() > 4 * few


def test_the_sum_is_told_to_its_end(panel: MicroscopePanel, at: Any) -> None:
    value = at("conv1", 3, (5, 5))
    panel.show_value(value)
    told = panel.sum.text()
    for part in ("Σ = ", " + bias ", "→ norm ", "→ ReLU ", "→ max pooling "):
        assert part in told
    assert number(value.total) in told
    assert panel.check.text().startswith(f"PyTorch says {number(value.computed)}: ")
    assert DARK.good in panel.check.styleSheet()
    wins = value.pooled.winner == (5, 5)
    assert ("this cell wins" in told) == wins
    (strip,) = drawing(value, 3).behind
    grid = strip.grids[0]
    assert grid.winner is not None
    assert grid.present == (1, 1)
    assert grid.values[grid.winner] == grid.values.max()


def test_a_wrong_sum_is_called_wrong(panel: MicroscopePanel, at: Any) -> None:
    value = at("conv1", 3, (5, 5))
    panel.show_value(replace(value, computed=value.total + 0.5))
    assert "it differs by 0.5000" in panel.check.text()
    assert DARK.error in panel.check.styleSheet()


def test_pooling_interpolation_and_pointwise_layers_are_drawn(
    panel: MicroscopePanel, at: Any
) -> None:
    value = at("pool", 2, (1, 1))
    panel.show_value(value)
    assert panel.sum.text().startswith("Max pooling: largest of 4 values")
    (strip,) = drawing(value, 3).strips
    assert strip.grids[0].winner == tuple(
        int(w) - 2 for w in value.winner
    )  # the window starts at cell (2, 2)
    value = at("up", 2, (3, 3))
    panel.show_value(value)
    (strip,) = drawing(value, 3).strips
    assert len(strip.grids) == 3
    assert strip.grids[2].values.sum() == pytest.approx(value.computed, abs=1e-6)
    panel.show_value(at("relu1", 2, (3, 3)))
    assert panel.sum.text().startswith("Activation: ReLU(")
    panel.show_value(at("norm1", 2, (3, 3)))
    assert panel.sum.text().startswith("Normalisation: (")
    assert panel.sheet.height() > 0


def test_a_point_no_input_reaches_has_its_bias_alone(panel: MicroscopePanel, at: Any) -> None:
    panel.show_value(at("back", 1, (1, 1)))  # between the cells a stride of 2 writes to
    assert "only the bias is left" in panel.rest.text()
    assert not panel.sheet.isVisible()


def test_a_linear_layer_is_drawn_cell_by_cell(panel: MicroscopePanel) -> None:
    torch = pytest.importorskip("torch")
    from unetscope.inspection.showing.microscope import microscope

    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    value = microscope(net, np.ones((1, 8, 8), np.float32), "3").at(1, ())
    panel.show_value(value)
    assert panel.title.text() == "3 · channel 1"
    assert all(grid.values.shape == (1, 1) for s in drawing(value, 3).strips for grid in s.grids)


def test_a_volume_is_drawn_slice_below_slice(panel: MicroscopePanel) -> None:
    torch = pytest.importorskip("torch")
    from unetscope.inspection.showing.microscope import microscope

    value = microscope(
        torch.nn.Conv3d(1, 2, 3, padding=1), np.ones((1, 4, 8, 8), np.float32), ""
    ).at(1, (1, 4, 4))
    panel.show_value(value)
    assert drawing(value, 3).strips[0].grids[0].rows == 9
    panel.grab()


def test_hovering_tells_the_figures_of_a_cell(panel: MicroscopePanel, at: Any) -> None:
    value = at("conv1", 3, (5, 5))
    panel.show_value(value)
    sheet = panel.sheet
    strip, top = sheet._placed()[0]
    place = QPointF(5, top + sheet._head_px(strip) + 2)
    window, weight = float(value.window[0, 0, 0]), float(value.kernel[0, 0, 0])
    wanted = f"{number(window)} × {number(weight)} = {number(window * weight)}"
    assert sheet.figures_at(place) == wanted
    assert sheet.figures_at(QPointF(-5, -5)) == ""


def test_the_drawing_has_the_colours_it_should(panel: MicroscopePanel, at: Any) -> None:
    value = at("conv1", 3, (5, 5))
    panel.show_value(value)
    sheet = panel.sheet
    strip, top = sheet._placed()[0]
    picture = sheet.grab().toImage()
    ratio = picture.devicePixelRatio()
    kernel = strip.grids[1]
    cells = kernel.cells(sheet._lefts(strip)[1], top + sheet._head_px(strip), sheet.cell_px(strip))
    for rect, index in cells:
        corner = rect.topLeft() + QPointF(2, 2)
        seen = picture.pixelColor(round(corner.x() * ratio), round(corner.y() * ratio))
        assert seen == color_of(float(kernel.values.ravel()[index]), kernel)


def test_a_message_takes_the_place_of_the_drawing(panel: MicroscopePanel, at: Any) -> None:
    panel.show_value(at("conv1", 3, (5, 5)))
    panel.show_message("This layer has no places.")
    assert panel.title.text() == "This layer has no places."
    assert not panel.sheet.isVisible()
    assert not panel.check.isVisible()
