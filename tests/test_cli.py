"""The command line: what it writes, what it refuses, and that a wish to stop is heard."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from unetscope import __version__
from unetscope.cli import terminal
from unetscope.cli.app import app
from unetscope.learning.events import Finished, HeadFitted, StepDone

pytestmark = pytest.mark.usefixtures("few_trees")

runner = CliRunner()


def run(*arguments: object) -> Result:
    return runner.invoke(app, [str(argument) for argument in arguments])


def said(result: Result) -> str:
    return " ".join((result.stderr or "").split())


def assert_refused(result: Result, *words: str) -> None:
    """Code 2, one line that holds the words, and no traceback."""
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert len((result.stderr or "").strip().splitlines()) == 1
    for word in words:
        assert word in said(result)


@pytest.fixture
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands start from a small random network: fast, and no weights are needed."""
    import torch

    from unetscope.computing.machine import settled
    from unetscope.learning import persistence
    from unetscope.learning.pixel_model import ModelFeatures, PixelModel, Provenance
    from unetscope.learning.recipe import Recipe
    from unetscope.network.folding import fold_batch_norm
    from unetscope.network.unet import UNet, UNetConfig

    def start(name: str | None = "general", **_: Any) -> PixelModel:
        torch.manual_seed(0)
        net = UNet(UNetConfig(in_channels=1, classes=2, widths=(4, 8, 16, 32)))
        features = ModelFeatures(settled(fold_batch_norm(net.eval())), Recipe())
        return PixelModel(features, Provenance("small"))

    monkeypatch.setattr(persistence, "start_model", start)


@pytest.fixture
def halves(tmp_path: Path) -> SimpleNamespace:
    """A dark and a bright half with noise, a few strokes, 0.5 µm a pixel."""
    pixels = np.random.default_rng(0).normal(60, 12, (96, 80))
    pixels[:, 40:] += 90
    labels = np.zeros(pixels.shape, np.uint8)
    labels[20:24, 5:30] = 1
    labels[60:64, 48:75] = 2
    image_path, labels_path = tmp_path / "halves.tif", tmp_path / "halves_labels.png"
    tifffile.imwrite(
        image_path,
        pixels.clip(0, 255).astype(np.uint8),
        imagej=True,
        resolution=(2.0, 2.0),
        metadata={"unit": "um", "axes": "YX"},
    )
    imageio.imwrite(labels_path, labels)
    truth = np.ones(pixels.shape, np.uint8)
    truth[:, 40:] = 2
    return SimpleNamespace(image=image_path, labels=labels_path, truth=truth)


def train(halves: SimpleNamespace, out: Path, *more: object) -> Result:
    paths = ("--image", halves.image, "--labels", halves.labels, "--out", out)
    return run("train", *paths, "--seconds", 1, "--device", "cpu", *more)


def test_version_and_help_are_told() -> None:
    assert "unetscope" in run("--version").output
    for command in ("demo", "train", "predict", "pretrain"):
        assert command in run("--help").output
        assert run(command, "--help").exit_code == 0


def test_the_package_runs_as_the_command_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unetscope", "--version"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"unetscope {__version__}\n", "")


# ---- train and predict


@pytest.mark.usefixtures("small_model")
def test_train_then_predict_writes_labels_probabilities_and_pixel_size(
    halves: SimpleNamespace, tmp_path: Path
) -> None:
    model, out = tmp_path / "halves.unetscope", tmp_path / "out"
    trained = train(halves, model, "--class-name", "1=dark", "--class-name", "2=bright")
    assert trained.exit_code == 0, trained.output
    assert trained.stdout.split() == [str(model)]

    done = run("predict", model, halves.image, "--out", out, "--probabilities", "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert done.stdout.split() == [
        str(out / "halves_labels.tif"),
        str(out / "halves_probabilities.tif"),
    ]
    labels = tifffile.imread(out / "halves_labels.tif")
    assert labels.dtype == np.uint8
    assert (labels == halves.truth).mean() > 0.95
    chances = tifffile.imread(out / "halves_probabilities.tif")
    assert chances.dtype == np.float32
    assert chances.shape == (2, *labels.shape)
    assert np.allclose(chances.sum(axis=0), 1, atol=1e-5)

    from unetscope.images.files import read_micrograph
    from unetscope.learning.persistence import load_model

    assert [c.name for c in load_model(model).classes] == ["dark", "bright"]
    for path in (out / "halves_labels.tif", out / "halves_probabilities.tif"):
        written = read_micrograph(path)
        assert written.pixel_size == pytest.approx((0.5, 0.5))
        assert written.unit == "µm"


