"""Answers block by block: the engine's labels, gone on with after any end, byte for byte."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr

from learning.small_scenes import blobs, sample, small_model
from unetscope.errors import OutputError
from unetscope.images.files import read_labels, read_micrograph, write_micrograph
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.learning.instant import fit_instant
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions, predict_labels, predict_probabilities
from unetscope.learning.surprise import familiar_with, surprise_of
from unetscope.scaling.estimate import estimated
from unetscope.scaling.layout import Layout
from unetscope.scaling.ledger import BlockDone
from unetscope.scaling.pyramid import halved
from unetscope.scaling.running import (
    Run,
    Work,
    begin,
    finish,
    folder_of,
    only_one,
    opened,
    run_here,
    state_of,
)

SMALL = PredictOptions(tile_px=128)
SIDE = 512


@pytest.fixture(scope="module")
def model() -> PixelModel:
    torch.set_num_threads(1)
    return fit_instant(small_model(widths=(2, 3, 4, 4)), [sample()], with_forest=False)


@pytest.fixture(scope="module")
def image() -> Micrograph:
    pixels = blobs((700, 1100), 3)[0].astype(np.float32)
    return as_micrograph(pixels, pixel_size=(4.0, 4.0), unit="nm", name="blobs")


def bytes_of(store: Path) -> dict[str, str]:
    """Every file of a store, by its name; a file of a run that was killed is none of it."""
    files = [p for p in sorted(store.rglob("*")) if p.is_file() and ".partial" not in p.name]
    return {str(p.relative_to(store)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def entries(run: Run, most: int | None = None) -> list[BlockDone]:
    found = []
    for event in run_here(run):
        if isinstance(event, BlockDone):
            found.append(event)
            if len(found) == most:
                break
    return found


def test_the_store_holds_what_the_engine_answers_and_says_it_is_complete(
    model, image, tmp_path
) -> None:
    path = tmp_path / "answer.zarr"
    run = begin(model, image, Work(path, side=SIDE), replace(SMALL, probabilities=True))
    assert state_of(path).complete is False and "incomplete" in (path / "zarr.json").read_text()
    assert [entry.block for entry in entries(run)] == [0, 1, 2, 3, 4, 5]
    assert state_of(path).complete and state_of(path).done == 6
    expected = predict_labels(model, image)
    assert np.array_equal(read_labels(path), expected)
    read = read_micrograph(path)
    assert read.pixel_size == (4.0, 4.0) and read.unit == "nm"
    assert any(
        model.identity in note
        for note in json.loads((path / "zarr.json").read_text())["attributes"]["unetscope"]["notes"]
    )
    chances = zarr.open_array(tmp_path / "answer_probabilities.zarr", path="0")[...]
    exact = predict_probabilities(model, image)
    assert chances.dtype == np.float16 and np.abs(chances - exact).max() < 1e-3
    told = json.loads((path / "zarr.json").read_text())["attributes"]["unetscope"]["pixels"]
    assert {int(v): n for v, n in told.items()} == {
        int(v): int(n) for v, n in zip(*np.unique(expected, return_counts=True), strict=True)
    }


def test_room_is_reckoned_with_the_pyramid(model, tmp_path) -> None:
    image, path = as_micrograph(blobs((1500, 1500), 3)[0]), tmp_path / "a.zarr"
    found = estimated(model, image, PredictOptions(tile_px=256), folder=tmp_path)
    list(run_here(begin(model, image, Work(path, side=SIDE), SMALL)))
    written = sum(f.stat().st_size for f in path.rglob("c/**/*") if f.is_file())
    assert 0.6 < found.bytes / written < 1.4 and written < found.most_bytes


@pytest.mark.parametrize("shape", [(700, 1100), (513, 2050), (40, 30)])
def test_every_level_is_the_mode_of_the_one_before(model, tmp_path, shape) -> None:
    path, pixels = tmp_path / "a.zarr", blobs(shape, 3)[0]
    list(run_here(begin(model, as_micrograph(pixels), Work(path, side=SIDE), SMALL)))
    layout = Layout.of(shape, SIDE)
    group = zarr.open_group(path, mode="r")
    levels = [group[str(n)][...] for n in range(layout.levels)]
    for finer, coarser in pairwise(levels):
        assert np.array_equal(halved(finer), coarser)
    assert str(layout.levels) not in group and max(levels[-1].shape) <= 512


def test_a_finished_answer_says_how_unlike_the_training_its_image_is(
    model, image, tmp_path
) -> None:
    known = familiar_with(model, [sample(seed=n, key=str(n)) for n in range(4)])
    knowing = model.with_provenance(familiar=known)
    path = tmp_path / "answer.zarr"
    entries(begin(knowing, image, Work(path, side=SIDE), SMALL), 1)  # a part, then the rest
    entries(begin(knowing, image, Work(path, begin="resume", side=SIDE), SMALL))
    told = json.loads((path / "zarr.json").read_text())["attributes"]["unetscope"]["surprise"]
    expected = surprise_of(knowing, image)
    assert expected is not None
    assert told == asdict(expected)


def test_stacks_are_answered_plane_by_plane(model, tmp_path, monkeypatch) -> None:
    from unetscope.scaling import layout

    monkeypatch.setattr(layout, "BLOCK_PLANES", 2)
    pixels = np.stack([blobs((70, 90), seed)[0] for seed in range(3)])
    stack, path = as_micrograph(pixels, axes="zyx"), tmp_path / "a.zarr"
    run = begin(model, stack, Work(path, side=SIDE), replace(SMALL, probabilities=True))
    assert [entry.block for entry in entries(run)] == [0, 1]
    assert np.array_equal(read_labels(path), predict_labels(model, stack))
    chances = zarr.open_array(tmp_path / "a_probabilities.zarr", path="0")[...]
    assert np.abs(chances - predict_probabilities(model, stack)).max() < 1e-3


def test_what_was_stopped_is_gone_on_with_to_the_same_bytes(model, image, tmp_path) -> None:
    whole, broken = tmp_path / "whole" / "a.zarr", tmp_path / "broken" / "a.zarr"
    whole.parent.mkdir(), broken.parent.mkdir()
    list(run_here(begin(model, image, Work(whole, side=SIDE), SMALL)))
    entries(begin(model, image, Work(broken, side=SIDE), SMALL), most=2)
    assert (state_of(broken).done, state_of(broken).total) == (2, 6)
    again = begin(model, image, Work(broken, begin="resume", side=SIDE), SMALL)
    assert [entry.block for entry in entries(again)] == [2, 3, 4, 5]
    assert bytes_of(whole) == bytes_of(broken)


def test_a_block_whose_file_is_gone_or_cut_is_done_again(model, image, tmp_path) -> None:
    path = tmp_path / "a.zarr"
    entries(begin(model, image, Work(path, side=SIDE), SMALL), most=3)
    (path / "0" / "c" / "0" / "0").unlink()
    torn = path / "0" / "c" / "0" / "1"
    torn.write_bytes(torn.read_bytes()[:-1])
    again = begin(model, image, Work(path, begin="resume", side=SIDE), SMALL)
    assert again.left() == [0, 1, 3, 4, 5]
    with pytest.raises(OutputError, match=r"5 of 6 .* damaged \(0, 1, 3, 4, 5\)"):
        finish(path)


def test_a_block_that_reads_otherwise_is_found_by_verify(model, image, tmp_path) -> None:
    path = tmp_path / "a.zarr"
    list(run_here(begin(model, image, Work(path, side=SIDE), SMALL)))
    assert finish(path, verify=True).complete
    array = zarr.open_array(path, path="0", mode="r+")
    before = (path / "0" / "c" / "1" / "0").read_bytes()
    array[600, 3] = 3 - array[600, 3]
    (path / "0" / "c" / "1" / "0").write_bytes(
        (path / "0" / "c" / "1" / "0").read_bytes().ljust(len(before), b"\0")[: len(before)]
    )
    with pytest.raises(OutputError, match=r"damaged \(3\)"):
        finish(path, verify=True)


def test_a_torn_line_of_a_ledger_is_passed_over(model, image, tmp_path) -> None:
    path = tmp_path / "a.zarr"
    entries(begin(model, image, Work(path, side=SIDE), SMALL), most=2)
    (ledger,) = folder_of(path).glob("ledger-*.jsonl")
    ledger.write_bytes(ledger.read_bytes()[:-9])
    assert begin(model, image, Work(path, begin="resume", side=SIDE), SMALL).left()[0] == 1


def test_what_differs_is_named_and_nothing_is_changed(model, image, tmp_path) -> None:
    path = tmp_path / "a.zarr"
    entries(begin(model, image, Work(path, side=SIDE), SMALL), most=1)
    before = bytes_of(tmp_path)
    other = fit_instant(small_model(widths=(2, 3, 4, 4)), [sample(seed=5)], with_forest=False)
    changed = np.array(image.pixels)
    changed[:350] += 1
    for given, seen, options, said in (
        (other, image, SMALL, "the model was"),
        (model, replace(image, pixels=changed), SMALL, "the image was"),
        (model, image, replace(SMALL, probabilities=True), "whether probabilities"),
    ):
        with pytest.raises(OutputError, match=said):
            begin(given, seen, Work(path, begin="resume", side=SIDE), options)
    with pytest.raises(OutputError, match=r"1 of 6 blocks done.*--resume"):
        begin(model, image, Work(path, side=SIDE), SMALL)
    assert bytes_of(tmp_path) == before


def test_overwriting_keeps_the_old_answer_until_the_new_one_is_complete(
    model, image, tmp_path
) -> None:
    path = tmp_path / "a.zarr"
    list(run_here(begin(model, image, Work(path, side=SIDE), SMALL)))
    old = bytes_of(path)
    run = begin(model, image, Work(path, begin="overwrite", side=SIDE), SMALL)
    entries(run, most=1)
    assert bytes_of(tmp_path / ".a.zarr.before") == old
    list(run_here(run))
    assert bytes_of(path) == old and not list(tmp_path.glob(".*"))


def test_strangers_and_inputs_are_never_replaced(model, image, tmp_path) -> None:
    there = tmp_path / "image.zarr"
    write_micrograph(image, there)
    before = bytes_of(there)
    for how in ("new", "resume", "overwrite"):
        with pytest.raises(OutputError):
            begin(model, image, Work(there, (there,), how, side=SIDE), SMALL)  # type: ignore[arg-type]
        with pytest.raises(OutputError):
            begin(model, image, Work(there, (), how, side=SIDE), SMALL)  # type: ignore[arg-type]
    assert bytes_of(there) == before
    with pytest.raises(OutputError, match=r"end in \.zarr"):
        begin(model, image, Work(tmp_path / "a.tif"), SMALL)


def test_a_second_run_is_refused_while_one_works(model, image, tmp_path) -> None:
    path = tmp_path / "a.zarr"
    run = begin(model, image, Work(path, side=SIDE), SMALL)
    with only_one(path), pytest.raises(OutputError, match="being worked at"):
        next(run_here(run))
    assert entries(run)


KILLED = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from unetscope.scaling.running import opened, run_here
for event in run_here(opened(Path(sys.argv[1]), "cpu", 128)):
    pass
"""


