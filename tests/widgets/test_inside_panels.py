"""The drawing, table, card, bars and slider of the panel "Look inside", and what they draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from qtpy.QtCore import QPoint, QRectF, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLabel, QWidget

from inspection.drawn_networks import Chain, U, bundled, drawn, drawn_looks, public
from unetscope.inspection import architecture
from unetscope.inspection.following.diagram import Diagram
from unetscope.inspection.following.joins import skip_connections
from unetscope.inspection.following.table import Architecture
from unetscope.network.shipped import load_bundled
from unetscope.network.teaching import teaching_network
from unetscope.network.unet import UNet, UNetConfig
from unetscope.widgets.inside.depth_slider import DepthSlider, runs
from unetscope.widgets.inside.layer_card import LayerCard, field_text, stride_text
from unetscope.widgets.inside.layer_table import LayerTable, compact
from unetscope.widgets.inside.strongest_panel import StrongestPanel, value_text
from unetscope.widgets.inside.u_drawing import UDrawing
from unetscope.widgets.inside.u_layout import laid_out, neighbour, short_label
from unetscope.widgets.kit.looks import Tints, theme_tints


def tints(theme: str = "dark") -> Tints:
    return theme_tints(theme)


@pytest.fixture
def shown(qtbot: Any) -> Callable[..., Any]:
    """Show a widget at a width and a font size."""

    def show(widget: Any, width: int = 320, font: int = 12, height: int = 400) -> Any:
        qtbot.addWidget(widget)
        widget.setStyleSheet("")
        chosen = widget.font()
        chosen.setPixelSize(font)
        widget.setFont(chosen)
        widget.resize(width, height)
        widget.show()
        qtbot.waitExposed(widget)
        return widget

    return show


# ---- the drawing


@pytest.mark.parametrize("width", [300, 360, 600])
@pytest.mark.parametrize("font", [12, 24])
@pytest.mark.parametrize(
    "name", ["bundled", "two looks", "smp.Unet", "smp.FPN", "resnet18", "squeezenet1_1"]
)
def test_boxes_never_overlap_and_stay_inside(name: str, width: int, font: int) -> None:
    own = {"bundled": bundled, "two looks": drawn_looks}
    _, found = own[name]() if name in own else public(name)
    layout = laid_out(found, width, font * 1.3, lambda text: len(text) * font * 0.6)
    rects = [box.rect for box in layout.boxes]
    assert all(r.left() >= 0 and r.right() <= width and r.width() >= 2 for r in rects)
    assert all(r.top() >= 0 and box.below.bottom() <= layout.height + 1
               for r, box in zip(rects, layout.boxes, strict=True))  # fmt: skip
    for i, one in enumerate(rects):
        assert not any(one.intersects(other) for other in rects[i + 1 :])
    points = [p for arrow in layout.arrows for p in arrow.points]
    assert all(0 <= p.x() <= width and 0 <= p.y() <= layout.height for p in points)


def test_larger_maps_are_higher_boxes() -> None:
    layout = laid_out(bundled()[1], 400, 15, lambda text: len(text) * 7.0)
    heights = [box.rect.height() for box in layout.boxes]
    assert heights[0] > heights[1] > heights[2] > heights[3] < heights[4]
    tops = [box.rect.top() for box in layout.boxes]
    assert tops[0] < tops[1] < tops[2] < tops[3] and tops[0] == tops[6] == tops[7]


def test_labels_say_which_part() -> None:
    assert short_label("decoder.blocks.0") == "blocks.0"
    assert short_label("encoder.layer4") == "layer4"
    assert short_label("3") == "3"


def test_a_click_chooses_a_stage(qtbot: Any, shown: Callable[..., Any]) -> None:
    drawing = shown(UDrawing(tints()))
    drawing.show_diagram(bundled()[1])
    with qtbot.waitSignal(drawing.chosen) as told:
        qtbot.mouseClick(drawing, Qt.MouseButton.LeftButton, pos=QPoint(*drawing.centre_of("dec2")))
    assert told.args == ["dec2"] and drawing.selected == "dec2"
    assert "92 px" in drawing.accessibleDescription()
    with qtbot.assertNotEmitted(drawing.chosen, wait=50):
        qtbot.mouseClick(drawing, Qt.MouseButton.LeftButton, pos=QPoint(2, drawing.height() - 2))


def test_selecting_tells_nobody(qtbot: Any, shown: Callable[..., Any]) -> None:
    drawing = shown(UDrawing(tints()))
    drawing.show_diagram(bundled()[1])
    with qtbot.assertNotEmitted(drawing.chosen, wait=50):
        drawing.select("enc2.conv1")
        assert drawing.selected == "enc2"
        drawing.select("pool")  # the last call of a shared layer
        assert drawing.selected == "bottleneck"
        drawing.select("no such layer")
    assert drawing.selected == ""


def test_arrow_keys_walk_through_the_network(qtbot: Any, shown: Callable[..., Any]) -> None:
    drawing = shown(UDrawing(tints()))
    drawing.show_diagram(bundled()[1])
    heard: list[str] = []
    drawing.chosen.connect(heard.append)
    for key in ("Right", "Right", "Down", "Down", "Up", "End", "Left", "Home", "Left"):
        qtbot.keyClick(drawing, getattr(Qt.Key, f"Key_{key}"))
    assert heard == ["enc1", "enc2", "enc3", "bottleneck", "enc3", "classifier", "dec1", "enc1"]
    layout = laid_out(bundled()[1], 400, 15, lambda text: len(text) * 7.0)
    assert neighbour(layout, 0, "up") == 0 and neighbour(layout, 3, "down") == 3


def test_the_chosen_box_is_in_the_accent_colour(shown: Callable[..., Any]) -> None:
    for theme in ("dark", "light"):
        drawing = shown(UDrawing(tints()))
        drawing.set_tints(tints(theme))
        drawing.show_diagram(bundled()[1])

        def corner(drawing: UDrawing = drawing) -> str:
            x, y = drawing.centre_of("enc1")
            return QColor(drawing.grab().toImage().pixel(x - 10, y - 14)).name()

        before = corner()
        drawing.select("enc1")
        assert before == tints(theme).card and corner() == tints(theme).accent


@pytest.mark.parametrize("width", [300, 420])
def test_arrows_of_a_second_look_go_round_the_first(width: int) -> None:
    layout = laid_out(drawn_looks()[1], width, 16.0, lambda text: len(text) * 7.0)
    assert {arrow.link.source for arrow in layout.arrows if arrow.link.target == "classifier"} == {
        *("filters", "dec1", "dec2", "context.dec1", "context.dec2")
    }
    for arrow in layout.arrows:
        ends = {arrow.link.source, arrow.link.target}
        for box in layout.boxes:
            straight = [] if arrow.curved else list(pairwise(arrow.points))
            for start, end in straight:
                path = QRectF(start, end).normalized().adjusted(0, 0, 0.1, 0.1)
                assert box.stage.name in ends or not path.intersects(box.rect), (ends, box.label)


def test_whose_weights_a_stage_has_is_said(shown: Callable[..., Any]) -> None:
    drawing, card = shown(UDrawing(tints())), shown(LayerCard(tints()))
    table, found = drawn_looks()
    drawing.show_diagram(found)
    drawing.select("context.enc2.conv1")
    assert drawing.selected == "context.enc2"
    assert drawing.accessibleDescription().endswith("weights of enc2")
    card.show_layer(next(row for row in table.rows if row.name == "context.enc2.conv1"))
    assert "enc2.conv1" in card.label.text() and "weights of enc2.conv1" in card.toolTip()


def test_the_height_follows_levels_and_font(shown: Callable[..., Any]) -> None:
    deep, flat = shown(UDrawing(tints())), shown(UDrawing(tints()))
    deep.show_diagram(bundled()[1])
    flat.show_diagram(drawn(Chain(), (16, 16))[1])
    assert deep.height() > 1.5 * flat.height()
    low = deep.height()
    large = deep.font()
    large.setPixelSize(24)
    deep.setFont(large)
    assert deep.height() > 1.6 * low
    deep.show_diagram(Diagram((), ()))
    deep.grab()  # nothing to draw is no error
    assert deep.height() < low


# ---- the table


def test_the_table_opens_stages_into_layers(qtbot: Any, shown: Callable[..., Any]) -> None:
    table = shown(LayerTable(), 700)
    table.show_table(*bundled())
    assert [table.tree.topLevelItem(i).text(0) for i in range(8)] == U
    assert table.names_shown() == [row.name for row in bundled()[0].rows]
    second = table.tree.topLevelItem(1)
    texts = [second.child(1).text(i) for i in range(7)]
    assert texts == ["conv1", "32 × 64 × 64", "4,640", "18.9 M", "10", "2", "Conv2d"]
    assert second.text(2) == "13,888" and second.text(4) == "14"
    assert "481,762 parameters" in table.totals.text() and "52 layers" in table.totals.text()
    with qtbot.waitSignal(table.chosen) as told:
        table.tree.setCurrentItem(second.child(1))
    assert told.args == ["enc2.conv1"]
    with qtbot.waitSignal(table.chosen) as told:
        table.tree.setCurrentItem(second)
    assert told.args == ["enc2"]


def test_the_table_goes_to_a_layer_quietly(qtbot: Any, shown: Callable[..., Any]) -> None:
    table = shown(LayerTable())
    table.show_table(*bundled())
    with qtbot.assertNotEmitted(table.chosen, wait=50):
        table.select("dec1.convs.conv2")
        assert table.selected == "dec1.convs.conv2"
        table.select("classifier")  # a stage of one layer
        assert table.selected == "classifier"
        table.select("pool")
        assert table.selected == "pool:3"
        table.select("nowhere")
        assert table.selected == "pool:3"
        table.show_table(*public("resnet18"))
    assert table.selected in ("", "conv1")


def test_searching_by_name_and_kind(shown: Callable[..., Any]) -> None:
    table = shown(LayerTable())
    table.show_table(*bundled())
    table.search.setText("maxpool")
    assert table.names_shown() == ["pool:1", "pool:2", "pool:3"]
    table.search.setText("ENC2")
    assert all(name.startswith(("enc2", "pool:1")) for name in table.names_shown())
    table.search.setText("dec3.up")
    assert table.names_shown() == ["dec3.up.resize", "dec3.up.conv"]
    table.search.setText("classifier")
    assert table.names_shown() == ["classifier"]
    table.search.setText("nothing like this")
    assert table.names_shown() == []
    table.search.clear()
    assert len(table.names_shown()) == len(bundled()[0].rows)


def test_unimportant_columns_give_way(qtbot: Any, shown: Callable[..., Any]) -> None:
    table = shown(LayerTable(), 800)
    table.show_table(*bundled())
    assert len(table.columns_shown()) == 7
    for width in (300, 420, 800, 300):
        table.resize(width, 300)
        qtbot.wait(10)
        assert table.columns_shown()[:2] == ["Layer", "Output"]
        bar = table.tree.horizontalScrollBar()
        assert bar.maximum() == 0, f"{width} px: {table.columns_shown()}"
    assert "Field" in table.columns_shown() and "Kind" not in table.columns_shown()


def test_counts_in_few_signs() -> None:
    assert [compact(n) for n in (0, 999, 1234, 18_874_368, 226e6, 1_210_000_000)] == [
        "", "999", "1.23 k", "18.9 M", "226 M", "1.21 G",
    ]  # fmt: skip


# ---- the card


def row(name: str, table: Architecture | None = None) -> Any:
    return next(r for r in (table or bundled()[0]).rows if r.name == name)


def test_the_card_says_the_layer_in_a_line(shown: Callable[..., Any]) -> None:
    card = shown(LayerCard(tints()))
    card.show_layer(row("enc2.conv2"), pixel_size=4.6, unit="nm")
    said = card.label.accessibleDescription()
    assert said == (
        "enc2.conv2 · 32 × 64 × 64 · 9,248 parameters · field 14 px (64.4 nm) · stride 2"
    )
    assert card.kind.text() == "EXACT" and "Exact" in card.kind.toolTip()
    assert not card.skip.isVisible()
    card.show_layer(row("enc2.conv2"), kind="empirical")
    assert card.kind.text() == "EMPIRICAL" and "nm" not in card.label.accessibleDescription()
    card.show_layer(None)
    assert not card.kind.isVisible() and "Choose" in card.label.text()


def test_the_card_says_whether_a_skip_lies_right(shown: Callable[..., Any]) -> None:
    net = load_bundled("general")[0]
    joins = skip_connections(net, (64, 64))
    card = shown(LayerCard(tints()), 500)
    card.show_layer(row("dec2.convs.conv1"), skips=joins)
    assert card.skip.text() == "skip registered"
    card.show_layer(row("enc2.conv1"), skips=joins)
    assert not card.skip.isVisible()
    table, _ = public("smp.Unet")
    wrong = row("decoder.blocks.1.conv1.0", table)
    card.show_layer(wrong, mismatches=table.mismatches, skips=joins)
    assert card.skip.text() == "skip misregistered by (+12, +12) px"
    card.resize(160, 300)
    assert card.skip.text() in ("skip misregistered", "skip off")  # whole, in fewer words
    assert "(+12, +12)" in card.skip.toolTip()


def test_structural_and_odd_rows(shown: Callable[..., Any]) -> None:
    net = UNet(UNetConfig(widths=(4, 8), norm="instance"))
    card = shown(LayerCard(tints("light")))
    card.show_layer(row("dec1.convs.conv2", architecture(net, (32, 32))))
    assert card.kind.text() == "STRUCTURAL" and "statistics" in card.kind.toolTip()
    card.show_layer(row("output", architecture(teaching_network("lenet5"), (32, 32))))
    assert "stride" not in card.label.text()  # a vector has none
    assert field_text((3, 14, 14), (30.0, 4.6, 4.6), "nm") == "3 × 14 × 14 px (90 × 64.4 × 64.4 nm)"
    assert field_text((14, 14), (4.6,), "nm") == "14 px"
    assert stride_text((1.0, 2.0, 2.0)) == "1 × 2 × 2" and stride_text(None) == ""


def test_a_name_is_text_and_not_markup(shown: Callable[..., Any]) -> None:
    card = shown(LayerCard(tints()))
    card.show_layer(replace(row("enc1.conv1"), name="<img src=x>"))
    assert "<img" not in card.label.text()


# ---- the bars


def test_a_click_on_a_bar_chooses_its_channel(qtbot: Any, shown: Callable[..., Any]) -> None:
    panel = shown(StrongestPanel(tints()))
    panel.show_channels([(7, 0.9, 1.0), (21, 0.4, 0.4), (3, -0.1, float("nan"))])
    assert panel.channels == [7, 21, 3]
    third = QPoint(40, round(panel.height() / 5 * 2.5))
    with qtbot.waitSignal(panel.chosen) as told:
        qtbot.mouseClick(panel, Qt.MouseButton.LeftButton, pos=third)
    assert told.args == [3]
    with qtbot.assertNotEmitted(panel.chosen, wait=50):
        qtbot.mouseClick(panel, Qt.MouseButton.LeftButton, pos=QPoint(40, panel.height() - 4))
        panel.select(7)
    with qtbot.waitSignal(panel.chosen) as told:
        qtbot.keyClick(panel, Qt.Key.Key_Up)
        qtbot.keyClick(panel, Qt.Key.Key_Return)
    assert told.args == [21]


def test_bars_are_as_long_as_their_scores(shown: Callable[..., Any]) -> None:
    panel = shown(StrongestPanel(tints()))

    def coloured() -> int:
        image = panel.grab().toImage()
        y = round(panel.height() / 5 * 0.5)
        wanted = QColor(tints().busy).name()
        return sum(QColor(image.pixel(x, y)).name() == wanted for x in range(image.width()))

    panel.show_channels([(1, 1.0, 1.0)])
    whole = coloured()
    panel.show_channels([(1, 0.5, 0.5)])
    assert whole > 100 and coloured() == pytest.approx(whole / 2, abs=3)
    panel.show_channels([(1, 0.5, 7.0)])
    assert coloured() == whole
    panel.show_message("No channel here.")
    assert coloured() == 0 and panel.channels == []


def test_bars_follow_the_cursor_without_moving_anything(shown: Callable[..., Any]) -> None:
    panel = shown(StrongestPanel(tints()))
    heights = set()
    for count in (0, 5, 2, 40, 1):
        panel.show_channels([(c, c / 7, 0.5) for c in range(count)])
        panel.grab()
        heights.add(panel.height())
        assert len(panel.channels) == min(count, 5)
    assert len(heights) == 1
    assert [value_text(v) for v in (0.5, -0.2, 12.345, 1234.5)] == [
        "0.500", "−0.200", "12.3", "1234",
    ]  # fmt: skip


# ---- the slider


LAYERS = [("a", 3), ("b", 3), ("c", 5), ("d", 7), ("e", 14)]


def test_the_slider_walks_and_tells(qtbot: Any, shown: Callable[..., Any]) -> None:
    slider = shown(DepthSlider(tints()))
    heard: list[str] = []
    slider.moved.connect(heard.append)
    slider.show_layers(LAYERS)
    slider.select("c")
    assert heard == [] and slider.layer == "c"
    assert slider.caption.text() == "c · field 5 px · layer 3 of 5"
    slider.slider.setValue(3)
    assert heard == ["d"] and "<b><u>7</u></b>" in slider.trail.text()
    slider.select("nowhere")
    assert slider.layer == "d"
    slider.show_layers([*LAYERS, ("f", 20)])
    assert slider.layer == "d" and heard == ["d"]  # kept where it can be
    slider.show_layers([("x", 1)])
    assert slider.layer == "x" and not slider.play.isEnabled()


def test_play_goes_to_the_end_and_begins_again(
    qtbot: Any, shown: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unetscope.widgets.inside.depth_slider.STEP_MS", 5)
    slider = shown(DepthSlider(tints()))
    heard: list[str] = []
    slider.moved.connect(heard.append)
    slider.show_layers(LAYERS)
    slider.play.click()
    qtbot.waitUntil(lambda: not slider.play.isChecked(), timeout=5000)
    assert heard == ["b", "c", "d", "e"]
    slider.play.click()
    assert slider.layer == "a"
    slider.hide()
    assert not slider.play.isChecked()  # nobody watches


def test_without_layers_the_slider_rests(shown: Callable[..., Any]) -> None:
    slider = shown(DepthSlider(tints()))
    assert slider.layer == "" and not slider.slider.isEnabled()
    assert runs(LAYERS, 1) == ([3, 5, 7, 14], 0) and runs(LAYERS, 4) == ([3, 5, 7, 14], 3)


@pytest.mark.parametrize(("width", "font"), [(300, 12), (600, 12), (300, 24)])
def test_the_trail_fits_and_holds_the_present_field(
    shown: Callable[..., Any], width: int, font: int
) -> None:
    slider = shown(DepthSlider(tints()), width, font)
    layers = [(f"layer{i}", 3 + 30 * i) for i in range(40)]
    slider.show_layers(layers)
    for at in (0, 17, 39):
        slider.slider.setValue(at)
        assert f"<b><u>{layers[at][1]:,}</u></b>" in slider.trail.text()
        assert slider.trail.sizeHint().width() <= width


# ---- all of them


def everything(theme: str) -> list[QWidget]:
    look = tints(theme)
    drawing, table, card = UDrawing(look), LayerTable(), LayerCard(look)
    bars, slider = StrongestPanel(look), DepthSlider(look)
    drawing.show_diagram(public("smp.Unet")[1])
    table.show_table(*public("smp.Unet"))
    wrong = public("smp.Unet")[0]
    card.show_layer(row("decoder.blocks.1.conv1.0", wrong), mismatches=wrong.mismatches)
    bars.show_channels([(700, -0.0123, 1.0)])
    slider.show_layers([(r.name, max(r.receptive_field or (1,))) for r in wrong.rows])
    return [drawing, table, card, bars, slider]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("font", [12, 24])
def test_nothing_asks_for_more_than_300_px(
    shown: Callable[..., Any], theme: str, font: int
) -> None:
    for widget in everything(theme):
        shown(widget, 300, font)
        assert widget.minimumSizeHint().width() <= 300, type(widget).__name__
        for label in widget.findChildren(QLabel):
            if label.isVisible() and not label.wordWrap():
                assert label.sizeHint().width() <= 300, label.text()
        assert not widget.grab().isNull()
