"""How fast the network is, as a share of what one 3×3 convolution reaches in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn

from benchmarks import peers
from benchmarks.rows import Row
from benchmarks.sliding import (
    BIG_SIDE,
    PRECISIONS,
    SIDE,
    interleaved,
    labelled_scene,
    sliding_rows,
    timed,
)
from benchmarks.streaming import streaming_rows
from unetscope.computing.machine import Engine, Machine, settled
from unetscope.computing.memory import keep_freed_memory
from unetscope.computing.precision import training_precision
from unetscope.learning.events import StepDone
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import start_model
from unetscope.learning.prediction import PredictOptions, predict_labels
from unetscope.network.folding import fold_batch_norm
from unetscope.network.unet import UNet, UNetConfig

NNUNET = "nnU-Net, plain"
WIDTHS = {"fast": (16, 32, 64, 128), "large": (32, 64, 128, 256)}
# Convolutions as the two networks have them, (channels in and out, side): the best counts.
_CEILING_SHAPES = ((16, 512), (32, 256), (64, 128), (128, 128), (256, 64))


def throughput_rows(repeats: int) -> list[Row]:
    """Inference, training, tiling and memory."""
    keep_freed_memory()  # for everybody in this process alike
    inference, gflops = inference_rows(repeats)
    few = max(2, repeats // 3)
    sides = (2048, 8192) if repeats > 2 else (2048,)
    return [
        *inference,
        training_row(gflops),
        *tiling_rows(few),
        *sliding_rows(few),
        *streaming_rows(sides),
    ]


def inference_rows(repeats: int) -> tuple[list[Row], dict[str, float]]:
    """Mpx/s of the networks in their forms, and the ceiling (GFLOP/s) of both precisions."""
    torch.manual_seed(0)
    jobs: dict[str, Callable[[], float]] = {}
    for precision in PRECISIONS:
        for channels, side in _CEILING_SHAPES:
            jobs[f"ceiling {precision} {channels}"] = _convolution(channels, side, precision)
    passes, work = _forms()
    picture = torch.randn(1, 1, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    for form, run in passes.items():
        if run is not None:
            jobs[" | ".join(form)] = timed(run, picture)
    typical, best = interleaved(jobs, repeats)
    ceiling = {
        p: max(typical[f"ceiling {p} {channels}"] for channels, _ in _CEILING_SHAPES)
        for p in PRECISIONS
    }
    rows: list[Row] = []
    for (network, form, precision), run in passes.items():
        row: Row = {"what": "inference", "network": network, "form": form, "precision": precision}
        if run is None:
            rows.append(row | {"missing": "not installed"})
            continue
        name = f"{network} | {form} | {precision}"
        pixels = SIDE * SIDE / 1e6
        share = work[network] / ceiling[precision]
        rows.append(
            row
            | {
                "mpx_s": pixels / typical[name],
                "of_ceiling": share / typical[name],
                "of_ceiling_best": share / best[name],
            }
        )
    about = {"what": "ceiling", "threads": torch.get_num_threads()}
    return [about | {"gflops": ceiling}, *rows], ceiling


def _forms() -> tuple[dict[tuple[str, str, str], peers.Pass | None], dict[str, float]]:
    """(network, form, precision) → a pass, and the work of a pass in GFLOP by network."""
    passes: dict[tuple[str, str, str], peers.Pass | None] = {}
    work: dict[str, float] = {}
    for name, widths in WIDTHS.items():
        plain = settled(UNet(UNetConfig(widths=widths)))
        folded = settled(fold_batch_norm(plain))
        work[name] = forward_gflop(folded, SIDE)
        for precision in PRECISIONS:
            for form, net in (("as trained", plain), ("folded", folded)):
                run = peers.in_bf16(net) if precision == "bf16" else net
                passes[name, form, precision] = run
            passes[name, "folded and fused", precision] = Machine(
                "cpu", Engine("torch", precision)
            ).net(folded)
            passes[name, "OpenVINO", precision] = peers.openvino(folded, precision)
        passes[name, "ONNX Runtime", "fp32"] = peers.onnxruntime(folded, SIDE)
    other = peers.nnunet_network()
    for precision in PRECISIONS:
        run = other if precision == "fp32" or other is None else peers.in_bf16(other)
        passes[NNUNET, "as trained", precision] = run
    if other is not None:
        work[NNUNET] = peers.gflop_of(other, torch.zeros(1, 1, SIDE, SIDE))
        other.to(memory_format=torch.channels_last)
    return passes, work


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


def forward_gflop(net: UNet, side: int) -> float:
    """Multiplications and additions of all convolutions of one forward pass, in 10⁹."""
    return peers.gflop_of(net, torch.zeros(1, net.config.in_channels, side, side))


def training_row(ceiling: Mapping[str, float], steps: int = 60) -> Row:
    """Optimiser steps a second of fine-tuning *fast* with default options."""
    sample = labelled_scene(SIDE)
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
    sample = labelled_scene(BIG_SIDE)
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
