"""How fast fine-tuning is, part by part, as a share of the convolution ceiling of the same run.

The parts add up: the network's forward and backward pass (by autograd under autocast, and as
fine-tuning takes it), with the loss, with the optimiser, with drawn and augmented patches, and a
whole training with its checks. The work counted is that of the convolutions, three times the
forward pass. All but the last are interleaved with the ceiling, and the fastest round counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks import throughput
from benchmarks.rows import Row
from benchmarks.sliding import SIDE, labelled_scene
from unetscope.computing.machine import settled
from unetscope.computing.precision import autocast
from unetscope.learning.events import StepDone
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.instant import fit_instant
from unetscope.learning.optimiser_steps import OptimiserSteps
from unetscope.learning.patches import PatchSource
from unetscope.learning.persistence import start_model
from unetscope.learning.pixel_model import ModelFeatures, PixelModel, Provenance
from unetscope.network.channels import with_classes
from unetscope.network.unet import UNet, UNetConfig, initialise

BATCHES = ((4, 128), (8, 256))  # patches, side in pixels
_UNKNOWN_CHANCE = 1 / 3  # natural shares do not change the work


@dataclass(frozen=True)
class Case:
    """One network at one batch and number of threads."""

    network: str
    batch_size: int
    patch_px: int
    threads: int


def training_speed_cases(threads: tuple[int, ...] = (1, 2)) -> list[Case]:
    """Both networks, both batches, every number of threads."""
    return [Case(n, *b, t) for n in throughput.WIDTHS for b in BATCHES for t in threads]


def training_speed_rows(case: Case, rounds: int, *, whole: bool = True) -> list[Row]:
    """Steps a second of every part, and the share of the ceiling."""
    before = torch.get_num_threads()
    torch.set_num_threads(case.threads)
    try:
        model = _model(case.network)
        ceiling, best = _interleaved(dict(_parts(case, model)), rounds)
        if whole:
            best["whole training with checks"] = _whole(case, model, 2 * rounds)
    finally:
        torch.set_num_threads(before)
    net = UNet(UNetConfig(widths=throughput.WIDTHS[case.network], norm="none")).eval()
    gflop = 3 * throughput.forward_gflop(net, case.patch_px) * case.batch_size
    about = {"what": "training part", **vars(case), "ceiling_gflops": ceiling}
    return [
        about | {"part": part, "steps_s": 1 / seconds, "of_ceiling": gflop / seconds / ceiling}
        for part, seconds in best.items()
    ]


def _parts(case: Case, model: PixelModel) -> Iterator[tuple[str, Callable[[], object]]]:
    sample = labelled_scene(SIDE)
    values = sorted({int(v) for v in sample.labels.flat} - {0})
    prior = [_UNKNOWN_CHANCE] * len(values)
    cache = FeatureCache()
    told = fit_instant(model, [sample], cache=cache, device="cpu")
    patches = PatchSource(told, [sample], values, cache=cache, seed=0, guide=lambda: told)
    steps = OptimiserSteps(
        TrainOptions(batch_size=case.batch_size, patch_px=case.patch_px, device="cpu")
    )
    steps.start_from(with_classes(model.features.backbone, len(values)))
    images, targets = patches.draw(case.batch_size, case.patch_px)
    slope = torch.randn(len(images), len(values), *images.shape[2:]) / images[:, 0].numel()
    yield "network, autograd", _by_autograd(steps, images, slope)
    yield "network", _network(steps, images, slope)
    yield "with loss", lambda: _with_loss(steps, images, targets, patches.pixels, prior)
    yield "with optimiser", lambda: steps.learn(images, targets, patches.pixels, prior)
    yield "with drawn patches", lambda: steps.step(patches, prior)


def _by_autograd(steps: OptimiserSteps, images: Tensor, slope: Tensor) -> Callable[[], None]:
    net = settled(with_classes(steps.average, steps.average.config.classes))
    net.train().requires_grad_(True)
    shown = images.contiguous(memory_format=torch.channels_last)

    def run() -> None:
        net.zero_grad(set_to_none=True)
        with autocast("cpu", steps.precision):
            logits = net(shown)
        logits.float().backward(slope)

    return run


def _network(steps: OptimiserSteps, images: Tensor, slope: Tensor) -> Callable[[], None]:
    def run() -> None:
        logits = steps.logits(images)
        steps.gradient_is_finite((logits * slope).sum(), logits)

    return run


def _with_loss(
    steps: OptimiserSteps, images: Tensor, targets: Tensor, pixels: list[int], prior: list[float]
) -> None:
    logits = steps.logits(images)
    steps.gradient_is_finite(steps.loss(logits, targets, pixels, prior), logits)


def _whole(case: Case, model: PixelModel, steps: int) -> float:
    """Seconds of work a step, checks included, from the second epoch on."""
    options = TrainOptions(
        max_seconds=None,
        patience_epochs=10**6,
        batch_size=case.batch_size,
        patch_px=case.patch_px,
        device="cpu",
    )
    first = options.steps_per_epoch
    times: dict[int, float] = {}
    events = fine_tune(model, [labelled_scene(SIDE)], options, cache=FeatureCache())
    last = first + -(-steps // first) * first
    for event in events:
        if isinstance(event, StepDone):
            times[event.step] = event.seconds
            if event.step == last + 1:  # the check after step `last` is in
                break
    events.close()
    return (times[last + 1] - times[first + 1]) / (last - first)


def _interleaved(
    jobs: dict[str, Callable[[], object]], rounds: int
) -> tuple[float, dict[str, float]]:
    """The ceiling in GFLOP/s, and the fewest seconds of each job."""
    shapes = throughput._CEILING_SHAPES
    convolutions = [throughput._convolution(*shape, "bf16") for shape in shapes]
    ceiling, best = 0.0, dict.fromkeys(jobs, float("inf"))
    for turn in range(rounds + 1):
        ceiling = max(ceiling, *(run() for run in convolutions))
        for name, job in jobs.items():
            began = time.perf_counter()
            job()
            if turn:
                best[name] = min(best[name], time.perf_counter() - began)
    return ceiling, best


def _model(name: str) -> PixelModel:
    """The bundled network; one of random weights where it is not bundled yet."""
    fast = start_model("general-fast")
    if name == "fast":
        return fast
    net = initialise(UNet(UNetConfig(widths=throughput.WIDTHS[name], norm="none")), 0)
    return PixelModel(ModelFeatures(settled(net), fast.features.recipe), Provenance("random"))