def run_in_a_process(path: Path, kill_after: float | None) -> int:
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stderr=subprocess.PIPE)
    try:
        _, said = child.communicate(timeout=kill_after)
        assert child.returncode == 0, said
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    return child.returncode


@pytest.mark.parametrize(
    "kills",
    [
        1,
        pytest.param(
            100,
            marks=pytest.mark.skipif(
                "UNETSCOPE_SOAK" not in os.environ, reason="set UNETSCOPE_SOAK=1 to run it"
            ),
        ),
    ],
)
def test_killed_at_random_it_ends_with_the_same_bytes(model, image, tmp_path, kills) -> None:
    """SIGKILL while blocks are computed and written; no block that was noted is done again."""
    write_micrograph(image, tmp_path / "image.tif")
    stored = read_micrograph(tmp_path / "image.tif")
    source = {"path": str(tmp_path / "image.tif")}

    def begun(name: str) -> Path:
        path = tmp_path / name / "a.zarr"
        path.parent.mkdir()
        begin(model, stored, Work(path, source=source, side=SIDE), SMALL)
        return path

    whole = begun("whole")
    started = time.monotonic()
    assert run_in_a_process(whole, None) == 0
    took = time.monotonic() - started
    rng, killed, number = random.Random(kills), 0, 0
    while killed < kills:
        number += 1
        path = begun(f"run{number}")
        while not state_of(path).complete:
            wait = took * rng.uniform(0.4, 1.2) if killed < kills else None
            killed += run_in_a_process(path, wait) != 0
        assert bytes_of(path) == bytes_of(whole)
        lines = [
            json.loads(line)
            for ledger in folder_of(path).glob("ledger-*")
            for line in ledger.read_text().splitlines()
        ]
        assert sorted(line["block"] for line in lines) == [0, 1, 2, 3, 4, 5]


def test_another_process_sees_the_same_run(model, image, tmp_path) -> None:
    write_micrograph(image, tmp_path / "image.tif")
    stored = read_micrograph(tmp_path / "image.tif")
    path = tmp_path / "a.zarr"
    begin(model, stored, Work(path, source={"path": str(tmp_path / "image.tif")}, side=SIDE), SMALL)
    there = opened(path, "cpu", 128)
    assert there.left() == [0, 1, 2, 3, 4, 5] and there.manifest.layout.side == SIDE
    (tmp_path / "image.tif").unlink()
    write_micrograph(replace(image, pixels=np.array(image.pixels) * 2), tmp_path / "image.tif")
    with pytest.raises(OutputError, match="the image was"):
        opened(path)
    begin(model, stored, Work(tmp_path / "b.zarr", side=SIDE), SMALL)
    with pytest.raises(OutputError, match="pixels in memory"):
        opened(tmp_path / "b.zarr")
