"""What the panel shows becomes files: with a script where one call made it, else without."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from unetscope.errors import ImageError
from unetscope.images.micrograph import as_micrograph
from unetscope.inspection import edited
from unetscope.session.inside.answers import Shown
from unetscope.session.inside.asking import ask_edited, ask_ranking
from unetscope.session.inside.comparing import ask_difference
from unetscope.session.inside.glass import Glass
from unetscope.session.inside.keeping import Kept, write_view
from unetscope.session.inside.looking import open_subject, show_colours, show_favourite
from unetscope.session.inside.sources import subject
from unetscope.session.requests import Target


def opened(source: str = "bundled:general-fast", shape: tuple[int, ...] = (100, 90)) -> Glass:
    pixels = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    axes = "yxc" if len(shape) == 3 else "yx"
    target = Target("image", as_micrograph(pixels, axes))
    return last(open_subject(subject(source, None, (), target)), Glass)


def last(events: Iterator[Any], kind: type) -> Any:
    return [event for event in events if isinstance(event, kind)][-1]


def kept(glass: Glass, shown: Shown, folder: Path, layer: str = "enc2.conv1") -> dict[str, Any]:
    """Write it; the facts of the JSON file."""
    (*_, sentence) = write_view(Kept(glass, shown, layer, None, None), folder)
    (facts,) = folder.glob("[!.]*.json")
    record: dict[str, Any] = json.loads(facts.read_text(encoding="utf-8"))
    assert ("no script" in sentence) == (record["script"] is None)
    assert (folder / "reproduce.py").exists() == (record["script"] is not None)
    return record


def values(folder: Path) -> np.ndarray:
    (path,) = (p for p in folder.glob("*.tif") if p.name != "input.tif")
    return np.asarray(tifffile.imread(path))


def test_colours_are_made_again_by_the_script(tmp_path: Path) -> None:
    glass = opened()
    shown = last(show_colours(glass, "enc2.conv1"), Shown)
    assert kept(glass, shown, tmp_path)["axes"] == "yxc"
    runpy.run_path(str(tmp_path / "reproduce.py"))


@pytest.mark.parametrize("kernel", ["sobel_x", [[0.5, 0, -0.5], [1, 0, -1], [0.25, 0, 0]]])
def test_a_map_with_an_edited_kernel_is_made_again_by_the_script(
    tmp_path: Path, kernel: Any
) -> None:
    glass = opened()
    events = ask_edited(glass, "enc1.conv1", kernel, out=2, inp=None, keep_norm=True)
    record = kept(glass, last(events, Shown), tmp_path)
    change = edited(glass.net, "enc1.conv1", kernel, out=2)
    assert record["facts"]["channel"] == 2 and record["scale"] == [1, 1]
    assert np.abs(values(tmp_path)).max() > 0
    runpy.run_path(str(tmp_path / "reproduce.py"))
    text = (tmp_path / "reproduce.py").read_text(encoding="utf-8")
    assert "inspection.edited(" in text and repr(float(change.after[0, 0, 0])) in text


def test_before_and_after_is_written_without_a_script(tmp_path: Path) -> None:
    glass = opened()
    other = edited(glass.net, "enc1.conv1", "zero", out=0).model
    nets = [("before", glass.net), ("epoch 1", other)]
    shown = last(ask_difference(glass, nets, "enc1.conv1", 0), Shown)
    record = kept(glass, shown, tmp_path)
    assert record["recipe"] is None and record["facts"]["versions"] == ["before", "epoch 1"]
    stack = values(tmp_path)
    assert len(stack) == 2 and stack[0].std() > 0 and stack[1].std() == 0


def test_the_favourite_of_a_colour_network_has_its_channels_in_front(tmp_path: Path) -> None:
    glass = opened("bundled:general-fast", (64, 64, 3))
    shown = next(e for e in show_favourite(glass, "enc1.conv1", 0) if isinstance(e, Shown))
    assert kept(glass, shown, tmp_path)["axes"] == "cyx"
    assert len(values(tmp_path)) == 3


def test_a_table_alone_is_no_picture(tmp_path: Path) -> None:
    glass = opened(shape=(64, 64))
    shown = last(ask_ranking(glass, "enc1.conv1", "zero"), Shown)
    with pytest.raises(ImageError, match="no picture"):
        list(write_view(Kept(glass, shown, "enc1.conv1", None, None), tmp_path))
    assert not list(tmp_path.iterdir())
