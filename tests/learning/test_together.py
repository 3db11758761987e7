"""Processes that train together take one's steps, and one that dies leaves the model of before."""

from __future__ import annotations

import time
from dataclasses import replace
from multiprocessing import active_children
from typing import Any

import pytest
import torch
import torch.multiprocessing

from learning.joint_steps import FEW, MANY, after, second
from learning.small_scenes import sample, small_model
from unetscope.errors import ModelError
from unetscope.learning.end_reason import EndReason
from unetscope.learning.events import EpochDone, Finished, Notice
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.together import met, open_door
from unetscope.network.fingerprint import network_fingerprint

QUICK = TrainOptions(
    max_seconds=None, max_epochs=2, steps_per_epoch=3, patch_px=64, batch_size=2, device="cpu"
)


def test_two_processes_have_the_same_bits_and_take_the_steps_of_one_with_all_patches() -> None:
    door = open_door()
    spawned = torch.multiprocessing.get_context("spawn")
    into = spawned.Queue()
    other = spawned.Process(target=second, args=(door.port, into), daemon=True)
    other.start()
    with met(0, 2, door) as together:
        few, many = after(FEW, together), after(MANY, together)
        theirs = [torch.from_numpy(into.get(timeout=60)) for _ in range(2)]
    other.join(30)
    assert torch.equal(few, theirs[0])
    assert torch.equal(many, theirs[1])
    # AdamW divides by tiny gradients: later on what rounding makes of it grows from step to step.
    one = after(FEW)
    assert (few - one).abs().max() <= 1e-6
    assert (one - after(0)).abs().max() > 1e-4


@pytest.mark.usefixtures("few_trees")
def test_a_killed_process_ends_the_training_with_the_model_of_the_last_epoch() -> None:
    events: list[Any] = []
    killed = 0.0
    for event in fine_tune(small_model(), [sample()], replace(QUICK, devices=2, max_epochs=500)):
        events.append(event)
        if isinstance(event, EpochDone) and event.epoch == 2:
            killed = time.monotonic()
            active_children()[0].kill()
    assert time.monotonic() - killed < 30
    epochs = [event for event in events if isinstance(event, EpochDone)]
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.reason is EndReason.PEER
    assert isinstance(events[-2], Notice)
    assert len(epochs) == 2
    kept = last.model.network
    assert kept is not None
    assert epochs[-1].model.network is not None
    assert network_fingerprint(kept.net) == network_fingerprint(epochs[-1].model.network.net)
    assert active_children() == []


def test_more_gpus_than_there_are_and_no_number_are_refused() -> None:
    for devices in (0, 65):
        with pytest.raises(ModelError, match=f"devices is {devices}"):
            list(fine_tune(small_model(), [sample()], TrainOptions(devices=devices, device="cpu")))
