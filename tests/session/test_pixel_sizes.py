"""The pixel size of an image is read from its file, typed, or drawn along the scale bar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers._source import layer_source

from unetscope.errors import ImageError
from unetscope.images.told_sizes import ToldSize
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.pixel_sizes import PixelSizes, SizeTold, told_sizes


def opened(data: Any, **how: Any) -> tuple[ViewerModel, OpenLayers, PixelSizes, str]:
    viewer = ViewerModel()
    layer = viewer.add_image(data, **how)
    layers = OpenLayers(viewer)
    return viewer, layers, PixelSizes(layers), layer_key(layer)


def test_a_typed_size_becomes_that_of_the_image() -> None:
    _, layers, sizes, key = opened(np.zeros((20, 30)))
    sizes.set_pixel_size(key, 2.5, "nm")
    (image,) = layers.summaries()
    assert (image.pixel_size, image.unit) == ((2.5, 2.5), "nm")
    sizes.set_pixel_size(key, (0.5, 0.25), "Å")
    assert layers.summaries()[0].unit == "Å"


def test_what_is_on_screen_stays_there_when_the_size_is_set() -> None:
    viewer, layers, sizes, key = opened(np.zeros((6, 200, 300)))
    layers.read_as(key, "zyx")
    viewer.dims.set_point(0, 4)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 120, 80), 2.0
    sizes.set_pixel_size(key, (50.0, 2.5, 2.5), "nm")
    assert viewer.scene.camera.center[-2:] == pytest.approx((300, 200))
    assert viewer.scene.camera.zoom == pytest.approx(0.8)
    assert viewer.dims.point[0] == pytest.approx(200)
    sizes.set_pixel_size(key, (0.05, 0.0025, 0.0025), "µm")
    assert viewer.scene.camera.center[-2:] == pytest.approx((0.3, 0.2))
    assert viewer.scene.camera.zoom == pytest.approx(800)
    assert layers.visible(key)[0] == 4


def test_channels_keep_their_axis_and_a_mirrored_image_stays_mirrored() -> None:
    viewer, layers, sizes, key = opened(np.zeros((3, 20, 30)), scale=(1, -1, 1))
    layers.read_as(key, "cyx")
    sizes.set_pixel_size(key, (2.0, 4.0), "um")
    assert list(viewer.layers[0].scale) == [1, -2, 4]
    assert [str(unit) for unit in viewer.layers[0].units] == ["pixel", "micrometer", "micrometer"]


def test_an_image_that_was_shifted_by_pixels_stays_by_its_neighbour() -> None:
    viewer, _, sizes, key = opened(np.zeros((20, 30)), translate=(0, 30))
    sizes.set_pixel_size(key, 5.0, "nm")
    assert list(viewer.layers[0].translate) == [0, 150]


@pytest.mark.parametrize(
    ("size", "unit", "said"),
    [(0.0, "nm", "above 0"), (float("nan"), "nm", "above 0"), ((1, 2, 3), "nm", "3 sizes"),
     (1.0, "pixel", "unit of length")],
)  # fmt: skip
def test_what_is_no_size_is_refused_and_changes_nothing(size: Any, unit: str, said: str) -> None:
    viewer, _, sizes, key = opened(np.zeros((20, 30)))
    with pytest.raises(ImageError, match=said):
        sizes.set_pixel_size(key, size, unit)
    assert list(viewer.layers[0].scale) == [1, 1]


def test_a_line_along_the_scale_bar_gives_the_size() -> None:
    viewer, _, sizes, key = opened(np.zeros((200, 300)), scale=(2, 2), units=("nm", "nm"))
    line = sizes.start_line(key)
    assert line.mode == "add_line"
    line.add_lines(np.array([[180.0, 20.0], [180.0, 120.0]]))
    assert sizes.drawn_line_px(key) == pytest.approx(100)
    assert sizes.size_of_drawn_line(key, 200, "nm") == pytest.approx((2.0, 2.0))
    assert sizes.size_of_drawn_line(key, 1, "um") == pytest.approx((0.01, 0.01))
    sizes.drop_line()
    assert line not in viewer.layers


def test_a_line_in_a_layer_of_ones_own_is_measured_in_pixels_of_the_image() -> None:
    viewer, _, sizes, key = opened(
        np.zeros((9, 200, 300)), scale=(4, 2, 2), units=("um", "um", "um")
    )
    drawn = viewer.add_shapes(ndim=3, scale=(500, 500, 500), units=("nm", "nm", "nm"))
    drawn.add_lines(np.array([[2.0, 8.0, 8.0], [2.0, 8.0, 408.0]]))  # 200 µm, 100 px
    assert sizes.drawn_line_px(key) == pytest.approx(100)
    assert sizes.size_of_drawn_line(key, 50, "nm") == pytest.approx((1.0, 0.5, 0.5))


def test_without_a_line_there_is_no_size() -> None:
    _, _, sizes, key = opened(np.zeros((20, 30)))
    with pytest.raises(ImageError, match="no line is drawn"):
        sizes.size_of_drawn_line(key, 200, "nm")


def _from_file(tmp_path: Path, pixels: np.ndarray, unit: str = "nm") -> tuple[Any, Any, Any, str]:
    path = tmp_path / "picture.tif"
    tifffile.imwrite(
        path, pixels, imagej=True, resolution=(0.4, 0.4), metadata={"unit": unit, "axes": "YX"}
    )
    viewer = ViewerModel()
    with layer_source(path=str(path), reader_plugin="napari"):  # as napari's own reader does
        layer = viewer.add_image(tifffile.imread(path))
    layers = OpenLayers(viewer)
    return viewer, layers, PixelSizes(layers), layer_key(layer)


def test_an_image_that_napari_opened_gets_the_size_of_its_file(tmp_path: Path) -> None:
    _, layers, sizes, key = _from_file(tmp_path, np.zeros((20, 30), np.uint8))
    path = sizes.unread_source(key)
    assert path is not None
    (read,) = told_sizes(key, path)
    assert sizes.take_told(read)
    (image,) = layers.summaries()
    assert image.pixel_size == pytest.approx((2.5, 2.5))
    assert image.unit == "nm"
    assert sizes.unread_source(key) is None


def test_a_size_that_somebody_set_meanwhile_stands(tmp_path: Path) -> None:
    viewer, _, sizes, key = _from_file(tmp_path, np.zeros((20, 30), np.uint8))
    told = SizeTold(key, ToldSize({"y": 2.5, "x": 2.5}, "nm"))
    viewer.layers[0].scale = (7, 7)
    assert sizes.unread_source(key) is None
    assert not sizes.take_told(told)
    assert list(viewer.layers[0].scale) == [7, 7]


def test_a_volume_whose_planes_have_no_told_distance_stays_without_a_size() -> None:
    _, layers, sizes, key = opened(np.zeros((9, 20, 30)))
    assert not sizes.take_told(SizeTold(key, ToldSize({"y": 2.5, "x": 2.5}, "nm")))
    assert layers.summaries()[0].pixel_size is None
