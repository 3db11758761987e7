"""Lessons as files: reading, checking, and laying another language over them.

``NAME.toml`` is a lesson, ``NAME.de.toml`` has its words in German: the same keys, only strings.
What is missing there stays English.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from unetscope.errors import LessonError
from unetscope.lessons.declaration import Lesson
from unetscope.lessons.registry import lesson_scenes, named, nearest, verbs
from unetscope.lessons.templates import names_in

LANGUAGES = ("en", "de")
MOST_BYTES = 65_536


def read_lesson(path: Path, language: str = "en") -> Lesson:
    """The lesson in ``path``, in ``language`` where its words are there.

    Raises
    ------
    LessonError
        Names the file and the key, and the nearest name that is known.
    """
    table = _table(path)
    other = path.with_suffix(f".{language}.toml")
    if language != "en" and other.is_file():
        words = _table(other)
        for key in stale_words(table, words):
            raise LessonError(f"{other.name}: {key} is nothing that {path.name} says.")
        table = {**_laid_over(table, words), "language": language}
    return lesson_of(table, path.name)


def lesson_of(table: Mapping[str, Any], file: str) -> Lesson:
    """A lesson of what its file says, checked against the verbs and scenes there are."""
    try:
        lesson = Lesson.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        raise LessonError(f"{file}: {_key(first['loc'])}: {_reason(first)}") from None
    except RecursionError:
        raise LessonError(f"{file}: it is nested too deeply.") from None
    for key, check in _checks(lesson):
        try:
            check()
        except (LessonError, ValueError) as error:
            raise LessonError(f"{file}: {key}: {error}") from None
    return lesson


def spoken_words(lesson: Lesson) -> dict[str, str]:
    """Every sentence a learner reads, by its key: what a translation has."""
    return dict(_words(lesson.model_dump(by_alias=True, exclude_none=True), ""))


def stale_words(table: Mapping[str, Any], words: Mapping[str, Any]) -> list[str]:
    """Keys of a translation that the lesson does not say."""
    there = dict(_strings(table, ""))
    return [key for key, _ in _strings(words, "") if key not in there]


_SPOKEN = {"title", "idea", "caveat", "text", "notice", "why", "label", "labels", "says", "holds"}


def _words(value: Any, key: str) -> Iterator[tuple[str, str]]:
    for where, text in _strings(value, key):
        last = where.rsplit(".", 1)[-1].split("[")[0]
        if last in _SPOKEN and text and not where.startswith("expect"):
            yield where, text


def _strings(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _strings(part, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _strings(part, f"{key}[{number}]")


def _laid_over(table: Any, words: Any) -> Any:
    if isinstance(table, Mapping) and isinstance(words, Mapping):
        return {
            name: _laid_over(part, words[name]) if name in words else part
            for name, part in table.items()
        }
    if isinstance(table, list) and isinstance(words, list):
        return [
            _laid_over(part, words[number]) if number < len(words) else part
            for number, part in enumerate(table)
        ]
    return words if isinstance(words, str) and isinstance(table, str) and words else table


def _table(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise LessonError(f"{path.name}: a lesson may have {MOST_BYTES // 1024} KiB.")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise LessonError(f"{path.name}: it is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise LessonError(f"{path.name}: it is not TOML: {error}.") from None
    except RecursionError:
        raise LessonError(f"{path.name}: it is nested too deeply.") from None
    except OSError as error:
        raise LessonError(f"{path.name}: it cannot be read ({error.strerror}).") from None


def _checks(lesson: Lesson) -> Iterator[tuple[str, Any]]:
    """Pairs of a key and a call that raises where it says what is not there."""
    scene = lesson.scene
    controls = {one.name: one for one in lesson.control}
    values = lesson.first_values()
    yield (
        "scene",
        lambda: named("scene", scene.make, lesson_scenes()).checked(
            with_controls(scene.options, values)
        ),
    )
    for number, step in enumerate(lesson.step):
        key = f"step[{number}]"
        yield (
            f"{key}.do",
            lambda step=step: named("verb", step.do, verbs()).checked(
                with_controls(step.options, values)
            ),
        )
        yield (  # shown before there are facts
            f"{key}.text",
            lambda step=step: [_control(name, controls) for name in names_in(step.text)],
        )
        yield f"{key}.notice", lambda step=step: names_in(step.notice)
        if step.ask is not None:
            yield f"{key}.ask.answer", lambda step=step: names_in(step.ask.answer)
            yield f"{key}.ask.text", lambda step=step: names_in(step.ask.text)
            yield f"{key}.ask.why", lambda step=step: names_in(step.ask.why)
    for number, one in enumerate(lesson.expect):
        if one.on is not None:
            yield (
                f"expect[{number}].on",
                lambda on=one.on: named("scene", on.make, lesson_scenes()).checked(
                    with_controls(on.options, values)
                ),
            )
        for name, value in one.given.items():
            yield (
                f"expect[{number}].given",
                lambda name=name, value=value: _control(name, controls).checked(value),
            )


def _control(name: str, controls: Mapping[str, Any]) -> Any:
    if name not in controls:
        raise LessonError(f"there is no control {name!r}{nearest(name, controls)}")
    return controls[name]


def with_controls(options: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """``options`` with ``$name`` replaced by the value of that control.

    Raises
    ------
    LessonError
        If there is no such control.
    """

    def filled_in(value: Any) -> Any:
        if isinstance(value, str) and value.startswith("$"):
            if value[1:] not in values:
                raise LessonError(f"there is no control {value[1:]!r}{nearest(value[1:], values)}")
            return values[value[1:]]
        if isinstance(value, list | tuple):
            return [filled_in(part) for part in value]
        if isinstance(value, Mapping):
            return {name: filled_in(part) for name, part in value.items()}
        return value

    return {name: filled_in(value) for name, value in options.items()}


def _key(parts: tuple[Any, ...]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the file"


def _reason(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        name = str(error["loc"][-1])
        return f"there is no key {name!r} here."
    if error["type"] == "missing":
        return "it is needed and missing."
    return f"{str(error['msg']).removeprefix('Value error, ')}."
