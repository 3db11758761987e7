"""``predict --out NAME.zarr``, ``status`` and ``finish``, as they are typed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from learning.small_scenes import blobs, sample, small_model
from unetscope.cli.app import app
from unetscope.images.files import read_labels, read_micrograph, write_micrograph
from unetscope.images.micrograph import as_micrograph
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import load_model, save_model
from unetscope.learning.prediction import predict_labels
from unetscope.scaling import hearing, pieces, running


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[str, str]:
    """A model and an image of six blocks, where blocks are small."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("files")
    model = fit_instant(small_model(widths=(2, 3, 4, 4)), [sample()], with_forest=False)
    save_model(model, folder / "model.unetscope")
    pixels = blobs((700, 1100), 3)[0].astype(np.float32)
    image = as_micrograph(pixels, pixel_size=(4.0, 4.0), unit="nm", name="blobs")
    write_micrograph(image, folder / "image.tif")
    return str(folder / "model.unetscope"), str(folder / "image.tif")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch) -> None:
    monkeypatch.setattr(running.Work, "__init__", _with_side(running.Work.__init__, 512))
    assert pieces.PIECE_PX == 2048


def _with_side(made, side):
    def init(self, *args, **named):
        made(self, *args, **{"side": side, **named})

    return init


def typed(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_one_image_is_answered_block_by_block(files, tmp_path) -> None:
    model, image = files
    out = tmp_path / "answer.zarr"
    done = typed("predict", model, image, "--out", out, "--device", "cpu", "--tile", "128")
    assert done.exit_code == 0, done.output
    assert str(out) in done.stdout
    expected = predict_labels(load_model(model), read_micrograph(image))
    assert np.array_equal(read_labels(out), expected)
    told = typed("status", out)
    assert told.exit_code == 0 and "complete, 6 of 6 blocks (100 %)" in told.stdout
    assert typed("finish", out, "--verify").exit_code == 0


def test_parts_status_and_the_note_of_what_is_not_complete(files, tmp_path) -> None:
    model, image = files
    out = tmp_path / "answer.zarr"
    first = ("predict", model, image, "--out", out, "--tile", "128", "--part")
    assert typed(*first, "1/2").exit_code == 0
    told = typed("status", out)
    assert told.exit_code == 3 and "incomplete, 3 of 6 blocks (50 %)" in told.stdout
    assert any("not complete" in note for note in read_micrograph(out).notes)
    early = typed("finish", out)
    assert early.exit_code == 2 and "3 of 6 blocks are missing" in early.output
    refused = typed("predict", model, image, "--out", out)
    assert refused.exit_code == 2 and "3 of 6 blocks done" in refused.output.replace("\n", " ")
    again = typed("predict", model, image, "--out", out, "--tile", "128", "--resume")
    assert again.exit_code == 0 and "3 of 6 blocks were done before" in again.output
    assert not any("not complete" in note for note in read_micrograph(out).notes)


def test_a_dry_run_says_time_and_room_and_writes_nothing(files, tmp_path) -> None:
    model, image = files
    told = typed("predict", model, image, "--out", tmp_path / "a.zarr", "--dry-run")
    assert told.exit_code == 0, told.output
    assert "blocks of 2048 px" in told.output and "on the disk" in told.output.replace("\n", " ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--resume", "--overwrite"], "give one of them"),
        (["--part", "3/2"], "is no part"),
        (["--part", "1/2", "--workers", "2"], "by itself"),
    ],
)
def test_options_that_do_not_go_together(files, tmp_path, options, said) -> None:
    told = typed("predict", *files, "--out", tmp_path / "a.zarr", *options)
    assert told.exit_code == 2 and said in told.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", [["--resume"], ["--workers", "2"], ["--part", "1/2"]])
def test_blocks_need_a_zarr(files, tmp_path, option) -> None:
    told = typed("predict", *files, "--out", tmp_path / "folder", *option)
    assert told.exit_code == 2 and "--out NAME.zarr" in told.output.replace("\n", " ")


def test_status_of_something_else(files, tmp_path) -> None:
    (tmp_path / "a.zarr").mkdir()
    told = typed("status", tmp_path / "a.zarr")
    assert told.exit_code == 3 and "no answer that unetscope made" in told.output


def test_fast_voices_say_what_they_change_and_have_to_be_asked_for_again(
    files, tmp_path, monkeypatch
) -> None:
    model, image = files
    out, plain = tmp_path / "fast.zarr", tmp_path / "plain"
    for where in (hearing, running):  # as where the processor has half precision
        monkeypatch.setattr(where, "inference_precision", lambda *_: "bf16")
    told = typed("predict", model, image, "--out", out, "--voices", "fast", "--part", "1/2")
    assert told.exit_code == 0 and "fast voices" not in told.output  # each job would say it
    refused = typed("predict", model, image, "--out", out, "--resume")
    assert refused.exit_code == 2 and 'was {"name": "torch", "precision": "bf16"}' in refused.output
    done = typed("predict", model, image, "--out", out, "--voices", "fast", "--resume")
    assert done.exit_code == 0, done.output
    assert "fast voices" in (out / "zarr.json").read_text()
    files_too = typed("predict", model, image, "--out", plain, "--voices", "fast")
    assert files_too.exit_code == 0, files_too.output
    (share,) = re.findall(r"fast voices: ([\d.]+)\s%?", files_too.output.replace("%", " %"))
    labels = read_labels(plain / "image_labels.tif")
    assert np.array_equal(read_labels(out), labels)
    exact = predict_labels(load_model(model), read_micrograph(image))
    differs = 100 * np.mean(labels != exact)
    assert 0 < differs < 2 and abs(float(share) - differs) < 0.5
    both = typed("predict", model, image, "--out", plain, "--voices", "fast", "--precision", "fp32")
    assert both.exit_code == 2 and "give one of the two" in " ".join(both.output.split())
    wrong = typed("predict", model, image, "--out", plain, "--voices", "slow")
    assert wrong.exit_code == 2 and "--voices is all or fast, not 'slow'" in wrong.output
