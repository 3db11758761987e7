"""Small scenes and a small folder of "real" data for the tests of pretraining."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage import io

from unetscope.images.synthetic import SYNTHETIC
from unetscope.pretraining import episodes
from unetscope.pretraining.learner import PretrainConfig


@pytest.fixture
def few_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds of synthetic scenes, smaller than the real ones."""
    small = {
        name: lambda shape, *, seed, name=name: SYNTHETIC[name]((96, 96), seed=seed)
        for name in ("nuclei", "phases")
    }
    monkeypatch.setattr(episodes, "SYNTHETIC", small)


@pytest.fixture
def tiny() -> PretrainConfig:
    return PretrainConfig(
        name="tiny", title="Tiny", widths=(4, 6, 8), seed=3, minutes=0.02, crop_px=32
    )


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    """Three frames of bright squares on dark ground, as one set of the known name bbbc039."""
    folder = tmp_path / "shared" / "data"
    for part in ("images", "masks"):
        (folder / "bbbc039" / part).mkdir(parents=True)
    (folder / "INDEX.md").write_text("one set")
    rng = np.random.default_rng(0)
    for index in range(3):
        mask = np.zeros((160, 160), np.uint8)
        for y, x in rng.integers(8, 120, (6, 2)):
            mask[y : y + 24, x : x + 24] = 1
        image = (mask * 120 + rng.normal(60, 6, mask.shape)).clip(0, 255).astype(np.uint8)
        io.imsave(folder / "bbbc039" / "images" / f"f{index}.png", image, check_contrast=False)
        io.imsave(folder / "bbbc039" / "masks" / f"f{index}.png", mask, check_contrast=False)
    return folder
