"""Tiles cover an image once, in phase with its poolings."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unetscope.learning.tiling import padded_shape, plan_tiles, tiles_touching
from unetscope.network.cropping import relative

SIDES = st.integers(1, 300)
PLANS = st.fixed_dictionaries(
    {
        "core_px": st.integers(1, 128),
        "halo_px": st.integers(0, 120),
        "margin_px": st.integers(0, 16),
        "multiple": st.sampled_from([1, 2, 4, 8, 16]),
    }
)


@given(height=SIDES, width=SIDES, plan=PLANS)
def test_cores_partition_the_padded_image(height, width, plan) -> None:
    bounds = padded_shape((height, width), plan["multiple"])
    answered = np.zeros(bounds, np.int32)
    shown = np.zeros((height, width), np.int32)
    for tile in plan_tiles((height, width), **plan):
        answered[tile.core] += 1
        shown[tile.inside((height, width))] += 1
    assert (answered == 1).all() and (shown == 1).all()
    assert 0 <= bounds[0] - height < plan["multiple"]
    assert 0 <= bounds[1] - width < plan["multiple"]


@given(height=SIDES, width=SIDES, plan=PLANS)
def test_every_box_is_in_phase_and_as_wide_as_asked(height, width, plan) -> None:
    bounds = padded_shape((height, width), plan["multiple"])
    for tile in plan_tiles((height, width), **plan):
        for axis, bound in enumerate(bounds):
            core, grown, window = tile.core[axis], tile.grown[axis], tile.window[axis]
            edges = [edge for box in (core, window) for edge in (box.start, box.stop)]
            assert all(edge % plan["multiple"] == 0 for edge in edges)
            assert grown.start == max(0, core.start - plan["margin_px"])
            assert grown.stop == min(bound, core.stop + plan["margin_px"])
            assert 0 <= window.start <= max(0, grown.start - plan["halo_px"])
            assert bound >= window.stop >= min(bound, grown.stop + plan["halo_px"])


@given(height=SIDES, width=SIDES, plan=PLANS, data=st.data())
def test_the_tiles_of_a_region_are_those_that_meet_it_nearest_first(
    height, width, plan, data
) -> None:
    tiles = plan_tiles((height, width), **plan)
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom = data.draw(st.integers(top + 1, height))
    right = data.draw(st.integers(left + 1, width))
    found = tiles_touching(tiles, (slice(top, bottom), slice(left, right)))
    covered = np.zeros(padded_shape((height, width), plan["multiple"]), bool)
    for tile in found:
        covered[tile.core] = True
        hit = np.zeros_like(covered)
        hit[tile.core] = True
        assert hit[top:bottom, left:right].any()
    assert covered[top:bottom, left:right].all()
    middle = np.array([(top + bottom) / 2, (left + right) / 2])
    centres = [np.array([(s.start + s.stop) / 2 for s in tile.core]) for tile in found]
    away = [((centre - middle) ** 2).sum() for centre in centres]
    assert away == sorted(away)


def test_a_box_is_the_same_pixels_in_the_coordinates_of_its_frame() -> None:
    picture = np.arange(400).reshape(20, 20)
    frame, box = (slice(4, 16), slice(2, 18)), (slice(6, 9), slice(10, 18))
    assert np.array_equal(picture[frame][relative(box, frame)], picture[box])
