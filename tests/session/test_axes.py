from __future__ import annotations

import pytest

from unetscope.errors import ImageError
from unetscope.session.axes import axes_choices, image_in_words, reading_note
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
        ((1, 1, 1, 64, 64), False, (), ("111yx",)),
        ((1, 3, 1, 64, 64), False, (), ("1c1yx", "1z1yx")),
        ((1, 9, 1, 64, 64), False, ("-5", "-4", "-3", "-2", "-1"), ("1z1yx", "1c1yx")),
        ((1, 3, 1, 64, 64), False, ("t", "c", "z", "y", "x"), ("1c1yx",)),
        ((1, 3, 9, 64, 64), False, ("t", "c", "z", "y", "x"), ("1czyx",)),
        ((1, 3, 64, 64), False, ("t", "c", "y", "x"), ("1cyx",)),
        ((1, 2, 5, 64, 64), False, (), ("1czyx", "1zcyx")),
        ((1, 1, 1, 64, 64, 3), True, (), ("111yxc",)),
        ((1, 1, 64, 64), False, (), ("czyx", "zcyx")),
        ((64, 64, 2), False, (), ("zyx", "cyx", "yxc")),
    ],
)
def test_axes_are_read_from_the_file_or_offered(
    shape: tuple[int, ...], rgb: bool, labels: tuple[str, ...], choices: tuple[str, ...]
) -> None:
    assert axes_choices(shape, rgb=rgb, labels=labels) == choices


def test_time_series_are_refused_with_what_to_do() -> None:
    with pytest.raises(ImageError, match="Split Stack"):
        axes_choices((2, 3, 4, 64, 64), rgb=False)


def test_named_time_points_are_refused_with_their_number() -> None:
    with pytest.raises(ImageError, match=r"12 time points.*Split Stack"):
        axes_choices((12, 3, 64, 64), rgb=False, labels=("t", "c", "y", "x"))


@pytest.mark.parametrize(
    ("shape", "labels", "part"),
    [
        ((7, 64, 64), ("t", "y", "x"), "7 planes time points"),
        ((64, 64, 3), (), "channels last"),
        ((64, 64, 64), (), ""),
        ((3, 64, 64), ("c", "y", "x"), ""),
    ],
)
def test_what_is_odd_about_a_reading_is_noted(
    shape: tuple[int, ...], labels: tuple[str, ...], part: str
) -> None:
    note = reading_note(shape, rgb=False, labels=labels)
    assert part in note
    assert bool(note) == bool(part)


def test_an_image_is_described_with_size_pixel_size_and_kind() -> None:
    flat = ImageSummary("k", "n", "yx", (512, 640), 1, False, (4.6, 4.6), "nm", ("yx",))
    assert image_in_words(flat) == "640 × 512 · 4.6 nm/px · grey"
    stack = ImageSummary("k", "n", "zyx", (9, 50, 60), 1, False, (2.0, 0.5, 0.5), "µm", ("zyx",))
    assert image_in_words(stack) == "60 × 50 × 9 · 0.5 µm/px, z 2 µm · z-stack"
    unknown = ImageSummary("k", "n", "yxc", (50, 60), 3, True, None, None, ("yxc",))
    assert image_in_words(unknown) == "60 × 50 · RGB"
