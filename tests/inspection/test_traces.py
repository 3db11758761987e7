"""A network that has been followed is not followed again, and answers the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from unetscope import inspection
from unetscope.inspection.following import trace as following
from unetscope.network.unet import UNet, UNetConfig, initialise

IMAGE = np.random.default_rng(0).random((32, 32), np.float32)
LABELS = np.zeros((32, 32), int)
LABELS[2:8, 2:8], LABELS[20:26, 20:26] = 1, 2


def network() -> UNet:
    return initialise(UNet(UNetConfig(widths=(4, 8), norm="none")), 3).eval()


QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "architecture": lambda of: inspection.architecture(of, (32, 32)).rows,
    "maps": lambda of: inspection.feature_maps(of, IMAGE, ["enc1"])["enc1"].values,
    "value": lambda of: inspection.microscope(of, IMAGE, "enc1.conv1").at(1, (5, 6)).total,
    "ablate": lambda of: inspection.ablate(of, IMAGE, "channel:enc1.conv1:0").probability_change,
    "ranking": lambda of: [
        (one.channel, one.changed_share)
        for one in inspection.ablation_ranking_steps(of, IMAGE, "enc1.conv1").finished()
    ],
    "attribution": lambda of: inspection.attribution(of, IMAGE, 1, (9, 9)).values,
    "dissect": lambda of: [
        (row.channel, row.iou) for row in inspection.dissect(of, IMAGE, LABELS, ["enc1"]).rows
    ],
    "effective": lambda of: (
        inspection.effective_receptive_field(of, IMAGE, "dec1", inputs=2).values
    ),
    "health": lambda of: inspection.health(of, [IMAGE]).findings,
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
def test_a_trace_is_taken_and_gives_what_the_network_gives(
    ask: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = network()
    expected, trace = ask(net), inspection.follow(net, (32, 32))

    def again(*_: Any) -> None:
        raise AssertionError("it was followed again")

    monkeypatch.setattr(following, "run_on_zeros", again)
    np.testing.assert_equal(ask(trace), expected)


def test_of_another_image_it_is_followed_anew() -> None:
    trace = inspection.follow(network(), (32, 32))
    other = inspection.follow(trace, (48, 32))
    assert other.model is trace.model and other.image_shape == (48, 32)
    assert inspection.follow(trace, (1, 1, 32, 32)) is trace


def test_what_is_left_of_long_work_is_finished() -> None:
    net, call = network(), ("enc1.conv1", 0)
    steps = inspection.maximise_steps(net, *call, size=16, steps=3, seed=0)
    assert next(steps).done == 1
    whole = inspection.maximise(net, *call, size=16, steps=3, seed=0)
    np.testing.assert_equal(steps.finished().image, whole.image)
