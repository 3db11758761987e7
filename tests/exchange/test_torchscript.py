"""The whole answer as TorchScript: exact to the label, at sizes it was not traced at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from unetscope.cli.app import app
from unetscope.errors import ModelError, OutputError
from unetscope.exchange.answer_module import TreeTables, answer_module
from unetscope.exchange.torchscript import check_torchscript, write_torchscript
from unetscope.images.claims import MODEL
from unetscope.images.micrograph import as_micrograph
from unetscope.learning.forest import PixelForest
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import save_model, start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_probabilities
from unetscope.learning.samples import Sample
from unetscope.network.unet import UNet, UNetConfig, initialise


def painted(channels: int = 1) -> Sample:
    rng = np.random.default_rng(3)
    image = rng.random((channels, 96, 128), np.float32)
    image[:, :, 40:80] += 0.6
    image[:, 30:60, 90:] *= 0.3
    labels = np.zeros((96, 128), np.uint8)
    labels[10:14, 5:35], labels[40:44, 45:75], labels[35:50, 100:104] = 1, 2, 4
    return Sample(as_micrograph(image, axes="cyx"), labels)


def fitted(channels: int = 1) -> PixelModel:
    start = start_model("general-fast", channels=channels)
    return fit_instant(start, [painted(channels)], device="cpu")


@pytest.fixture(scope="module")
def model() -> PixelModel:
    return fitted()


def test_tree_tables_answer_like_the_forest_also_at_its_thresholds() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 6)).astype(np.float32)
    targets = (rows[:, 0] + rows[:, 1] > 0).astype(np.int64) + (rows[:, 2] > 1)
    weights = np.array([0.7, 1.2, 1.1], np.float32)
    forest = PixelForest(rows, targets, 1, trees=7, weights=weights).grow()
    asked = rng.normal(size=(20_000, 6)).astype(np.float32)
    _, thresholds, _ = forest.perfect_trees()
    cuts = np.unique(thresholds[thresholds < 1e30])
    for column in range(6):
        asked[column * 3000 : column * 3000 + len(cuts), column] = cuts
    maps = torch.from_numpy(asked).t().reshape(6, 2, 100, 100).transpose(0, 1)
    found = TreeTables(forest)(maps).transpose(0, 1).flatten(1).t().numpy()
    assert np.abs(found - forest.probabilities(asked)).max() <= 5e-7


@pytest.mark.parametrize("kind", ["two channels", "no forest", "network", "network alone"])
def test_module_says_what_the_engine_says(kind: str, model: PixelModel) -> None:
    channels = 2 if kind == "two channels" else 1
    said = fitted(2) if channels == 2 else model
    if kind == "no forest":
        said = model.with_instant(forest=None)
    if kind.startswith("network"):
        net = initialise(UNet(UNetConfig(in_channels=1, classes=3, norm="none")), 5).eval()
        said = model.with_network(net, 1.0 if kind.endswith("alone") else 0.4)
    image = painted(channels).image
    normal = said.features.normalisation
    assert normal is not None
    fixed = said.with_features(own_normalisation=False)
    expected = predict_probabilities(fixed, image)
    given = torch.from_numpy(np.asarray(image.plane(0), np.float32))[None]
    with torch.no_grad():
        found = answer_module(fixed, normal)(given)[0].numpy()
    gap = np.abs(found - expected)
    assert (found.argmax(0) == expected.argmax(0)).all()
    assert gap.mean() <= 1e-6 and (gap > 1e-3).mean() <= 1e-4


def test_file_answers_like_the_model_at_any_size(model: PixelModel, tmp_path: Path) -> None:
    path, page = write_torchscript(model, tmp_path / "cells.pt", MODEL, fixed=True)
    found = check_torchscript(model, path, fixed=True)
    assert found.labels * 100_000 <= found.pixels
    assert found.mean <= 1e-6 and found.unlike * 10_000 <= found.pixels
    told = json.loads(page.read_text())
    assert [one["value"] for one in told["classes"]] == [1, 2, 4]
    assert told["range"] == "fixed"
    pair = torch.rand(2, 1, 65, 97)
    program = torch.jit.load(str(path))
    with torch.no_grad():
        both, alone = program(pair), program(pair[1:])
    assert both.shape == (2, 3, 65, 97)
    assert float((both[1] - alone[0]).abs().max()) <= 1e-6


def test_the_check_finds_another_model(model: PixelModel, tmp_path: Path) -> None:
    path, _ = write_torchscript(model.with_instant(forest=None), tmp_path / "a.pt", MODEL)
    assert check_torchscript(model, path).labels > 0


def test_command_writes_checks_and_keeps_what_is_there(model: PixelModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "m.unetscope")
    (tmp_path / "mine.pt").write_text("mine")
    told = ["export", str(tmp_path / "m.unetscope"), "--check", "--out"]
    done = CliRunner().invoke(app, [*told, str(tmp_path / "m.pt")])
    assert done.exit_code == 0, done.output
    assert "labels differ" in done.output
    assert json.loads((tmp_path / "m.json").read_text())["range"] == "image"
    kept = CliRunner().invoke(app, [*told, str(tmp_path / "mine.pt")])
    assert kept.exit_code != 0
    assert (tmp_path / "mine.pt").read_text() == "mine"
    script = (
        "import sys, torch; sys.modules['unetscope'] = None; "
        "print(tuple(torch.jit.load(sys.argv[1])(torch.rand(1, 1, 70, 90)).shape))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "m.pt")], capture_output=True, text=True
    )
    assert ran.stdout.strip() == "(1, 3, 70, 90)", ran.stderr


def test_refusals_say_why(model: PixelModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no classes"):
        answer_module(start_model("general-fast"))
    with pytest.raises(ModelError, match="fixed range"):
        seen = model.with_features(own_normalisation=False)
        write_torchscript(seen, tmp_path / "a.pt", MODEL)
    with pytest.raises(OutputError, match=r"a\.pt"):
        write_torchscript(model, tmp_path / "a.onnx", MODEL)
    assert not list(tmp_path.iterdir())
