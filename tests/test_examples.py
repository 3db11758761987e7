"""The scripts in ``examples/`` run, and leave what they say."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from learning.small_scenes import blobs
from unetscope.cli.app import app
from unetscope.images.files import read_labels, read_micrograph, write_micrograph
from unetscope.images.micrograph import as_micrograph
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import save_model, start_model
from unetscope.learning.samples import Sample
from unetscope.learning.train_options import TrainOptions

FOLDER = Path(__file__).resolve().parents[1] / "examples"
SCRIPTS = sorted(FOLDER.glob("*.py"))
SHORT = TrainOptions(max_epochs=1, steps_per_epoch=2, patch_px=64, batch_size=1)


def run(name: str, folder: Path) -> None:
    """The script's ``main``; what it trains, it trains for two steps."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    trains = "options" in inspect.signature(script.main).parameters
    script.main(folder, *([SHORT] if trains else []))


def painted(folder: Path, said: str) -> None:
    labels, image = read_labels(folder / "image_labels.tif"), read_micrograph(folder / "image.tif")
    assert labels.shape == image.spatial_shape and set(np.unique(labels)) == {1, 2}
    written = read_micrograph(folder / "image_labels.tif")
    assert written.pixel_size == pytest.approx(image.pixel_size) and written.unit == image.unit
    agreement = float(said.split("agreement with the truth: ")[1].split("%")[0])
    assert agreement > 90


def trained(folder: Path, said: str) -> None:
    assert (folder / "grains.unetscope").is_file()
    written = {path.name for path in folder.glob("*_labels.tif")}
    assert written == {"grains2_labels.tif"}  # the others have masks
    assert read_labels(folder / "grains2_labels.tif").shape == (128, 128)
    assert "epoch 1: loss " in said and "predicted grains2.tif with general-fast v1" in said


def odd(folder: Path, said: str) -> None:
    assert "0 is white; values were turned over" in said
    assert "zyx: 4 planes of a stack" in said and "zyx (4, 32, 48)" in said
    assert "cut.tif is cut off" in said
    assert said.rstrip().endswith("uint8 [0 1 2]")


def looked_inside(folder: Path, said: str) -> None:
    assert "enc1.conv1 (64, 64) sees pixels (63, 63) to (65, 65) (exact)" in said
    maps = read_micrograph(folder / "enc2_conv2.ome.tif")
    assert (maps.axes, maps.shape) == ("cyx", (32, 64, 64))
    assert f"maps {maps.shape}" in said and np.ptp(maps.plane()) > 0


def converted(folder: Path, said: str) -> None:
    kept = [line for line in said.splitlines() if "equal pixels True, 7 objects, nucleus" in line]
    assert len(kept) == 4
    assert "nuclei_mask.tif: a mask has no place for objects: 7 objects" in said
    assert set(np.unique(read_labels(folder / "nuclei_mask.tif"))) == {0, 2}


def with_a_source(folder: Path, said: str) -> None:
    assert (folder / "own.unetscope").is_file()
    assert "with ['contrast']: equal pixels True" in said
    agreement = float(said.split("agreement with the truth: ")[1].split("%")[0])
    assert agreement > 80


def measured(folder: Path, said: str) -> None:
    assert "mean diameter: " in said and "95%; n = " in said
    f1, size, truth = (float(said.split(word)[1].split()[0].rstrip(";"))
                       for word in ("IoU .5: ", "; mean ", "truth "))  # fmt: skip
    assert f1 > 0.9 and abs(size / truth - 1) < 0.1
    assert (folder / "particles_report.html").stat().st_size < 3_000_000
    # the command line makes the same files from what the script says of them
    before = {path.name: path.read_bytes() for path in folder.glob("particles*")}
    again = ["measure", "--again", str(folder / "particles_origin.json")]
    assert CliRunner().invoke(app, again).exit_code == 0
    after = {path.name: path.read_bytes() for path in folder.glob("particles*")}
    assert len(before) == 6 and before.keys() == after.keys()
    assert [name for name in before if before[name] != after[name]] == []


def on_a_cluster(folder: Path, said: str) -> None:
    assert "stopped: 2 of 4 blocks" in said
    assert "block 2 is safe" in said and "block 3 is safe" in said and "block 1 " not in said
    assert "complete: True" in said
    assert float(said.split("agreement with the truth: ")[1].split("%")[0]) > 80


CHECKS: dict[str, Callable[[Path, str], None]] = {
    "paint_and_predict": painted,
    "train_on_a_folder": trained,
    "read_odd_files": odd,
    "look_inside": looked_inside,
    "convert_labels": converted,
    "own_source": with_a_source,
    "measure_particles": measured,
    "local_cluster": on_a_cluster,
}


def test_the_jobs_of_a_queue_make_an_answer(tmp_path: Path) -> None:
    said = yaml.safe_load((FOLDER / "slurm.yaml").read_text("utf-8"))
    assert set(said) == {"slurm"} and said["slurm"]["cores"] == 1
    model = start_model("general-fast")
    scene = blobs((200, 300))
    strokes = [Sample(as_micrograph(scene[0]), np.where(scene[1][:, :1] > 0, scene[1], 0), "a")]
    save_model(fit_instant(model, strokes, with_forest=False), tmp_path / "m.unetscope")
    write_micrograph(as_micrograph(scene[0]), tmp_path / "i.tif")
    script = (FOLDER / "slurm_array.sh").read_text("utf-8")
    (line,) = [one for one in script.splitlines() if one.startswith("unetscope ")]
    given = {"1": tmp_path / "m.unetscope", "2": tmp_path / "i.tif", "3": tmp_path / "o.zarr"}
    for number in (2, 1):
        told = {"SLURM_ARRAY_TASK_ID": number, "SLURM_ARRAY_TASK_COUNT:-16": 2}
        words = line
        for name, value in told.items():
            words = words.replace(f"${{{name}}}", str(value)).replace(f"${name}", str(value))
        for name, path in given.items():
            words = words.replace(f'"${name}"', str(path))
        done = CliRunner().invoke(app, words.replace('"', "").split()[1:])
        assert done.exit_code == 0, done.output
    assert read_labels(tmp_path / "o.zarr").shape == (200, 300)
    assert (
        "complete, 1 of 1" in CliRunner().invoke(app, ["status", str(tmp_path / "o.zarr")]).stdout
    )


def test_every_example_is_checked_here_and_is_short() -> None:
    assert {script.stem for script in SCRIPTS} == set(CHECKS)
    assert [s.name for s in SCRIPTS if len(s.read_text("utf-8").splitlines()) > 60] == []


@pytest.mark.parametrize("name", CHECKS)
def test_an_example_runs_and_leaves_what_it_says(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(name, tmp_path)
    CHECKS[name](tmp_path, capsys.readouterr().out)
