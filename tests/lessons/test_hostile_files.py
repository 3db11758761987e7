"""Two hundred mutated and twenty hostile files: each is read or refused by file and key."""

from __future__ import annotations

import copy
import random
import tomllib
from pathlib import Path
from typing import Any

import pytest

from unetscope.errors import LessonError
from unetscope.lessons.gallery import shipped_lessons
from unetscope.lessons.lesson_files import lesson_of, read_lesson

_FILES = sorted(p for p in shipped_lessons().glob("*.toml") if p.name.count(".") == 1)
_ODD: tuple[Any, ...] = (
    None, True, -1, 10**30, float("nan"), float("inf"), "", "\x00", "a" * 5000, "$nothing",
    "{facts.__class__}", "{x[99999]}", "../../etc/passwd", "https://example.org/x", [], [[]], {},
    {"a": {"b": []}}, ["$x", 3], "__import__('os')",
)  # fmt: skip
_START = 'title = "x"\nidea = "x"\n[lesson]\nid = "x"\norder = 1\n'
_SCENE = '[scene]\nmake = "numbers"\nwith = { values = [[1, 2], [3, 4]] }\n'
_STEP = '[[step]]\ndo = "pool"\n'

_HOSTILE = {
    "unknown verb": (_START + _SCENE + '[[step]]\ndo = "os.system"\n', "step[0].do"),
    "verb of python": (_START + _SCENE + '[[step]]\ndo = "eval"\n', "step[0].do"),
    "unknown scene": (_START + '[scene]\nmake = "anything"\n' + _STEP, "scene"),
    "path as scene": (_START + '[scene]\nmake = "../../x"\n' + _STEP, "scene.make"),
    "address as scene": (_START + '[scene]\nmake = "http://x"\n' + _STEP, "scene.make"),
    "address as page": (
        _START + 'docs = "https://example.org"\n' + _SCENE + _STEP,
        "lesson.docs",
    ),
    "path as page": (_START + 'docs = "../../x"\n' + _SCENE + _STEP, "lesson.docs"),
    "path as id": (_START.replace('"x"\norder', '"../x"\norder') + _SCENE + _STEP, "lesson.id"),
    "attribute": (_START + _SCENE + _STEP + 'notice = "{pooled.__class__}"\n', "step[0].notice"),
    "a fact before there is one": (_START + _SCENE + _STEP + 'text = "{cells}"\n', "step[0].text"),
    "call": (_START + _SCENE + _STEP + 'notice = "{pooled()}"\n', "step[0].notice"),
    "conversion": (_START + _SCENE + _STEP + 'notice = "{pooled!r}"\n', "step[0].notice"),
    "wide format": (_START + _SCENE + _STEP + 'notice = "{cells:>999999999}"\n', "step[0].notice"),
    "nested format": (_START + _SCENE + _STEP + 'notice = "{cells:{cells}}"\n', "step[0].notice"),
    "a control of itself": (
        _START + '[scene]\nmake = "numbers"\nwith = { values = "$v" }\n'
        '[[control]]\nname = "v"\ntype = "numbers"\nstart = "$v"\n' + _STEP,
        "control[0]",
    ),
    "a billion stops": (
        _START + _SCENE + '[[control]]\nname = "v"\ntype = "slider"\nto = 1e9\n' + _STEP,
        "control[0]",
    ),
    "a huge grid": (
        _START + _SCENE + '[[control]]\nname = "v"\ntype = "numbers"\nstart = ['
        + ",".join(["[" + "1," * 200 + "]"] * 20) + "]\n" + _STEP,
        "control[0]",
    ),
    "a huge window": (_START + _SCENE + _STEP + "with = { window = 1000000000 }\n", "step[0].do"),
    "code of its own": (_START + 'python = "import os"\n' + _SCENE + _STEP, "lesson.python"),
    "deep": (_START + "x = " + "[" * 3000 + "]" * 3000 + "\n" + _SCENE + _STEP, ""),
    "a thousand steps": (_START + _SCENE + _STEP * 1000, "step"),
}  # fmt: skip


@pytest.mark.parametrize("which", sorted(_HOSTILE))
def test_hostile_files_are_refused_by_file_and_key(which: str, tmp_path: Path) -> None:
    text, key = _HOSTILE[which]
    path = tmp_path / "strange.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LessonError) as error:
        read_lesson(path)
    assert str(error.value).startswith(f"strange.toml: {key}")
    assert "\n" not in str(error.value)


def test_there_are_twenty_hostile_files_and_more_and_what_they_spoil_is_sound(
    tmp_path: Path,
) -> None:
    assert len(_HOSTILE) == 21
    path = tmp_path / "sound.toml"
    path.write_text(_START + _SCENE + _STEP, encoding="utf-8")
    assert read_lesson(path).id == "x"


def test_two_hundred_mutated_files_are_read_or_refused_by_name() -> None:
    chance = random.Random(0)
    refused = 0
    for _ in range(200):
        table = copy.deepcopy(tomllib.loads(chance.choice(_FILES).read_text(encoding="utf-8")))
        for _ in range(chance.randint(1, 3)):
            _mutate(table, chance)
        try:
            lesson_of(table, "mutated.toml")
        except LessonError as error:
            refused += 1
            assert str(error).startswith("mutated.toml: ")
    assert refused >= 100


def _mutate(table: dict[str, Any], chance: random.Random) -> None:
    """Spoil one place: another value, a key gone, a key too many, a word changed."""
    there: Any = table
    while True:
        key = chance.choice(list(there) if isinstance(there, dict) else range(len(there)))
        inner = there[key]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.8:
            there = inner
            continue
        break
    kind = chance.randrange(4)
    if kind == 0 and isinstance(there, dict):
        del there[key]
    elif kind == 1 and isinstance(there, dict):
        there[f"{key}x"] = there.pop(key)
    elif kind == 2 and isinstance(inner, str) and inner:
        at = chance.randrange(len(inner))
        there[key] = inner[:at] + chance.choice("{}$.[]\x00ä ") + inner[at + 1 :]
    else:
        there[key] = copy.deepcopy(chance.choice(_ODD))
