"""The first lessons need no torch, and images of any kind are laid without reading all of them."""

from __future__ import annotations

import subprocess
import sys

import dask.array as da
import numpy as np
import pytest

from unetscope.images.micrograph import as_micrograph
from unetscope.images.target import Target
from unetscope.lessons.own_image import own_laid

QUICK = (1, 2, 3, 4, 6)  # these are on screen before torch could have been loaded

_SCRIPT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ImportError("torch is not wanted here")

sys.meta_path.insert(0, Blocked())
from unetscope.lessons.gallery import all_lessons
from unetscope.lessons.visit import Visit
from unetscope.widgets.lessons import lessons_dock

for lesson in all_lessons().lessons:
    if lesson.lesson.order in %r:
        for at in range(len(lesson.step)):
            assert Visit(lesson, at=at).shown().facts, lesson.id
assert "torch" not in sys.modules
"""


def test_the_dock_and_the_first_lessons_do_without_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT % (QUICK,)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("size", [None, (4.0, 9.0)])
def test_of_a_large_lazy_image_the_part_alone_is_read(size: tuple[float, float] | None) -> None:
    read: list[tuple[int, ...]] = []

    def block(block_info: dict) -> np.ndarray:
        read.append(block_info[None]["chunk-location"])
        return np.ones(block_info[None]["chunk-shape"], np.float32)

    lazy = da.map_blocks(
        block, chunks=((512,) * 12, (512,) * 12), dtype=np.float32, meta=np.ones(0)
    )
    image = as_micrograph(lazy, "yx", size, "nm" if size else None, "wide")
    read.clear()
    laid = own_laid(Target("key", image, 0, (slice(1024, 1536), slice(512, 1024))))
    assert read == [(2, 1)]
    assert laid.pixel_size == (size or (1.0, 1.0)) and laid.unit == ("nm" if size else "")
