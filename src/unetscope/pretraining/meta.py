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
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from unetscope.errors import ModelError
from unetscope.learning.classical import FILTERS, STRIDES
from unetscope.learning.features import (
    Levels,
    Recipe,
    feature_levels,
    gain_vector,
    rows_at,
    scores,
)
from unetscope.learning.precision import autocast, training_precision
from unetscope.learning.ridge import solve_ridge
from unetscope.network.unet import UNet, UNetConfig, initialise
from unetscope.pretraining import checkpoint
from unetscope.pretraining.episodes import Episode, EpisodeSource

log = logging.getLogger(__name__)

# Each decoder tap has an RMS near 0.7 after batch normalisation and ReLU; classical filters are
# brought to a similar size by these factors (one over their RMS on normalised scenes) before the
# learned gains, so that all gains start where the first experiments found them best.
_CLASSICAL_SCALE = (
    (1.7, 12.0, 16.0, 16.0, 10.0),
    (1.7, 9.0, 10.0, 10.0, 8.0),
    (1.8, 7.0, 7.0, 7.0, 6.0),
    (1.8, 6.0, 5.0, 5.0, 5.0),
)


@dataclass(frozen=True)
class PretrainConfig:
    """All that decides one pretraining run; read from a TOML file of ``configs/``."""

    name: str
    title: str
    widths: tuple[int, ...]
    seed: int
    minutes: float
    episodes_per_step: int = 2
    crop_px: int = 128
    learning_rate: float = 2e-3
    synthetic_share: float = 0.5
    average_decay: float = 0.998

    @classmethod
    def read(cls, path: Path) -> PretrainConfig:
        """Read a TOML file; unknown keys are an error."""
        with path.open("rb") as handle:
            values = tomllib.load(handle)
        known = set(cls.__dataclass_fields__)
        if unknown := set(values) - known:
            raise ModelError(f"{path.name} has unknown keys {sorted(unknown)}; known: {known}.")
        return cls(**{**values, "widths": tuple(values["widths"])})


class MetaLearner(nn.Module):
    """The network, the head's learned settings and the two auxiliary heads."""

    def __init__(self, config: PretrainConfig) -> None:
        super().__init__()
        self.net = initialise(
            UNet(UNetConfig(in_channels=1, classes=2, widths=config.widths)), config.seed
        )
        scale = torch.tensor(_CLASSICAL_SCALE) * 0.25 * 0.7
        self.log_tap_gain = nn.Parameter(torch.zeros(2))
        self.log_classical_gain = nn.Parameter(scale.log())
        self.log_ridge = nn.Parameter(torch.tensor(math.log(0.03)))
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(6.0)))
        self.auxiliary = nn.Conv2d(config.widths[0], 2, 1)
        generator = torch.Generator().manual_seed(config.seed)
        with torch.no_grad():
            spread = config.widths[0] ** -0.5
            self.auxiliary.weight.uniform_(-spread, spread, generator=generator)
            nn.init.zeros_(self.auxiliary.bias)  # type: ignore[arg-type]

    def gains(self) -> Tensor:
        """The learned gain of every feature."""
        return gain_vector(self.net, 1, self.log_tap_gain.exp(), self.log_classical_gain.exp())

    def recipe(self) -> Recipe:
        """The learned settings as plain numbers."""
        return Recipe(
            tap_gain=tuple(self.log_tap_gain.exp().tolist()),
            classical_gain=tuple(
                tuple(float(g) for g in row) for row in self.log_classical_gain.exp().tolist()
            ),
            ridge=self.log_ridge.exp().item(),
            sharpness=self.log_sharpness.exp().item(),
        )


def solve_episode(
    crops: Sequence[Levels], support: Tensor, classes: int, gains: Tensor, ridge: Tensor
) -> tuple[Tensor, Tensor]:
    """Solve the head on the strokes of all crops: weights (feature, class), bias (class,)."""
    rows, targets = [], []
    for levels, painted in zip(crops, support, strict=True):
        y, x = torch.nonzero(painted >= 0, as_tuple=True)
        if len(y):
            rows.append(rows_at(levels, y, x))
            targets.append(painted[y, x])
    scaled = (torch.cat(rows) * gains).double()
    weight, bias = solve_ridge(scaled, torch.cat(targets), classes, ridge.double())
    return weight.float() * gains[:, None], bias.float()


