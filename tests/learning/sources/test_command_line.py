"""Backbones of others on the command line: from this computer, or downloaded when that is said."""

from __future__ import annotations

import logging
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from learning.small_scenes import blobs
from learning.sources.hub import VIT, hub_file, keep_vit
from unetscope.cli.app import app

SPEC = f"timm:{VIT}"
asked: list[str] = []  # repositories that were downloaded


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """An empty cache of weights, and a hub that gives random ones."""
    found = tmp_path / "hub"
    found.mkdir()

    def given(repository: str, file_name: str, *, cache_dir: Path) -> str:
        asked.append(repository)
        keep_vit(cache_dir)
        return str(hub_file(cache_dir, VIT))

    def refused(*_: object) -> None:
        raise AssertionError("the network was asked")

    asked.clear()
    monkeypatch.setattr("unetscope.learning.sources.timm_hub.user_hub", lambda: found)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", given)
    monkeypatch.setattr("socket.socket.connect", refused)
    return found


@pytest.fixture
def painted(tmp_path) -> tuple[Path, Path]:
    """An image and strokes on it, as files."""
    picture, truth = blobs((64, 64))
    labels = np.zeros(truth.shape, np.uint8)
    labels[20:40, 10:54] = truth[20:40, 10:54]
    imageio.imwrite(tmp_path / "image.tif", picture.astype(np.float32))
    imageio.imwrite(tmp_path / "strokes.png", labels)
    return tmp_path / "image.tif", tmp_path / "strokes.png"


def assert_refused(result: Result) -> None:
    assert result.exit_code == 2 and not asked
    for words in ("not on this computer", "--allow-download", "Their licence: apache-2.0"):
        assert words in " ".join(result.stderr.split())


def test_weights_are_downloaded_only_when_that_is_said(hub, painted, tmp_path, caplog) -> None:
    image, strokes = painted
    model, out = tmp_path / "m.unetscope", tmp_path / "out"
    told = ("--image", image, "--labels", strokes, "--out", model, "--seconds", 0, "--model", SPEC)
    assert_refused(run("train", *told, "--device", "cpu"))
    with caplog.at_level(logging.WARNING):
        trained = run("train", *told, "--device", "cpu", "--allow-download")
    assert trained.exit_code == 0, trained.output
    assert asked == [f"timm/{VIT}"] and "Their licence: apache-2.0" in caplog.text

    asked.clear()  # another computer, which has the model file and no weights
    weights = hub_file(hub, VIT)
    weights.unlink()
    told = ("predict", model, image, "--out", out, "--device", "cpu")
    assert_refused(run(*told))
    assert run(*told, "--allow-download").exit_code == 0 and asked == [f"timm/{VIT}"]
