"""Labels by tile read and write as an array does, napari paints on them, snapshots follow them."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel

from unetscope.session.journal.mirror import blank_array
from unetscope.session.layers.big_labels import BIG_BYTES, TiledLabels, blank_labels
from unetscope.session.layers.snapshots import Snapshots

SHAPES = ((300, 520), (3, 270, 300), (2, 2, 40, 300))


def parts(length: int) -> Any:
    """An index or a slice along an axis, also from the end, backwards, empty and in steps."""
    place = st.integers(-length, length - 1)
    ends = st.none() | st.integers(-length - 3, length + 3)
    steps = st.sampled_from((None, 1, 2, 3, -1, -2))
    return place | st.builds(slice, ends, ends, steps)


@st.composite
def edits(draw: Any) -> tuple[tuple[int, ...], list[tuple[Any, int]]]:
    shape = draw(st.sampled_from(SHAPES))
    made = []
    for _ in range(draw(st.integers(1, 5))):
        if draw(st.booleans()):
            key: Any = tuple(draw(parts(n)) for n in shape[: draw(st.integers(1, len(shape)))])
        else:
            rng = np.random.default_rng(draw(st.integers(0, 99)))
            key = tuple(rng.integers(-n, n, 40) for n in shape)
        made.append((key, draw(st.integers(0, 9))))
    return shape, made


def whole(snapshots: Snapshots, shape: tuple[int, ...]) -> np.ndarray:
    """All strokes of the one image, also where only some planes of it are given."""
    found = np.zeros(shape, np.uint8)
    for _, labels, planes in snapshots.painted():
        found[slice(None) if planes is None else list(planes)] = labels
    return found


@settings(max_examples=40)
@given(edits())
def test_it_reads_and_writes_as_an_array_does(
    made: tuple[tuple[int, ...], list[tuple[Any, int]]],
) -> None:
    shape, keys = made
    tiled, array, snapshots = TiledLabels(shape), np.zeros(shape, np.uint8), Snapshots()
    snapshots.take("image", tiled)
    for key, value in keys:
        before = array.copy()
        tiled[key] = value
        array[key] = value
        assert np.array_equal(np.asarray(tiled), array)
        assert np.array_equal(tiled[key], array[key])
        assert snapshots.take("image", tiled) == bool((before != array).any())
        assert np.array_equal(whole(snapshots, shape), array)
        found = np.bincount(array.ravel())
        counts = {v: int(n) for v, n in enumerate(found) if v and n}
        assert snapshots.painted_pixels(["image"]) == counts


def test_values_are_written_in_their_places() -> None:
    tiled, array = TiledLabels((3, 270, 600)), np.zeros((3, 270, 600), np.uint8)
    values = np.random.default_rng(0).integers(0, 5, (200, 300)).astype(np.uint8)
    for key in ((1, slice(60, 260), slice(200, 500)), (0, slice(0, 200), slice(0, 600, 2))):
        tiled[key] = values
        array[key] = values
    assert np.array_equal(np.asarray(tiled), array)
    assert np.array_equal(tiled[..., 100:300], array[..., 100:300])
    assert np.array_equal(tiled[array > 2], array[array > 2])
    with pytest.raises(IndexError, match="7 is outside of an axis of 3 pixels"):
        tiled[7]


def test_only_big_labels_are_kept_by_tile_and_they_take_no_memory() -> None:
    assert isinstance(blank_labels((100, 100)), np.ndarray)
    big = blank_labels((16384, 16384))
    assert isinstance(big, TiledLabels) and big.size >= BIG_BYTES and big.nbytes == 0
    big[5, 5] = 1
    assert big.nbytes == 256 * 256
    big[0:4096, 0:4096] = 0
    assert big.nbytes == 256 * 256, "zeros where nothing was make no tile"


@pytest.mark.parametrize("shape", [(600, 700), (4, 600, 700)])
def test_napari_paints_fills_and_undoes_on_them_as_on_an_array(shape: tuple[int, ...]) -> None:
    viewer = ViewerModel()
    layers = [viewer.add_labels(data) for data in (np.zeros(shape, np.uint8), TiledLabels(shape))]
    at = (0,) * (len(shape) - 2)
    for layer in layers:
        layer.brush_size = 50
        layer.paint((*at, 250, 260), 2)
        with layer.block_history():
            layer.paint((*at, 255, 300), 3, refresh=False)
            layer.paint((*at, 265, 330), 3)
        layer.fill((*at, 255, 300), 1)
        layer.data_setitem(tuple(np.array([n // 2, n // 3]) for n in shape), 4)
        layer.undo()
        layer.undo()
        layer.redo()
    array, tiled = (layer.data for layer in layers)
    assert array.any() and np.array_equal(array, np.asarray(tiled))


def test_a_snapshot_stays_as_it_was_when_the_strokes_go_on() -> None:
    for strokes in (np.zeros((300, 300), np.uint8), TiledLabels((300, 300))):
        snapshots = Snapshots()
        assert not snapshots.take("image", strokes)
        strokes[10:20, 250:260] = 2
        assert snapshots.take("image", strokes) and not snapshots.take("image", strokes)
        _, kept, _ = next(iter(snapshots.painted()))
        strokes[10:20, 250:260] = 0
        strokes[200:210, 5:10] = 3
        assert (kept == 2).sum() == 100 and not (kept == 3).any()
        assert snapshots.take("image", strokes)
        assert snapshots.painted_pixels(["image", "unknown"]) == {3: 50}
        assert snapshots.drop("image") and not snapshots.drop("image")


def test_zeros_that_are_only_looked_at_take_no_memory() -> None:
    before = resident_bytes()
    array = blank_array((20_000, 20_000), np.uint8)
    assert not array[::7].any()
    array[5, 7] = 3
    assert array[5, 7] == 3 and array.flags.writeable and array.sum(dtype=np.int64) == 3
    assert resident_bytes() - before < 100_000_000


def resident_bytes() -> int:
    """Memory of this process; 0 where the system does not tell it in this way."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[1]) * mmap.PAGESIZE if told.exists() else 0
