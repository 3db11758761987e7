"""Pictures and lines of a look inside, placed on the image exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from unetscope.looking.answers import Drawn, Picture
from unetscope.session.layers.inside_layers import FIELD, InsideLayers
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.lines import box, dashed, field_lines, polylines
from unetscope.session.layers.open_layers import OpenLayers

PLACED = {
    "scale": (0.5, 0.25),
    "translate": (3.0, 4.0),
    "rotate": 30.0,
    "shear": [0.2],
    "affine": [[1.1, 0.2, 5.0], [-0.1, 0.9, -2.0], [0.0, 0.0, 1.0]],
    "units": ("um", "um"),
    "axis_labels": ("y", "x"),
}


def opened(data: Any, **how: Any) -> tuple[ViewerModel, OpenLayers, InsideLayers, str]:
    viewer = ViewerModel()
    layer = viewer.add_image(data, **how)
    layers = OpenLayers(viewer)
    return viewer, layers, InsideLayers(layers), layer_key(layer)


def maps(channels: int = 3, side: int = 8, **how: Any) -> Picture:
    values = np.arange(channels * side * side, dtype=np.float32).reshape(channels, side, side)
    given = {"scale": (4.0, 4.0), "translate": (1.5, 1.5), "lead": ("channel",), "start": (1,)}
    return Picture("maps", "maps of enc3", values, **{**given, **how})


@pytest.mark.parametrize("how", [{}, PLACED], ids=["plain", "rotated, sheared, affine"])
def test_every_cell_of_a_map_lies_where_the_network_read_it(how) -> None:
    viewer, _, inside, key = opened(np.zeros((32, 32)), **how)
    layer = inside.show(maps(), key)
    image = viewer.layers[0]
    for cell in ((0, 0), (3, 5), (7, 7)):
        pixel = [4 * u + 1.5 for u in cell]
        np.testing.assert_allclose(
            layer.data_to_world((2, *cell))[1:], image.data_to_world(pixel), atol=1e-12
        )


def test_the_layers_follow_when_the_image_is_calibrated_or_moved() -> None:
    viewer, _, inside, key = opened(np.zeros((32, 32)))
    layer = inside.show(maps(), key)
    inside.lines(FIELD, box((3, 3), (5, 5)), key, None)
    image = viewer.layers[0]
    image.scale, image.translate, image.rotate = (0.1, 0.1), (7, -3), 20
    np.testing.assert_allclose(
        layer.data_to_world((0, 2, 3))[1:], image.data_to_world((9.5, 13.5)), atol=1e-12
    )
    lines = inside.find(FIELD)
    np.testing.assert_allclose(lines.data_to_world((3, 4)), image.data_to_world((3, 4)), atol=1e-12)


def test_maps_of_a_plane_lie_on_that_plane_of_a_stack() -> None:
    viewer, _, inside, key = opened(np.zeros((9, 32, 32)), scale=(3, 1, 1))
    viewer.dims.set_current_step(0, 5)
    layer = inside.show(maps(), key, z=5)
    assert layer.data.shape == (3, 1, 8, 8)
    np.testing.assert_allclose(layer.data_to_world((0, 0, 1, 1)), (0, 15, 5.5, 5.5))
    assert viewer.dims.current_step[-3] == 5, "the slider of the image moved"
    assert viewer.dims.current_step[0] == 1, "the channel asked for is not shown"


def test_maps_over_a_channel_image_have_a_slider_of_their_own() -> None:
    _, layers, inside, key = opened(np.zeros((2, 32, 32)))
    layers.read_as(key, "cyx")
    layer = inside.show(maps(), key)
    assert layer.data.shape == (3, 2, 8, 8)


def test_a_picture_of_the_same_role_renews_the_layer_and_keeps_camera_and_brush() -> None:
    viewer, _, inside, key = opened(np.zeros((32, 32)))
    brush = viewer.add_labels(np.zeros((32, 32), np.uint8))
    viewer.layers.selection.active = brush
    camera = viewer.scene.camera
    camera.zoom, camera.center = 17.0, (0.0, 9.0, 11.0)
    first = inside.show(maps(), key)
    second = inside.show(maps(channels=5), key)
    assert first is second and second.data.shape[0] == 5
    assert viewer.layers.selection.active is brush
    assert camera.zoom == 17.0 and camera.center[1:] == (9.0, 11.0)


def test_pictures_lie_below_strokes_and_lines_on_top() -> None:
    viewer, layers, inside, key = opened(np.zeros((32, 32)))
    strokes = layers.paint_with(key, 1, ())
    inside.lines(FIELD, box((3, 3), (5, 5)), key, None)
    picture = inside.show(maps(), key)
    names = [viewer.layers.index(one) for one in (picture, strokes, inside.find(FIELD))]
    assert names == sorted(names)


def test_a_sheet_stands_right_of_the_image_and_as_high() -> None:
    viewer, _, inside, key = opened(np.zeros((30, 40)), scale=(2, 2))
    sheet = Picture("kernels", "k", np.zeros((10, 10)), (1, 1), (0, 0), Drawn.SIGNED, beside=True)
    extent = inside.show(sheet, key).extent.world
    image = viewer.layers[0].extent.world
    # The extent of an image reaches half a pixel beyond its centres, on either side.
    assert extent[0][1] > image[1][1]
    assert extent[1][0] - extent[0][0] == pytest.approx(image[1][0] - image[0][0], rel=0.15)


def test_clear_removes_the_group_and_nothing_else() -> None:
    viewer, _, inside, key = opened(np.zeros((32, 32)), name="mine")
    inside.show(maps(), key)
    inside.lines(FIELD, box((3, 3), (5, 5)), key, None)
    inside.clear()
    assert [layer.name for layer in viewer.layers] == ["mine"]
    assert inside.find("maps") is None and inside.shown() == []


def test_a_layer_the_user_deletes_is_made_again() -> None:
    viewer, _, inside, key = opened(np.zeros((32, 32)))
    viewer.layers.remove(inside.show(maps(), key))
    assert inside.find("maps") is None
    assert inside.show(maps(), key) in viewer.layers


def test_turning_the_slider_tells_the_channel_but_showing_does_not() -> None:
    viewer, _, inside, key = opened(np.zeros((32, 32)))
    told: list[int] = []
    inside.channel_moved.connect(told.append)
    inside.show(maps(), key)
    assert told == []
    viewer.dims.set_current_step(0, 2)
    assert told == [2]
    inside.only({"why"})
    viewer.dims.set_current_step(0, 1)
    assert told == [2], "the slider of an answer that covers the maps"


def test_only_the_newest_answer_is_visible() -> None:
    _, _, inside, key = opened(np.zeros((32, 32)))
    old = inside.show(maps(), key)
    why = Picture("why", "w", np.ones((4, 4)), (8.0, 8.0), (3.5, 3.5))
    new = inside.show(why, key)
    inside.only({"why"})
    assert new.visible and not old.visible


def test_a_polygon_is_read_in_image_pixels() -> None:
    viewer, _, inside, key = opened(np.zeros((32, 32)), scale=(0.5, 0.5), translate=(10, 10))
    corners = np.array([[11.0, 11.0], [11.0, 14.0], [14.0, 14.0]])
    assert inside.drawn_polygon(key) is None
    viewer.add_shapes([corners], shape_type="polygon")
    np.testing.assert_allclose(inside.drawn_polygon(key), (corners - 10) / 0.5)


def test_a_box_has_its_corners_on_pixel_edges() -> None:
    segments = box((2, 3), (4, 9))
    ends = np.concatenate([segments[:, 0], segments[:, 0] + segments[:, 1]])
    assert ends.min(axis=0).tolist() == [1.5, 2.5] and ends.max(axis=0).tolist() == [4.5, 9.5]
    assert len(segments) == 4 and len(box((0, 0, 0), (1, 2, 3))) == 12


def test_dashes_cover_half_of_every_side() -> None:
    solid = box((0, 0), (9, 9))
    broken = dashed(solid, dashes=5)
    lengths = [np.linalg.norm(part[:, 1], axis=1).sum() for part in (broken, solid)]
    assert lengths[0] / lengths[1] == pytest.approx(5 / 9)


def test_only_a_field_that_sees_padding_is_dashed() -> None:
    inner = field_lines((2, 2), (6, 6), ((2, 2), (6, 6)), (4, 4), (1, 1))
    rim = field_lines((0, 0), (4, 4), ((-2, -2), (4, 4)), (1, 1), (1, 1))
    assert len(inner) == 8 and len(rim) == 8 + 4 * 13


def test_polylines_become_their_segments() -> None:
    found = polylines([np.array([[0.0, 0.0], [0.0, 2.0], [1.0, 2.0]])])
    assert found.tolist() == [[[0, 0], [0, 2]], [[0, 2], [1, 0]]]
    assert polylines([]).shape == (0, 2, 2)
