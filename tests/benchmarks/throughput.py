"""How fast the network is, as a share of what one 3×3 convolution reaches in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.rows import Row
from unetscope.images.micrograph import as_micrograph
from unetscope.learning.events import StepDone
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import start_model
from unetscope.learning.precision import training_precision
from unetscope.learning.prediction import PredictOptions, predict_labels
from unetscope.learning.samples import Sample
from unetscope.network.folding import fold_batch_norm
from unetscope.network.unet import UNet, UNetConfig

SIDE, BIG_SIDE = 512, 1536
WIDTHS = {"fast": (16, 32, 64, 128), "large": (32, 64, 128, 256)}
# Convolutions as the two networks have them, (channels in and out, side): the best counts.
_CEILING_SHAPES = ((16, 512), (32, 256), (64, 128), (128, 128), (256, 64))


def throughput_rows(repeats: int) -> list[Row]:
    """Inference, training and tiling."""
    inference, gflops = inference_rows(repeats)
    return [*inference, training_row(gflops), *tiling_rows(max(2, repeats // 3))]


def inference_rows(repeats: int) -> tuple[list[Row], dict[str, float]]:
    """Mpx/s of both networks in four forms, and the ceiling (GFLOP/s) of both precisions."""
    torch.manual_seed(0)
    jobs: dict[str, Callable[[], float]] = {}
    work: dict[str, float] = {}
    for precision in ("fp32", "bf16"):
        for channels, side in _CEILING_SHAPES:
            jobs[f"ceiling {precision} {channels}"] = _convolution(channels, side, precision)
    forms = []
    for name, widths in WIDTHS.items():
        plain = UNet(UNetConfig(widths=widths)).eval().requires_grad_(False)
        nets = {"as trained": plain, "folded": fold_batch_norm(plain).eval()}
        for form, net in nets.items():
            net.to(memory_format=torch.channels_last)
            work[name] = forward_gflop(net, SIDE)
            for precision in ("fp32", "bf16"):
                forms.append((name, form, precision))
                jobs[f"{name} {form} {precision}"] = _forward(net, precision)
    best = _interleaved(jobs, repeats)
    ceiling = {
        precision: max(best[f"ceiling {precision} {channels}"] for channels, _ in _CEILING_SHAPES)
        for precision in ("fp32", "bf16")
    }
    rows = [_inference_row(best, work, ceiling, *form) for form in forms]
    about = {"what": "ceiling", "threads": torch.get_num_threads()}
    return [about | {"gflops": ceiling}, *rows], ceiling


def _inference_row(
    best: Mapping[str, float],
    work: Mapping[str, float],
    ceiling: Mapping[str, float],
    name: str,
    form: str,
    precision: str,
) -> Row:
    seconds = best[f"{name} {form} {precision}"]
    return {
        "what": "inference",
        "network": name,
        "form": form,
        "precision": precision,
        "mpx_s": SIDE * SIDE / 1e6 / seconds,
        "of_ceiling": work[name] / seconds / ceiling[precision],
    }


def _interleaved(jobs: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """Median of each job over ``repeats`` rounds, after a round that does not count."""
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(repeats + 1):
        for name, job in jobs.items():
            value = job()
            if turn:
                found[name].append(value)
    return {name: float(np.median(values)) for name, values in found.items()}


def _convolution(channels: int, side: int, precision: str) -> Callable[[], float]:
    """GFLOP/s of one 3×3 convolution, in the arithmetic's own tensors."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    layer = nn.Conv2d(channels, channels, 3, padding=1, bias=False, dtype=dtype)
    layer.to(memory_format=torch.channels_last)
    picture = torch.randn(1, channels, side, side, dtype=dtype)
    picture = picture.contiguous(memory_format=torch.channels_last)
    gflop = 2 * 9 * channels * channels * side * side / 1e9

    @torch.inference_mode()
    def run() -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            layer(picture)
            times.append(time.perf_counter() - began)
        return gflop / min(times)

    return run


def _forward(net: UNet, precision: str) -> Callable[[], float]:
    """Seconds of one forward pass of a 512 × 512 image."""
    picture = torch.randn(1, 1, SIDE, SIDE).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run() -> float:
        began = time.perf_counter()
        with _autocast(precision):
            net(picture)
        return time.perf_counter() - began

    return run


def _autocast(precision: str) -> AbstractContextManager[Any]:
    return torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bf16" else nullcontext()


def forward_gflop(net: UNet, side: int) -> float:
    """Multiplications and additions of all convolutions of one forward pass, in 10⁹."""
    total = 0

    def count(layer: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal total
        weight = layer.weight
        pixels = output[0, 0].numel()
        if isinstance(layer, nn.ConvTranspose2d):  # each input pixel is spread by the kernel
            pixels //= int(np.prod(layer.stride))
        total += 2 * weight.numel() * pixels

    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, kinds)]
    with torch.inference_mode():
        net(torch.zeros(1, 1, side, side))
    for hook in hooks:
        hook.remove()
    return total / 1e9


def training_row(ceiling: Mapping[str, float], steps: int = 60) -> Row:
    """Optimiser steps a second of fine-tuning *fast* with default options."""
    sample = _labelled_scene(SIDE)
    options = TrainOptions(max_seconds=None, max_epochs=10**6, patience_epochs=10**6)
    times, precision = [0.0], training_precision("cpu")
    events = fine_tune(start_model("general-fast"), [sample], options, cache=FeatureCache())
    for event in events:
        if isinstance(event, StepDone):
            times.append(event.seconds)
            if len(times) > steps:
                break
    events.close()
    # Between steps, checks left out: the time of a step alone.
    typical = float(np.median(np.diff(times[1:])))
    pixels = options.batch_size * options.patch_px**2
    net = UNet(UNetConfig(widths=WIDTHS["fast"], norm="none")).eval()
    gflop = 3 * forward_gflop(net, options.patch_px) * options.batch_size
    return {
        "what": "training",
        "network": "fast",
        "precision": precision,
        "steps_s": 1 / typical,
        "steps_s_with_checks": (len(times) - 2) / (times[-1] - times[1]),
        "mpx_s": pixels / 1e6 / typical,
        "of_ceiling": gflop / typical / ceiling[precision],
    }


def tiling_rows(repeats: int) -> list[Row]:
    """A 1536 × 1536 image in 512 px tiles against all of it at once; the answers are compared."""
    sample = _labelled_scene(BIG_SIDE)
    model = fit_instant(start_model("general-fast"), [sample], with_forest=False)
    whole, tiled = PredictOptions(tile_px=BIG_SIDE), PredictOptions(tile_px=512)
    seconds: dict[str, list[float]] = {"whole": [], "tiled": []}
    answers: dict[str, np.ndarray] = {}
    for turn in range(repeats + 1):
        for name, options in (("whole", whole), ("tiled", tiled)):
            began = time.perf_counter()
            answers[name] = predict_labels(model, sample.image, options)
            if turn:
                seconds[name].append(time.perf_counter() - began)
    different = int((answers["whole"] != answers["tiled"]).sum())
    return [
        {
            "what": "tiling",
            "form": name,
            "mpx_s": BIG_SIDE**2 / 1e6 / float(np.median(values)),
            "different_px": different,
        }
        for name, values in seconds.items()
    ]


def _labelled_scene(side: int) -> Sample:
    from unetscope.images.synthetic import SYNTHETIC
    from unetscope.pretraining.strokes import simulate_strokes

    made = SYNTHETIC["membranes"]((side, side), seed=0)
    return Sample(as_micrograph(made.image), simulate_strokes(made.labels, seed=0), "scene")
