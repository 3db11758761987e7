"""Folders of images: one bad file ends nothing, the table says what came of each, work goes on."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from learning.small_scenes import blobs, sample, small_model
from unetscope.errors import ImageError, OutputError
from unetscope.images.claims import Role, mark_of
from unetscope.images.files import read_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.learning.events import Surprise, TileDone
from unetscope.learning.instant import fit_instant
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions, predict_labels, predict_probabilities
from unetscope.learning.surprise import familiar_with
from unetscope.scaling.batches import Batch, predict_files, prediction_targets
from unetscope.scaling.file_results import (
    DONE,
    FAILED,
    TABLE,
    UP_TO_DATE,
    FileBegun,
    FileResult,
    FilesDone,
)
from unetscope.scaling.odd_ones import Answered, odd_ones, surprise_places


@pytest.fixture(scope="module")
def model() -> PixelModel:
    return fit_instant(small_model(), [sample()], with_forest=False, device="cpu")


def images(folder: Path, count: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number}.tif" for number in range(count)]
    for number, path in enumerate(paths):
        tifffile.imwrite(path, blobs((60, 70), seed=number)[0], resolution=(1e4, 1e4))
    return paths


def batch_of(model: PixelModel, paths: list[Path], folder: Path, **more: Any) -> Batch:
    targets = prediction_targets(paths, folder)
    options = PredictOptions(device="cpu")
    return Batch(model, targets, folder, options, inputs=tuple(paths), **more)


def results(batch: Batch) -> list[FileResult]:
    return [e for e in predict_files(batch, read_micrograph) if isinstance(e, FileResult)]


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / TABLE, encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_a_folder_becomes_masks_and_a_table_that_says_what_is_in_them(
    model: PixelModel, tmp_path: Path
) -> None:
    paths, out = images(tmp_path / "in", 3), tmp_path / "out"
    assert [one.status for one in results(batch_of(model, paths, out))] == [DONE] * 3
    for path, row in zip(paths, rows(out), strict=True):
        mask = tifffile.imread(out / row["mask"])
        assert np.array_equal(mask, predict_labels(model, read_micrograph(path)))
        assert row["image"] == path.name
        shares = [float(row[f"share of {c.name}"]) for c in model.classes]
        assert shares == [float((mask == c.value).mean()) for c in model.classes]
        assert mark_of(out / row["mask"]) is Role.PREDICTION
    assert mark_of(out / TABLE) is Role.REPORT


def test_one_bad_file_does_not_end_the_others(model: PixelModel, tmp_path: Path) -> None:
    paths, out = images(tmp_path / "in", 3), tmp_path / "out"
    paths[1].write_bytes(b"II*\0 is no picture")
    done = results(batch_of(model, paths, out))
    assert [one.status for one in done] == [DONE, FAILED, DONE]
    assert done[1].why and rows(out)[1]["why"] == done[1].why
    assert not (out / "1_labels.tif").exists()


def test_what_is_up_to_date_is_passed_over_and_what_changed_is_not(
    model: PixelModel, tmp_path: Path
) -> None:
    paths, out = images(tmp_path / "in", 4), tmp_path / "out"
    results(batch_of(model, paths, out))
    first = rows(out)
    tifffile.imwrite(paths[1], blobs((60, 71), seed=9)[0])
    (out / "2_labels.tif").unlink()
    again = results(batch_of(model, paths, out))
    assert [one.status for one in again] == [UP_TO_DATE, DONE, DONE, UP_TO_DATE]
    shares = [{k: v for k, v in row.items() if k.startswith("share")} for row in first]
    assert [{k: row[k] for k in shares[0]} for row in (rows(out)[0], rows(out)[3])] == [
        shares[0],
        shares[3],
    ]
    other = model.with_instant(prior=(0.3, 0.7))
    assert [one.status for one in results(batch_of(other, paths, out))] == [DONE] * 4
    anew = results(batch_of(other, paths, out, anew=True))
    assert [one.status for one in anew] == [DONE] * 4


def test_work_that_was_stopped_goes_on_where_it_was(model: PixelModel, tmp_path: Path) -> None:
    paths, out = images(tmp_path / "in", 3), tmp_path / "out"
    with closing(predict_files(batch_of(model, paths, out), read_micrograph)) as events:
        for event in events:
            if isinstance(event, TileDone) and (out / "0_labels.tif").exists():
                break  # in the middle of the second file
    assert [row["image"] for row in rows(out)] == ["0.tif"]
    assert sorted(p.name for p in out.iterdir() if not p.name.startswith(".")) == [
        "0_labels.tif",
        TABLE,
    ]
    statuses = [one.status for one in results(batch_of(model, paths, out))]
    assert statuses == [UP_TO_DATE, DONE, DONE]


def test_how_sure_and_how_long_is_told_and_kept(model: PixelModel, tmp_path: Path) -> None:
    paths, out = images(tmp_path / "in", 2), tmp_path / "out"
    first = results(batch_of(model, paths, out))
    chance = predict_probabilities(model, read_micrograph(paths[0])).max(axis=0)
    assert first[0].answered is not None and first[0].seconds is not None
    assert first[0].answered.sure == pytest.approx(float(chance.mean()), abs=1e-4)
    again = results(batch_of(model, paths, out))
    assert [one.status for one in again] == [UP_TO_DATE] * 2
    for one, other in zip(first, again, strict=True):
        assert other.answered is not None and one.answered is not None
        assert other.answered.sure == pytest.approx(one.answered.sure, abs=1e-4)
        assert other.seconds == pytest.approx(one.seconds, abs=0.06)


def test_of_twelve_files_with_three_bad_ones_nine_are_answered_and_none_twice(
    model: PixelModel, tmp_path: Path
) -> None:
    paths, out = images(tmp_path / "in", 12), tmp_path / "out"
    for broken in (paths[1], paths[7]):
        broken.write_bytes(broken.read_bytes()[:200])
    tifffile.imwrite(paths[4], np.zeros((60, 70, 3), np.uint8) + np.arange(3, dtype=np.uint8))
    tifffile.imwrite(paths[9], blobs((60, 70), seed=9)[0] * 40)  # unlike the others
    with closing(predict_files(batch_of(model, paths, out), read_micrograph)) as events:
        for event in events:
            if isinstance(event, FileBegun) and event.done == 6:
                break
    dates = {path: path.stat().st_mtime_ns for path in out.glob("*_labels.tif")}
    found = results(batch_of(model, paths, out))
    count = Counter(one.status for one in found)
    assert count == {UP_TO_DATE: len(dates), DONE: 9 - len(dates), FAILED: 3} and len(dates) == 4
    assert [one.image for one in found if one.status == FAILED] == [paths[1], paths[4], paths[7]]
    assert all(path.stat().st_mtime_ns == date for path, date in dates.items())
    assert [row["image"] for row in rows(out) if "grey range" in row["odd"]] == [paths[9].name]


def test_a_table_of_others_and_inputs_are_never_replaced(model: PixelModel, tmp_path: Path) -> None:
    paths, out = images(tmp_path / "in", 2), tmp_path / "out"
    out.mkdir()
    (out / TABLE).write_text("mine")
    with pytest.raises(OutputError, match="not written by unetscope"):
        results(batch_of(model, paths, out))
    assert (out / TABLE).read_text() == "mine"
    inside = batch_of(model, paths, tmp_path / "in")
    clash = replace(inside, targets={paths[0]: paths[1], paths[1]: out / "b_labels.tif"})
    failed, done = results(clash)
    assert failed.status == FAILED and "may not replace it" in failed.why
    assert done.status == DONE and paths[1].stat().st_size > 1000


def test_a_file_that_stands_alone_has_no_table_and_raises(
    model: PixelModel, tmp_path: Path
) -> None:
    paths, out = images(tmp_path / "in", 1), tmp_path / "out"
    assert [one.status for one in results(batch_of(model, paths, out))] == [DONE]
    assert not (out / TABLE).exists()

    def unreadable(path: Path) -> Micrograph:
        raise ImageError("it is no picture")

    with pytest.raises(ImageError, match="no picture"):
        list(predict_files(batch_of(model, paths, out), unreadable))


def test_events_tell_which_file_is_next_and_the_odd_ones_at_the_end(
    model: PixelModel, tmp_path: Path
) -> None:
    paths, out = images(tmp_path / "in", 6), tmp_path / "out"
    tifffile.imwrite(paths[4], blobs((60, 70), seed=4)[0] * 40)

    def seen() -> Iterator[Any]:
        yield from predict_files(batch_of(model, paths, out), read_micrograph)

    events = [e for e in seen() if not isinstance(e, TileDone)]
    begun = [(e.image.name, e.done, e.total) for e in events if isinstance(e, FileBegun)]
    assert begun == [(path.name, number, 6) for number, path in enumerate(paths)]
    last = events[-1]
    assert isinstance(last, FilesDone)
    assert "grey range" in last.odd[paths[4]]
    assert [row["odd"] for row in rows(out)] == [last.odd.get(path, "") for path in paths]


def test_images_with_other_shares_or_grey_values_are_odd() -> None:
    usual = {
        f"{n}": Answered({1: 0.9 - n / 100, 2: 0.1 + n / 100}, (3.0,), (90.0 + n,))
        for n in range(6)
    }
    assert odd_ones(usual) == {}
    full = {**usual, "odd": Answered({1: 0.2, 2: 0.8}, (3.0,), (92.0,))}
    assert odd_ones(full, {2: "pore"}) == {"odd": "20% class 1, others 87%; 80% pore, others 13%"}
    dark = {**usual, "odd": Answered({1: 0.88, 2: 0.12}, (3.0,), (20.0,))}
    assert odd_ones(dark)["odd"].startswith("grey range 17, others 89")
    few = dict(list(full.items())[3:])
    assert odd_ones(few) == {}  # nobody knows what is usual


def knowing(model: PixelModel, count: int) -> PixelModel:
    known = familiar_with(model, [sample((60, 70), seed=n, key=str(n)) for n in range(count)])
    return model.with_provenance(familiar=known)


def test_images_unlike_the_training_are_odd_in_a_folder_of_any_size_and_stay_so(
    model: PixelModel, tmp_path: Path
) -> None:
    paths, out = images(tmp_path / "in", 2), tmp_path / "out"
    tifffile.imwrite(paths[1], ndimage.gaussian_filter(blobs((60, 70), 1)[0], 2))
    batch = batch_of(knowing(model, 5), paths, out)
    *_, last = predict_files(batch, read_micrograph)
    assert isinstance(last, FilesDone)
    assert last.odd == {paths[1]: "blurrier than anything it was trained on"}
    first, second = rows(out)
    assert (first["unlike the training"], first["surprise not judged"]) == ("", "")
    assert float(first["surprise"]) < 1
    assert second["odd"] == second["unlike the training"] == last.odd[paths[1]]
    *_, again = predict_files(batch, read_micrograph)  # up to date: told by the table
    assert isinstance(again, FilesDone)
    assert {one.status for one in again.results} == {UP_TO_DATE}
    assert again.odd == last.odd


def test_of_one_training_image_only_the_order_is_told(model: PixelModel, tmp_path: Path) -> None:
    paths, out = images(tmp_path / "in", 3), tmp_path / "out"
    tifffile.imwrite(paths[1], ndimage.gaussian_filter(blobs((60, 70), 1)[0], 2))
    results(batch_of(knowing(model, 1), paths, out))
    said = "one training image: cannot be judged"
    assert [row["odd"] for row in rows(out)] == ["", "", ""]
    assert [row["surprise not judged"] for row in rows(out)] == [said] * 3
    told = {
        n: Answered({}, surprise=Surprise(score, "", said)) for n, score in enumerate((1, 9, 3))
    }
    places = surprise_places(told)
    assert places[1] == f"1 of 3 in being unlike the training; {said}"
    assert [places[n][:6] for n in range(3)] == ["3 of 3", "1 of 3", "2 of 3"]
