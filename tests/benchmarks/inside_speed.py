"""Seconds of the inspection engine, without a window."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.inside_bars import ALONE, INSIDE
from benchmarks.latency import scene
from benchmarks.machine import OtherPrograms, Quiet
from benchmarks.rows import BUSY_CORES, Row
from unetscope import inspection
from unetscope.images.micrograph import as_micrograph
from unetscope.network.shipped import load_bundled

NETWORK = "general-fast"
SIDE, BIG_SIDE = 512, 2048
STAGES = ("enc1", "enc2", "enc3", "bottleneck", "dec3", "dec2", "dec1")
READ = ("enc1.conv2", "pool:1", "bottleneck.conv2", "dec1.convs.conv1")  # by the microscope
WAIT_S = 60.0  # for quiet moments, in all
_MIDDLE = (BIG_SIDE - SIDE) // 2
_VIEW = (slice(_MIDDLE, _MIDDLE + SIDE),) * 2

Jobs = dict[tuple[str, str, str], Callable[[], Any]]


def network() -> nn.Module:
    """The bundled network that is looked into."""
    return load_bundled(NETWORK)[0].eval()


def taken(net: nn.Module, image: np.ndarray) -> Tensor:
    """An image as the network takes it, (channel, y, x)."""
    return inspection.fitted_input(net, as_micrograph(image)).values


def speed_rows(threads: int, repeats: int, points: int) -> list[Row]:
    """All timings with ``threads`` threads; what is long is repeated in turns."""
    from threadpoolctl import threadpool_limits

    with _threads(threads), threadpool_limits(threads):
        net = network()
        image = taken(net, scene("grey"))
        big = taken(net, np.tile(scene("grey"), (BIG_SIDE // SIDE,) * 2))
        found = [*_points(net, image, 4 * points)]
        quiet = Quiet(WAIT_S)
        jobs = _maps_jobs(net, image, big) | _microscope_jobs(net, image, big)
        found += in_turns(jobs, repeats, quiet)
        short, long = _question_jobs(net, image)
        found += in_turns(short, max(2, repeats // 2), quiet)
        found += in_turns(long, 1 if repeats < 5 else 2, Quiet(0.0))
    return [row | {"threads": threads} for row in found]


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_turns(jobs: Jobs, repeats: int, quiet: Quiet) -> list[Row]:
    """Seconds of every job over rounds, after a round that does not count.

    There are up to twice as many rounds as ``repeats`` on a busy machine, as long as quiet moments
    come, and those repetitions are kept during which other programs took least, whatever their
    seconds.
    """
    found: dict[tuple[str, str, str], list[tuple[float, float]]] = {key: [] for key in jobs}
    for turn in range(2 * repeats + 1):
        if turn > repeats and quiet.hopeless:
            break
        if all(_undisturbed(tries) >= repeats for tries in found.values()):
            break
        for key, job in jobs.items():
            quiet.wait()
            others, began = OtherPrograms(), time.perf_counter()
            job()
            seconds = time.perf_counter() - began
            if turn:
                found[key].append((others.cores() or 0.0, seconds))
    return [_row(*key, *_kept(tries, repeats)) for key, tries in found.items()]


def _undisturbed(tries: list[tuple[float, float]]) -> int:
    return sum(others <= BUSY_CORES for others, _ in tries)


def _kept(tries: list[tuple[float, float]], repeats: int) -> tuple[list[float], float]:
    """Seconds of the least disturbed tries, and the cores that others took in the worst of them."""
    kept = sorted(tries, key=lambda one: one[0])[:repeats]
    return [seconds for _, seconds in kept], kept[-1][0]


def _row(
    what: str, layer: str, where: str, seconds: list[float], others: float | None = None
) -> Row:
    about = {"what": what, "layer": layer, "where": where}
    return about | {"seconds": seconds, "others_cores": others}


def _points(net: nn.Module, image: Tensor, count: int) -> Iterator[Row]:
    """One field box, and one value under the microscope, at points drawn at random."""
    rng = np.random.default_rng(0)
    trace = inspection.follow(net, tuple(image.shape))
    for layer in ("classifier", "bottleneck"):
        sides = trace.spatial(layer)[1].shape
        cells = [tuple(int(rng.integers(n)) for n in sides) for _ in range(count)]

        def ask(cell: tuple[int, ...], layer: str = layer) -> Any:
            return inspection.receptive_field(trace, (SIDE, SIDE), layer, cell)

        yield _row("box", layer, ALONE, _singly(ask, cells))
    for layer in READ:
        glass = inspection.microscope(net, image, layer)
        cells = [tuple(int(rng.integers(n)) for n in glass.shape) for _ in range(count)]
        yield _row("value", layer, ALONE, _singly(lambda c, g=glass: g.at(c[0], c[1:]), cells))


def _singly(ask: Callable[[Any], Any], cells: list[tuple[int, ...]]) -> list[float]:
    ask(cells[0])
    seconds = []
    for cell in cells:
        began = time.perf_counter()
        ask(cell)
        seconds.append(time.perf_counter() - began)
    return seconds


def _maps_jobs(net: nn.Module, image: Tensor, big: Tensor) -> Jobs:
    """Trace, all boxes, and the maps of every stage: of an image, and of a view in a large one."""
    shape = (SIDE, SIDE)
    trace = inspection.follow(net, shape)
    jobs: Jobs = {
        ("trace", "", ALONE): lambda: inspection.follow(net, shape),
        ("all boxes", "classifier", ALONE): (
            lambda: inspection.receptive_fields(trace, shape, "classifier")
        ),
        ("trace and all boxes", "classifier", ALONE): (
            lambda: inspection.receptive_fields(net, shape, "classifier")
        ),
    }
    for stage in STAGES:
        jobs["maps", stage, ALONE] = lambda s=stage: inspection.feature_maps(net, image, [s])
        jobs["maps", stage, INSIDE] = lambda s=stage: inspection.feature_maps(
            net, big, [s], region=_VIEW
        )
    return jobs


def _microscope_jobs(net: nn.Module, image: Tensor, big: Tensor) -> Jobs:
    jobs: Jobs = {}
    for layer in READ:
        jobs["microscope", layer, ALONE] = lambda n=layer: inspection.microscope(net, image, n)
        jobs["microscope", layer, INSIDE] = lambda n=layer: inspection.microscope(
            net, big, n, region=_VIEW
        )
    return jobs


def _question_jobs(net: nn.Module, image: Tensor) -> tuple[Jobs, Jobs]:
    """What a button asks, on 512²: what takes about a second, and what takes long."""
    grey = image.mean(dim=0).numpy()
    labels = 1 + np.digitize(grey, np.quantile(grey, [1 / 3, 2 / 3]))
    short: Jobs = {
        ("architecture table", "", ALONE): lambda: inspection.architecture(net, (SIDE, SIDE)),
        ("effective field, 32 inputs", "classifier", ALONE): (
            lambda: inspection.effective_receptive_field(net, image, "classifier", inputs=32)
        ),
        ("ablation of a skip", "dec1", ALONE): lambda: inspection.ablate(net, image, "skip:dec1"),
        ("shift test", "", ALONE): lambda: inspection.equivariance(net, image, 1),
        ("dissection of one layer", "dec1", ALONE): (
            lambda: inspection.dissect(net, image, labels, ["dec1"])
        ),
        ("principal colours", "dec1", ALONE): lambda: inspection.pca_rgb(
            inspection.feature_maps(net, image, ["dec1"])["dec1"]
        ),
    }
    long: Jobs = {
        ("dissection of all layers", "", ALONE): lambda: inspection.dissect(net, image, labels)
    }
    return short, long