def episode_loss(learner: MetaLearner, crops: Sequence[Levels], episode: Episode) -> Tensor:
    """Balanced cross-entropy plus soft Dice of the solved head on all pixels it was not shown."""
    weight, bias = solve_episode(
        crops, episode.support, episode.classes, learner.gains(), learner.log_ridge.exp()
    )
    logits = torch.stack([scores(levels, weight, bias) for levels in crops])
    logits = logits * learner.log_sharpness.exp()  # (crop, class, y, x)
    known = episode.query >= 0
    target = episode.query[known]
    chosen = logits.permute(0, 2, 3, 1)[known]  # (n, class)
    counts = torch.bincount(target, minlength=episode.classes).float().clamp(min=1)
    # Between plain and balanced: macro Dice wants rare classes found, but not everywhere.
    class_weight = (counts.sum() / counts) ** 0.5
    entropy = functional.cross_entropy(chosen, target, weight=class_weight)
    share = chosen.softmax(dim=1)
    truth = functional.one_hot(target, episode.classes).float()
    present = truth.sum(dim=0) > 0
    dice = (2 * (share * truth).sum(dim=0) + 1) / (share.sum(dim=0) + truth.sum(dim=0) + 1)
    return entropy + (1 - dice[present].mean())


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
    settings = [p for n, p in learner.named_parameters() if n.startswith("log_")]
    weights = [p for n, p in learner.named_parameters() if not n.startswith("log_")]
    optimiser = torch.optim.AdamW(
        [
            {"params": weights, "weight_decay": 1e-4},
            {"params": settings, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
    )
    state = checkpoint.load(run_dir, learner, average, optimiser)
    source = EpisodeSource(
        seed=config.seed + state.step,
        crop_px=config.crop_px,
        synthetic_share=config.synthetic_share,
        data_root=data_root,
    )
    precision = training_precision(device)
    budget_s = config.minutes * 60
    last_judged = -judge_every_s
    window: list[float] = []
    while state.seconds < budget_s:
        began = time.perf_counter()
        progress = state.seconds / budget_s
        rate = config.learning_rate * min(1.0, (state.step + 1) / 200)
        rate *= 0.5 * (1 + math.cos(math.pi * progress)) + 0.01
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss = _train_step(learner, source, config, optimiser, precision, device)
        _average(average, learner, min(config.average_decay, (state.step + 1) / (state.step + 10)))
        state.step += 1
        state.seconds += time.perf_counter() - began
        window.append(loss)
        done = state.seconds >= budget_s
        if done or state.step % 50 == 0:
            record = {"step": state.step, "seconds": state.seconds, "loss": _mean(window)}
            window.clear()
            if judge is not None and (state.seconds - last_judged > judge_every_s or done):
                last_judged = state.seconds
                record |= judge(average.eval())
            if state.step % 250 == 0 or done:
                checkpoint.save(run_dir, learner, average, optimiser, state)
            _append(run_dir / "log.jsonl", record)
            yield record
    checkpoint.save(run_dir, learner, average, optimiser, state)


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
    captured: dict[str, Tensor] = {}
    handle = learner.net.get_submodule("dec1").register_forward_hook(
        lambda _m, _i, out: captured.update(dec1=out)
    )
    with autocast(device, precision):
        levels = feature_levels(learner.net, image)
    handle.remove()
    # unbind, not indexing: its backward stacks the crops instead of zero-filling a batch for each
    split = {stride: maps.unbind(0) for stride, maps in levels.items()}
    total = torch.zeros((), device=device)
    start = 0
    for episode in episodes:
        stop = start + episode.image.shape[0]
        own = [{s: maps[crop] for s, maps in split.items()} for crop in range(start, stop)]
        total = total + episode_loss(learner, own, _moved(episode, device))
        start = stop
    extra = learner.auxiliary(captured["dec1"].float())  # (crop, 2, y, x)
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


def config_record(config: PretrainConfig) -> dict[str, Any]:
    """The configuration as JSON values, for the model card and the weights' metadata."""
    return {**asdict(config), "widths": list(config.widths)}


__all__ = ["FILTERS", "STRIDES", "MetaLearner", "PretrainConfig", "meta_train", "solve_episode"]
