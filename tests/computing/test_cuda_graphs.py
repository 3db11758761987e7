"""Recorded passes: shared by threads, checked, and done without where they fail.

Where there is no GPU, a stand-in runs the pass again into the recording's own memory, which is all
that a replay does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from unetscope.computing import cuda_graphs
from unetscope.computing.cuda_graphs import GraphedNet, record
from unetscope.computing.machine import Engine, Machine, settled
from unetscope.network.unet import UNet, UNetConfig, initialise

CORE = (slice(17, 50), slice(8, 41))


def net_of(seed: int = 1) -> UNet:
    return settled(initialise(UNet(UNetConfig(2, 1, 3, (4, 6, 8), norm="none")), seed))


def picture(height: int, width: int, seed: int = 2) -> Tensor:
    return torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(seed))


class Tape:
    """Stands for :func:`record`; ``shapes`` of what was recorded, and how a replay fails."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.fault = 0.0

    def record(self, run: Callable[[], dict[str, Tensor]], *_: Any) -> tuple[Any, Any]:
        answer = run()
        self.shapes.append(tuple(next(iter(answer.values())).shape))

        def replay() -> None:
            time.sleep(0.002)  # another thread's chance to put its image into the same memory
            for name, maps in run().items():
                answer[name].copy_(maps + self.fault)

        return SimpleNamespace(replay=replay), answer


