"""One's own image on the bench, the export whose script does the step again, and courses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unetscope.errors import LessonError, UnetscopeError
from unetscope.images.micrograph import as_micrograph
from unetscope.images.target import Target
from unetscope.lessons.about import anchor_of, lessons_about
from unetscope.lessons.courses import COURSES, found
from unetscope.lessons.exporting import check_again, export_step, read_visit
from unetscope.lessons.gallery import all_lessons
from unetscope.lessons.own_image import own_laid
from unetscope.lessons.visit import Visit

GALLERY = all_lessons()
RNG = np.random.default_rng(4)
IMAGES: dict[str, Any] = {
    "8 bit": (RNG.integers(0, 255, (300, 260), np.uint8), "yx"),
    "16 bit": (RNG.integers(0, 60_000, (64, 64), np.uint16), "yx"),
    "float with NaN": (np.where(RNG.random((90, 70)) < 0.2, np.nan, 0.5).astype(np.float32), "yx"),
    "RGB": (RNG.integers(0, 255, (600, 700, 3), np.uint8), "yxc"),
    "stack": (RNG.random((5, 128, 96), np.float32), "zyx"),
    "channels": (RNG.random((4, 80, 88), np.float32), "cyx"),
}


def _target(name: str, **more: Any) -> Target:
    pixels, axes = IMAGES[name]
    return Target("key", as_micrograph(pixels, axes, name=name), **more)


@pytest.mark.parametrize("name", IMAGES)
def test_any_image_is_laid_at_most_512_wide_and_a_multiple_of_8(name: str) -> None:
    laid = own_laid(_target(name, z=2 if name == "stack" else 0))
    assert laid.own and laid.name == name
    assert all(side % 8 == 0 and side <= 512 for side in laid.pixels.shape[:2])
    assert laid.pixels.dtype == np.float32 and np.isfinite(laid.pixels).all()
    for lesson in GALLERY.lessons:
        trains = not lesson.step[0].live or any(e.slow and e.step == 1 for e in lesson.expect)
        if lesson.scene.own == "no" or trains:
            continue
        visit = Visit(lesson, own=laid)
        try:
            assert visit.shown().facts
        except UnetscopeError as error:  # what is missing is said in one sentence
            assert "\n" not in str(error)


def test_the_part_is_the_middle_of_the_view_at_its_pixel_size_with_its_strokes() -> None:
    pixels = np.arange(1000 * 1200, dtype=np.float32).reshape(1000, 1200)
    image = as_micrograph(pixels, "yx", (4.0, 5.0), "nm", "wide")
    labels = np.zeros(pixels.shape, np.uint8)
    labels[300, 400] = 2
    laid = own_laid(
        Target("key", image, 0, (slice(200, 403), slice(300, 1100))), labels, {2: "membrane"}
    )
    assert laid.pixels.shape == (200, 512) and laid.origin == (201, 444)
    assert laid.labels is None  # the stroke lies left of the part
    laid = own_laid(Target("key", image, 0, (slice(280, 320), slice(380, 420))), labels, {2: "m"})
    assert laid.pixels.shape == (64, 64) and laid.pixel_size == (4.0, 5.0) and laid.unit == "nm"
    y, x = laid.origin
    assert laid.pixels[0, 0] == pixels[y, x]
    assert laid.labels is not None and laid.labels[300 - y, 400 - x] == 2
    assert laid.class_names == ("class 1", "m") and laid.truth == "strokes"


def test_what_cannot_be_laid_is_said() -> None:
    with pytest.raises(LessonError, match="5 px wide or high"):
        own_laid(Target("key", as_micrograph(np.zeros((5, 40)), "yx")))
    with pytest.raises(LessonError, match="no values"):
        own_laid(Target("key", as_micrograph(np.full((16, 16), np.nan), "yx")))


def _with_strokes(pixels: np.ndarray) -> Any:
    labels = np.zeros(pixels.shape, np.uint8)
    rows, columns = pixels.shape
    labels[rows // 4, columns // 8 : -columns // 8] = 1
    labels[rows // 2, columns // 8 : -columns // 8] = 2
    return own_laid(Target("key", as_micrograph(pixels, "yx")), labels, {2: "m"})


def test_two_strokes_on_a_small_image_are_enough_or_it_is_said() -> None:
    small, flat = RNG.random((16, 24), np.float32), np.full((64, 64), 7, np.uint8)
    edges = Visit(GALLERY.lesson("hierarchy"), own=_with_strokes(small), live=True)
    assert edges.shown().facts["classes"] == ["class 1", "m", "edges"]
    assert "{" not in edges.notice()
    for lesson, at, pixels, said in (
        ("hierarchy", 0, flat, "no edges"),
        ("one-step", 1, flat, "changes nothing"),
        ("failing", 2, small, "32 px"),
    ):
        with pytest.raises(LessonError, match=said):
            Visit(GALLERY.lesson(lesson), at=at, own=_with_strokes(pixels), live=True).shown()


def test_an_export_does_the_step_again_by_its_script(tmp_path: Path) -> None:
    visit = Visit(GALLERY.lesson("pooling"), own=own_laid(_target("RGB")))
    visit.change("shift", 1)
    shown = visit.shown()
    source = GALLERY.files["pooling"]
    files = export_step(visit, shown, source, tmp_path)
    names = {path.name for path in files}
    assert {"lesson.toml", "picture.png", "picture.svg", "pooled.tif", "image.tif"} <= names
    script = next(path for path in files if path.name == "reproduce.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(shown.facts)} facts are as they were" in done.stdout
    (script.parent / "facts.json").write_text('{"kind": "exact", "facts": {"cells": 1}}')
    with pytest.raises(AssertionError):
        check_again(script.parent, read_visit(script.parent).shown())
    again = export_step(visit, shown, source, tmp_path)
    assert again[0].parent != files[0].parent  # what was kept before stays


def test_lessons_are_found_by_course_words_and_by_what_they_are_about() -> None:
    pooling = GALLERY.lesson("pooling")
    assert pooling in found(GALLERY.lessons, "lab", "POOLING where")
    assert not found(GALLERY.lessons, "lab", "no such words")
    assert len({one.name for one in COURSES}) == len(COURSES)
    assert anchor_of("Convolution here") == "convolution-here"
    assert pooling in lessons_about(GALLERY.lessons, "Convolution here")
    assert not lessons_about(GALLERY.lessons, "")


def test_no_lesson_names_a_page_that_is_not_there() -> None:
    docs = Path(__file__).parents[2] / "docs"
    for lesson in GALLERY.lessons:
        page, _, anchor = lesson.lesson.docs.partition("#")
        if page:
            text = (docs / page).read_text(encoding="utf-8")
            heads = [anchor_of(line.lstrip("# ")) for line in text.split("\n") if line[:1] == "#"]
            assert not anchor or anchor in heads, lesson.lesson.docs
