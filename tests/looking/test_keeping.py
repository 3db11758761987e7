"""What the panel shows becomes files: with a script where one call made it, else without."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from unetscope.errors import ImageError
from unetscope.images.micrograph import as_micrograph
from unetscope.images.target import Target
from unetscope.inspection import edited
from unetscope.looking.answers import Shown
from unetscope.looking.glass import Glass, open_glass
from unetscope.looking.keeping import write_view
from unetscope.looking.question import last
from unetscope.looking.questions import QUESTIONS
from unetscope.session.inside.sources import subject


def opened(source: str = "bundled:general-fast", shape: tuple[int, ...] = (100, 90)) -> Glass:
    pixels = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    axes = "yxc" if len(shape) == 3 else "yx"
    target = Target("image", as_micrograph(pixels, axes))
    return open_glass(subject(source, None, (), target))


def answer(glass: Glass, question: str, **options: Any) -> Shown:
    return last(QUESTIONS[question].ask(glass, options))


def kept(glass: Glass, shown: Shown, folder: Path) -> dict[str, Any]:
    """Write it; the facts of the JSON file."""
    (*_, sentence) = write_view(glass, shown, None, folder)
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
    shown = answer(glass, "pca", layer="enc2.conv1")
    assert kept(glass, shown, tmp_path)["axes"] == "yxc"
    runpy.run_path(str(tmp_path / "reproduce.py"))


@pytest.mark.parametrize("kernel", ["sobel_x", [[0.5, 0, -0.5], [1, 0, -1], [0.25, 0, 0]]])
def test_a_map_with_an_edited_kernel_is_made_again_by_the_script(
    tmp_path: Path, kernel: Any
) -> None:
    glass = opened()
    shown = answer(glass, "edit", layer="enc1.conv1", kernel=kernel, channel=2)
    record = kept(glass, shown, tmp_path)
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
    shown = answer(glass, "compare", against=nets, layer="enc1.conv1", channel=0)
    record = kept(glass, shown, tmp_path)
    assert record["recipe"] is None and record["facts"]["versions"] == ["before", "epoch 1"]
    stack = values(tmp_path)
    assert len(stack) == 2 and stack[0].std() > 0 and stack[1].std() == 0


def test_the_favourite_of_a_colour_network_has_its_channels_in_front(tmp_path: Path) -> None:
    glass = opened("bundled:general-fast", (64, 64, 3))
    shown = answer(glass, "maximise", layer="enc1.conv1", steps=2)
    assert kept(glass, shown, tmp_path)["axes"] == "cyx"
    assert len(values(tmp_path)) == 3


def test_a_table_alone_is_no_picture(tmp_path: Path) -> None:
    glass = opened(shape=(64, 64))
    shown = answer(glass, "ablate", layer="enc1.conv1", mode="zero")
    with pytest.raises(ImageError, match="no picture"):
        list(write_view(glass, shown, None, tmp_path))
    assert not list(tmp_path.iterdir())
