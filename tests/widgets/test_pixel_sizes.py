"""Pixel sizes and pixels in the window: kept in the project, and looked at anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from unetscope.session.layers.pixel_sizes import PixelSizes
from unetscope.session.project import recent
from unetscope.session.project.folder import Project
from unetscope.session.results.mask import MASK
from widgets.conftest import Opened, halves

Open = Callable[..., Opened]


@pytest.fixture(autouse=True)
def _own_list_of_recent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "user_data_path", lambda *_, **__: tmp_path / "user")


def test_a_size_that_was_set_in_the_window_is_kept_in_the_project(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, halves())
    opened = open_window(False)
    desk = opened.window.bench.project
    desk.create(tmp_path / "gold")
    desk.intake.add_files([path])
    qtbot.waitUntil(lambda: opened.session.image is not None, timeout=10_000)
    PixelSizes(opened.window.bench.layers).set_pixel_size(opened.session.image.key, 2.5, "nm")
    opened.paint(2, slice(20, 40), slice(10, 60))
    opened.window.shut_down()
    (entry,) = Project.open(tmp_path / "gold.unetproject").record.images
    assert (entry.pixel_size, entry.unit) == ((2.5, 2.5), "nm")
    again = open_window(False)
    again.window.bench.project.open(tmp_path / "gold.unetproject")
    qtbot.waitUntil(lambda: again.session.image is not None, timeout=10_000)
    assert again.session.image.pixel_size == (2.5, 2.5)
    qtbot.waitUntil(lambda: again.strokes is not None, timeout=10_000)
    image = again.viewer.layers[0]
    assert np.allclose(again.strokes.data_to_world((7, 9)), image.data_to_world((7, 9)))
    assert int((again.strokes.data == 2).sum()) == 1000


def middle_of_answer(opened: Opened) -> list[int]:
    mask = opened.window.bench.results.find(opened.session.image.key, MASK)
    return [] if mask is None else [int(mask.data[100, 50]), int(mask.data[100, 150])]


@pytest.mark.parametrize("how", ["new data", "in place"])
def test_changed_pixels_are_answered_anew(open_window: Open, qtbot: Any, how: str) -> None:
    opened = open_window()
    opened.paint_both()
    qtbot.waitUntil(lambda: middle_of_answer(opened) == [1, 2], timeout=10_000)
    image = opened.viewer.layers[0]
    turned = image.data.copy()
    turned[60:] = 1 - turned[60:]
    if how == "new data":
        image.data = turned
    else:
        image.data[60:] = turned[60:]
        image.refresh()
    qtbot.waitUntil(lambda: middle_of_answer(opened) == [2, 1], timeout=10_000)


def test_a_moved_slider_is_not_taken_for_other_pixels(open_window: Open, qtbot: Any) -> None:
    opened = open_window(np.stack([halves()] * 5))
    heard: list[str] = []
    opened.window.bench.layers.pixels_changed.connect(heard.append)
    opened.viewer.dims.set_current_step(0, 3)
    opened.viewer.layers[0].refresh()
    assert heard == []