@pytest.mark.usefixtures("small_model")
def test_predict_gives_bitwise_the_labels_of_the_engine(
    halves: SimpleNamespace, tmp_path: Path
) -> None:
    from unetscope.images.files import read_micrograph
    from unetscope.learning.persistence import load_model
    from unetscope.learning.prediction import predict_labels

    model = tmp_path / "m.unetscope"
    assert train(halves, model).exit_code == 0
    assert run("predict", model, halves.image, "--out", tmp_path, "--tile", 64).exit_code == 0
    expected = predict_labels(load_model(model), read_micrograph(halves.image))
    assert np.array_equal(tifffile.imread(tmp_path / "halves_labels.tif"), expected)


@pytest.mark.usefixtures("small_model")
def test_predict_takes_folders_and_other_ways_to_compute(
    halves: SimpleNamespace, tmp_path: Path
) -> None:
    model, folder = tmp_path / "m.unetscope", tmp_path / "images"
    assert train(halves, model).exit_code == 0
    folder.mkdir()
    for name in ("b.tif", "a.tif", ".hidden.tif"):
        (folder / name).write_bytes(halves.image.read_bytes())
    (folder / "notes.txt").write_text("no image")
    done = run("predict", model, folder, "--out", tmp_path / "out", "--precision", "bf16")
    assert done.exit_code == 0, done.output
    out = tmp_path / "out"
    named = ("a_labels.tif", "b_labels.tif", "predictions.csv")
    assert done.stdout.split() == [str(out / name) for name in named]
    labels = tifffile.imread(tmp_path / "out" / "a_labels.tif")
    assert (labels == halves.truth).mean() > 0.95


