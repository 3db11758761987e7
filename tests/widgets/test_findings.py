"""What is found out about an image in the background reaches the window and the results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from unetscope.images.files import read_micrograph
from unetscope.session.project import recent
from unetscope.session.results.mask import MASK
from widgets.conftest import Opened, halves

Open = Callable[..., Opened]


@pytest.fixture(autouse=True)
def _own_list_of_recent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "user_data_path", lambda *_, **__: tmp_path / "user")


def status(opened: Opened) -> str:
    return str(opened.window.status.label.text())


def more(opened: Opened) -> str:
    """What a click on *more* shows."""
    opened.window.status.show_all()
    text = str(opened.window.status.details.text.text())
    opened.window.status.details.hide()
    return text


def looked_at(opened: Opened, qtbot: Any) -> None:
    layers, sizes = opened.window.bench.layers, opened.window.bench.sizes
    qtbot.waitUntil(lambda: layers.images.findings(opened.session.image.key) is not None)
    qtbot.waitUntil(lambda: not sizes.lane.busy)


@pytest.mark.parametrize("value", [0, 65535, np.nan, np.inf])
def test_a_constant_image_is_said_to_be_one_until_it_gets_other_pixels(
    open_window: Open, qtbot: Any, value: float
) -> None:
    dtype = np.uint16 if np.isfinite(value) else np.float32
    image = np.full((200, 200), value, dtype)
    limits = {"contrast_limits": (0, 1)} if dtype == np.float32 else {}
    opened = open_window(image, **limits)
    qtbot.waitUntil(lambda: "This image is constant" in status(opened))
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.window.bench.answers.up_to_date)
    qtbot.waitUntil(lambda: not opened.session.answering)
    assert "This image is constant: nothing can be told apart in it." in status(opened)
    opened.viewer.layers[0].data = halves()
    qtbot.waitUntil(lambda: "constant" not in status(opened))


def test_a_turned_file_is_said_to_be_shown_as_it_is_stored(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    path = tmp_path / "turned.tif"
    turn = [(274, "H", 1, 6, True)]
    image = np.arange(40 * 60, dtype=np.uint16).reshape(40, 60)
    tifffile.imwrite(path, image, extratags=turn, metadata=None)
    opened = open_window(False)
    opened.viewer.open(path, plugin="napari")
    qtbot.waitUntil(lambda: "turned.tif as it is stored" in status(opened))
    opened.paint(1, slice(5, 10), slice(5, 10))
    qtbot.waitUntil(lambda: opened.session.painted.get(1) == 25)
    assert "turned.tif as it is stored" not in status(opened)
    assert not opened.window.status.more.isHidden()
    assert "Strokes belong to what is shown." in more(opened)


def test_notes_of_a_project_image_are_seen_and_go_with_its_results(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    path = tmp_path / "white.tif"
    image = np.uint8(255 * halves())
    tifffile.imwrite(path, image, photometric="miniswhite", metadata=None)
    (note,) = read_micrograph(path).notes
    sentence = f"{note[0].upper()}{note[1:]}."
    opened = open_window(False)
    desk = opened.window.bench.project
    desk.create(tmp_path / "white")
    desk.intake.add_files([path])
    qtbot.waitUntil(lambda: opened.session.image is not None, timeout=10_000)
    qtbot.waitUntil(lambda: opened.session.model is not None, timeout=10_000)
    assert sentence in more(opened)
    opened.paint_both()
    key = opened.session.image.key
    results = opened.window.bench.results
    qtbot.waitUntil(lambda: results.find(key, MASK) is not None)
    kept = results.find(key, MASK).metadata["unetscope"]
    assert kept["notes"] == [sentence]
    qtbot.waitUntil(lambda: opened.window.bench.answers.up_to_date)
    opened.window.shut_down()


def test_colour_that_is_grey_is_learned_from_beside_grey_images(
    open_window: Open, qtbot: Any
) -> None:
    opened = open_window(np.dstack([halves()] * 3), name="colour", rgb=True)
    looked_at(opened, qtbot)
    opened.paint(1, slice(20, 40), slice(10, 60))
    opened.viewer.add_image(halves(), name="grey")
    qtbot.waitUntil(lambda: opened.session.image.name == "grey")
    opened.paint(2, slice(20, 40), slice(140, 190))
    qtbot.waitUntil(lambda: dict(opened.session.painted) == {1: 1000, 2: 1000})
    samples = opened.window.bench.layers.samples(1)
    assert [sample.image.channels for sample in samples] == [1, 1]
    assert np.array_equal(samples[0].image.plane(), samples[1].image.plane())
    opened.window.bench.choose_image(opened.session.images[0].key)
    assert opened.session.image.channels == 1
    assert dict(opened.session.painted) == {1: 1000, 2: 1000}


def test_colour_alone_stays_colour(open_window: Open, qtbot: Any) -> None:
    opened = open_window(np.dstack([halves()] * 3), name="colour", rgb=True)
    looked_at(opened, qtbot)
    assert opened.session.image.channels == 3
    seen = np.dstack([halves(), halves(), 1 - halves()])
    opened.viewer.add_image(seen, name="real colour", rgb=True)
    opened.viewer.add_image(halves(), name="grey")
    channels = {image.name: image.channels for image in opened.session.images}
    assert channels == {"colour": 1, "real colour": 3, "grey": 1}
