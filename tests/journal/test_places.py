"""Images whose strokes lie in one journal, as those of a project do; no Qt is needed for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journal.keepers import PIXELS, fresh_viewer, killed
from unetscope.session.journal.places import JournalFiles, JournalPlace
from unetscope.session.journal.status import Keeping
from unetscope.session.journal.storage import JournalFile
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.stroke_keeping import StrokeKeeper
from unetscope.session.state import STARTING_CLASSES

NAMES = ("image", "second")


class Pair:
    """Two images; those named in ``placed`` are kept in one journal, the others alone."""

    def __init__(self, folder: Path, placed: tuple[str, ...] = NAMES) -> None:
        self.placed = set(placed)
        viewer = fresh_viewer()
        viewer.add_image(PIXELS[::-1].copy(), name=NAMES[1])
        self.layers = OpenLayers(viewer)
        self.keys = {layer.name: layer_key(layer) for layer in viewer.layers}
        names = {key: name for name, key in self.keys.items()}
        shared = folder / "journal.sqlite"

        def place(key: str) -> JournalPlace | None:
            return JournalPlace(shared, names[key]) if names[key] in self.placed else None

        self.keeper = StrokeKeeper(self.layers, folder / "alone", place)
        for key in self.keys.values():
            self.keeper.open(key)

    def paint(self, name: str, place: tuple[int, int], value: int = 1) -> None:
        layer = self.layers.paint_with(self.keys[name], value, STARTING_CLASSES)
        layer.brush_size = 9
        with layer.block_history():
            layer.paint(place, value)

    def labels(self, name: str) -> Any:
        return self.layers.strokes_layer(self.keys[name]).data

    def keeping(self) -> set[Keeping]:
        return {self.keeper.status(key).keeping for key in self.keys.values()}

    def restored(self, name: str) -> Any:
        self.layers.paint_with(self.keys[name], 1, STARTING_CLASSES)
        self.keeper.restore(self.keys[name])
        return self.labels(name)


@pytest.fixture
def pair(tmp_path: Path) -> Any:
    made = Pair(tmp_path)
    yield made
    made.keeper.close()


def test_two_images_of_one_journal_are_both_kept_and_both_survive(
    pair: Pair, tmp_path: Path
) -> None:
    for step in range(3):
        pair.paint("image", (50 + 20 * step, 50))
        pair.paint("second", (90, 50 + 20 * step), 2)
    pair.keeper.undo(pair.keys["image"])
    painted = {name: pair.labels(name).copy() for name in NAMES}
    assert pair.keeping() == {Keeping.KEPT}
    killed(pair.keeper)
    after = Pair(tmp_path)
    for name in NAMES:
        np.testing.assert_array_equal(after.restored(name), painted[name])
    after.keeper.redo(after.keys["image"])
    assert np.count_nonzero(after.labels("image")) > np.count_nonzero(painted["image"])
    after.keeper.close()


def test_the_journal_stays_open_until_its_last_image_has_gone(pair: Pair, tmp_path: Path) -> None:
    pair.paint("image", (50, 50))
    pair.paint("second", (50, 50))
    pair.layers.viewer.layers.remove(pair.layers.layer(pair.keys["image"]))
    pair.paint("second", (90, 90))
    assert pair.keeper.status(pair.keys["second"]).keeping is Keeping.KEPT
    elsewhere = JournalFile(tmp_path / "journal.sqlite")
    assert elsewhere.read_only, "a second window must not write"
    elsewhere.close()
    pair.keeper.close()
    elsewhere = JournalFile(tmp_path / "journal.sqlite")
    assert not elsewhere.read_only
    elsewhere.close()


def test_a_journal_that_was_deleted_is_begun_anew_by_each_of_its_images(
    pair: Pair, tmp_path: Path
) -> None:
    pair.paint("image", (50, 50))
    pair.paint("second", (50, 50))
    for file in tmp_path.glob("journal.sqlite*"):
        file.unlink()
    pair.paint("image", (90, 90))
    pair.paint("second", (90, 120))
    assert pair.keeping() == {Keeping.KEPT}
    painted = {name: pair.labels(name).copy() for name in NAMES}
    killed(pair.keeper)
    after = Pair(tmp_path)
    for name in NAMES:
        np.testing.assert_array_equal(after.restored(name), painted[name])
    after.keeper.close()


def test_an_image_whose_place_changes_takes_its_strokes_and_their_undo_along(
    tmp_path: Path,
) -> None:
    pair = Pair(tmp_path, placed=("second",))
    pair.paint("image", (50, 50))
    first = pair.labels("image").copy()
    pair.paint("image", (90, 90), 2)
    both = pair.labels("image").copy()
    pair.placed.add("image")
    pair.keeper.move(pair.keys["image"])
    assert pair.keeping() == {Keeping.KEPT, Keeping.NOTHING_YET}
    killed(pair.keeper)
    after = Pair(tmp_path)
    np.testing.assert_array_equal(after.restored("image"), both)
    assert after.keeper.undo(after.keys["image"])
    np.testing.assert_array_equal(after.labels("image"), first)
    after.keeper.close()


def test_a_file_that_only_reads_is_not_shared(tmp_path: Path) -> None:
    writer = JournalFile(tmp_path / "journal.sqlite")
    files = JournalFiles()
    reading = files.open(writer.path)
    assert reading.read_only
    writer.close()
    writing = files.open(writer.path)
    assert not writing.read_only
    files.close(reading)
    assert writing.in_place
    files.close(writing)
    assert not writing.in_place
