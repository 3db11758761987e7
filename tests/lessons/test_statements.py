"""The 96 statements of the teaching texts: each is held by an experiment, or listed as owed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from unetscope.lessons.gallery import all_lessons, shipped_lessons
from unetscope.lessons.lesson_files import read_lesson, spoken_words

ROWS = tomllib.loads(Path(__file__).with_name("rows.toml").read_text(encoding="utf-8"))
LESSONS = all_lessons().lessons
WORTH: dict[str, str] = {one: kind for kind, ids in ROWS["worth"].items() for one in ids}


def _listed(table: dict[str, list[str]]) -> set[str]:
    return {one for ids in table.values() for one in ids}


def test_there_are_96_statements_and_22_of_them_do_not_hold_as_they_are_written() -> None:
    assert set(WORTH) == (
        {f"A{n}" for n in range(1, 20)}
        | {f"B{n}" for n in range(1, 13)}
        | {f"C{n}" for n in range(1, 66)}
    )
    assert len(WORTH) == 96 == sum(len(ids) for ids in ROWS["worth"].values())
    assert len(ROWS["worth"]["loose"]) == 20 and len(ROWS["worth"]["wrong"]) == 2


def test_every_statement_is_held_by_an_experiment_or_owed_by_a_lesson() -> None:
    held = {one for lesson in LESSONS for expect in lesson.expect for one in expect.says}
    owed = _listed(ROWS["open"])
    assert held <= set(WORTH)
    assert not held & owed, "take what is held now out of [open] in rows.toml"
    captions = {"C33"} | set(ROWS["worth"]["not_a_lesson"])  # of dates alone; measuring
    assert held | owed == set(WORTH) - captions


def test_every_loose_or_wrong_statement_is_put_right_or_owed() -> None:
    said = {one.id: one.verdict for lesson in LESSONS for one in lesson.loose}
    owed = _listed(ROWS["open_loose"])
    assert not set(said) & owed, "take what is put right now out of [open_loose] in rows.toml"
    weak = {one: kind for one, kind in WORTH.items() if kind in ("loose", "wrong")}
    assert set(said) | owed == set(weak)
    assert all(weak[one] == verdict for one, verdict in said.items())


def test_what_is_put_right_has_a_number_or_says_what_is_so() -> None:
    for lesson in LESSONS:
        for one in lesson.loose:
            assert one.says and len(one.holds) > 20
            assert one.kind in ("exact", "structural", "empirical")


def test_forty_facts_and_more_are_held_without_tolerance() -> None:
    facts = [
        (lesson.id, name, repr(value))
        for lesson in LESSONS
        for expect in lesson.expect
        for name, value in {**expect.exact, **expect.structural}.items()
    ]
    assert len(set(facts)) >= 40


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda one: one.id)
def test_every_sentence_of_a_lesson_is_there_in_german(lesson) -> None:
    path = shipped_lessons() / f"{lesson.id}.toml"
    if not path.with_suffix(".de.toml").is_file():
        pytest.skip(f"{lesson.id} has no German words yet")
    german, english = (spoken_words(read_lesson(path, language)) for language in ("de", "en"))
    same = {key for key in english if german[key] == english[key]}
    names = {"ReLU", "Bias", "bias", "LeNet, AlexNet, ResNet", "Sobel x", "Sobel y"}
    formulas = {"⌊", "128 ·", "LeNet-5", "AlexNet", "ResNet-18"}
    assert not {
        key
        for key in same
        if english[key] not in names and not english[key].startswith(tuple(formulas))
    }
