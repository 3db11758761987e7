"""Layers become micrographs and samples, and results become layers; no Qt is needed for it."""

from __future__ import annotations

from typing import Any

import dask.array
import numpy as np
import pytest
from napari.components import ViewerModel

from unetscope.errors import ImageError
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.project_layers import layers_of
from unetscope.session.layers.result_layers import LayerLook, ResultLayers
from unetscope.session.requests import TileShown
from unetscope.session.result_kind import ResultKind
from unetscope.session.results.mask import MASK
from unetscope.session.results.probability import PROBABILITY
from unetscope.session.results.uncertainty import UNCERTAINTY
from unetscope.session.state import STARTING_CLASSES

PLACED = {
    "scale": (0.5, 0.25),
    "translate": (3.0, 4.0),
    "rotate": 30.0,
    "shear": [0.2],
    "units": ("um", "um"),
    "axis_labels": ("y", "x"),
}


def opened(data: Any, **how: Any) -> tuple[ViewerModel, OpenLayers, str]:
    viewer = ViewerModel()
    layer = viewer.add_image(data, **how)
    return viewer, OpenLayers(viewer), layer_key(layer)


def look(show: ResultKind = MASK, version: int = 3) -> LayerLook:
    return LayerLook(show, 0.5, STARTING_CLASSES, STARTING_CLASSES[1], version)


def test_a_layer_is_read_with_its_pixel_size_and_unit() -> None:
    _, layers, key = opened(np.zeros((20, 30)), scale=(0.5, 0.5), units=("um", "um"), name="a")
    (image,) = layers.summaries()
    assert (image.key, image.name, image.axes, image.spatial_shape) == (key, "a", "yx", (20, 30))
    assert (image.pixel_size, image.unit) == ((0.5, 0.5), "µm")


def test_units_of_different_axes_are_brought_to_one() -> None:
    _, layers, _ = opened(
        np.zeros((9, 20, 30)), scale=(2.0, 500.0, 500.0), units=("um", "nm", "nm")
    )
    assert layers.summaries()[0].pixel_size == pytest.approx((2000.0, 500.0, 500.0))
    assert layers.summaries()[0].unit == "nm"


def test_pixels_are_not_read_before_they_are_needed() -> None:
    def refuse(block: np.ndarray) -> np.ndarray:
        raise AssertionError("read too early")

    viewer = ViewerModel()
    layers = OpenLayers(viewer)
    lazy = dask.array.zeros((64, 64), chunks=32)
    viewer.add_image(lazy, contrast_limits=(0, 1), name="lazy")
    guarded = lazy.map_blocks(refuse, dtype=float, meta=np.zeros((0, 0)))
    viewer.layers["lazy"]._data = guarded  # what a slow disk would be
    layers.images._micrographs.clear()
    assert layers.summaries()[0].spatial_shape == (64, 64)


def test_the_strokes_layer_lies_exactly_on_the_image() -> None:
    viewer, layers, key = opened(np.zeros((20, 30)), **PLACED)
    strokes = layers.paint_with(key, 2, STARTING_CLASSES)
    image = viewer.layers[0]
    corner = (7.0, 11.0)
    assert np.allclose(strokes.data_to_world(corner), image.data_to_world(corner))
    assert strokes.units == image.units
    assert strokes.axis_labels == image.axis_labels
    assert (strokes.mode, strokes.selected_label) == ("paint", 2)
    assert viewer.layers.selection.active is strokes
    assert strokes.data.dtype == np.uint8


def test_the_second_stroke_finds_the_same_layer() -> None:
    viewer, layers, key = opened(np.zeros((20, 30)))
    first = layers.paint_with(key, 1, STARTING_CLASSES)
    assert layers.paint_with(key, 2, STARTING_CLASSES) is first
    assert len(viewer.layers) == 2


@pytest.mark.parametrize(
    ("shape", "rgb", "spatial"),
    [((20, 30, 3), True, (20, 30)), ((3, 20, 30), False, (20, 30)), ((9, 20, 30), False, None)],
)
def test_labels_have_the_spatial_shape(
    shape: tuple[int, ...], rgb: bool, spatial: tuple[int, ...] | None
) -> None:
    _, layers, key = opened(np.zeros(shape, np.uint8), rgb=rgb)
    strokes = layers.paint_with(key, 1, STARTING_CLASSES)
    assert strokes.data.shape == (spatial or shape)


def test_channels_of_a_placed_stack_share_one_plane_of_labels() -> None:
    viewer, layers, key = opened(
        np.zeros((3, 20, 30)),
        scale=(1, 0.5, 0.25),
        translate=(0, 3, 4),
        units=("pixel", "nm", "nm"),
    )
    strokes = layers.paint_with(key, 1, STARTING_CLASSES)
    image = viewer.layers[0]
    assert np.allclose(strokes.data_to_world((7, 11)), image.data_to_world((0, 7, 11))[1:])
    assert layers.summaries()[0].pixel_size == (0.5, 0.25)


