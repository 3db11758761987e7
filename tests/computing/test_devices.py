"""Devices and precision: chosen by what they are, checked by name, and given back."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

from learning.small_scenes import blobs, sample, small_model
from unetscope.computing.machine import Machine, settled
from unetscope.computing.memory import give_back, is_out_of_memory
from unetscope.computing.precision import autocast, choose_device, device_note, training_precision
from unetscope.errors import ModelError
from unetscope.images.micrograph import as_micrograph
from unetscope.learning.events import Notice
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.instant import fit_instant
from unetscope.learning.prediction import PredictOptions, predict_probabilities, predict_tiles


def test_a_device_is_chosen_or_checked() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") in ("cpu", "cuda", "mps")
    assert device_note("auto") is device_note("cpu") is None
    for unknown in ("tpu", "cuda:x", "cuda 0", "", "CPU"):
        with pytest.raises(ModelError, match="unknown"):
            choose_device(unknown)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("wanted", ["cuda", "cuda:0"])
def test_the_cpu_takes_the_place_of_a_gpu_that_is_not_there_and_it_is_said(wanted) -> None:
    assert choose_device(wanted) == "cpu"
    options = TrainOptions(max_seconds=0.0, device=wanted)
    events = list(fine_tune(small_model(), [sample()], options))
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert wanted in notice.text and notice is events[0]
    assert "Preferences ▸ unetscope ▸ Device" in notice.text and "--device" in notice.text
    model = events[-1].model
    image = as_micrograph(blobs((300, 200), 3)[0])
    told = list(predict_tiles(model, image, PredictOptions(device=wanted, tile_px=64)))
    assert [e.text for e in told if isinstance(e, Notice)] == [notice.text]


def test_precision_is_the_same_at_every_call_and_can_be_set() -> None:
    assert training_precision("cpu") == training_precision("cpu") in ("bf16", "fp32")
    assert training_precision("cpu", "fp32") == "fp32"
    with pytest.raises(ModelError, match="fp8"):
        training_precision("cpu", "fp8")
    layer = torch.nn.Conv2d(1, 1, 1)
    image = torch.zeros(1, 1, 4, 4)
    for precision, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        with autocast("cpu", precision):
            assert layer(image).dtype == dtype


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: no"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("size mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(error, is_memory) -> None:
    assert is_out_of_memory(error) is is_memory


def test_the_cpu_works_on_what_is_made_ready_for_it() -> None:
    net = small_model().features.backbone
    machine = Machine("cpu")
    there = machine.net(net)
    assert there is machine.net(net) is not net
    assert machine.net(net.dec1) is net.dec1  # only whole U-Nets are
    assert not settled(net).training and not any(p.requires_grad for p in net.parameters())


@pytest.mark.gpu
def test_a_gpu_answers_as_the_cpu_does() -> None:
    model = fit_instant(small_model(), [sample()], device="cpu")
    image = as_micrograph(blobs((300, 200), 3)[0])
    cpu, gpu = (
        predict_probabilities(model, image, PredictOptions(device=device, tile_px=128))
        for device in ("cpu", "cuda")
    )
    assert np.abs(cpu - gpu).max() < 0.02
    assert (cpu.argmax(0) == gpu.argmax(0)).mean() > 0.999


@pytest.mark.gpu
def test_a_gpu_gets_its_memory_back_after_training() -> None:
    before = torch.cuda.memory_allocated()
    options = TrainOptions(max_seconds=None, max_epochs=1, steps_per_epoch=3, device="cuda")
    *_, finished = fine_tune(small_model(), [sample()], options)
    assert finished.model.network is not None
    gc.collect()
    give_back()
    assert torch.cuda.memory_allocated() <= before + 1_000_000
