"""What the keeper does with images, layers and other windows; no Qt is needed for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from journal.keepers import PIXELS, fresh_viewer, killed, on_disk
from unetscope.images.classes import LabelClass
from unetscope.session.journal.history import EditKind
from unetscope.session.journal.status import Keeping, RestoreOffer
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.stroke_keeping import StrokeKeeper
from unetscope.session.state import STARTING_CLASSES

NOW = 1_000_000.0


class Window:
    """A viewer with one image, its layers and their keeper."""

    def __init__(self, folder: Path, viewer: ViewerModel | None = None) -> None:
        self.viewer = viewer or fresh_viewer()
        self.layers = OpenLayers(self.viewer)
        self.key = layer_key(self.viewer.layers[0])
        self.keeper = StrokeKeeper(self.layers, folder)
        self.keeper.open(self.key)

    @property
    def strokes(self) -> Any:
        return self.layers.strokes_layer(self.key)

    @property
    def status(self) -> Any:
        return self.keeper.status(self.key)

    @property
    def kinds(self) -> list[EditKind]:
        return [e.kind for e in self.keeper._kept[self.key].journal.history.undoable]

    def paint(self, value: int, place: tuple[int, ...], size: int = 5) -> None:
        layer = self.layers.paint_with(self.key, value, STARTING_CLASSES)
        layer.brush_size = size
        with layer.block_history():
            layer.paint(place, value)


@pytest.fixture
def window(tmp_path: Path) -> Any:
    made = Window(tmp_path)
    yield made
    made.keeper.close()


def test_painting_instead_of_answering_the_offer_loses_neither(tmp_path: Path) -> None:
    first = Window(tmp_path)
    first.paint(1, (50, 50), 21)
    old = first.strokes.data.copy()
    killed(first.keeper)
    second = Window(tmp_path)
    second.paint(2, (55, 55), 21)
    new = second.strokes.data.copy()
    assert np.array_equal(on_disk(tmp_path), new)
    second.keeper.restore(second.key)
    assert np.array_equal(second.strokes.data, np.where(new == 0, old, new))
    assert np.array_equal(on_disk(tmp_path), second.strokes.data)
    for _ in range(3):  # the restoring, the new stroke, the beginning anew
        second.keeper.undo(second.key)
    assert np.array_equal(second.strokes.data, old)
    second.keeper.close()


def test_a_deleted_layer_is_offered_and_comes_back(window: Window, tmp_path: Path) -> None:
    window.paint(1, (50, 50))
    painted = window.strokes.data.copy()
    window.viewer.layers.remove(window.strokes)
    assert window.status.offer.strokes == 1
    window.layers.paint_with(window.key, 1, STARTING_CLASSES)
    window.keeper.restore(window.key)
    assert np.array_equal(window.strokes.data, painted)
    assert window.kinds == [EditKind.PAINT], "bringing back what is in the journal is no edit"


def test_undo_reaches_two_hundred_steps_back_past_a_restart(tmp_path: Path) -> None:
    first, states = Window(tmp_path), []
    for step in range(210):
        first.paint(1 + step % 2, (10 + step, 20 + step), 9)
        states.append(first.strokes.data.copy())
    first.keeper.close()
    second = Window(tmp_path)
    second.layers.paint_with(second.key, 1, STARTING_CLASSES)
    second.keeper.restore(second.key)
    for state in reversed(states[:-1]):
        assert second.keeper.undo(second.key)
        assert np.array_equal(second.strokes.data, state)
    assert second.keeper.undo(second.key)
    assert not second.strokes.data.any()
    assert not second.keeper.undo(second.key)
    for _ in states:
        assert second.keeper.redo(second.key)
    assert np.array_equal(second.strokes.data, states[-1])
    assert np.array_equal(on_disk(tmp_path), states[-1])
    second.keeper.close()


def test_the_tool_that_made_an_edit_is_noted(window: Window) -> None:
    window.paint(1, (50, 50), 21)
    layer = window.strokes
    layer.mode = "fill"
    layer.fill((50, 50), 2)
    window.keeper.commit()
    layer.mode = "polygon"
    layer.paint_polygon([(100, 100), (100, 130), (130, 100)], 3)
    window.keeper.commit()
    layer.mode = "pan_zoom"
    layer.data[200:210, 200:210] = 1
    layer.refresh()
    window.keeper.commit()
    assert window.kinds == [EditKind.PAINT, EditKind.FILL, EditKind.POLYGON, EditKind.CONSOLE]


def test_two_strokes_in_one_turn_of_the_event_loop_are_two_edits(window: Window) -> None:
    window.paint(1, (50, 50))
    window.strokes.paint((100, 100), 1)  # told of before it is written
    window.strokes.paint((150, 150), 1)
    window.keeper.commit()
    assert len(window.kinds) == 3


def test_napari_s_own_undo_is_known_as_one(window: Window) -> None:
    window.paint(1, (50, 50))
    window.paint(2, (90, 90))
    painted = window.strokes.data.copy()
    window.strokes.undo()
    window.keeper.commit()
    assert window.kinds == [EditKind.PAINT]
    window.keeper.redo(window.key)
    assert np.array_equal(window.strokes.data, painted)


def test_what_no_event_tells_of_is_found_in_slices(window: Window, tmp_path: Path) -> None:
    window.paint(1, (50, 50))
    window.strokes.data[-1, -1] = 2  # the last tile, cut by both borders
    window.keeper.commit()
    assert on_disk(tmp_path)[-1, -1] == 0
    watched = window.keeper._kept[window.key].watched
    assert not watched.sweep(0.0)
    while not watched.sweep(0.0):
        pass
    assert on_disk(tmp_path)[-1, -1] == 2


def test_a_layer_that_a_script_empties_is_empty_in_the_journal(
    window: Window, tmp_path: Path
) -> None:
    window.paint(1, (50, 50))
    window.paint(2, (290, 270))
    window.strokes.data[...] = 0
    window.strokes.refresh()
    window.keeper.commit()
    assert not on_disk(tmp_path).any()


def test_a_new_edit_ends_what_could_be_done_again(window: Window) -> None:
    window.paint(1, (50, 50))
    window.keeper.undo(window.key)
    assert window.status.can_redo
    window.paint(2, (90, 90))
    painted = window.strokes.data.copy()
    assert not window.status.can_redo
    assert not window.keeper.redo(window.key)
    assert np.array_equal(window.strokes.data, painted)


def test_a_stack_is_kept_plane_by_plane(tmp_path: Path) -> None:
    viewer = ViewerModel()
    pixels = np.random.default_rng(3).random((4, 60, 70), dtype=np.float32)
    viewer.add_image(pixels, axis_labels=("z", "y", "x"))
    window = Window(tmp_path, viewer)
    window.paint(1, (2, 50, 50))
    window.paint(2, (3, 10, 10))
    window.keeper.undo(window.key)
    assert np.array_equal(on_disk(tmp_path, pixels), window.strokes.data)
    assert set(np.nonzero(window.strokes.data)[0]) == {2}
    window.keeper.close()


def test_adopted_labels_are_in_the_journal_at_once(window: Window, tmp_path: Path) -> None:
    labels = np.zeros(PIXELS.shape, np.int32)
    labels[5:9, 5:9] = 60_000
    layer = window.viewer.add_labels(labels)
    window.layers.adopt(window.key, layer_key(layer))
    assert np.array_equal(on_disk(tmp_path), labels)


def test_a_second_window_keeps_nothing_and_says_so(window: Window, tmp_path: Path) -> None:
    window.paint(1, (50, 50))
    other = Window(tmp_path)
    assert other.status.keeping is Keeping.READ_ONLY
    assert "open in another window" in other.status.banner
    assert other.status.offer.strokes == 1
    other.paint(2, (90, 90))
    window.paint(1, (120, 120))
    assert np.array_equal(on_disk(tmp_path), window.strokes.data)
    other.keeper.undo(other.key)
    assert not other.strokes.data.any(), "undo works there as well"
    other.keeper.close()


def test_classes_come_back_with_the_strokes(tmp_path: Path) -> None:
    classes = (LabelClass(1, "grain", "#112233"), LabelClass(4, "pore", "#445566"))
    first = Window(tmp_path)
    first.paint(4, (50, 50))
    first.keeper.keep_classes(classes)
    first.keeper.close()
    second = Window(tmp_path)
    second.layers.paint_with(second.key, 1, STARTING_CLASSES)
    assert second.keeper.restore(second.key) == classes
    second.keeper.close()


def test_other_images_have_other_journals(window: Window, tmp_path: Path) -> None:
    window.paint(1, (50, 50))
    other = window.viewer.add_image(PIXELS[::-1].copy())
    window.keeper.open(layer_key(other))
    assert window.keeper.status(layer_key(other)).offer is None
    assert window.keeper.status(layer_key(other)).keeping is Keeping.NOTHING_YET
    assert len(list(tmp_path.glob("*.sqlite3"))) == 1


@pytest.mark.parametrize(
    ("strokes", "ago_s", "words"),
    [
        (1, 5, "Restore 1 stroke painted just now?"),
        (34, 600, "Restore 34 strokes painted 10 minutes ago?"),
        (1200, 7300, "Restore 1,200 strokes painted 2 hours ago?"),
        (2, 90_000, "Restore 2 strokes painted 1 day ago?"),
    ],
)
def test_the_offer_is_a_question(strokes: int, ago_s: float, words: str) -> None:
    assert RestoreOffer(1, strokes, 9, NOW - ago_s).words(NOW) == words


def stack(seed: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).random((4, 60, 70), dtype=np.float32)


def with_image(folder: Path, pixels: np.ndarray, **how: Any) -> Window:
    viewer = ViewerModel()
    viewer.add_image(pixels, **how)
    return Window(folder, viewer)


def restored(window: Window) -> np.ndarray:
    assert window.status.offer is not None
    window.layers.paint_with(window.key, 1, STARTING_CLASSES)
    window.keeper.restore(window.key)
    return window.strokes.data.copy()


def test_each_reading_of_a_stack_keeps_its_own_strokes(tmp_path: Path) -> None:
    first = with_image(tmp_path, stack())
    first.paint(1, (20, 20))
    channels = first.strokes.data.copy()
    first.layers.read_as(first.key, "zyx")
    first.paint(2, (2, 30, 30))
    slices = first.strokes.data.copy()
    assert (first.status.keeping, first.status.banner) == (
        Keeping.KEPT,
        "Strokes painted on this image read as channels are kept with that reading.",
    )
    killed(first.keeper)
    second = with_image(tmp_path, stack())
    assert "z-stack" in second.status.banner
    assert np.array_equal(restored(second), channels)
    second.layers.read_as(second.key, "zyx")
    assert np.array_equal(restored(second), slices)
    second.keeper.close()


def test_readings_whose_labels_have_one_shape_are_not_mixed(tmp_path: Path) -> None:
    pixels = np.random.default_rng(5).random((3, 3, 40, 50), dtype=np.float32)
    window = with_image(tmp_path, pixels)
    window.paint(1, (1, 20, 20))
    window.layers.read_as(window.key, "zcyx")
    assert window.status.offer is None
    assert window.strokes is None
    window.keeper.close()


def test_equal_pixels_twice_are_kept_apart_and_come_back_apart(tmp_path: Path) -> None:
    first = Window(tmp_path)
    copy = layer_key(first.viewer.add_image(PIXELS.copy(), name="copy"))
    first.keeper.open(copy)
    keys = {"image": first.key, "copy": copy}
    painted: dict[str, np.ndarray] = {}
    for row, name in ((30, "image"), (150, "copy"), (60, "image"), (180, "copy"), (90, "image")):
        first.key = keys[name]
        first.paint(1, (row, 50), 9)
        painted[name] = first.strokes.data.copy()
    first.key = keys["image"]
    first.keeper.undo(keys["image"])
    painted["image"] = first.strokes.data.copy()
    assert {first.keeper.status(key).keeping for key in keys.values()} == {Keeping.KEPT}
    killed(first.keeper)
    second = Window(tmp_path)
    copy = layer_key(second.viewer.add_image(PIXELS.copy(), name="copy"))
    second.keeper.open(copy)
    for name, key in (("copy", copy), ("image", second.key)):
        second.key = key
        assert np.array_equal(restored(second), painted[name])
    second.keeper.close()


def test_strokes_of_a_copy_that_is_not_open_are_offered_in_their_turn(tmp_path: Path) -> None:
    first = Window(tmp_path)
    first.paint(1, (30, 50))
    own = first.strokes.data.copy()
    first.key = layer_key(first.viewer.add_image(PIXELS.copy(), name="copy"))
    first.keeper.open(first.key)
    first.paint(2, (90, 50))
    both = own + first.strokes.data
    killed(first.keeper)
    second = Window(tmp_path)
    assert np.array_equal(restored(second), own)
    assert "on a copy of this image" in second.status.offer.words(NOW)
    second.keeper.restore(second.key)
    assert np.array_equal(second.strokes.data, both)
    assert second.status.offer is None
    second.keeper.close()
    third = Window(tmp_path)
    assert np.array_equal(restored(third), both)
    assert third.status.offer is None, "what was taken over is not offered again"
    third.keeper.close()


def test_pixels_that_are_replaced_keep_their_strokes_and_so_do_the_new_ones(
    tmp_path: Path,
) -> None:
    window = Window(tmp_path)
    window.paint(1, (30, 50))
    before = window.strokes.data.copy()
    window.viewer.layers[0].data = PIXELS[::-1].copy()
    window.paint(2, (90, 50))
    after = window.strokes.data.copy()
    assert window.status.keeping is Keeping.KEPT
    window.keeper.close()
    assert np.array_equal(on_disk(tmp_path), before)
    assert np.array_equal(on_disk(tmp_path, PIXELS[::-1].copy()), after)


def test_pixels_that_a_script_changes_in_place_find_the_strokes_again(tmp_path: Path) -> None:
    window = Window(tmp_path)
    window.paint(1, (30, 50))
    painted = window.strokes.data.copy()
    window.viewer.layers[0].data[:50] = 0
    window.keeper.close()
    changed = PIXELS.copy()
    changed[:50] = 0
    assert np.array_equal(on_disk(tmp_path), painted)
    assert np.array_equal(on_disk(tmp_path, changed), painted)


def test_offered_strokes_of_other_pixels_do_not_move_to_new_ones(tmp_path: Path) -> None:
    first = Window(tmp_path)
    first.paint(1, (30, 50))
    first.keeper.close()
    second = Window(tmp_path)
    assert second.status.offer is not None
    second.viewer.layers[0].data = PIXELS[::-1].copy()
    assert second.status.offer is None
    second.keeper.close()


def test_labels_adopted_while_strokes_are_offered_do_not_end_the_offer(tmp_path: Path) -> None:
    first = Window(tmp_path)
    first.paint(1, (30, 50))
    first.keeper.close()
    second = Window(tmp_path)
    labels = np.zeros(PIXELS.shape, np.uint8)
    labels[200:210] = 2
    second.layers.adopt(second.key, layer_key(second.viewer.add_labels(labels)))
    assert second.status.offer is not None
    second.keeper.restore(second.key)
    assert {1, 2} <= set(np.unique(second.strokes.data))
    second.keeper.close()
    third = Window(tmp_path)
    assert third.status.offer is not None, "adopted labels are offered back as well"
    third.keeper.close()
