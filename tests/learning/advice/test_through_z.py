"""Labels between planes, on the next plane, and onwards by the model."""

from __future__ import annotations

import numpy as np
import pytest

from unetscope.errors import LabelError
from unetscope.learning.advice.through_z import (
    PlaneStep,
    copy_to_next,
    interpolate_slices,
    propagation_plan,
    propose_plane,
)


def _disk(radius: float, side: int = 64) -> np.ndarray:
    y, x = np.indices((side, side)) - side // 2
    return np.where(y**2 + x**2 <= radius**2, 2, 1).astype(np.uint8)


def test_a_disk_between_two_disks_has_the_radius_in_between() -> None:
    labels = np.zeros((5, 64, 64), np.uint8)
    labels[0], labels[4] = _disk(8), _disk(20)
    between = interpolate_slices(labels, 4, 0)
    assert between.shape == (3, 64, 64)
    radii = np.sqrt((between == 2).sum(axis=(1, 2)) / np.pi)
    assert radii == pytest.approx([11, 14, 17], abs=0.6)
    assert (between > 0).all()
    assert between.dtype == labels.dtype


def test_painted_pixels_stay_and_a_class_of_one_plane_is_not_invented() -> None:
    labels = np.zeros((3, 64, 64), np.uint8)
    labels[0] = labels[2] = _disk(10)
    labels[1, 32, 32] = 5
    labels[2, 2:6, 2:6] = 3
    between = interpolate_slices(labels, 0, 2)[0]
    assert between[32, 32] == 5
    assert not (between == 3).any()
    assert between[32, 40] == 2


def test_neighbouring_and_missing_planes_are_refused() -> None:
    labels = np.zeros((3, 8, 8), np.uint8)
    with pytest.raises(LabelError, match="no plane between 0 and 1"):
        interpolate_slices(labels, 0, 1)
    with pytest.raises(LabelError, match="plane 7 is not in a stack of 3"):
        interpolate_slices(labels, 0, 7)
    with pytest.raises(LabelError, match="2D"):
        interpolate_slices(labels[0], 0, 1)


def test_copying_fills_only_what_the_next_plane_lacks() -> None:
    labels = np.zeros((2, 1, 3), np.uint8)
    labels[0], labels[1] = [[1, 1, 0]], [[0, 2, 0]]
    assert copy_to_next(labels, 0).tolist() == [[1, 2, 0]]
    assert copy_to_next(labels, 1, -1).tolist() == [[1, 1, 0]]


def test_planes_are_proposed_outwards_each_from_a_neighbour_that_is_known_by_then() -> None:
    plan = propagation_plan([2, 7], 10, 0, 9)
    assert [step.z for step in plan] == [1, 3, 6, 8, 0, 4, 5, 9]
    assert plan[5] == PlaneStep(z=4, source_z=3, distance=2)
    known = {2, 7}
    for step in plan:
        assert step.source_z in known
        known.add(step.z)
    with pytest.raises(LabelError, match="no plane is painted"):
        propagation_plan([], 10, 0, 9)


def test_a_proposal_keeps_to_sure_pixels_near_the_same_class() -> None:
    source = _disk(10)
    chance = np.stack([_disk(11) == 1, _disk(11) == 2]).astype(np.float32) * 0.9 + 0.05
    chance[:, :, :8] = 0.5
    chance[:, 60:, 60:] = np.array([0.05, 0.95])[:, None, None]  # far from any 2 of the source
    proposal = propose_plane(source, chance, (1, 2), reach_px=6)
    assert not proposal.labels[:, :8].any()
    assert not proposal.labels[60:, 60:].any()
    assert proposal.labels[32, 32] == 2
    assert proposal.alike > 0.85
    assert not proposal.needs_review
    foreign = propose_plane(source, chance[::-1], (1, 2), reach_px=6)
    assert foreign.needs_review
