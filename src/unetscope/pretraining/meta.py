"""Meta-training: shape the U-Net's features so that a head solved in closed form is already good.

After R2-D2 (Bertinetto et al. 2019, arXiv 1805.08136): in every episode a class-balanced ridge
regression is solved on the strokes, differentiably; the error on all other pixels is passed back
through the solution into the network, the penalty and the gains of the features. Two auxiliary
1×1 heads (edges and distance to them) keep the finest map aware of shape.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from unetscope.computing.precision import autocast, training_precision
from unetscope.learning.features import Levels
from unetscope.learning.sources.bundled import UNetTaps, context_maps
from unetscope.learning.sources.source import Look, by_channel, levels_of
from unetscope.network.cropping import Region
from unetscope.pretraining import checkpoint
from unetscope.pretraining.episodes import Episode, EpisodeOptions, EpisodeSource
from unetscope.pretraining.hardware import machine_record
from unetscope.pretraining.learner import MetaLearner, PretrainConfig
from unetscope.pretraining.objective import episode_loss

log = logging.getLogger(__name__)

SCENE_PX, WIDE_SCENE_PX = 320, 448  # of a synthetic scene; wide where crops have a margin


def meta_train(
    config: PretrainConfig,
    run_dir: Path,
    *,
    data_root: Path | None = None,
    device: str = "cpu",
    judge: Any = None,
    judge_every_s: float = 180.0,
) -> Iterator[dict[str, Any]]:
    """Train until ``config.minutes`` of training are used; yields log records, resumable.

    ``judge``, if given, is called with an averaged learner in eval mode and returns a dict of
    figures on sets that are never trained on.
    """
    learner = MetaLearner(config).to(device)
    # torch's type stubs lack the overload that its documentation shows
    learner.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = MetaLearner(config).to(device)
    average.load_state_dict(learner.state_dict())
    optimiser = _optimiser(learner, config)
    state = checkpoint.load(run_dir, learner, average, optimiser)
    options = EpisodeOptions(
        crop_px=config.crop_px,
        synthetic_share=config.synthetic_share,
        scene_px=SCENE_PX if config.context_after is None else WIDE_SCENE_PX,
    )
    source = EpisodeSource(config.seed + state.step, options, data_root)
    precision, machine = training_precision(device), machine_record(device)
    budget_s = config.minutes * 60
    last_judged = -judge_every_s
    window: list[float] = []
    while state.seconds < budget_s:
        began = time.perf_counter()
        joins = config.has_context(state.seconds)
        learner.context_joins = average.context_joins = joins
        source.margin_px = config.margin_px if joins else 0
        for group in optimiser.param_groups:
            group["lr"] = _learning_rate(config, state.step, state.seconds / budget_s)
        loss = _train_step(learner, source, config, optimiser, precision, device)
        _average(average, learner, min(config.average_decay, (state.step + 1) / (state.step + 10)))
        state.step += 1
        state.seconds += time.perf_counter() - began
        window.append(loss)
        done = state.seconds >= budget_s
        if done or state.step % 50 == 0:
            record = {"step": state.step, "seconds": state.seconds, "loss": _mean(window)}
            record |= machine
            window.clear()
            if judge is not None and (state.seconds - last_judged > judge_every_s or done):
                last_judged = state.seconds
                record |= judge(average.eval())
            if state.step % 250 == 0 or done:
                checkpoint.save(run_dir, learner, average, optimiser, state)
            _append(run_dir / "log.jsonl", record)
            yield record
    checkpoint.save(run_dir, learner, average, optimiser, state)


def _optimiser(learner: MetaLearner, config: PretrainConfig) -> torch.optim.Optimizer:
    """AdamW; the head's settings are few and not to be drawn to zero."""
    settings = [p for n, p in learner.named_parameters() if n.startswith("log_")]
    weights = [p for n, p in learner.named_parameters() if not n.startswith("log_")]
    return torch.optim.AdamW(
        [
            {"params": weights, "weight_decay": 1e-4},
            {"params": settings, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
    )


def _learning_rate(config: PretrainConfig, step: int, progress: float) -> float:
    """A warm-up over 200 steps, then half a cosine over the run (``progress`` 0 to 1)."""
    warm = config.learning_rate * min(1.0, (step + 1) / 200)
    return warm * (0.5 * (1 + math.cos(math.pi * progress)) + 0.01)


def _train_step(
    learner: MetaLearner,
    source: EpisodeSource,
    config: PretrainConfig,
    optimiser: torch.optim.Optimizer,
    precision: str,
    device: str,
) -> float:
    learner.train()
    episodes = [source.draw() for _ in range(config.episodes_per_step)]
    image = torch.cat([e.image for e in episodes]).to(device)
    image = image.contiguous(memory_format=torch.channels_last)
    margin, side = source.margin_px, image.shape[-1]
    core = (slice(margin, side - margin),) * 2
    with autocast(device, precision):
        levels = _levels(learner, image, core)
    # unbind, not indexing: its backward stacks the crops instead of zero-filling a batch for each
    split = {stride: maps.unbind(0) for stride, maps in levels.items()}
    total = torch.zeros((), device=device)
    start = 0
    for episode in episodes:
        stop = start + episode.image.shape[0]
        own = [{s: maps[crop] for s, maps in split.items()} for crop in range(start, stop)]
        total = total + episode_loss(learner, own, _moved(episode, device), config)
        start = stop
    finest = levels[1][:, : config.widths[0]]  # dec1
    extra = learner.auxiliary(finest)  # (crop, 2, y, x)
    edges = torch.cat([e.edges for e in episodes]).to(device)
    depth = torch.cat([e.depth for e in episodes]).to(device)
    shape_loss = functional.binary_cross_entropy_with_logits(extra[:, 0], edges)
    shape_loss = shape_loss + functional.l1_loss(extra[:, 1].sigmoid(), depth)
    loss = total / len(episodes) + 0.3 * shape_loss
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(learner.parameters(), 2.0)
    if not torch.isfinite(loss):
        log.warning("a step with a loss that is not finite was skipped")
        return float("nan")
    optimiser.step()
    return float(loss.detach())


def _levels(learner: MetaLearner, image: Tensor, core: Region) -> Levels:
    """The maps of both looks; batch statistics are learned from the first.

    In the second the normalisations are as they will be folded, so that one set of weights answers
    both.
    """
    net, (taps, filters) = learner.net, learner.sources
    levels = levels_of((UNetTaps(taps.name, net), filters), Look(image, core))
    if taps.context:
        norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.eval()
        for stride, maps in context_maps(net, image, core).items():
            levels[stride] = torch.cat([by_channel(maps), levels[stride]], dim=1)
        for norm in norms:
            norm.train()
    return levels


def _moved(episode: Episode, device: str) -> Episode:
    if device == "cpu":
        return episode
    return replace(
        episode,
        image=episode.image.to(device),
        support=episode.support.to(device),
        query=episode.query.to(device),
        edges=episode.edges.to(device),
        depth=episode.depth.to(device),
    )


@torch.no_grad()
def _average(average: nn.Module, live: nn.Module, decay: float) -> None:
    for mine, theirs in zip(average.state_dict().values(), live.state_dict().values(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(theirs, 1 - decay)
        else:
            mine.copy_(theirs)


def _mean(values: list[float]) -> float:
    finite = [v for v in values if math.isfinite(v)]
    return sum(finite) / len(finite) if finite else float("nan")


def _append(path: Path, record: dict[str, Any]) -> None:
    with path.open("a") as handle:
        handle.write(json.dumps(record) + "\n")
