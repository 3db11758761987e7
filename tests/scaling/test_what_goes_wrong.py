"""Bad input and bad luck: one sentence, nothing lost, and it can be gone on with."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
import zarr
from typer.testing import CliRunner, Result

from corpus.test_microscopes import pyramid
from learning.small_scenes import blobs, sample, small_model
from scaling.test_running import bytes_of
from unetscope.cli.app import app
from unetscope.errors import ImageError, OutputError
from unetscope.images.files import read_labels, read_micrograph
from unetscope.images.questions import Answers
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import save_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions
from unetscope.scaling import workers
from unetscope.scaling.ledger import BlockDone
from unetscope.scaling.running import (
    BeingWorkedAt,
    MissingPieces,
    Run,
    Work,
    begin,
    finish,
    folder_of,
    only_one,
    run_here,
    state_of,
)
from unetscope.scaling.store import AnswerStore
from unetscope.scaling.workers import UnfitWorker, WorkerOptions, do_block, run_by

SMALL, HOW = PredictOptions(tile_px=128), WorkerOptions("cpu", 128)


@pytest.fixture(scope="module")
def model() -> PixelModel:
    torch.set_num_threads(1)
    return fit_instant(small_model(widths=(2, 3, 4, 4)), [sample()], with_forest=False)


def made(folder: Path) -> Path:
    """A zarr of 6 pieces, which make two blocks."""
    pixels = (40 * blobs((500, 700), 3)[0] + 20).clip(1, 255).astype(np.uint8)
    group = zarr.open_group(str(folder / "image.zarr"), mode="w", zarr_format=3)
    axes = [{"name": a, "type": "space"} for a in "yx"]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}],
    }
    group.create_array("0", data=pixels, chunks=(256, 256))
    return folder / "image.zarr"


@pytest.fixture
def source(tmp_path) -> Path:
    return made(tmp_path / "input")


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory) -> dict[str, str]:
    """The bytes of an answer that nothing went wrong with."""
    folder = tmp_path_factory.mktemp("whole")
    run = begun(model, made(folder / "input"), folder / "a.zarr")
    list(run_here(run))
    assert (read_labels(run.path) > 0).all()
    return bytes_of(run.path)


def begun(model: PixelModel, source: Path, path: Path, how: str = "new") -> Run:
    path.parent.mkdir(exist_ok=True)
    work = Work(path, (source,), how, {"path": str(source)}, side=512)  # type: ignore[arg-type]
    return begin(model, read_micrograph(source), work, SMALL)


def typed(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


# ---- the image


def test_where_the_image_is_not_stored_the_answer_is_0_and_says_so(model, source, tmp_path) -> None:
    (source / "0" / "c" / "1" / "1").unlink()
    path = tmp_path / "a.zarr"
    run = begun(model, source, path)
    with pytest.raises(MissingPieces, match=r"1 pieces .* \(0/c/1/1\).*--allow-missing"):
        list(run_here(run))
    state = state_of(path)
    assert (state.done, state.complete, state.missing) == (2, False, ("0/c/1/1",))
    labels = read_labels(path)
    assert (labels[256:, 256:512] == 0).all()
    assert (labels[:200] > 0).all() and (labels[:, 600:] > 0).all()
    told = typed("finish", path)
    assert told.exit_code == 3 and "0/c/1/1" in told.output
    assert "1 pieces of the image are missing" in typed("status", path).stdout
    assert typed("finish", path, "--allow-missing").exit_code == 0
    assert state_of(path).complete and state_of(path).missing == ("0/c/1/1",)


def test_a_damaged_piece_is_named(model, source, tmp_path) -> None:
    run = begun(model, source, tmp_path / "a.zarr")
    piece = source / "0" / "c" / "1" / "2"
    piece.write_bytes(b"damaged" + piece.read_bytes()[7:])
    with pytest.raises(ImageError, match=r"its piece 0/c/1/2 is damaged"):
        list(run_here(run))
    with pytest.raises(UnfitWorker, match=r"its piece 0/c/1/2 is damaged"):
        do_block(str(run.path), 1, HOW)
    assert state_of(run.path).done == 0


def cut_tiff(folder: Path) -> Path:
    path = folder / "cut.tif"
    tifffile.imwrite(path, np.zeros((300, 300), np.uint16))
    path.write_bytes(path.read_bytes()[:90_000])
    return path


def no_image(folder: Path) -> Path:
    zarr.open_group(str(folder / "a.zarr"), mode="w", zarr_format=3).create_group("notes")
    return folder / "a.zarr"


def film(folder: Path) -> Path:
    pyramid(folder / "film.zarr", channels=1)
    return folder / "film.zarr"


def pages(folder: Path) -> Path:
    tifffile.imwrite(folder / "pages.tif", np.zeros((3, 64, 64), np.uint8), metadata=None,
                     photometric="minisblack")  # fmt: skip
    return folder / "pages.tif"


@pytest.mark.parametrize(
    ("make", "said"),
    [(cut_tiff, "cut off"), (no_image, "holds no image"), (film, "--time"), (pages, "--axes")],
)
def test_what_cannot_be_read_is_refused_in_one_line(model, tmp_path, make, said) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir(), out.mkdir()
    save_model(model, folder / "m.unetscope")
    told = typed("predict", folder / "m.unetscope", make(folder), "--out", out / "a.zarr")
    assert told.exit_code == 2 and said in told.output
    assert told.output.strip().count("\n") == 0 and not list(out.iterdir())


# ---- the disk


def test_a_full_disk_is_said_and_gone_on_with_to_the_same_bytes(
    model, source, whole, tmp_path, monkeypatch
) -> None:
    path = tmp_path / "full" / "a.zarr"
    run = begun(model, source, path)
    written = AnswerStore._written

    def full(store: AnswerStore, block, labels, chances):
        if block.number == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(store, block, labels, chances)

    monkeypatch.setattr(AnswerStore, "_written", full)
    with pytest.raises(OutputError, match=r"block 1 takes up to 0\.\d MB and \d+\.\d MB are free"):
        list(run_here(run))
    assert state_of(path).done == 1
    monkeypatch.undo()
    list(run_here(begun(model, source, path, "resume")))
    assert bytes_of(path) == whole and state_of(path).complete


def test_a_real_full_disk(model, source, whole, tmp_path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.name == "nt" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        run = begun(model, source, disk / "a.zarr")
        stuff = disk / "stuff"
        with pytest.raises(OutputError, match=r"MB are free; .*--resume"):
            for event in run_here(run):
                if isinstance(event, BlockDone) and event.block == 0:
                    with pytest.raises(OSError, match="No space"):
                        stuff.write_bytes(b"\1" * 4 * 2**20)
        assert state_of(run.path).done == 1
        stuff.unlink()
        list(run_here(begun(model, source, run.path, "resume")))
        assert bytes_of(run.path) == whole
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# ---- who else is at it


def test_parts_and_whole_runs_keep_off_each_other(model, source, tmp_path) -> None:
    run = begun(model, source, tmp_path / "a.zarr")
    for held, other in (("run", (1, 2)), ("part-2-of-3", (1, 1))):
        with only_one(run.path, held), pytest.raises(BeingWorkedAt):
            next(run_here(run, other))
    with only_one(run.path, "part-2-of-3"):  # other parts go together
        next(run_here(run, (1, 2)))
    before = bytes_of(run.path)
    for held in ("run", "part-2-of-3"):
        with only_one(run.path, held), pytest.raises(BeingWorkedAt):
            begun(model, source, run.path, "overwrite")
    assert bytes_of(run.path) == before
    left = folder_of(run.path) / "run.lock"
    left.write_text("process 99999999 on a host that is gone")
    list(run_here(run))
    assert state_of(run.path).complete


def test_who_was_replaced_writes_nothing_and_is_not_believed(model, source, tmp_path) -> None:
    old = begun(model, source, tmp_path / "a.zarr")
    entries = [e for e in old.answered([0]) if isinstance(e, BlockDone)]
    other = fit_instant(small_model(widths=(2, 3, 4, 4)), [sample(seed=5)], with_forest=False)
    new = begun(other, source, old.path, "overwrite")
    old.ledger.add(entries[0])  # as if it had come a moment later
    assert new.left() == [0, 1]
    before = bytes_of(new.path)
    with pytest.raises(OutputError, match="begun anew with something else"):
        list(old.answered([1]))
    assert bytes_of(new.path) == before


# ---- workers


def test_a_worker_that_is_unfit_says_why(model, source, tmp_path, monkeypatch) -> None:
    with pytest.raises(UnfitWorker, match=r"cannot see .*nowhere"):
        do_block(str(tmp_path / "nowhere" / "a.zarr"), 0, HOW)
    run = begun(model, source, tmp_path / "a.zarr")
    monkeypatch.setattr(workers, "__version__", "0.0.1")
    with pytest.raises(UnfitWorker, match=r"unetscope 0\.0\.1.*install the same version"):
        do_block(str(run.path), 0, HOW)
    monkeypatch.undo()
    other = fit_instant(small_model(widths=(2, 3, 4, 4)), [sample(seed=5)], with_forest=False)
    save_model(other, folder_of(run.path) / "model.unetscope")
    with pytest.raises(UnfitWorker, match="the model was"):
        do_block(str(run.path), 0, HOW)
    source.rename(source.with_name("moved.zarr"))
    save_model(model, folder_of(run.path) / "model.unetscope")
    with pytest.raises(UnfitWorker, match=r"image\.zarr"):
        do_block(str(run.path), 0, HOW)


class _Here:
    """A pool that does blocks here, or on a worker that is unfit."""

    def __init__(self, run: Run, unfit: int) -> None:
        self.run, self.unfit, self.asked, self.workers = run, unfit, [], 1

    def submit(self, path: str, number: int, how: WorkerOptions) -> int:
        self.asked.append(number)
        return len(self.asked) - 1

    def ended(self):
        waiting, self.waiting = list(enumerate(self.asked))[len(self.asked) - 1 :], None
        for future, number in waiting:
            if self.unfit:
                self.unfit -= 1
                yield future, UnfitWorker("the worker on a cannot see b")
            else:
                yield (
                    future,
                    next(e for e in self.run.answered([number]) if isinstance(e, BlockDone)),
                )

    def close(self) -> None:
        pass


@pytest.mark.parametrize("unfit", [2, 99])
def test_blocks_of_an_unfit_worker_go_to_another(
    model, source, tmp_path, monkeypatch, unfit
) -> None:
    monkeypatch.setattr(workers, "_AHEAD", 1)
    run = begun(model, source, tmp_path / "a.zarr")
    if unfit == 99:
        with pytest.raises(UnfitWorker, match="cannot see b"):
            list(run_by(run, _Here(run, unfit), HOW))
    else:
        assert all(isinstance(e, BlockDone) for e in run_by(run, _Here(run, unfit), HOW))
    assert state_of(run.path).complete == (unfit == 2)


def test_what_was_half_written_is_swept_at_the_end(model, source, tmp_path) -> None:
    run = begun(model, source, tmp_path / "a.zarr")
    left = run.path / "0" / "c" / "0" / "0.abc.partial"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    list(run_here(run))
    assert not left.exists() and finish(run.path, verify=True).complete


def test_labels_grow_inside_of_their_image_where_that_is_wished(
    model, source, whole, tmp_path
) -> None:
    kept = bytes_of(source)
    save_model(model, tmp_path / "m.unetscope")
    words = ("predict", tmp_path / "m.unetscope", source, "--out", "cells", "--into-image")
    told = typed(*words)
    assert told.exit_code == 0, told.output
    path = source / "labels" / "cells"
    assert state_of(path).complete
    now = bytes_of(source)
    assert {name: now[name] for name in kept} == kept
    assert np.array_equal(read_labels(source, Answers(label_image="cells")), read_labels(path))
    assert (read_labels(path) > 0).all()
    beside = {one.name for one in source.parent.iterdir()}
    assert beside == {"image.zarr", "image.zarr.cells.run"}
    assert {one.name for one in (source / "labels").iterdir()} == {"cells", "zarr.json"}
    assert typed(*words).exit_code == 2  # it is there already
    assert typed(*words, "--overwrite").exit_code == 0
    assert bytes_of(source) == now and len(list(source.parent.iterdir())) == 2
    refused = typed(*words, "--probabilities")
    assert refused.exit_code == 2 and "no probabilities" in refused.output
    refused = typed(*words, "--level", "1")
    assert refused.exit_code == 2 and "--level" in refused.output
