"""An answer too large for one array reads at every level as one would, and grows on screen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel

from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import as_micrograph
from unetscope.scaling.layout import Layout
from unetscope.scaling.store import AnswerStore
from unetscope.session.layers import answer_pyramid, result_layers
from unetscope.session.layers.answer_pyramid import AnswerPyramid, StoredAnswer, is_large
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.result_layers import LayerLook, ResultLayers
from unetscope.session.provenance import Made
from unetscope.session.requests import AnswerBegun, BlockWritten, TileShown
from unetscope.session.results.mask import MASK
from unetscope.session.state import STARTING_CLASSES

FLAT, STACK = (2300, 3100), (20, 700, 1300)
CLASSES = (LabelClass(1, "a", "#ff0000"), LabelClass(2, "b", "#00ff00"))


def store(tmp_path: Path, shape: tuple[int, ...]) -> AnswerStore:
    made = AnswerStore(tmp_path / "answer.zarr", Layout(shape, 512))
    made.create(as_micrograph(np.zeros(shape, np.uint8), "zyx"[-len(shape) :]), CLASSES, [])
    return made


def filled(on_disk: AnswerStore, number: int) -> np.ndarray:
    """Write a block of noise in patches of 16 px; what was written."""
    block = on_disk.layout.block(number)
    sides = [side.stop - side.start for side in block.region]
    rng = np.random.default_rng(number)
    small = rng.integers(1, 3, (len(block.planes), *(-(-side // 16) for side in sides)))
    labels = small.repeat(16, 1).repeat(16, 2)[:, : sides[0], : sides[1]].astype(np.uint8)
    labels = labels if on_disk.layout.is_stack else labels[0]
    on_disk.write(block, labels)
    return labels


@pytest.mark.parametrize("shape", [FLAT, STACK])
def test_every_level_holds_the_blocks_that_are_done_and_the_tiles_of_now(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    on_disk, whole = store(tmp_path, shape), np.zeros(shape, np.uint8)
    pyramid = AnswerPyramid(shape, np.uint8)
    pyramid.take(StoredAnswer(on_disk.path, on_disk.layout, ()), None)
    for number in (1, 4):
        whole[on_disk.layout.box(number)] = filled(on_disk, number)
        pyramid.block_written(number)
    live = (*[slice(3, 4)] * (len(shape) - 2), slice(128, 400), slice(64, 1100))
    pyramid.write(live, np.full([side.stop - side.start for side in live], 2, np.uint8))
    whole[live] = 2
    for level, shown in enumerate(pyramid.levels):
        expected = whole[..., :: 2**level, :: 2**level]
        assert shown.shape == expected.shape
        seen = np.asarray(shown)
        inner = 2**level < 16  # patches are whole pixels there, so that their mode is each of them
        assert inner or level == len(pyramid.levels) - 1 or np.mean(seen == expected) > 0.9
        assert not inner or np.array_equal(seen, expected)


def test_a_part_of_a_level_is_read_without_the_rest(tmp_path: Path, monkeypatch) -> None:
    on_disk = store(tmp_path, STACK)
    pyramid = AnswerPyramid(STACK, np.uint8)
    pyramid.take(StoredAnswer(on_disk.path, on_disk.layout, ()), None)
    filled(on_disk, 0)
    pyramid.block_written(0)
    read: list[tuple[slice, ...]] = []
    monkeypatch.setattr(pyramid, "read", lambda level, box: read.append(box) or np.zeros((1, 5, 9)))
    cut = pyramid.levels[0][:, 10:15, 20:29]  # as napari does: all planes first …
    assert not read and cut.shape == (20, 5, 9)
    assert np.asarray(cut[7]).shape == (5, 9)  # … then one of them
    assert read == [(slice(7, 8), slice(10, 15), slice(20, 29))]


def test_what_was_begun_earlier_is_there_at_once(tmp_path: Path) -> None:
    on_disk = store(tmp_path, FLAT)
    for number in (0, 7):
        filled(on_disk, number)
    grown, opened = AnswerPyramid(FLAT, np.uint8), AnswerPyramid(FLAT, np.uint8)
    grown.take(StoredAnswer(on_disk.path, on_disk.layout, ()), None)
    for number in (0, 7):
        grown.block_written(number)
    coarse = np.asarray(grown.levels[on_disk.layout.coarse_level]).copy()
    opened.take(StoredAnswer(on_disk.path, on_disk.layout, (0, 7)), coarse)
    for one, other in zip(grown.levels, opened.levels, strict=True):
        assert np.asarray(one).any() and np.array_equal(one, other)


def test_live_tiles_take_no_more_memory_than_is_allowed(monkeypatch) -> None:
    monkeypatch.setattr(answer_pyramid, "_LIVE_BYTES", 4 * 256 * 256)
    pyramid = AnswerPyramid((4096, 4096), np.uint8)
    for x in range(0, 2560, 256):
        pyramid.write((slice(0, 256), slice(x, x + 256)), np.ones((256, 256), np.uint8))
    assert np.asarray(pyramid.levels[0][0]).sum() == 4 * 256
    assert np.asarray(pyramid.levels[0][0])[2304:2560].all()  # the newest


def test_a_block_is_on_screen_at_every_level_with_the_next_drawing(
    tmp_path: Path, monkeypatch
) -> None:
    """napari keeps the coarsest level of a flat image: it has to show what is new all the same."""
    monkeypatch.setattr(answer_pyramid, "LARGE_PX", 1_000_000)
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros(FLAT, np.uint8), name="section")
    layers, key = OpenLayers(viewer), layer_key(image)
    results = ResultLayers(layers)
    look = LayerLook(MASK, 0.5, STARTING_CLASSES, STARTING_CLASSES[1], 1)
    first = TileShown(key, 1, 1, (slice(0, 9), slice(0, 9)), {MASK: np.ones((9, 9), np.uint8)})
    results.write(key, first, look)
    layer = results.find(key, MASK)
    assert layer.multiscale and results.answer(key) is None
    on_disk = store(tmp_path, FLAT)
    none = np.zeros(on_disk.layout.level_shape(on_disk.layout.coarse_level), np.uint8)
    results.grow(AnswerBegun(key, on_disk.path, on_disk.layout, (), "m", none), look, Made(1))
    layer.opacity, layer.visible = 0.3, True
    colours = layer.colormap
    viewer.layers.selection.active = layer
    coarsest = len(layer.data) - 1
    for number in (0, 5):
        labels = filled(on_disk, number)
        results.block_written(BlockWritten(key, number, 1, 30), look, Made(1))
        results.redraw()
        box = on_disk.layout.box(number)
        layer.data_level = coarsest
        step = 2**coarsest
        part = tuple(slice(-(-side.start // step), side.stop // step) for side in box)
        assert layer._slice.image.raw[part].all()
        layer.data_level = 0
        layer.corner_pixels = np.array([[s.start, s.stop - 1] for s in box]).T
        layer.refresh()
        assert np.array_equal(layer._slice.image.raw, labels)
    assert (layer.opacity, layer.visible, layer.colormap) == (0.3, True, colours)
    assert viewer.layers.selection.active is layer and layer.metadata["unetscope"]["store"]


@pytest.mark.parametrize("shape", [(100_000, 1000, 1000), (1000, 500, 500)])
def test_no_result_of_a_large_image_is_made_in_full(monkeypatch, shape) -> None:
    monkeypatch.setattr(result_layers, "blank_array", lambda *_: pytest.fail("a whole array"))
    viewer = ViewerModel()
    pixels = zarr.zeros(shape, chunks=(1, 500, 500), dtype=np.uint8)
    key = layer_key(viewer.add_image(pixels, name="volume", contrast_limits=(0, 255)))
    results = ResultLayers(OpenLayers(viewer))
    look = LayerLook(MASK, 0.5, STARTING_CLASSES, STARTING_CLASSES[1], 1)
    region = (slice(70, 71), slice(0, 500), slice(0, 500))
    tile = TileShown(key, 1, 1, region, {MASK: np.ones((1, 500, 500), np.uint8)})
    results.write(key, tile, look)
    results.redraw()
    layer = results.find(key, MASK)
    assert is_large(shape) and layer.data.shape == shape
    whole = layer.data[0] if layer.multiscale else layer.data
    assert np.asarray(whole[70, 499]).sum() == 500 and not np.asarray(whole[71]).any()
    assert results.answer(key) is None
