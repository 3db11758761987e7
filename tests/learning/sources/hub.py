"""Random weights of small timm models, in a cache as the Hugging Face hub keeps it."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

VIT = "test_vit.r160_in1k"


def random_net(name: str, seed: int = 3) -> nn.Module:
    import timm

    torch.manual_seed(seed)
    net: nn.Module = timm.create_model(name)
    return net


def hub_file(hub: Path, name: str) -> Path:
    """Where the hub's cache keeps the weights of a timm model."""
    repository = hub / f"models--timm--{name}"
    (repository / "refs").mkdir(parents=True, exist_ok=True)
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc").mkdir(parents=True, exist_ok=True)
    return repository / "snapshots" / "abc" / "model.safetensors"


def keep_vit(hub: Path, seed: int = 3) -> None:
    """Put random weights of the smallest transformer into the cache."""
    save_file(random_net("test_vit", seed).state_dict(), hub_file(hub, VIT))