@pytest.fixture
def tape(monkeypatch) -> Tape:
    made = Tape()
    stream = SimpleNamespace(wait_event=lambda event: None)
    fakes = {
        "graph_pool_handle": lambda: (0, 1),
        "Event": lambda: SimpleNamespace(record=lambda stream: None),
        "device": lambda device: nullcontext(),
        "current_stream": lambda: stream,
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    monkeypatch.setattr(cuda_graphs, "record", made.record)
    return made


def test_a_shape_is_recorded_when_it_comes_again_and_the_oldest_goes(tape, monkeypatch) -> None:
    monkeypatch.setattr(cuda_graphs, "_MOST", 2)
    net = net_of()
    graphed = GraphedNet(net)
    assert graphed.config == net.config
    for seed in range(4):
        image = picture(64, 64, seed)
        assert torch.equal(graphed(image, CORE), net(image, CORE))
    assert len(tape.shapes) == 1
    taps = graphed.taps(picture(64, 64), ["dec1"], CORE)
    assert torch.equal(taps["dec1"], net.taps(picture(64, 64), ["dec1"], CORE)["dec1"])
    for side in (72, 72, 80, 80):
        graphed(picture(side, 64), CORE)
    assert len(tape.shapes) == 3
    assert torch.equal(graphed(picture(64, 64), CORE), net(picture(64, 64), CORE))
    assert len(tape.shapes) == 4  # the first had to go, and is recorded anew


def test_an_answer_is_not_written_over_by_the_next(tape) -> None:
    graphed, kept = GraphedNet(net_of()), []
    for seed in range(4):
        answer = graphed(picture(64, 64, seed))
        kept.append((answer, answer.clone()))
    assert all(torch.equal(answer, as_given) for answer, as_given in kept)


def test_threads_do_not_mix_their_images(tape) -> None:
    net = net_of()
    graphed, wrong = GraphedNet(net), []

    def ask(seed: int) -> None:
        image = picture(32, 32, seed)
        expected = net(image)
        wrong.extend(1 for _ in range(12) if not torch.equal(graphed(image), expected))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tape.shapes == [(1, 3, 32, 32)] and not wrong


def test_it_answers_in_and_out_of_inference_mode(tape) -> None:
    net = net_of()
    graphed, image = GraphedNet(net), picture(32, 32)
    with torch.inference_mode():
        for _ in range(2):
            graphed(image)
    assert torch.equal(graphed(image), net(image)) and not graphed(image).is_inference()
    seen = image.clone().requires_grad_()  # nothing recorded has a gradient
    graphed(seen).sum().backward()
    assert seen.grad is not None and seen.grad.abs().sum() > 0


@pytest.mark.parametrize("fault", ["refused", "wrong"])
def test_what_cannot_be_recorded_is_answered_without_and_said_once(
    tape, monkeypatch, caplog, fault
) -> None:
    net = net_of()
    graphed = GraphedNet(net)
    graphed(picture(32, 32)), graphed(picture(32, 32))  # one recording that is right
    if fault == "wrong":
        tape.fault = 0.5
    else:

        def refuse(*_: object) -> None:
            raise RuntimeError("operation not permitted when stream is capturing")

        monkeypatch.setattr(cuda_graphs, "record", refuse)
    with caplog.at_level(logging.WARNING):
        for side in (64, 64, 64, 48, 48):
            assert torch.equal(graphed(picture(side, 64)), net(picture(side, 64)))
    assert len(caplog.records) == 1 and "answering without" in caplog.text
    assert not graphed._recorded  # and its memory is given back


# ---- recording itself


@pytest.fixture
def cuda(monkeypatch) -> SimpleNamespace:
    """torch.cuda's streams and graphs: which stream is current, and what happened when."""
    state = SimpleNamespace(log=[], current=None, fails=False, graph_options={})

    def stream_named(name: str) -> SimpleNamespace:
        return SimpleNamespace(
            name=name, wait_stream=lambda other: state.log.append(f"{name} waits for {other.name}")
        )

    @contextmanager
    def stream(wanted: SimpleNamespace) -> Iterator[None]:
        before, state.current = state.current, wanted
        try:
            yield
        finally:
            state.current = before

    class Graph:
        """As torch's: where ending a recording fails, its stream stays the current one."""

        def __init__(self, graph: object, **options: Any) -> None:
            state.graph_options = options

        def __enter__(self) -> None:
            self.before, state.current = state.current, state.graph_options["stream"]

        def __exit__(self, *_: object) -> None:
            if state.fails:
                raise RuntimeError("capture was invalidated")
            state.current = self.before

    state.current = stream_named("here")
    fakes = {
        "device": lambda device: nullcontext(),
        "current_device": lambda: 0,
        "current_stream": lambda: state.current,
        "Stream": lambda: stream_named("aside"),
        "stream": stream,
        "CUDAGraph": object,
        "graph": Graph,
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    monkeypatch.setattr(cuda_graphs, "_asides", {})
    return state


def test_a_recording_is_made_aside_and_leaves_other_threads_alone(cuda) -> None:
    def run() -> int:
        cuda.log.append(f"run on {cuda.current.name}")
        return 7

    graph, answer = record(run, torch.device("cuda", 0), pool="shared")
    assert answer == 7 and graph is not None and cuda.current.name == "here"
    aside = ["run on aside"] * 3
    assert cuda.log == ["aside waits for here", *aside, "here waits for aside", "run on aside"]
    assert cuda.graph_options["capture_error_mode"] == "thread_local"
    assert cuda.graph_options["pool"] == "shared"


def test_a_recording_that_breaks_off_goes_back_to_the_stream(cuda) -> None:
    cuda.fails = True
    with pytest.raises(RuntimeError, match="invalidated"):
        record(lambda: None, torch.device("cuda", 0))
    assert cuda.current.name == "here"

    def broken() -> None:
        raise RuntimeError("no kernel")

    with pytest.raises(RuntimeError, match="no kernel"):
        record(broken, torch.device("cuda", 0))
    assert cuda.log[-1] == "here waits for aside" and cuda.current.name == "here"


# ---- on a GPU


@pytest.fixture
def fast() -> Iterator[tuple[UNet, UNet]]:
    """A network and its copy on the GPU."""
    machine, net = Machine("cuda", Engine("torch", "fp32")), net_of()
    yield net, machine.net(net)
    machine.release()


@pytest.mark.gpu
def test_a_recorded_pass_answers_as_the_first(fast) -> None:
    net, graphed = fast
    images = [picture(64, 64, seed) for seed in range(4)]
    for image in images:  # the first runs, the second records, the others replay
        assert torch.allclose(graphed(image.cuda(), CORE).cpu(), net(image, CORE), atol=1e-2)
    assert len(graphed._recorded) == 1  # it did not fall back
    first = graphed(images[0].cuda(), CORE)
    kept = first.clone()
    graphed(images[1].cuda(), CORE)
    assert torch.equal(first, kept)  # a later replay does not write into an answer given away


@pytest.mark.gpu
def test_threads_and_streams_share_a_recorded_net(fast) -> None:
    net, graphed = fast
    wrong: list[int] = []

    def ask(seed: int) -> None:
        image = picture(96, 96, seed)
        expected, shown = net(image), image.cuda()
        torch.cuda.synchronize()
        with torch.cuda.stream(torch.cuda.Stream()):
            for _ in range(50):
                if not torch.allclose(graphed(shown).cpu(), expected, atol=1e-2):
                    wrong.append(seed)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(graphed._recorded) == 1


@pytest.mark.gpu
def test_what_waits_for_the_gpu_cannot_be_recorded_and_is_answered_without(fast, caplog) -> None:
    net, graphed = fast
    inner, image = graphed.net, picture(64, 64)

    class Waiting(torch.nn.Module):
        def forward(self, image: Tensor, core: Any = None) -> Tensor:
            float(image.sum())
            answer: Tensor = inner(image, core)
            return answer

    graphed.net = Waiting()
    for _ in range(3):
        assert torch.allclose(graphed(image.cuda()).cpu(), net(image), atol=1e-2)
    assert caplog.text.count("No CUDA graph could be recorded") == 1
