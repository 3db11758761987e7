"""Strokes outlive the window: they are offered back, undone after a restart, and warned about."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt

from journal.keepers import killed, on_disk
from unetscope.widgets.painting.journal_bar import JournalBar
from widgets.conftest import Opened, halves

Open = Callable[..., Opened]


def journals() -> list[Path]:
    return sorted(Path(os.environ["UNETSCOPE_STROKES"]).glob("*.sqlite3"))


def kept() -> np.ndarray:
    """The labels of the one image, as a fresh reader finds them."""
    return on_disk(Path(os.environ["UNETSCOPE_STROKES"]), halves())


def died(opened: Opened) -> None:
    keeper = opened.window.bench.strokes.keeper
    keeper.commit()
    killed(keeper)


def test_strokes_are_on_the_disk_before_they_are_answered(open_window: Open, qtbot: Any) -> None:
    opened = open_window()
    assert journals() == [], "an image that is only looked at leaves nothing behind"
    found: list[bool] = []
    opened.window.bench.answers.ask = lambda **_: found.append(
        np.array_equal(kept(), opened.strokes.data)
    )
    opened.paint_both()
    qtbot.waitUntil(lambda: bool(found))
    opened.strokes.undo()  # napari's own, which no paint event tells of
    qtbot.waitUntil(lambda: len(found) > 1)
    assert all(found)


def test_strokes_of_a_window_that_died_are_brought_back_after_yes(
    open_window: Open, qtbot: Any
) -> None:
    first = open_window()
    first.window.bench.change_class(2, name="pore", color="#123456")
    first.paint_both()
    qtbot.waitUntil(lambda: first.session.painted == {1: 1000, 2: 1000})
    first.window.bench.change_class(2, name="void")
    painted = first.strokes.data.copy()
    died(first)

    second = open_window()
    bar = second.window.part(JournalBar)
    assert bar.offer.text() == "Restore 2 strokes painted just now?"
    assert second.strokes is None, "nothing is filled in before yes"
    qtbot.mouseClick(bar.restore_button, Qt.MouseButton.LeftButton)
    assert np.array_equal(second.strokes.data, painted)
    assert not bar.isVisibleTo(second.window)
    assert second.session.class_of(2).name == "void"
    qtbot.waitUntil(lambda: second.session.painted == {1: 1000, 2: 1000})
    keys = {str(key): call for key, call in second.strokes.keymap.items()}
    keys["Z"](second.strokes)
    qtbot.waitUntil(lambda: second.session.painted == {1: 1000})
    keys["Shift+Z"](second.strokes)
    qtbot.waitUntil(lambda: second.session.painted == {1: 1000, 2: 1000})
    assert np.array_equal(kept(), painted)


def test_without_its_folder_painting_goes_on_and_is_kept_when_it_is_back(
    open_window: Open, qtbot: Any
) -> None:
    folder = Path(os.environ["UNETSCOPE_STROKES"])
    folder.write_text("a file where the folder should be")
    opened = open_window()
    opened.paint_both()
    opened.window.bench.strokes.keeper.commit()
    bar = opened.window.part(JournalBar)
    assert bar.banner.text().startswith("2 edits are in memory only")
    assert bar.isVisibleTo(opened.window)
    folder.unlink()
    qtbot.waitUntil(lambda: not bar.isVisibleTo(opened.window), timeout=10_000)
    assert np.array_equal(kept(), opened.strokes.data)
