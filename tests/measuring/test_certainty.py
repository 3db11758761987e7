"""Lines of certainty: edges from probabilities, other ways to tell apart, the pixel size."""

from __future__ import annotations

from math import erf, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.measuring.certainty import (
    certainty_of,
    checked_probabilities,
    choices,
    edge_envelope,
    numbers_by_choice,
    objects_by_choice,
    with_edges,
)
from unetscope.measuring.object_table import measure
from unetscope.measuring.objects import Objects, Separation, objects_of
from unetscope.measuring.populations import counted, mean_diameter, population_of
from unetscope.measuring.quantities import Quantity, Spacing

PX = Spacing((1.0, 1.0))
#: Where a normal edge has p = .7, in widths.
REACH = 0.5244005


def soft(
    shape: tuple[int, int], disks: list[tuple[float, float, float]], width: float
) -> NDArray[np.float64]:
    """Probability of disks (y, x, radius) whose edges are normal with this width."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    far = np.max([radius - np.hypot(y - cy, x - cx) for cy, cx, radius in disks], axis=0)
    return np.vectorize(lambda t: 0.5 * (1 + erf(t / width / sqrt(2))))(far)


def both(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([1 - probability, probability])


@pytest.mark.parametrize("width", [1.5, 4.0])
def test_the_envelope_of_a_soft_disk_is_that_of_its_edge(width: float) -> None:
    p = soft((90, 160), [(45, 40, 20), (45, 110, 28)], width)
    nm = objects_of((p >= 0.5).astype(np.uint8), Spacing((2.0, 2.0), "nm"))
    found = edge_envelope(nm, p)
    for at, radius in enumerate((28, 20)):  # the larger one begins higher up
        inner, outer = ((radius - s * REACH * width) * 2 for s in (1, -1))
        assert found.low[at] == pytest.approx(np.pi * inner**2, rel=0.02)
        assert found.high[at] == pytest.approx(np.pi * outer**2, rel=0.02)
    assert found.share_low * p.size * 4 == pytest.approx(found.low.sum())
    assert found.share_high * p.size * 4 == pytest.approx(found.high.sum())


def test_neighbours_share_what_lies_between_them_and_blobs_without_an_object_are_the_classes() -> (
    None
):
    p = soft((80, 160), [(40, 40, 20), (40, 82, 20), (40, 140, 6)], 3.0)
    p[:, 125:] *= 0.45  # never found, but more than .3
    objects = objects_of((p >= 0.5).astype(np.uint8), PX)
    found = edge_envelope(objects, p)
    assert len(found.high) == 2
    assert found.high[0] == pytest.approx(found.high[1], rel=0.02)
    assert found.share_high * p.size > found.high.sum() + 50


def test_an_object_lies_inside_its_envelope_also_where_holes_were_filled() -> None:
    p = soft((60, 60), [(30, 30, 20)], 2.0)
    p[28:33, 28:33] = 0.1
    objects = objects_of((p >= 0.5).astype(np.uint8), PX, Separation(holes=50))
    found, own = edge_envelope(objects, p), objects.runs.pixels
    assert found.low[0] <= own[0] <= found.high[0]
    sharp = edge_envelope(objects, (objects.ids > 0).astype(float))
    across = np.sqrt(4 * np.array([sharp.low[0], own[0], sharp.high[0]]) / np.pi)
    np.testing.assert_allclose(np.diff(across), 1.0)  # half a pixel on either side


def test_a_number_with_the_edges_elsewhere_and_objects_that_vanish() -> None:
    p = np.maximum(
        soft((80, 160), [(40, 40, 20)], 2.0), 0.6 * soft((80, 160), [(40, 110, 10)], 2.0)
    )
    objects = objects_of((p >= 0.5).astype(np.uint8), PX)
    inner, outer = with_edges(measure(objects), edge_envelope(objects, p))
    assert len(inner) == 1 and len(outer) == 2
    assert inner.columns["diameter"][0] == pytest.approx(2 * (20 - REACH * 2), rel=0.01)


def blocks() -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    disks = [(30.0, 30.0, 15.0), (30.0, 57.0, 15.0), (80.0, 30.0, 15.0), (80.0, 50.0, 15.0)]
    p = soft((110, 100), disks, 2.0)
    return (p >= 0.5).astype(np.uint8), p


def test_other_choices_are_nine_by_shape_three_by_components_and_by_depth_alone_without_p() -> None:
    labels, p = blocks()
    shape = Separation(by="shape", typical=48.0)
    assert len(choices(shape)) == 9 and len(choices(Separation())) == 3
    found = dict(objects_by_choice(labels, both(p), PX, shape))
    assert len(found) == 9
    own = found[choices(shape)[1]]
    np.testing.assert_array_equal(own.ids, objects_of(labels, PX, shape).ids)
    counts = {choice.depth: len(o.numbers) for choice, o in found.items() if choice.edge is None}
    assert counts[0.5] > counts[2.0]
    areas = {choice.edge: (o.ids > 0).sum() for choice, o in found.items()}
    assert areas[0.7] < areas[None] < areas[0.3]
    assert len(list(objects_by_choice(labels, None, PX, shape))) == 3


def test_a_border_stays_a_border_at_other_edges() -> None:
    labels = np.ones((40, 40), np.uint8)
    labels[:, 19:21] = 2
    p = np.zeros((3, 40, 40))
    p[1], p[2] = np.where(labels == 1, 0.9, 0.4), np.where(labels == 2, 0.6, 0.1)
    p[0] = 1 - p[1] - p[2]
    how = Separation(by="border", border=2)
    counts = [len(o.numbers) for _, o in objects_by_choice(labels, p, PX, how)]
    assert counts == [2, 2, 2]


def test_lines_stand_side_by_side_and_hold_the_number() -> None:
    labels, p = blocks()
    how = Separation(by="shape", typical=48.0)
    nm = Spacing((4.0, 4.0), "nm")

    def mean(objects: Objects) -> Quantity:
        return mean_diameter(population_of([measure(objects)], "keep"))

    number = mean(objects_of(labels, nm, how))
    others = list(numbers_by_choice(objects_by_choice(labels, both(p), nm, how), mean))
    objects = objects_of(labels, nm, how)
    edges = [
        mean_diameter(population_of([t], "keep"))
        for t in with_edges(measure(objects), edge_envelope(objects, p))
    ]
    found = certainty_of(number, edges, others, pixel_size=0.02)
    told = {line.kind: line for line in found.lines}
    assert list(told) == ["edge", "telling apart", "pixel size"]  # too few for an interval
    assert all(line.low <= number.value <= line.high for line in found.lines)
    assert told["pixel size"].high == pytest.approx(number.value * 1.02)
    sentence = found.sentence()
    for words in (
        "p ≥ 0.3, half a pixel at least; no interval",
        "½ to 2 times the depth",
        " nm",
        "pixel size",
    ):
        assert words in sentence
    assert sentence.count("95") == 0
    assert [line["kind"] for line in found.as_record()["certainty"]] == list(told)


@pytest.mark.parametrize(
    ("name", "unit", "low", "high"),
    [
        ("d50 by number", "nm", 9.0, 11.0),
        ("mean area", "nm²", 8.1, 12.1),
        ("density", "1/nm²", 10 / 1.21, 10 / 0.81),
        ("G by area", "", 10 - 6.643856 * np.log10(1.1), 10 - 6.643856 * np.log10(0.9)),
    ],
)
def test_the_error_of_the_pixel_size_goes_with_the_power_of_the_length(
    name: str, unit: str, low: float, high: float
) -> None:
    number = Quantity(name, 10.0, unit, 50, "objects", "method", 9.5, 10.5)
    sampling, pixel = certainty_of(number, pixel_size=0.1).lines
    assert (sampling.low, sampling.high) == (9.5, 10.5) and "95%" in str(sampling)
    assert (pixel.low, pixel.high) == pytest.approx((low, high))


def test_shares_and_angles_do_not_go_with_the_pixel_size() -> None:
    for unit in ("", "°"):
        number = Quantity("share", 0.5, unit, 5, "pixels", "method", reason="none")
        assert certainty_of(number, pixel_size=0.1).lines == ()


def test_wrong_lines_are_refused() -> None:
    number = Quantity("d50", 10.0, "nm", 50, "objects", "method", 9.5, 10.5)
    with pytest.raises(MeasurementError, match="other units"):
        certainty_of(number, [counted([measure(objects_of(np.ones((9, 9), int), PX))])])
    with pytest.raises(MeasurementError, match="relative error"):
        certainty_of(number, pixel_size=1.5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.zeros((2, 9, 8)), "shape"),
        (np.zeros((9, 9)), "shape"),
        (np.zeros((2, 9, 9), int), "real numbers"),
        (np.full((2, 9, 9), np.nan), "not finite"),
        (np.full((2, 9, 9), np.inf), "not finite"),
        (np.stack([np.full((9, 9), 1.5), np.full((9, 9), -0.5)]), "from 1.5 to 1.5"),
        (np.full((2, 9, 9), 0.3), "sum to 0.6"),
    ],
)
def test_probabilities_that_are_none_are_refused_in_words(wrong: NDArray, said: str) -> None:
    with pytest.raises(MeasurementError, match=said):
        checked_probabilities(wrong, (9, 9))


def test_probabilities_of_half_precision_and_of_bytes_are_taken() -> None:
    p = np.random.default_rng(0).dirichlet((1, 1, 1), (9, 9)).transpose(2, 0, 1)
    checked_probabilities(p.astype(np.float16), (9, 9))
    checked_probabilities(np.round(p * 255) / 255, (9, 9))
