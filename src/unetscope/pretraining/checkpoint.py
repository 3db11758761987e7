"""Resumable checkpoints of a pretraining run: safetensors for tensors, JSON for numbers."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn


@dataclass
class RunState:
    """How far a run has come."""

    step: int = 0
    seconds: float = 0.0


def save(
    run_dir: Path,
    learner: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    state: RunState,
) -> None:
    """Write ``checkpoint.safetensors`` (with the state in its header) and rename it into place."""
    run_dir.mkdir(parents=True, exist_ok=True)
    tensors = {f"learner.{k}": v for k, v in learner.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": v for k, v in moments.items()}
    target = run_dir / "checkpoint.safetensors"
    partial = run_dir / "checkpoint.partial"
    save_file(
        {k: v.detach().cpu().contiguous() for k, v in tensors.items()},
        partial,
        metadata={"state": json.dumps(asdict(state))},
    )
    with partial.open("rb+") as handle:
        os.fsync(handle.fileno())
    os.replace(partial, target)


def load(
    run_dir: Path, learner: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
) -> RunState:
    """Take up a run where its last checkpoint left it; a fresh state where there is none."""
    run_dir.mkdir(parents=True, exist_ok=True)
    path = run_dir / "checkpoint.safetensors"
    if not path.is_file():
        return RunState()
    tensors = load_file(path)
    learner.load_state_dict(_under(tensors, "learner."))
    average.load_state_dict(_under(tensors, "average."))
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in _under(tensors, "optimiser.").items():
        index, key = name.split(".", 1)
        moments.setdefault(int(index), {})[key] = tensor
    if moments:
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": moments, "param_groups": groups})
    return RunState(**json.loads(_header(path)["state"]))


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}


def _header(path: Path) -> dict[str, str]:
    with path.open("rb") as handle:
        size = int.from_bytes(handle.read(8), "little")
        return dict(json.loads(handle.read(size))["__metadata__"])