def test_undo_is_noticed_and_a_moved_slider_is_not_taken_for_it() -> None:
    viewer, layers, key = opened(np.zeros((9, 20, 30)))
    strokes = layers.paint_with(key, 1, STARTING_CLASSES)
    heard: list[str] = []
    layers.painted.connect(heard.append)
    strokes.data_setitem((np.array([4]), np.array([5]), np.array([6])), 1)
    assert layers.read_strokes(key)
    heard.clear()
    strokes.undo()
    assert heard
    assert layers.read_strokes(key)
    strokes.redo()
    assert layers.read_strokes(key)
    viewer.dims.set_current_step(0, 2)
    assert not layers.read_strokes(key)


def test_samples_are_copies_that_later_strokes_do_not_change() -> None:
    _, layers, key = opened(np.zeros((20, 30)))
    strokes = layers.paint_with(key, 1, STARTING_CLASSES)
    strokes.data[3, 4] = 2
    layers.read_strokes(key)
    (sample,) = layers.samples(1)
    strokes.data[:] = 1
    assert int(sample.labels.sum()) == 2
    assert layers.painted_pixels(1) == {2: 1}
    with pytest.raises(ValueError, match="read-only"):
        sample.labels[0, 0] = 1


def test_images_of_other_channels_are_not_learned_from_together() -> None:
    viewer, layers, grey = opened(np.zeros((20, 30)))
    colour = layer_key(viewer.add_image(np.zeros((20, 30, 3), np.uint8), rgb=True))
    for key in (grey, colour):
        layers.paint_with(key, 1, STARTING_CLASSES).data[:2] = 1
        layers.read_strokes(key)
    assert [sample.key for sample in layers.samples(1)] == [grey]
    assert [sample.key for sample in layers.samples(3)] == [colour]


def test_the_micrograph_stays_the_same_object_until_its_pixels_change() -> None:
    viewer, layers, key = opened(np.zeros((20, 30)))
    first = layers.micrograph(key)
    viewer.layers[0].name = "renamed"
    layers.summaries()
    assert layers.micrograph(key) is first
    viewer.layers[0].data = np.ones((20, 30))
    assert layers.micrograph(key) is not first


def test_a_class_is_erased_in_one_step_that_can_be_undone() -> None:
    _, layers, key = opened(np.zeros((20, 30)))
    strokes = layers.paint_with(key, 1, STARTING_CLASSES)
    strokes.data_setitem((np.array([1, 2, 3]), np.array([1, 2, 3])), 2)
    layers.erase_class(2)
    assert not strokes.data.any()
    strokes.undo()
    assert int((strokes.data == 2).sum()) == 3


def test_labels_of_another_shape_are_refused_with_both_shapes() -> None:
    viewer, layers, key = opened(np.zeros((20, 30)), name="neurons")
    other = viewer.add_labels(np.zeros((5, 5), int))
    with pytest.raises(ImageError, match=r"\(5, 5\).*neurons.*\(20, 30\)"):
        layers.adopt(key, layer_key(other))
    fitting = viewer.add_labels(np.eye(20, 30, dtype=int))
    assert [k for k, _ in layers.adoptable(key)] == [layer_key(fitting)]
    layers.adopt(key, layer_key(fitting))
    assert layers.strokes_layer(key) is fitting


def test_the_active_layer_leads_to_its_image() -> None:
    viewer, layers, first = opened(np.zeros((20, 30)))
    second = layer_key(viewer.add_image(np.zeros((20, 30))))
    strokes = layers.paint_with(first, 1, STARTING_CLASSES)
    viewer.layers.selection.active = strokes
    assert layers.active_image() == first
    viewer.layers.selection.active = viewer.layers[1]
    assert layers.active_image() == second


def test_closing_ends_every_connection() -> None:
    viewer, layers, key = opened(np.zeros((20, 30)))
    strokes = layers.paint_with(key, 1, STARTING_CLASSES)
    heard: list[Any] = []
    layers.painted.connect(heard.append)
    layers.images_changed.connect(lambda: heard.append("images"))
    layers.close()
    strokes.data_setitem((np.array([1]), np.array([1])), 2)
    viewer.add_image(np.zeros((4, 4)))
    assert heard == []


def test_results_lie_below_the_strokes_on_the_image_and_tell_their_version() -> None:
    viewer, layers, key = opened(np.zeros((20, 30)), **PLACED)
    strokes = layers.paint_with(key, 1, STARTING_CLASSES)
    results = ResultLayers(layers)
    tile = TileShown(key, 1, 1, (slice(5, 8), slice(0, 30)), {MASK: np.full((3, 30), 2, np.uint8)})
    results.write(key, tile, look())
    results.redraw()
    image, mask, top = viewer.layers
    assert (mask.name, top) == ("prediction v3", strokes)
    assert viewer.layers.selection.active is strokes
    assert np.allclose(mask.data_to_world((7, 11)), image.data_to_world((7, 11)))
    assert mask.units == image.units
    assert int((mask.data == 2).sum()) == 90
    note = mask.metadata["unetscope"]
    assert (note["model_version"], note["kind"]) == (3, "mask")
    assert note["made_at"]
    results.restyle(key, look(version=4))
    assert mask.name == "prediction v3 (older)"
    assert mask.metadata["unetscope"]["model_version"] == 3


