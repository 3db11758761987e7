"""Lessons' files: what they may say, what is said of those that are wrong, other languages."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from unetscope.errors import LessonError
from unetscope.lessons.gallery import all_lessons, shipped_lessons
from unetscope.lessons.lesson_files import lesson_of, read_lesson, spoken_words, with_controls
from unetscope.lessons.templates import filled, names_in, value_of

POOLING = shipped_lessons() / "pooling.toml"


def _table() -> dict[str, Any]:
    return tomllib.loads(POOLING.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("step", 0, "do"), "poool", "step[0].do: there is no verb 'poool'; did you mean 'pool'?"),
        (("step", 0, "with"), {"knd": "max"}, "'knd'; did you mean 'kind'?"),
        (("step", 0, "with"), {"kind": "$kin"}, "no control 'kin'; did you mean 'kind'?"),
        (("step", 0, "with"), {"kind": "median"}, "kind is 'median'"),
        (("step", 0, "with"), {"window": 10**9}, "window is 1000000000"),
        (("step", 0, "notice"), "{pooled.__class__}", "step[0].notice"),
        (("step", 0, "notice"), "{pooled:{x}}", "step[0].notice"),
        (("step", 0, "ask", "type"), "essay", "step[0].ask.type"),
        (("scene", "make"), "../secret", "scene.make"),
        (("scene", "mak"), "numbers", "scene.mak: there is no key 'mak' here"),
        (("control", 2, "to"), 1e9, "1001 stops"),
        (("control", 2, "to"), float("inf"), "control[2].to"),
        (("control", 2, "step"), float("nan"), "control[2].step"),
        (("control", 0), {"name": "at", "type": "place", "start": [0, float("inf")]}, "a place is"),
        (("control", 0, "start"), [[1, 2], [3]], "rows of equal length"),
        (("control", 1, "name"), "numbers", "two controls are called 'numbers'"),
        (("lesson", "docs"), "https://example.org", "lesson.docs"),
        (("lesson", "id"), "../../x", "lesson.id"),
        (("expect", 0, "step"), 9, "names step 9 of 4"),
        (("expect", 0, "given"), {"kind": "median"}, "expect[0].given: kind is 'median'"),
        (("title",), 3, "title"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(
    place: tuple[Any, ...], value: Any, said: str
) -> None:
    table = _table()
    inner: Any = table
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(LessonError) as error:
        lesson_of(table, "mine.toml")
    assert str(error.value).startswith("mine.toml: ")
    assert said in str(error.value)


@pytest.mark.parametrize(
    "content",
    [b"title = ", b"\xff\xfe", b"a = [" + b"[" * 4000, b"x" * 70_000, b"", b"title = 'x'"],
)
def test_files_that_are_none_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.toml"
    path.write_bytes(content)
    with pytest.raises(LessonError, match=r"^odd\.toml: "):
        read_lesson(path)


def test_a_folder_adds_lessons_and_a_broken_one_hides_none(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        POOLING.read_text(encoding="utf-8").replace('id = "pooling"', 'id = "mine"')
    )
    (tmp_path / "broken.toml").write_text("title = 3")
    found = all_lessons(folders=[tmp_path])
    assert found.lesson("mine").title == found.lesson("pooling").title
    assert len(found.problems) == 1 and found.problems[0].startswith("broken.toml")
    with pytest.raises(LessonError, match="did you mean 'pooling'"):
        found.lesson("poling")


def test_another_language_lies_over_the_words_alone(tmp_path: Path) -> None:
    (tmp_path / "pooling.toml").write_bytes(POOLING.read_bytes())
    other = tmp_path / "pooling.de.toml"
    other.write_text('title = "Zusammenfassen"\n[[step]]\ntext = "Vier werden eins."\n')
    german = read_lesson(tmp_path / "pooling.toml", "de")
    assert german.title == "Zusammenfassen" and german.step[0].text == "Vier werden eins."
    assert german.idea == read_lesson(tmp_path / "pooling.toml").idea
    assert "step[0].notice" in spoken_words(german)
    other.write_text('titel = "x"\n')
    with pytest.raises(LessonError, match=r"pooling\.de\.toml: titel"):
        read_lesson(tmp_path / "pooling.toml", "de")


def test_sentences_are_filled_and_nothing_is_evaluated() -> None:
    facts = {"rows": [[6, 8], [3, 4]], "share": 0.3249, "count": 73_856, "yes": True}
    assert filled("{rows} of {count}: {share:.0%}, {yes}", facts) == "6 8 / 3 4 of 73,856: 32%, yes"
    assert value_of("{rows[1][0]}", facts) == 3
    german = filled("{rows} of {count}: {share:.1%}, {yes}", facts, "de")
    assert german == "6 8 / 3 4 of 73.856: 32,5%, ja"
    assert filled("{many}", {"many": [list(range(9))] * 2}) == "0 1 2 3 4 … / 0 1 2 3 4 …"
    assert names_in("{rows[0]} {share}") == ("rows", "share")
    for bad in ("{rows.x}", "{rows!r}", "{0}", "{rows[-1]}", "{share:>999999}", "{", "{{count}}"):
        with pytest.raises(LessonError):
            filled(bad, facts)
    with pytest.raises(LessonError, match="does not exist"):
        filled("{rows[7]}", facts)
    with pytest.raises(LessonError, match="no control 'b'"):
        with_controls({"x": ["$b"]}, {"a": 1})
