from __future__ import annotations

import pytest

from unetscope.errors import ImageError
from unetscope.session.axes import axes_choices, image_in_words
from unetscope.session.values import ImageSummary


@pytest.mark.parametrize(
    ("shape", "rgb", "labels", "choices"),
    [
        ((64, 64), False, (), ("yx",)),
        ((64, 64, 3), True, (), ("yxc",)),
        ((5, 64, 64, 4), True, (), ("zyxc",)),
        ((20, 64, 64), False, (), ("zyx", "cyx")),
        ((3, 64, 64), False, (), ("cyx", "zyx")),
        ((20, 64, 64), False, ("z", "y", "x"), ("zyx",)),
        ((20, 64, 64), False, ("channel", "y", "x"), ("cyx",)),
        ((20, 64, 64), False, ("-3", "-2", "-1"), ("zyx", "cyx")),
        ((2, 20, 64, 64), False, (), ("czyx", "zcyx")),
        ((20, 2, 64, 64), False, (), ("zcyx", "czyx")),
        ((64, 64, 3), True, ("y", "x"), ("yxc",)),
    ],
)
def test_axes_are_read_from_the_file_or_offered(
    shape: tuple[int, ...], rgb: bool, labels: tuple[str, ...], choices: tuple[str, ...]
) -> None:
    assert axes_choices(shape, rgb=rgb, labels=labels) == choices


def test_time_series_are_refused_with_what_to_do() -> None:
    with pytest.raises(ImageError, match="Split Stack"):
        axes_choices((2, 3, 4, 64, 64), rgb=False)


def test_an_image_is_described_with_size_pixel_size_and_kind() -> None:
    flat = ImageSummary("k", "n", "yx", (512, 640), 1, False, (4.6, 4.6), "nm", ("yx",))
    assert image_in_words(flat) == "640 × 512 · 4.6 nm/px · grey"
    stack = ImageSummary("k", "n", "zyx", (9, 50, 60), 1, False, (2.0, 0.5, 0.5), "µm", ("zyx",))
    assert image_in_words(stack) == "60 × 50 × 9 · 0.5 µm/px, z 2 µm · z-stack"
    unknown = ImageSummary("k", "n", "yxc", (50, 60), 3, True, None, None, ("yxc",))
    assert image_in_words(unknown) == "60 × 50 · RGB"
