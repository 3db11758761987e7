"""Check boxes: nothing of them is ever learned from, and a model knows from what it has learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from learning.small_scenes import blobs, sample, small_model
from unetscope.errors import LabelError
from unetscope.learning.check_box import CheckBox, drawn_box, outside, painted_boxes
from unetscope.learning.events import Finished
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.instant import fit_instant
from unetscope.learning.learned_pixels import LearnedPixels
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_probabilities
from unetscope.learning.samples import Sample
from unetscope.network.fingerprint import network_fingerprint

BOX = CheckBox(0, 20, 52, 30, 62)
QUICK = TrainOptions(
    max_seconds=None, max_epochs=1, steps_per_epoch=2, patch_px=64, batch_size=2, device="cpu"
)


def kept(one: Sample, boxes: Sequence[CheckBox] = (BOX,)) -> Sample:
    """A sample as learning gets it."""
    return replace(one, labels=outside(one.labels, boxes))


def repainted(one: Sample, value: int) -> Sample:
    """The same with the box painted all over."""
    labels = one.labels.copy()
    labels[BOX.plane] = value
    return replace(one, labels=labels)


def trained(model: PixelModel, samples: Sequence[Sample]) -> PixelModel:
    last = list(fine_tune(model, samples, QUICK))[-1]
    assert isinstance(last, Finished)
    return last.model


def test_a_box_is_the_pixels_between_two_corners_cut_to_the_image() -> None:
    assert drawn_box([(10.2, 90.0), (40.4, -5.0)], (60, 80)) == CheckBox(0, 10, 41, 0, 80)
    assert drawn_box([(3.0, 1.0, 2.0), (3.0, 30.0, 40.0)], (5, 60, 80)).z == 3


@pytest.mark.parametrize(
    ("corners", "words"),
    [([(0, 0), (3, 40)], "at least 16"), ([(25, 35), (55, 70)], "may not overlap")],
)
def test_a_box_that_is_too_small_or_on_another_one_is_refused(corners: object, words: str) -> None:
    with pytest.raises(LabelError, match=words):
        drawn_box(np.array(corners), (72, 88), [BOX])


def test_what_is_painted_in_a_box_changes_no_weight_and_no_answer() -> None:
    painted = sample()
    model = small_model()
    one, two = (kept(repainted(painted, value)) for value in (1, 2))
    assert not one.labels[BOX.plane].any() and one.labels.any()
    heads = [fit_instant(model, [given], device="cpu") for given in (one, two)]
    assert heads[0].fingerprint == heads[1].fingerprint
    nets = [trained(model, [given]) for given in (one, two)]
    assert nets[0].network is not None and nets[1].network is not None
    prints = [network_fingerprint(net.network.net) for net in nets if net.network is not None]
    assert prints[0] == prints[1]
    answers = [predict_probabilities(net, painted.image) for net in nets]
    assert np.array_equal(*answers)
    # and the same strokes without the box do change it, so the test can fail
    let_in = [fit_instant(model, [repainted(painted, value)], device="cpu") for value in (1, 2)]
    assert let_in[0].fingerprint != let_in[1].fingerprint


def test_a_model_knows_whether_its_voices_have_learned_from_a_box() -> None:
    painted, model = sample(), small_model()
    clean = trained(model, [kept(painted)])
    for learned in (clean.instant.learned, clean.network and clean.network.learned):
        assert learned is not None and not learned.any_in([painted.key], BOX)
        assert learned.any_in([painted.key], CheckBox(0, 0, 20, 0, 88))


def test_a_network_that_trains_on_without_a_box_has_still_learned_from_it() -> None:
    painted, model = sample(), small_model()
    once = trained(model, [painted])
    again = trained(once, [kept(painted)])
    assert again.network is not None and again.network.learned is not None
    assert again.network.learned.any_in([painted.key], BOX)
    assert again.instant.learned is not None  # the head was solved anew, without it
    assert not again.instant.learned.any_in([painted.key], BOX)
    anew = trained(again.without_network(), [kept(painted)])
    assert anew.network is not None and anew.network.learned is not None
    assert not anew.network.learned.any_in([painted.key], BOX)


def test_learned_pixels_are_joined_over_readings_and_planes() -> None:
    stack = np.zeros((3, 40, 41), np.uint8)
    stack[1, 5, 40] = 2
    flat = np.zeros((40, 41), np.uint8)
    flat[30, 3] = 1
    image = sample().image
    first = LearnedPixels.of([Sample(image, stack, "a")])
    joined = first.joined([Sample(image, flat, "a")]).joined([Sample(image, flat * 0, "a")])
    assert joined.any_in(["a"], CheckBox(1, 0, 20, 20, 41))
    assert not joined.any_in(["a"], CheckBox(2, 0, 20, 20, 41))
    assert joined.any_in(["b", "a"], CheckBox(0, 20, 40, 0, 20))
    assert not joined.any_in(["b"], CheckBox(0, 20, 40, 0, 20))


def test_a_box_counts_when_nearly_all_of_it_is_painted() -> None:
    image, dense = blobs((72, 88))
    labels = dense.copy()
    labels[20:22, 30:62] = 0  # 2 of 32 rows
    found = painted_boxes("a", sample().image, labels, [BOX, CheckBox(0, 0, 16, 0, 16)])
    assert [box.is_dense for box in found] == [False, True]
    assert found[0].painted == pytest.approx(30 / 32)
    assert np.array_equal(found[1].labels, dense[:16, :16]) and image.shape == labels.shape
