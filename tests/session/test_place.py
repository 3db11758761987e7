"""Whatever is done to an image's place, what belongs to it stays on its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)

from unetscope.session.layers.accept_tools import AcceptTools, Tool
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.place_marker import PlaceMarker
from unetscope.session.layers.pointer import Pointer
from unetscope.session.layers.result_layers import LayerLook, ResultLayers
from unetscope.session.requests import TileShown
from unetscope.session.results.mask import MASK
from unetscope.session.results.probability import PROBABILITY
from unetscope.session.results.uncertainty import UNCERTAINTY
from unetscope.session.state import STARTING_CLASSES

SHAPE = (60, 80)
LOOK = LayerLook(MASK, 0.5, STARTING_CLASSES, STARTING_CLASSES[1], 3)
MOVES: dict[str, dict[str, Any]] = {
    "scale": {"scale": (0.1, 0.1)},
    "scale and unit": {"scale": (0.1, 0.2), "units": ("um", "um")},
    "translate": {"translate": (50, -20)},
    "rotate": {"rotate": 30},
    "shear": {"shear": [0.3]},
    "affine": {"affine": np.array([[0.9, 0.2, 7], [-0.1, 1.2, 3], [0, 0, 1]])},
    "unit": {"units": ("nm", "nm")},
    "axis labels": {"axis_labels": ("y", "x")},
    "mirrored": {"scale": (-1, 2)},
}


def opened(data: Any = None, **how: Any) -> tuple[ViewerModel, OpenLayers, str]:
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros(SHAPE) if data is None else data, **how)
    return viewer, OpenLayers(viewer), layer_key(layer)


def mouse(viewer: ViewerModel, kind: str, position: Any) -> Any:
    event = SimpleNamespace(
        type=kind,
        position=tuple(float(p) for p in position),
        pos=np.array([0.0, 0.0]),
        button=1,
        modifiers=[],
        view_direction=None,
        up_direction=None,
        dims_displayed=list(viewer.dims.displayed),
        dims_point=list(viewer.dims.point),
        handled=False,
        is_dragging=kind == "mouse_move",
        inverted=lambda: None,
    )
    return ReadOnlyWrapper(event, exceptions=("handled",))


def drag(viewer: ViewerModel, target: Any, places: list[Any]) -> None:
    """What napari does with a drag of the mouse over places of the world."""
    mouse_press_callbacks(target, mouse(viewer, "mouse_press", places[0]))
    for place in places[1:]:
        mouse_move_callbacks(target, mouse(viewer, "mouse_move", place))
    mouse_release_callbacks(target, mouse(viewer, "mouse_release", places[-1]))


def drawn_at(image: Any, pixel: Any, steps: float = 1.0) -> np.ndarray:
    """Where napari draws a pixel of an image whose unit is ``steps`` units of the world."""
    return np.asarray(image.data_to_world(pixel)) * steps


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
def test_everything_of_an_image_follows_it(move: dict[str, Any]) -> None:
    viewer, layers, key = opened()
    strokes = layers.paint_with(key, 2, STARTING_CLASSES)
    whole = (slice(0, 60), slice(0, 80))
    half = np.full(SHAPE, 0.5, np.float32)
    answers = {MASK: np.ones(SHAPE, np.uint8), PROBABILITY: half, UNCERTAINTY: half}
    ResultLayers(layers).write(key, TileShown(key, 1, 1, whole, answers), LOOK)
    PlaceMarker(layers).go(key, (20, 30), 10)
    tools = AcceptTools(layers)
    tools.start(key, Tool.LASSO, 2, STARTING_CLASSES)
    image, others = viewer.layers[0], [one for one in viewer.layers if one is not viewer.layers[0]]
    assert len(others) == 6
    for name, value in move.items():
        setattr(image, name, value)
    for layer in others:
        for pixel in ((0, 0), (41, 7), (12.5, 70)):
            assert np.allclose(layer.data_to_world(pixel), image.data_to_world(pixel)), layer.name
        assert (layer.units, layer.axis_labels) == (image.units, image.axis_labels)
    assert strokes in others


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
def test_a_stroke_after_the_move_lands_on_the_pixel_under_the_mouse(move: dict[str, Any]) -> None:
    viewer, layers, key = opened()
    strokes = layers.paint_with(key, 2, STARTING_CLASSES)
    strokes.brush_size = 1
    image = viewer.layers[0]
    for name, value in move.items():
        setattr(image, name, value)
    drag(viewer, strokes, [drawn_at(image, (40, column)) for column in range(10, 31)])
    rows, columns = np.nonzero(strokes.data)
    assert set(rows) == {40}
    assert (columns.min(), columns.max()) == (10, 30)


def test_strokes_that_somebody_moved_lie_on_their_image_again() -> None:
    viewer, layers, key = opened(translate=(5, 5))
    strokes = layers.paint_with(key, 2, STARTING_CLASSES)
    strokes.translate = (30, 0)
    strokes.rotate = 45
    assert np.allclose(strokes.data_to_world((7, 9)), viewer.layers[0].data_to_world((7, 9)))


def test_labels_that_are_adopted_are_put_on_the_image() -> None:
    viewer, layers, key = opened(scale=(0.5, 0.5), units=("um", "um"))
    labels = viewer.add_labels(np.zeros(SHAPE, np.uint8))
    layers.adopt(key, layer_key(labels))
    assert np.allclose(labels.data_to_world((40, 40)), viewer.layers[0].data_to_world((40, 40)))


@pytest.mark.parametrize("painted_first", [True, False])
def test_with_two_units_in_one_window_strokes_land_under_the_mouse(painted_first: bool) -> None:
    viewer = ViewerModel()
    light = viewer.add_image(np.zeros(SHAPE), scale=(0.1, 0.1), units=("um", "um"), name="lm")
    layers, key = OpenLayers(viewer), layer_key(light)
    if painted_first:
        layers.paint_with(key, 2, STARTING_CLASSES)
    electrons = viewer.add_image(np.zeros((500, 500)), scale=(4, 4), units=("nm", "nm"))
    strokes = layers.paint_with(key, 2, STARTING_CLASSES)
    strokes.brush_size = 1
    drag(viewer, strokes, [drawn_at(light, (40, column), 1000) for column in range(10, 31)])
    assert set(np.nonzero(strokes.data)[0]) == {40}
    other = layers.paint_with(layer_key(electrons), 2, STARTING_CLASSES)
    other.brush_size = 1
    drag(viewer, other, [drawn_at(electrons, (123, column)) for column in (10, 30)])
    assert set(np.nonzero(other.data)[0]) == {123}
    viewer.layers.remove(other)
    viewer.layers.remove(electrons)
    strokes.data[:] = 0
    drag(viewer, strokes, [drawn_at(light, (12, column)) for column in range(10, 31)])
    assert set(np.nonzero(strokes.data)[0]) == {12}


def test_with_two_units_tools_pointer_planes_and_marker_find_the_right_pixels() -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((500, 500)), scale=(4, 4), units=("nm", "nm"))
    light = viewer.add_image(np.zeros((20, *SHAPE)), scale=(0.3, 0.1, 0.1), units=("um",) * 3)
    layers, key = OpenLayers(viewer), layer_key(light)
    viewer.dims.set_point(0, 7 * 300)
    assert layers.visible(key)[0] == 7
    tools, gestures = AcceptTools(layers), []
    tools.drawn.connect(gestures.append)
    tools.start(key, Tool.LASSO, 2, STARTING_CLASSES)
    drag(viewer, viewer, [drawn_at(light, (7, 20, 30), 1000), drawn_at(light, (7, 25, 50), 1000)])
    assert np.allclose(gestures[0].path, [(7, 20, 30), (7, 25, 50)])
    tools.stop()
    pointer = Pointer(layers)
    pointer.start(key)
    assert np.allclose(pointer.point(drawn_at(light, (7, 41, 12), 1000)), (7, 41, 12))
    pointer.stop()
    PlaceMarker(layers).go(key, (3, 50, 10), 8)
    assert layers.visible(key)[0] == 3
    assert np.allclose(viewer.scene.camera.center, drawn_at(light, (3, 50, 10), 1000) * (0, 1, 1))
    assert viewer.scene.camera.zoom == pytest.approx(600 / (200 * 100))


def test_a_rotation_between_axes_of_two_units_is_kept() -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((9, 50, 50)), units=("nm", "nm", "nm"))
    tilted = viewer.add_image(
        np.zeros((9, 50, 50)), units=("um", "nm", "nm"), rotate=(0, 20, 0), scale=(2, 3, 3)
    )
    layers = OpenLayers(viewer)
    strokes = layers.paint_with(layer_key(tilted), 1, STARTING_CLASSES)
    for pixel in ((0, 0, 0), (3, 40, 7)):
        expected = np.asarray(tilted.data_to_world(pixel)) * (1000, 1, 1)
        assert np.allclose(strokes.data_to_world(pixel), expected)


def pyramid(side: int, levels: int) -> list[np.ndarray]:
    return [np.zeros((side >> n, side >> n), np.uint8) for n in range(levels)]


def look_at(viewer: ViewerModel, centre: Any, wide: float) -> None:
    """Show a square of the world of this width."""
    viewer.scene.camera.center = (0.0, *centre)
    viewer.scene.camera.zoom = min(viewer.canvas.size) / wide


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_the_view_is_told_in_pixels_of_the_full_image(levels: int, scale: float) -> None:
    data = pyramid(2048, levels) if levels > 1 else np.zeros((2048, 2048), np.uint8)
    viewer, layers, key = opened(data, multiscale=levels > 1, scale=(scale, scale))
    viewer.canvas.size = (600, 600)
    look_at(viewer, (1023.5 * scale, 1023.5 * scale), 2100 * scale)
    assert layers.visible(key) == (0, None)
    look_at(viewer, (1000 * scale, 500 * scale), 400 * scale)
    _, box = layers.visible(key)
    assert box is not None
    assert [(part.start, part.stop) for part in box] == [(800, 1201), (300, 701)]


def test_a_pyramid_that_is_shown_on_a_coarse_level_is_answered_in_full() -> None:
    viewer, layers, key = opened(pyramid(4096, 3), multiscale=True)
    viewer.canvas.size = (600, 600)
    look_at(viewer, (2047.5, 2047.5), 4200)
    image = viewer.layers[0]
    image._data_level, image.corner_pixels = 2, np.array([[0, 0], [1023, 1023]])
    assert layers.visible(key) == (0, None)


def test_the_view_of_a_rotated_image_holds_all_that_is_seen() -> None:
    viewer, layers, key = opened(np.zeros((400, 400)), rotate=45)
    viewer.canvas.size = (600, 600)
    look_at(viewer, viewer.layers[0].data_to_world((200, 200)), 100)
    _, box = layers.visible(key)
    assert box is not None
    assert all(abs(p.start - 129) <= 1 and abs(p.stop - 272) <= 1 for p in box)


def test_a_view_through_the_planes_has_no_box() -> None:
    viewer, layers, key = opened(np.zeros((20, 60, 80)))
    viewer.dims.set_point(0, 7)
    viewer.dims.order = (1, 0, 2)
    assert layers.visible(key) == (7, None)


@pytest.fixture
def in_hand() -> Iterator[tuple[ViewerModel, OpenLayers, str, AcceptTools]]:
    viewer, layers, key = opened(np.zeros((9, 60, 80)))
    tools = AcceptTools(layers)
    tools.start(key, Tool.BRUSH, 2, STARTING_CLASSES)
    yield viewer, layers, key, tools
    layers.close()


def test_another_image_puts_the_tool_away_and_leaves_the_brush(in_hand: Any) -> None:
    viewer, layers, key, tools = in_hand
    strokes, told, lost = layers.strokes_layer(key), [], []
    tools.changed.connect(told.append)
    tools.lost.connect(lost.append)
    other = viewer.add_image(np.zeros(SHAPE))  # as File > Open does
    assert (tools.tool, told, lost) == (None, [None], [Tool.BRUSH])
    assert strokes.mode == "paint"
    assert viewer.layers.selection.active is other
    assert [layer.name for layer in viewer.layers if layer.name == "right here"] == []


def test_a_layer_of_ours_that_comes_in_mid_drag_changes_nothing(in_hand: Any) -> None:
    viewer, layers, key, tools = in_hand
    drawn: list[Any] = []
    tools.drawn.connect(drawn.append)
    mouse_press_callbacks(viewer, mouse(viewer, "mouse_press", (0, 10, 10)))
    mouse_move_callbacks(viewer, mouse(viewer, "mouse_move", (0, 10, 20)))
    answers = {MASK: np.ones((1, *SHAPE), np.uint8)}
    tile = TileShown(key, 1, 1, (slice(0, 1), slice(0, 60), slice(0, 80)), answers)
    ResultLayers(layers).write(key, tile, LOOK)
    PlaceMarker(layers).go(key, (0, 20, 20), 8)
    mouse_move_callbacks(viewer, mouse(viewer, "mouse_move", (0, 10, 30)))
    mouse_release_callbacks(viewer, mouse(viewer, "mouse_release", (0, 10, 30)))
    assert tools.tool is Tool.BRUSH
    assert np.allclose(drawn[0].path[:, 2], (10, 20, 30))


@pytest.mark.parametrize("when", ["resting", "in mid-drag"])
def test_the_tool_goes_with_the_layer_that_is_painted_on(in_hand: Any, when: str) -> None:
    viewer, layers, key, tools = in_hand
    told: list[Any] = []
    tools.changed.connect(told.append)
    if when == "in mid-drag":
        mouse_press_callbacks(viewer, mouse(viewer, "mouse_press", (0, 10, 10)))
    viewer.layers.remove(layers.strokes_layer(key))
    if when == "in mid-drag":
        mouse_move_callbacks(viewer, mouse(viewer, "mouse_move", (0, 10, 20)))
        mouse_release_callbacks(viewer, mouse(viewer, "mouse_release", (0, 10, 20)))
    assert (tools.tool, told) == (None, [None])
    assert len(viewer.layers) == 1


def test_a_tool_says_that_it_needs_whole_planes(in_hand: Any) -> None:
    viewer, _, _, tools = in_hand
    drawn: list[Any] = []
    said: list[str] = []
    tools.drawn.connect(drawn.append)
    tools.refused.connect(said.append)
    viewer.dims.order = (1, 0, 2)
    drag(viewer, viewer, [(3, 10, 10), (3, 10, 30)])
    assert drawn == []
    assert "whole planes" in said[0]