@pytest.mark.usefixtures("small_model")
def test_ways_to_compute_that_are_not_there_are_refused(
    halves: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, out = tmp_path / "m.unetscope", ("--out", tmp_path / "out")
    assert train(halves, model).exit_code == 0
    asked = ("predict", model, halves.image, *out)
    assert_refused(run(*asked, "--engine", "onnx"), "'onnx'", "torch or openvino")
    assert_refused(run(*asked, "--precision", "int8"), "'int8'", "bf16")
    monkeypatch.setitem(sys.modules, "openvino", None)
    refused = run(*asked, "--engine", "openvino", "--device", "cpu")
    assert_refused(refused, "pip install openvino")
    (tmp_path / "empty").mkdir()
    assert_refused(run("predict", model, tmp_path / "empty", *out), "holds no image")


@pytest.mark.usefixtures("small_model")
def test_training_goes_on_from_a_model_file(halves: SimpleNamespace, tmp_path: Path) -> None:
    first, second = tmp_path / "a.unetscope", tmp_path / "b.unetscope"
    assert train(halves, first, "--class-name", "1=dark").exit_code == 0
    assert train(halves, second, "--model", first).exit_code == 0

    from unetscope.learning.persistence import load_model

    assert load_model(second).classes[0].name == "dark"


# ---- what is refused, in one line


def test_a_model_without_suffix_is_refused_before_training(
    halves: SimpleNamespace, tmp_path: Path
) -> None:
    assert_refused(train(halves, tmp_path / "model"), "NAME.unetscope", "model.unetscope")


def test_unequal_numbers_of_images_and_labels_are_refused(
    halves: SimpleNamespace, tmp_path: Path
) -> None:
    more = train(halves, tmp_path / "m.unetscope", "--labels", halves.labels)
    assert_refused(more, "1 --image", "2 --labels")


def test_a_missing_image_is_refused(halves: SimpleNamespace, tmp_path: Path) -> None:
    halves.image = tmp_path / "nowhere.tif"
    assert_refused(train(halves, tmp_path / "m.unetscope"), "nowhere.tif")


def test_labels_of_one_class_are_refused(halves: SimpleNamespace, tmp_path: Path) -> None:
    imageio.imwrite(halves.labels, np.ones((96, 80), np.uint8))
    assert_refused(train(halves, tmp_path / "m.unetscope"), "only class 1", "at least one other")


def test_labels_of_another_shape_are_refused(halves: SimpleNamespace, tmp_path: Path) -> None:
    imageio.imwrite(halves.labels, np.ones((50, 80), np.uint8))
    assert_refused(train(halves, tmp_path / "m.unetscope"), "(50, 80)", "(96, 80)")


@pytest.mark.parametrize("text", ["background", "0=background", "x=background", "1="])
def test_a_class_name_must_say_value_and_name(
    text: str, halves: SimpleNamespace, tmp_path: Path
) -> None:
    refused = train(halves, tmp_path / "m.unetscope", "--class-name", text)
    assert_refused(refused, repr(text), "1=background")


def test_a_folder_that_cannot_be_made_is_refused(halves: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    refused = train(halves, tmp_path / "file" / "m.unetscope")
    assert_refused(refused, "cannot write into", "choose another folder")


def test_a_damaged_model_is_refused(halves: SimpleNamespace, tmp_path: Path) -> None:
    model = tmp_path / "m.unetscope"
    model.write_bytes(b"not a model")
    assert_refused(run("predict", model, halves.image, "--out", tmp_path), "m.unetscope")


def test_two_inputs_of_one_name_are_refused(tmp_path: Path) -> None:
    inputs = (tmp_path / "a" / "x.tif", tmp_path / "b" / "x.png")
    refused = run("predict", tmp_path / "m.unetscope", *inputs, "--out", tmp_path)
    assert_refused(refused, "x.tif", "x.png", "x_labels.tif")


# ---- demo


@pytest.mark.usefixtures("small_model")
@pytest.mark.parametrize("arguments", [(), ("--sample", "nuclei")], ids=["ihc", "nuclei"])
def test_the_headless_demo_writes_pictures_and_figures(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = run("demo", "--headless", "--out", tmp_path / "demo", "--seconds", 1, *arguments)
    assert done.exit_code == 0, done.output
    for name in ("image.png", "strokes.png", "prediction.png", "overlay.png"):
        assert imageio.imread(tmp_path / "demo" / name).shape == (512, 512, 3)
        assert str(tmp_path / "demo" / name) in done.stdout
    predicted = tifffile.imread(tmp_path / "demo" / "prediction.tif")
    with (tmp_path / "demo" / "metrics.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    classes = [row for row in rows if row["class"]]
    assert len(classes) >= 2
    for row in classes:
        assert int(row["predicted_px"]) == np.count_nonzero(predicted == int(row["class"]))
        assert int(row["painted_px"]) > 0
    if arguments:
        assert all(0 <= float(row["dice"]) <= 1 for row in classes)
        assert (tmp_path / "demo" / "truth.png").exists()
    assert not list((tmp_path / "demo").glob(".*.tmp"))


@pytest.mark.usefixtures("small_model")
def test_the_demo_learns_from_ones_own_labels(halves: SimpleNamespace, tmp_path: Path) -> None:
    own = ("--image", halves.image, "--labels", halves.labels)
    done = run("demo", "--headless", *own, "--out", tmp_path / "d", "--seconds", 1)
    assert done.exit_code == 0, done.output
    assert (tifffile.imread(tmp_path / "d" / "prediction.tif") == halves.truth).mean() > 0.95


@pytest.mark.usefixtures("small_model")
def test_the_headless_demo_guesses_strokes_and_says_so(
    halves: SimpleNamespace, tmp_path: Path
) -> None:
    done = run(
        "demo", "--headless", "--image", halves.image, "--out", tmp_path / "d", "--seconds", 1
    )
    assert done.exit_code == 0, done.output
    assert "strokes were guessed" in said(done)
    assert (tifffile.imread(tmp_path / "d" / "prediction.tif") == halves.truth).mean() > 0.9


def test_a_constant_image_is_refused_by_the_headless_demo(tmp_path: Path) -> None:
    imageio.imwrite(tmp_path / "flat.png", np.full((64, 64), 7, np.uint8))
    refused = run("demo", "--headless", "--image", tmp_path / "flat.png", "--out", tmp_path / "d")
    assert_refused(refused, "flat", "constant")


def test_an_unknown_sample_is_refused_with_the_choices(tmp_path: Path) -> None:
    refused = run("demo", "--headless", "--sample", "cheese", "--out", tmp_path / "d")
    assert_refused(refused, "'cheese'", "grains", "nuclei")


def test_demo_labels_need_an_image(tmp_path: Path) -> None:
    assert_refused(run("demo", "--headless", "--labels", tmp_path / "x.png"), "--image")


# ---- the terminal


def quiet() -> Console:
    import io

    return Console(file=io.StringIO())


def endless(models: list[str], closed: list[bool]) -> Iterator[Any]:
    """A training that a Ctrl-C meets at its third step."""
    try:
        yield HeadFitted(model=models[0], seconds=0.01, pixels={1: 5, 2: 5}, with_forest=False)  # type: ignore[arg-type]
        for step in range(1000):
            if step == 3:
                signal.raise_signal(signal.SIGINT)
            yield StepDone(step, 0.5, 0.1 * step)
    finally:
        closed.append(True)


def test_ctrl_c_ends_training_between_two_steps_and_keeps_the_model() -> None:
    before = signal.getsignal(signal.SIGINT)
    closed: list[bool] = []
    outcome = terminal.watch_training(endless(["head"], closed), quiet(), max_seconds=60)  # type: ignore[arg-type]
    assert (outcome.model, outcome.reason) == ("head", "stopped")
    assert closed == [True]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_ends_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), terminal.Interruption() as interruption:
        signal.raise_signal(signal.SIGINT)
        assert interruption.wished
        signal.raise_signal(signal.SIGINT)


def test_the_finished_model_is_kept() -> None:
    def events() -> Iterator[Any]:
        yield Finished("plateau", "best", best_epoch=3, seconds=1.0, validation=None)  # type: ignore[arg-type]

    outcome = terminal.watch_training(events(), quiet(), max_seconds=None)  # type: ignore[arg-type]
    assert (outcome.model, outcome.reason) == ("best", "plateau")


# ---- pretraining


def test_pretraining_runs_a_configuration_and_exports_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, Path]] = []

    def trained(config: Any, run_dir: Path, **_: Any) -> Iterator[dict[str, Any]]:
        asked.append((config, run_dir))
        yield {"step": 50, "seconds": 60 * config.minutes, "loss": 0.5}

    monkeypatch.setattr("unetscope.cli.pretrain.meta_train", trained)
    monkeypatch.setattr("unetscope.cli.pretrain.export_weights", lambda *_, data_root: "hash")
    out = tmp_path / "out"
    paths = ("--run", tmp_path / "run", "--out", out, "--data", tmp_path)
    monkeypatch.setattr("unetscope.cli.pretrain.HeldOutJudge", lambda *_: None)
    done = run("pretrain", "general-fast", *paths, "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert done.stdout.split() == [
        str(out / "general-fast.unetscope"),
        str(out / "general-fast.md"),
    ]
    ((config, run_dir),) = asked
    assert (config.name, config.widths, run_dir) == (
        "general-fast",
        (16, 32, 64, 128),
        tmp_path / "run",
    )
    assert "hash" in said(done)


def test_an_unknown_configuration_is_refused_with_the_choices() -> None:
    assert_refused(run("pretrain", "cheese"), "'cheese'", "general-fast", "general-large")
