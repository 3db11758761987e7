"""What clicks say: the typical size, and necks that keep objects whole and pairs apart."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from measuring.phantoms import ball
from unetscope.errors import MeasurementError
from unetscope.measuring.clicked_objects import fitted, typical_size
from unetscope.measuring.objects import Objects, Separation, objects_of
from unetscope.measuring.quantities import Spacing

PX = Spacing((1.0, 1.0))


def disks(
    places: list[tuple[float, float, float]], shape: tuple[int, int] = (120, 260)
) -> NDArray[np.uint8]:
    """Disks (y, x, radius)."""
    drawn = [ball(shape, (y, x), radius, (1, 1)) for y, x, radius in places]
    return np.any(drawn, axis=0).astype(np.uint8)


def lumps() -> tuple[Objects, NDArray[np.uint8]]:
    """Lumpy bodies that the usual depth breaks, and pairs of disks that overlap."""
    places = [(30.0, 30.0, 16.0), (30.0, 47.0, 13.0), (85.0, 40.0, 15.0), (92.0, 56.0, 13.0)]
    places += [(30.0, 150.0, 18.0), (30.0, 179.0, 18.0), (85.0, 150.0, 18.0), (85.0, 179.5, 18.0)]
    return objects_of(disks(places), PX), disks(places)


def test_the_typical_size_is_the_median_of_the_objects_that_were_clicked() -> None:
    labels = disks([(30, 30, 8), (30, 80, 10), (30, 140, 15), (80, 60, 25)])
    nm = objects_of(labels, Spacing((4.0, 4.0), "nm"))
    found = typical_size(nm, [(30, 32), (30.4, 79), (34, 140), (29, 138)])
    assert found == pytest.approx(2 * 10 * 4, rel=0.01)
    assert typical_size(nm, [(30, 30), (30, 80), (0, 0)]) == pytest.approx(18 * 4, rel=0.02)
    stack = np.zeros((20, 30, 30), np.uint8)
    stack[ball(stack.shape, (20, 15, 15), 9, (2, 1, 1))] = 1
    one = objects_of(stack, Spacing((2.0, 1.0, 1.0)))
    assert typical_size(one, [(10, 15, 15)]) == pytest.approx(18, rel=0.02)


@pytest.mark.parametrize("clicked", [[], [(0, 0)], [(-5, 1), (900, 900)]])
def test_clicks_beside_all_objects_are_refused(clicked: list[tuple[int, int]]) -> None:
    objects, _ = lumps()
    with pytest.raises(MeasurementError, match="click on good objects"):
        typical_size(objects, clicked)
    with pytest.raises(MeasurementError, match="click on objects"):
        fitted(objects, clicked, [])


def test_a_fit_keeps_clicked_objects_whole_and_parts_clicked_pairs() -> None:
    objects, labels = lumps()
    assert len(objects.numbers) == 4
    whole, pairs = [(30, 35), (88, 48)], [((30, 150), (30, 179)), ((85, 150), (85, 180))]
    fit = fitted(objects, whole, pairs)
    assert (fit.met, fit.asked) == (4, 4)
    assert fit.how.by == "shape" and fit.how.smooth and fit.how.depth
    found = objects_of(labels, PX, fit.how)
    assert len(found.numbers) == 6
    assert found.ids[30, 25] == found.ids[30, 52]
    assert found.ids[30, 150] != found.ids[30, 179]


def test_what_only_pairs_say_is_followed_and_all_else_changes_least() -> None:
    objects, _ = lumps()
    fit = fitted(objects, [], [((30, 150), (30, 179))])
    parts = objects_of((objects.ids > 0).astype(np.uint8), PX, fit.how)
    assert fit.met == 1 and len(parts.numbers) in (5, 6)


def test_clicks_that_no_neck_can_do_right_are_told() -> None:
    objects, _ = lumps()
    fit = fitted(objects, [(30, 35)], [((30, 28), (30, 32))])
    assert (fit.met, fit.asked) == (1, 2)


def test_the_fit_is_the_same_each_time_and_in_the_unit_of_the_image() -> None:
    field = ndimage.gaussian_filter(np.random.default_rng(3).random((120, 160)), 4)
    labels = (field > np.quantile(field, 0.55)).astype(np.uint8)
    nm = objects_of(labels, Spacing((3.0, 3.0), "nm"), Separation(by="shape", typical=90.0))
    place = np.argwhere(nm.ids == nm.numbers[3])[40]
    first, again = (fitted(nm, [place], []) for _ in range(2))
    assert first == again and first.met == 1
    # nothing speaks against what is there
    necks = first.how.necks(nm.spacing)
    assert (necks.smooth, necks.depth) == (3.75, 3.75)
