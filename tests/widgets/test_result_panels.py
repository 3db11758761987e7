"""Results in the window: a folder with its table, saving in one step, and what boxes say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QFileDialog

from unetscope.errors import OutputError
from unetscope.measuring.box_scores import ClassScore
from unetscope.measuring.quantities import Quantity
from unetscope.scaling.file_results import DONE, FAILED, UP_TO_DATE, FileBegun, FileResult
from unetscope.scaling.odd_ones import Answered
from unetscope.session.check_words import NO_BOX, check_details, check_head, check_words
from unetscope.session.requests import FilesRequest, ResultFailed, ResultFile, ResultsRequest, What
from unetscope.session.state import Session
from unetscope.session.values import CheckStatus, Scope
from unetscope.widgets.painting.batch_panel import BatchPanel
from unetscope.widgets.painting.prediction_panel import MASKS, PredictionPanel
from unetscope.widgets.painting.result_save_panel import ResultSavePanel
from widgets.conftest import Opened
from widgets.fake_engine import FakeJobs

Open = Callable[..., Opened]


def files(request: FilesRequest) -> Iterator[Any]:
    """Seven files: the first fails, the last is unlike the others."""
    for number in range(7):
        path = request.source / f"{number}.tif"
        yield FileBegun(path, number, 7)
        share = 0.9 if number == 6 else 0.1 + number / 1000
        told = Answered({1: 1 - share, 2: share}, (0.0,), (9.0,), sure=0.914)
        if not number:
            yield FileResult(path, path, FAILED, "it is no picture")
        else:
            yield FileResult(path, path, DONE if number > 1 else UP_TO_DATE, "", told, seconds=1.26)


def answered(open_window: Open, qtbot: Any, jobs: FakeJobs) -> Opened:
    opened = open_window(jobs=jobs)
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.window.bench.answers.up_to_date, timeout=5000)
    return opened


def test_a_folder_is_predicted_into_a_table_with_odd_and_failed_ones_marked(
    open_window: Open, qtbot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    jobs = FakeJobs()
    jobs.does[FilesRequest] = files
    opened = answered(open_window, qtbot, jobs)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    opened.window.part(PredictionPanel).actions_of[Scope.FOLDER].trigger()
    qtbot.waitUntil(lambda: len(opened.session.batch.rows) == 7, timeout=5000)
    qtbot.waitUntil(lambda: not opened.session.prediction.busy, timeout=5000)
    asked = jobs.asked(FilesRequest)[0]
    assert (asked.source, asked.folder) == (tmp_path, tmp_path / MASKS)
    table = opened.window.part(BatchPanel).table
    rows = [
        [table.topLevelItem(i).text(c) for c in range(table.columnCount())]
        for i in range(table.topLevelItemCount())
    ]
    assert rows[0] == ["⚠ 0.tif", "", "", "", "", "failed: it is no picture"]
    assert rows[1] == ["1.tif", "89.9%", "10.1%", "91%", "1.3 s", "up to date"]
    assert rows[6][0] == "⚠ 6.tif" and "90% object, others 10%" in rows[6][5]
    said = opened.session.message.text
    assert "5 images predicted, 1 were up to date; " in said
    assert "1 not predicted, 1 unlike the others: see the table." in said


def test_the_table_can_be_closed_and_comes_with_the_next_folder(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    jobs = FakeJobs()
    jobs.does[FilesRequest] = files
    opened = answered(open_window, qtbot, jobs)
    panel = opened.window.part(BatchPanel)
    for folder in ("one", "two"):
        opened.window.bench.predict_folder(tmp_path, tmp_path / folder)
        qtbot.waitUntil(lambda: not panel.isHidden(), timeout=5000)
        qtbot.waitUntil(lambda: not opened.session.prediction.busy, timeout=5000)
        panel.close_button.click()
        assert panel.isHidden()


def test_results_are_saved_without_a_dialog_and_their_names_are_told(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    jobs = FakeJobs()

    def save(request: ResultsRequest) -> Iterator[Any]:
        for what in request.what:
            yield ResultFile(request.folder / f"a{what.value}")
        yield ResultFailed("b.tif", "it is no picture")

    jobs.does[ResultsRequest] = save
    opened = answered(open_window, qtbot, jobs)
    panel = opened.window.part(ResultSavePanel)
    panel._folder = tmp_path
    panel.kinds[What.OBJECTS].click()
    panel.save_button.click()
    qtbot.waitUntil(lambda: bool(panel.card.note.text()), timeout=5000)
    assert panel.card.note.text().startswith(f"Wrote a_mask.tif, a_objects.tif in {tmp_path}.")
    assert "1 not written: b.tif" in panel.card.note.text()
    request = jobs.asked(ResultsRequest)[0]
    assert request.what == (What.MASK, What.OBJECTS)
    assert [one.name for one in request.images] == [opened.session.image.name]
    assert request.images[0].labels is None  # nobody has predicted it by name yet
    for chip in panel.kinds.values():
        chip.setChecked(False)
    panel.refresh()
    assert not panel.save_button.isEnabled()


def test_the_answer_that_was_predicted_is_saved_as_it_is_on_screen(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    jobs = FakeJobs()
    opened = answered(open_window, qtbot, jobs)
    bench = opened.window.bench
    bench.predict(Scope.IMAGE)
    qtbot.waitUntil(
        lambda: bool(opened.session.predicted) and not opened.session.prediction.busy, timeout=5000
    )
    bench.saver.save([What.MASK], Scope.ALL, tmp_path)
    labels = jobs.asked(ResultsRequest)[0].images[0].labels
    assert labels is not None and labels.all()


def test_a_folder_that_cannot_be_written_is_told(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    jobs = FakeJobs()

    def refuse(request: ResultsRequest) -> Iterator[Any]:
        raise OutputError("cannot write there; choose another folder")
        yield

    jobs.does[ResultsRequest] = refuse
    opened = answered(open_window, qtbot, jobs)
    opened.window.bench.saver.save([What.MASK], Scope.IMAGE, tmp_path)
    qtbot.waitUntil(lambda: opened.session.message is not None, timeout=5000)
    assert "choose another folder" in opened.session.message.text
    assert not opened.session.prediction.busy


def test_what_boxes_say_is_honest() -> None:
    session = Session()
    assert check_words(session) == NO_BOX and check_head(session) == ""
    session.check = CheckStatus(boxes=3, sparse=1, learned=1, unknown=1)
    said = check_words(session)
    for word in ("not painted densely", "has learned from pixels", "comes from a file"):
        assert word in said
    dice = Quantity("Dice of object", 0.88, "", 900, "pixels in 2 boxes", "how", 0.84, 0.91)
    iou = replace(dice, name="IoU of object", value=0.79, low=None, high=None, reason="few")
    score = ClassScore(2, dice, iou, 2, 900)
    session.check = CheckStatus(boxes=2, counted=2, images=2, scores=(score,), version=3)
    assert check_words(session) == (
        "Version 3, Dice in 2 boxes on 2 images: object 0.88 (0.84 to 0.91)."
    )
    assert check_head(session) == "check 0.88 in 2 boxes"
    assert "n = 900 pixels in 2 boxes" in check_details(session)
    assert "no interval: few" in check_details(session)