def test_only_the_chosen_kind_of_result_is_visible() -> None:
    viewer, layers, key = opened(np.zeros((20, 30)))
    results = ResultLayers(layers)
    whole = (slice(0, 20), slice(0, 30))
    half = np.full((20, 30), 0.5, np.float32)
    labels = np.ones((20, 30), np.uint8)
    results.write(
        key, TileShown(key, 1, 1, whole, {MASK: labels, PROBABILITY: half}), look(PROBABILITY)
    )
    assert [layer.name for layer in viewer.layers if layer.visible][1:] == [
        "probability of object v3"
    ]
    results.write(
        key, TileShown(key, 1, 1, whole, {MASK: labels, UNCERTAINTY: half}), look(UNCERTAINTY)
    )
    results.restyle(key, look(UNCERTAINTY))
    assert [layer.name for layer in viewer.layers if layer.visible][1:] == ["uncertainty v3"]


def test_tiles_for_a_closed_image_are_dropped() -> None:
    viewer, layers, key = opened(np.zeros((20, 30)))
    results = ResultLayers(layers)
    viewer.layers.clear()
    tile = TileShown(key, 1, 1, (slice(0, 2), slice(0, 2)), {MASK: np.ones((2, 2), np.uint8)})
    results.write(key, tile, look())
    results.redraw()
    assert len(viewer.layers) == 0


def test_a_result_is_not_taken_for_an_image_to_paint_on() -> None:
    _, layers, key = opened(np.zeros((20, 30)))
    results = ResultLayers(layers)
    half = np.full((20, 30), 0.5, np.float32)
    answers = {MASK: np.ones((20, 30), np.uint8), PROBABILITY: half}
    tile = TileShown(key, 1, 1, (slice(0, 20), slice(0, 30)), answers)
    results.write(key, tile, look(PROBABILITY))
    assert [image.key for image in layers.summaries()] == [key]
    assert layers.adoptable(key) == []


def test_layers_of_a_removed_image_say_so_and_only_strokes_stay() -> None:
    viewer, layers, key = opened(np.zeros((20, 30)), name="cells")
    strokes = layers.paint_with(key, 1, STARTING_CLASSES)
    results = ResultLayers(layers)
    tile = TileShown(key, 1, 1, (slice(0, 20), slice(0, 30)), {MASK: np.ones((20, 30), np.uint8)})
    results.write(key, tile, look())
    other = viewer.add_image(np.zeros((20, 30)), name="other")
    image = viewer.layers[0]
    viewer.layers.selection = {image, results.find(key, MASK)}
    viewer.layers.remove_selected()  # as a person does; the list goes on with what it has chosen
    assert [layer.name for layer in viewer.layers] == [
        "strokes: cells (its image was removed)",
        "other",
    ]
    strokes.mode = "paint"
    assert (strokes.editable, strokes.mode) == (False, "pan_zoom")
    viewer.layers.append(image)
    assert (strokes.name, strokes.editable) == ("strokes: cells", True)
    results.write(key, tile, look())
    viewer.layers.remove(image)
    assert "prediction v3 (its image was removed)" in [layer.name for layer in viewer.layers]
    layers.drop_orphans()
    assert set(viewer.layers) == {strokes, other}


def test_naparis_line_of_help_tells_no_keys_that_choose_classes() -> None:
    viewer, layers, key = opened(np.zeros((20, 30)))
    strokes = layers.paint_with(key, 1, STARTING_CLASSES)
    assert viewer.help == "drag to paint, hold <space> to move the image"
    strokes.mode = "pan_zoom"
    assert viewer.help == ""
    layers.paint_with(key, 2, STARTING_CLASSES)
    assert "eraser" not in viewer.help


def test_the_panels_of_a_viewer_share_its_layers_until_the_last_is_closed() -> None:
    viewer = ViewerModel()
    key = layer_key(viewer.add_image(np.zeros((20, 30)), name="cells"))
    painting, inside = layers_of(viewer), layers_of(viewer)
    assert painting is inside and layers_of(ViewerModel()) is not painting
    strokes = painting.paint_with(key, 1, STARTING_CLASSES)
    strokes.data_setitem((np.array([3, 3]), np.array([4, 5])), 1)
    assert painting.read_strokes(key) and not painting.read_strokes(key)
    painting.close()
    assert inside.painted_labels(key).sum() == 2 and inside.painted_labels("another") is None
    again = layers_of(viewer)
    again.begin_painting()
    assert again is inside and again.read_strokes(key), "a new panel has not read them yet"
    for panel in (again, inside):
        panel.close()
    heard: list[Any] = []
    inside.images_changed.connect(lambda: heard.append(1))
    viewer.add_image(np.zeros((20, 30)))
    assert not heard and layers_of(viewer) is not inside
