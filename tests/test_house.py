"""What the house has reached is not lost: no circles, no name for two things, one head."""

from __future__ import annotations

from pathlib import Path

import pytest

import house
from unetscope import inspection

THE_HOUSE = house.modules()


def module(folder: Path, name: str, text: str) -> house.Module:
    path = folder / "unetscope" / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return house.Module(path)


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[house.Module]:
    """A house with one of each fault."""
    monkeypatch.setattr(house, "SOURCE", tmp_path / "unetscope")
    hidden = "def f(a, b, c, d, e, f, g):\n    from unetscope.session.one import One\n"
    return [
        module(tmp_path, "session/one", "from unetscope.session.two import f\nclass One: ...\n"),
        module(tmp_path, "session/two", hidden),
        module(tmp_path, "workbench/one", "class One: ...\nclass _One: ...\n"),
        module(tmp_path, "learning/ridge", "solve_ridge(1)\n"),
    ]


def test_every_fault_is_seen(bad: list[house.Module]) -> None:
    assert house.circles(bad) == [["unetscope.session.one", "unetscope.session.two"]]
    assert list(house.classes_twice(bad)) == ["One"]
    assert list(house.files_twice(bad)) == ["one.py"]
    assert [m.inner_imports() for m in bad] == [0, 1, 0, 0]
    assert house.most_parameters(bad) == [(7, "unetscope.session.two.f")]
    assert house.head_places(bad) == ["unetscope.learning.ridge"]


def test_no_file_imports_one_that_imports_it() -> None:
    assert house.circles(THE_HOUSE) == []


def test_no_public_class_name_and_no_file_name_stands_for_two_things() -> None:
    assert house.classes_twice(THE_HOUSE) == {}
    assert house.files_twice(THE_HOUSE) == {}


def test_few_imports_stand_inside_functions() -> None:
    assert sum(module.inner_imports() for module in THE_HOUSE) <= 60


def test_one_file_solves_and_applies_the_head() -> None:
    assert house.head_places(THE_HOUSE) == ["unetscope.learning.head"]


def test_only_public_questions_to_a_network_take_more_than_five_parameters_and_options() -> None:
    many = {name for number, name in house.most_parameters(THE_HOUSE) if number > 6}
    asked = {name for name in many if name.startswith("unetscope.inspection.")}
    assert many == asked
    assert {name.split(".")[-1] for name in asked} <= set(inspection.__all__)


def test_every_room_has_its_floor() -> None:
    rooms = {room for floor in house.FLOORS for room in floor}
    folders = {path.parent.name for path in house.SOURCE.glob("*/__init__.py")}
    assert folders <= rooms


def test_the_page_says_what_is_counted() -> None:
    page = house.PAGE.read_text(encoding="utf-8")
    counts = house.counted(THE_HOUSE)
    for changing in ("source lines", "imports inside functions"):
        del counts[changing]
    for what, count in counts.items():
        assert house.written(page, {what: count}) == page, f"run python tests/house.py: {what}"
