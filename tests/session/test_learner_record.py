"""What is kept of a learner: one file, whole after every change, damaged ones put aside."""

from __future__ import annotations

import json
from pathlib import Path

from unetscope.lessons.gallery import all_lessons
from unetscope.session.lessons.learner_record import LearnerRecord, new_guess

POOLING = all_lessons().lesson("pooling")


def _answered(record: LearnerRecord) -> None:
    for step in range(1, len(POOLING.step) + 1):
        record.see("pooling", step, {"shift": 2})
        record.answer("pooling", step, new_guess(step, "=6", right=True, on="text"))


def test_what_was_done_is_there_again_and_two_windows_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lessons.json"
    first, second = LearnerRecord(path), LearnerRecord(path)
    assert not first.is_done(POOLING)
    _answered(first)
    second.see("kernels", 1, {})
    second.choose_language("de")
    later = LearnerRecord(path)
    assert later.is_done(POOLING) and later.language == "de"
    assert later.of("kernels").seen == {1} and later.of("pooling").values == {"shift": 2}
    rows = later.as_csv().splitlines()
    assert rows[0].startswith("lesson,step,guess,right") and rows[1].startswith("pooling,1,'=6,yes")


def test_a_damaged_file_is_put_aside_and_said(tmp_path: Path) -> None:
    path = tmp_path / "lessons.json"
    path.write_text('{"lessons": 3')
    record = LearnerRecord(path)
    assert "could not be read" in record.problem
    assert [one.read_text() for one in tmp_path.glob("*damaged*")] == ['{"lessons": 3']
    record.see("pooling", 1, {})
    assert json.loads(path.read_text())["lessons"]["pooling"]["seen"] == [1]


def test_a_record_without_a_file_keeps_to_memory(tmp_path: Path) -> None:
    record = LearnerRecord(None)
    _answered(record)
    assert record.is_done(POOLING) and not list(tmp_path.iterdir())
