"""An image, a layer and a reading have one identity: copies, readings, panels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Labels
from napari.layers._layer_actions import _duplicate_layer, _split_rgb, _split_stack

from unetscope.errors import ImageError
from unetscope.images.questions import Answers, Undecided
from unetscope.session.guidance import status_line
from unetscope.session.layers.layer_facts import class_colormap, layer_key
from unetscope.session.layers.project_layers import ProjectLayers
from unetscope.session.layers.result_layers import LayerLook, ResultLayers
from unetscope.session.layers.rounds import Rounds
from unetscope.session.layers.stroke_keeping import StrokeKeeper
from unetscope.session.requests import TileShown
from unetscope.session.results.mask import MASK
from unetscope.session.state import STARTING_CLASSES, Session

STACK = np.random.default_rng(0).random((4, 60, 70), dtype=np.float32)
FLAT = np.random.default_rng(1).random((60, 70), dtype=np.float32)


class Panel:
    """The layers of a viewer, the journals of its images, and what was told."""

    def __init__(self, folder: Path, viewer: ViewerModel) -> None:
        self.viewer, self.layers = viewer, ProjectLayers(viewer)
        self.keeper = StrokeKeeper(self.layers, folder)
        self.told: list[str] = []
        self.layers.told.connect(self.told.append)
        for image in self.layers.summaries():
            self.keeper.open(image.key)

    def key(self, name: str = "a") -> str:
        return layer_key(self.viewer.layers[name])

    def paint(self, place: tuple[int, ...], value: int = 1, name: str = "a") -> Any:
        layer = self.layers.paint_with(self.key(name), value, STARTING_CLASSES)
        layer.brush_size = 5
        layer.paint(place, value)
        self.keeper.commit()
        return layer

    def close(self) -> None:
        self.keeper.close()
        self.layers.close()


def opened(folder: Path, pixels: Any, **how: Any) -> Panel:
    viewer = ViewerModel()
    viewer.add_image(pixels, name="a", **how)
    return Panel(folder, viewer)


def strokes_on_screen(viewer: ViewerModel) -> list[Any]:
    return [layer for layer in viewer.layers if isinstance(layer, Labels) and layer.visible]


def test_each_reading_has_one_layer_however_often_it_is_changed(tmp_path: Path) -> None:
    panel = opened(tmp_path, STACK)
    channels = panel.paint((30, 30))
    panel.layers.read_as(panel.key(), "zyx")
    slices = panel.paint((2, 20, 20), 2)
    for axes in ("cyx", "zyx", "cyx", "zyx", "cyx"):
        panel.layers.read_as(panel.key(), axes)
        own = channels if axes == "cyx" else slices
        assert panel.layers.strokes_layer(panel.key()) is own
        assert strokes_on_screen(panel.viewer) == [own]
        assert panel.keeper.status(panel.key()).offer is None
    assert len(panel.viewer.layers) == 3
    panel.close()


def test_strokes_of_a_reading_lie_on_an_image_that_was_moved_while_they_were_out_of_sight(
    tmp_path: Path,
) -> None:
    panel = opened(tmp_path, STACK)
    strokes = panel.paint((30, 30))
    panel.layers.read_as(panel.key(), "zyx")
    image = panel.viewer.layers["a"]
    image.scale, image.translate, image.units = (2, 0.1, 0.2), (1, 5, 6), ("nm",) * 3
    panel.layers.read_as(panel.key(), "cyx")
    assert tuple(strokes.scale) == (0.1, 0.2)
    assert tuple(strokes.translate) == (5, 6)
    assert [str(unit) for unit in strokes.units] == ["nanometer"] * 2
    panel.close()


def test_answers_to_a_reading_that_was_left_are_dropped(tmp_path: Path) -> None:
    panel = opened(tmp_path, STACK)
    results = ResultLayers(panel.layers)
    look = LayerLook(MASK, 0.5, STARTING_CLASSES, STARTING_CLASSES[1], 1)
    rounds = Rounds(panel.layers, results)
    strokes = panel.paint((30, 30))
    whole = TileShown(
        panel.key(), 1, 1, (slice(0, 60), slice(0, 70)), {MASK: np.ones((60, 70), np.uint8)}
    )
    results.write(panel.key(), whole, look)
    rounds.look(np.array(strokes.data))
    panel.layers.read_as(panel.key(), "zyx")
    rounds.begin(panel.key())
    results.write(panel.key(), whole, look)
    assert not rounds.end(np.zeros(STACK.shape, np.uint8))
    panel.close()


def test_pixels_of_another_shape_begin_as_a_new_image(tmp_path: Path) -> None:
    panel = opened(tmp_path, FLAT)
    first = panel.paint((30, 30))
    panel.layers.read_strokes(panel.key())
    panel.viewer.layers["a"].data = FLAT[:40, :50].copy()
    assert panel.layers.strokes_layer(panel.key()) is None
    assert panel.layers.samples(1) == []
    assert not first.visible
    second = panel.paint((20, 20), 2)
    assert second.data.shape == (40, 50)
    panel.layers.read_strokes(panel.key())
    assert [sample.labels.shape for sample in panel.layers.samples(1)] == [(40, 50)]
    painted = first.data.copy()
    panel.close()
    again = opened(tmp_path, FLAT)
    again.layers.paint_with(again.key(), 1, STARTING_CLASSES)
    again.keeper.restore(again.key())
    assert np.array_equal(again.layers.strokes_layer(again.key()).data, painted)
    again.close()


def test_axes_that_are_named_anew_are_another_reading(tmp_path: Path) -> None:
    panel = opened(tmp_path, STACK)
    panel.paint((30, 30))
    panel.viewer.layers["a"].axis_labels = ("z", "y", "x")
    assert panel.layers.strokes_layer(panel.key()) is None
    panel.paint((2, 20, 20))
    panel.viewer.layers["a"].axis_labels = ("c", "y", "x")
    assert panel.layers.strokes_layer(panel.key()).data.any()
    panel.close()


def test_a_panel_that_is_opened_again_takes_its_layers_up(tmp_path: Path) -> None:
    panel = opened(tmp_path, STACK)
    channels = panel.paint((30, 30))
    panel.layers.read_as(panel.key(), "zyx")
    slices = panel.paint((2, 20, 20), 2)
    panel.close()
    slices.data[3, 40:45, 40:45] = 1  # painted while there was no panel
    wanted = slices.data.copy()
    again = Panel(tmp_path, panel.viewer)
    assert again.layers.strokes_layer(again.key()) is slices
    assert again.keeper.status(again.key()).offer is None
    again.layers.read_strokes(again.key())
    assert np.array_equal(again.layers.samples(1)[0].labels, wanted)
    again.layers.read_as(again.key(), "cyx")
    assert again.layers.strokes_layer(again.key()) is channels
    assert len(panel.viewer.layers) == 3
    again.close()
    fresh = opened(tmp_path, STACK)
    fresh.layers.read_as(fresh.key(), "zyx")
    fresh.layers.paint_with(fresh.key(), 1, STARTING_CLASSES)
    fresh.keeper.restore(fresh.key())
    assert np.array_equal(fresh.layers.strokes_layer(fresh.key()).data, wanted)
    fresh.close()


def test_an_answer_that_a_panel_left_is_not_doubled_by_the_next(tmp_path: Path) -> None:
    panel = opened(tmp_path, FLAT)
    look = LayerLook(MASK, 0.5, STARTING_CLASSES, STARTING_CLASSES[1], 1)
    whole = TileShown(
        panel.key(), 1, 1, (slice(0, 60), slice(0, 70)), {MASK: np.ones((60, 70), np.uint8)}
    )
    ResultLayers(panel.layers).write(panel.key(), whole, look)
    panel.close()
    again = Panel(tmp_path, panel.viewer)
    ResultLayers(again.layers).write(again.key(), whole, look)
    assert len(panel.viewer.layers) == 2
    again.close()


def copies(viewer: ViewerModel, how: Any) -> list[Any]:
    before = set(map(id, viewer.layers))
    viewer.layers.selection.active = viewer.layers["a"]
    how(viewer.layers)
    return [layer for layer in viewer.layers if id(layer) not in before]


@pytest.mark.parametrize("project", [False, True])
@pytest.mark.parametrize("how", [_duplicate_layer, _split_stack])
def test_a_copy_of_a_layer_is_an_ordinary_image(tmp_path: Path, how: Any, project: bool) -> None:
    panel = opened(tmp_path, STACK)
    key = panel.key()
    if project:
        panel.layers.set_note(key, tmp_path, "0001")
        assert panel.layers.note(key) == (tmp_path, "0001")
    panel.paint((30, 30))
    made = copies(panel.viewer, how)
    assert made
    for layer in made:
        assert panel.layers.note(layer_key(layer)) is None
        assert layer_key(layer) in [image.key for image in panel.layers.summaries()]
        assert panel.layers.strokes_layer(layer_key(layer)) is None
    if how is _duplicate_layer:
        assert panel.layers.strokes_layer(key).data.any()
        assert panel.layers.note(key) == ((tmp_path, "0001") if project else None)
    panel.close()


def test_channels_split_from_colours_are_ordinary_images(tmp_path: Path) -> None:
    panel = opened(tmp_path, np.random.default_rng(0).integers(0, 255, (60, 70, 3), np.uint8))
    panel.layers.set_note(panel.key(), tmp_path, "0001")
    panel.paint((30, 30))
    made = copies(panel.viewer, _split_rgb)
    assert [panel.layers.note(layer_key(layer)) for layer in made] == [None] * 3
    assert len(panel.layers.summaries()) == 3
    panel.close()


def test_a_copy_of_the_strokes_is_a_layer_of_its_own(tmp_path: Path) -> None:
    panel = opened(tmp_path, FLAT)
    strokes = panel.paint((30, 30))
    panel.viewer.layers.selection.active = strokes
    _duplicate_layer(panel.viewer.layers)
    assert panel.layers.strokes_layer(panel.key()) is strokes
    panel.close()
    again = Panel(tmp_path, panel.viewer)
    assert again.layers.strokes_layer(again.key()) is strokes
    again.close()


def test_the_reading_of_a_project_s_image_is_fixed_and_says_why(tmp_path: Path) -> None:
    panel = opened(tmp_path, STACK)
    panel.layers.set_note(panel.key(), tmp_path / "cells.unetproject", "0001")
    assert "cells" in panel.layers.fixed_reading(panel.key())
    with pytest.raises(ImageError, match="project cells"):
        panel.layers.read_as(panel.key(), "zyx")
    panel.close()


@pytest.mark.parametrize("hidden", [{"visible": False}, {"editable": False}])
def test_a_class_makes_strokes_visible_and_paintable_and_says_so(
    tmp_path: Path, hidden: dict[str, bool]
) -> None:
    panel = opened(tmp_path, FLAT)
    strokes = panel.paint((30, 30))
    for name, value in hidden.items():
        setattr(strokes, name, value)
    panel.paint((10, 10), 2)
    assert strokes.visible
    assert strokes.editable
    assert (strokes.data == 2).any()
    assert len(panel.told) == 1
    panel.close()


@pytest.mark.parametrize("shape", [(1, 1, 1, 60, 70), (1, 3, 1, 60, 70), (2, 1, 1, 60, 70)])
@pytest.mark.parametrize("kind", [np.asarray, dask.array.from_array, zarr.array])
def test_axes_of_one_pixel_are_left_out(tmp_path: Path, shape: Any, kind: Any) -> None:
    pixels = np.random.default_rng(3).random(shape, dtype=np.float32)
    panel = opened(tmp_path, kind(pixels), scale=(1, 1, 1, 0.5, 0.25), translate=(0, 0, 0, 3, 4))
    (image,) = panel.layers.summaries()
    assert image.spatial_shape == (60, 70)
    kept = pixels.reshape([n for n in shape if n > 1])
    assert np.array_equal(np.asarray(panel.layers.micrograph(image.key).pixels), kept)
    strokes = panel.paint((30, 40))
    world = panel.viewer.layers["a"].data_to_world((0, 0, 0, 30, 40))
    assert np.allclose(strokes.data_to_world((30, 40)), world[-2:])
    assert panel.layers.visible(image.key)[0] == 0
    panel.close()


def test_an_image_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    panel = opened(tmp_path, np.zeros((2, 3, 4, 20, 20)))
    assert panel.layers.summaries() == ()
    (told,) = panel.layers.images.unreadable()
    assert told.startswith("a cannot be read")
    assert "Split Stack" in told
    assert "Split Stack" in status_line(Session(unreadable=(told,))).text
    panel.close()


def test_channels_at_the_end_are_moved_to_the_front_when_that_is_chosen(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).random((60, 70, 2), dtype=np.float32)
    panel = opened(tmp_path, pixels, scale=(0.5, 0.25, 1))
    (image,) = panel.layers.summaries()
    assert "channels last" in image.note
    panel.layers.read_as(image.key, "yxc")
    (image,) = panel.layers.summaries()
    assert (image.axes, image.spatial_shape, image.note) == ("cyx", (60, 70), "")
    assert tuple(panel.viewer.layers["a"].scale) == (1, 0.5, 0.25)
    assert np.array_equal(panel.layers.micrograph(image.key).pixels, np.moveaxis(pixels, -1, 0))
    panel.close()


# ---- labels that are adopted


def read_only(labels: np.ndarray, folder: Path) -> Any:
    labels.flags.writeable = False
    return labels


def as_dask(labels: np.ndarray, folder: Path) -> Any:
    return dask.array.from_array(labels, chunks=16)


def as_zarr(labels: np.ndarray, folder: Path) -> Any:
    return zarr.array(labels, chunks=(16, 16), store=str(folder / "l.zarr"))


def as_zarr_to_read(labels: np.ndarray, folder: Path) -> Any:
    as_zarr(labels, folder)
    return zarr.open_array(str(folder / "l.zarr"), mode="r")


def as_memmap(labels: np.ndarray, folder: Path) -> Any:
    np.save(folder / "l.npy", labels)
    return np.load(folder / "l.npy", mmap_mode="r+")


def as_view_of_memmap(labels: np.ndarray, folder: Path) -> Any:
    return np.asarray(as_memmap(labels, folder))


@pytest.mark.parametrize(
    "made", [read_only, as_dask, as_zarr, as_zarr_to_read, as_memmap, as_view_of_memmap]
)
def test_labels_that_are_a_file_or_cannot_be_written_are_copied(tmp_path: Path, made: Any) -> None:
    labels = np.zeros((60, 70), np.int32)
    labels[5:9] = 2
    given = made(labels.copy(), tmp_path)
    panel = opened(tmp_path / "strokes", FLAT)
    layer = panel.viewer.add_labels(given, name="mine")
    panel.layers.adopt(panel.key(), layer_key(layer), STARTING_CLASSES)
    assert panel.told == [
        "mine was copied into memory to be painted on; the original is not changed."
    ]
    strokes = panel.layers.strokes_layer(panel.key())
    strokes.data_setitem((np.array([30]), np.array([31])), 1)
    assert panel.keeper.undo(panel.key())
    panel.layers.erase_class(2)
    assert not strokes.data.any()
    assert np.array_equal(np.asarray(given), labels)
    panel.close()


def numbered(side: int, count: int) -> np.ndarray:
    labels = np.zeros((side, side), np.int32)
    labels.ravel()[: count * 3] = np.repeat(np.arange(1, count + 1), 3)
    return labels


@pytest.mark.parametrize("count", [12, 40, 3000])
def test_labels_of_many_numbers_are_asked_about(tmp_path: Path, count: int) -> None:
    panel = opened(tmp_path, np.zeros((200, 200), np.float32))
    layer = panel.viewer.add_labels(numbered(200, count), name="cells")
    with pytest.raises(Undecided) as asked:
        panel.layers.adopt(panel.key(), layer_key(layer), STARTING_CLASSES)
    question = asked.value.question
    assert (question.about, f"{count:,} different numbers" in question.text) == ("values", True)
    choices = [choice.value for choice in question.choices]
    assert choices == (["objects"] if count > 255 else ["objects", "classes"])
    assert panel.layers.strokes_layer(panel.key()) is None
    answers = Answers().with_answer(question, "objects")
    panel.layers.adopt(panel.key(), layer_key(layer), STARTING_CLASSES, answers)
    strokes = panel.layers.strokes_layer(panel.key())
    assert np.array_equal(strokes.data, np.where(numbered(200, count) > 0, 2, 0))
    assert np.array_equal(layer.data, numbered(200, count)), "the objects keep their numbers"
    assert not layer.visible
    if count == 40:
        panel.layers.adopt(panel.key(), layer_key(layer), (), Answers(values="classes"))
        assert panel.layers.strokes_layer(panel.key()) is layer
    panel.close()


def test_numbers_that_no_class_can_have_become_free_ones_and_are_told(tmp_path: Path) -> None:
    labels = np.zeros((60, 70), np.int64)
    labels[1], labels[2], labels[3] = 2, 2**40, -1
    panel = opened(tmp_path, FLAT)
    layer = panel.viewer.add_labels(labels, name="wide")
    panel.layers.adopt(panel.key(), layer_key(layer), STARTING_CLASSES)
    strokes = panel.layers.strokes_layer(panel.key())
    assert [int(strokes.data[row, 0]) for row in range(4)] == [0, 2, 3, 0]
    assert str(2**40) in panel.told[0]
    strokes.colormap = class_colormap(STARTING_CLASSES)
    assert np.array_equal(layer.data, labels)
    panel.close()


def test_labels_without_a_class_become_classes_in_one_change() -> None:
    session, changes = Session(), []
    session.events.classes.connect(changes.append)
    session.find_classes({1: 5, 7: 2, 4: 1})
    assert [c.value for c in session.classes] == [1, 2, 4, 7]
    assert len(changes) == 1
    assert len({c.color for c in session.classes}) == 4
    session.current_class = 7
    session.find_classes({1: 5, 4: 1})
    assert [c.value for c in session.classes] == [1, 2, 4], "undone, it goes again"
    assert session.current_class in (1, 2, 4)
    session.change_class(4, name="pore")
    session.find_classes({1: 5})
    assert session.class_of(4) is not None, "a class that was named stays"


def test_of_thousands_of_label_values_not_all_become_classes() -> None:
    session = Session()
    session.find_classes(dict.fromkeys(range(1, 3001), 3))
    assert len(session.classes) <= 40
    assert "2,998 label values have no class" in session.message.text


# ---- which strokes a copy is offered


def copied(panel: Panel) -> str:
    """The key of a copy of the image, whose journal is open."""
    (copy,) = copies(panel.viewer, _duplicate_layer)
    panel.keeper.open(layer_key(copy))
    return layer_key(copy)


@pytest.mark.parametrize("again", [False, True])
def test_a_copy_is_not_offered_the_strokes_of_a_reading_that_is_out_of_sight(
    tmp_path: Path, again: bool
) -> None:
    panel = opened(tmp_path, STACK)
    panel.paint((30, 30))
    panel.layers.read_as(panel.key(), "zyx")
    panel.paint((2, 20, 20), 2)
    if again:
        panel.close()
        panel = Panel(tmp_path, panel.viewer)
    copy = copied(panel)
    assert panel.layers.micrograph(copy).axes == "cyx"
    assert panel.keeper.status(copy).offer is None
    panel.layers.paint_with(copy, 1, STARTING_CLASSES).data_setitem((np.array([3]),) * 2, 1)
    panel.layers.read_as(panel.key(), "cyx")
    assert panel.keeper.status(panel.key()).offer is None
    assert panel.keeper.undo(panel.key()), "its edits can be undone as before"
    panel.close()


def test_strokes_of_a_reading_are_offered_once_the_image_that_had_them_is_gone(
    tmp_path: Path,
) -> None:
    panel = opened(tmp_path, STACK)
    painted = panel.paint((30, 30)).data.copy()
    panel.layers.read_as(panel.key(), "zyx")
    panel.paint((2, 20, 20), 2)
    copy = copied(panel)
    panel.viewer.layers.remove(panel.viewer.layers["a"])
    panel.viewer.add_image(STACK, name="new")
    panel.keeper.open(panel.key("new"))
    panel.layers.paint_with(panel.key("new"), 1, STARTING_CLASSES)
    panel.keeper.restore(panel.key("new"))
    assert np.array_equal(panel.layers.strokes_layer(panel.key("new")).data, painted)
    assert panel.keeper.status(copy).offer is None
    panel.close()


def test_a_panel_gives_each_of_two_equal_images_its_own_strokes_back(tmp_path: Path) -> None:
    viewer = ViewerModel()
    for name in ("first", "a"):
        viewer.add_image(FLAT, name=name)
    panel = Panel(tmp_path, viewer)
    panel.paint((30, 30))
    viewer.layers["a"].name, viewer.layers["first"].name = "renamed", "a"
    panel.close()
    again = Panel(tmp_path, viewer)
    assert [again.keeper.status(again.key(name)).offer for name in ("a", "renamed")] == [None] * 2
    assert again.keeper.undo(again.key("renamed"))
    again.close()


@pytest.mark.parametrize("in_place", [True, False])
def test_other_pixels_get_the_strokes_on_screen_and_none_that_were_put_away(
    tmp_path: Path, in_place: bool
) -> None:
    panel = opened(tmp_path, FLAT.copy())
    panel.viewer.layers.remove(panel.paint((10, 10)))
    panel.keeper.decline(panel.key())
    panel.paint((40, 40), 2)
    strokes = panel.paint((40, 60), 2)
    image, changed = panel.viewer.layers["a"], FLAT + 1
    if in_place:
        image.data[...] = changed
    else:
        image.data = changed
    panel.close()
    again = opened(tmp_path, changed)
    again.layers.paint_with(again.key(), 1, STARTING_CLASSES)
    again.keeper.restore(again.key())
    restored = again.layers.strokes_layer(again.key())
    assert np.array_equal(restored.data, strokes.data)
    assert again.keeper.status(again.key()).offer is None
    assert again.keeper.undo(again.key())
    assert restored.data[40, 40] == 2
    assert restored.data[40, 60] == 0
    again.close()


@pytest.mark.parametrize("changed_first", [True, False])
def test_strokes_that_were_deleted_are_offered_on_the_pixels_they_were_seen_on(
    tmp_path: Path, changed_first: bool
) -> None:
    panel = opened(tmp_path, FLAT.copy())
    strokes, image = panel.paint((10, 10)), panel.viewer.layers["a"]
    if changed_first:
        image.data[...] += 1
    panel.viewer.layers.remove(strokes)
    image.data[...] = FLAT + 1
    panel.close()
    offers = []
    for pixels in (FLAT, FLAT + 1):
        again = opened(tmp_path, pixels)
        offers.append(again.keeper.status(again.key()).offer is not None)
        again.close()
    assert offers == [True, changed_first]


def test_strokes_that_were_begun_anew_often_are_all_offered_again(tmp_path: Path) -> None:
    panel = opened(tmp_path, FLAT)
    for row in range(5, 55, 10):
        panel.viewer.layers.remove(panel.paint((row, 10)))
        panel.keeper.decline(panel.key())
    panel.close()
    again = opened(tmp_path, FLAT)
    again.layers.paint_with(again.key(), 1, STARTING_CLASSES)
    while again.keeper.status(again.key()).offer is not None:
        again.keeper.restore(again.key())
    strokes = again.layers.strokes_layer(again.key())
    assert [strokes.data[row, 10] for row in range(5, 55, 10)] == [1] * 5
    again.close()


def test_what_was_undone_can_be_done_again_after_the_panel_was_closed(tmp_path: Path) -> None:
    panel = opened(tmp_path, FLAT)
    painted = panel.paint((10, 10)).data.copy()
    assert panel.keeper.undo(panel.key())
    panel.close()
    again = Panel(tmp_path, panel.viewer)
    assert again.keeper.redo(again.key())
    assert np.array_equal(again.layers.strokes_layer(again.key()).data, painted)
    again.close()


def test_strokes_of_which_napari_shows_nothing_are_undone_all_the_same(tmp_path: Path) -> None:
    panel = opened(tmp_path, FLAT)
    panel.viewer.add_image(STACK, name="stack")
    strokes = panel.paint((40, 40))
    strokes.visible = False
    panel.viewer.dims.point = (2, 0, 0)  # napari cuts nothing out of what is hidden
    assert panel.keeper.undo(panel.key())
    assert not strokes.data.any()
    assert panel.keeper.redo(panel.key())
    assert strokes.data.any()
    panel.close()


def test_strokes_that_one_of_two_equal_images_took_are_not_offered_to_the_other(
    tmp_path: Path,
) -> None:
    panel = opened(tmp_path, FLAT)
    viewer = panel.viewer
    panel.paint((10, 10))
    for name in "bcd":
        viewer.add_image(FLAT.copy(), name=name)
        panel.keeper.open(panel.key(name))
    viewer.layers["c"].data[0] = 0  # another image from now on, which no event tells of
    panel.paint((40, 40), name="c")
    panel.close()
    again = Panel(tmp_path, viewer)
    taker, other = again.key("b"), again.key("d")
    assert again.keeper.status(taker).offer == again.keeper.status(other).offer is not None
    again.layers.paint_with(taker, 1, STARTING_CLASSES)
    again.keeper.restore(taker)
    assert again.layers.strokes_layer(taker).data[40, 40] == 1
    assert again.keeper.status(other).offer is None
    again.close()
