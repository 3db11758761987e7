"""The box that shows a place: whole, as wide at every zoom, named after what it marks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.place_marker import DOUBTFUL_STROKE, PAINT_HERE, PlaceMarker


@pytest.fixture
def opened() -> Iterator[tuple[Any, PlaceMarker, str]]:
    """A viewer with an image of half a nanometre a pixel, its marker, and the image's key."""
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((120, 160), np.float32), scale=(0.5, 0.5))
    layers = OpenLayers(viewer)
    yield viewer, PlaceMarker(layers), layer_key(image)
    layers.close()


def test_the_dashes_make_a_whole_box_and_none_reaches_beyond_it(
    opened: tuple[Any, PlaceMarker, str],
) -> None:
    viewer, marker, key = opened
    marker.go(key, (60, 70), 21)
    layer = viewer.layers[PAINT_HERE]
    starts, runs = layer.data[:, 0], layer.data[:, 1]
    ends = starts + runs
    np.testing.assert_allclose(np.minimum(starts, ends).min(axis=0), (49.5, 59.5))
    np.testing.assert_allclose(np.maximum(starts, ends).max(axis=0), (70.5, 80.5))
    assert np.abs(runs).sum() == pytest.approx(4 * 21), "no gap, and nothing twice"
    white = layer.edge_color[:, 0] == 1
    corners = [(y, x) for y in (49.5, 70.5) for x in (59.5, 80.5)]
    for corner in corners:
        meeting = np.isclose(starts, corner).all(axis=1) | np.isclose(ends, corner).all(axis=1)
        assert meeting.sum() == 2 and white[meeting].all()
    assert (~white).any()


def test_the_lines_are_as_wide_on_the_screen_at_every_zoom(
    opened: tuple[Any, PlaceMarker, str],
) -> None:
    viewer, marker, key = opened
    camera = viewer.scene.camera
    marker.go(key, (60, 70), 21)
    wide = viewer.layers[PAINT_HERE].edge_width * camera.zoom
    for zoom in (0.2, 3.0, 40.0):
        camera.zoom = zoom
        assert viewer.layers[PAINT_HERE].edge_width * zoom == pytest.approx(wide)


def test_a_box_is_named_after_what_it_marks_and_goes_with_it(
    opened: tuple[Any, PlaceMarker, str],
) -> None:
    viewer, marker, key = opened
    marker.go(key, (60, 70), 21)
    marker.go(key, (20, 30), 11, DOUBTFUL_STROKE)
    assert [layer.name for layer in viewer.layers][1:] == [DOUBTFUL_STROKE]
    marker.clear(PAINT_HERE)
    assert DOUBTFUL_STROKE in viewer.layers
    marker.clear(DOUBTFUL_STROKE)
    assert len(viewer.layers) == 1
    viewer.scene.camera.zoom = 7.0  # nothing is left that would follow
