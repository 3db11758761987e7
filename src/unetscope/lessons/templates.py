"""Sentences with numbers in them: parsed, never evaluated.

A place in a sentence is ``{name}``, ``{name[1][0]}`` or ``{name:.0%}``: a fact or a control, whole
numbers as indices, and a number format. Nothing else is understood, so that a lesson's file of a
stranger cannot run code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from unetscope.errors import LessonError

MOST_IN_TEXT, MOST_IN_ROWS = 12, 5  # of a list, and of rows, are written into a sentence
_YES_NO = {"en": ("no", "yes"), "de": ("nein", "ja")}
_PLACE = re.compile(r"\{([a-z][a-z0-9_]{0,31})((?:\[\d{1,4}\]){0,4})(?::([^{}]*))?\}")
_FORMAT = re.compile(r"\+?,?(\.\d{1,2})?[defg%]?")


def names_in(text: str) -> tuple[str, ...]:
    """Facts and controls that ``text`` names, in their order.

    Raises
    ------
    LessonError
        If something in braces is not a name, indices and a number format.
    """
    return tuple(name for name, _, _ in _places(text))


def filled(text: str, facts: Mapping[str, Any], language: str = "en") -> str:
    """``text`` with every place filled from ``facts``, numbers as ``language`` writes them.

    Raises
    ------
    LessonError
        If there is no such fact, it has no such index, or the format does not fit it.
    """
    for _ in _places(text):
        pass
    return _PLACE.sub(lambda found: _written(found, facts, language), text)


def value_of(text: str, facts: Mapping[str, Any]) -> Any:
    """The fact itself where ``text`` is one place and nothing else, or else ``text`` filled."""
    whole = _PLACE.fullmatch(text)
    if whole is None or whole.group(3):
        return filled(text, facts)
    return _picked(whole.group(1), whole.group(2), facts)


def _places(text: str) -> Iterator[tuple[str, str, str]]:
    for found in _PLACE.finditer(text):
        form = found.group(3)
        if form is not None and not (form and _FORMAT.fullmatch(form)):
            raise LessonError(f"{found.group(0)!r} has the format {form!r}; give e.g. .0% or .3f.")
        yield found.group(1), found.group(2), form or ""
    left = _PLACE.sub("", text)
    if "{" in left or "}" in left:
        raise LessonError(
            f"{text!r} has braces that are no {{name}}, {{name[0][1]}} or {{name:.1f}}."
        )


def _picked(name: str, indices: str, facts: Mapping[str, Any]) -> Any:
    if name not in facts:
        raise LessonError(f"there is no fact {name!r}; there are {', '.join(sorted(facts))}.")
    value = facts[name]
    for index in re.findall(r"\d+", indices):
        if not isinstance(value, list | tuple) or int(index) >= len(value):
            raise LessonError(f"{name}{indices} does not exist: {name} is {facts[name]!r}.")
        value = value[int(index)]
    return value


def _written(found: re.Match[str], facts: Mapping[str, Any], language: str) -> str:
    name, indices, form = found.groups()
    value = _picked(name, indices, facts)
    if form:
        try:
            return _as_spoken(format(value, form), language)
        except (TypeError, ValueError):
            raise LessonError(
                f"{found.group(0)} has a number format, but {name} is {value!r}."
            ) from None
    return in_text(value, language=language)


def in_text(value: Any, most: int = MOST_IN_TEXT, language: str = "en") -> str:
    """A fact as people write it: ``7``, ``0.375``, ``73,856``, ``6 8 / 3 4``; ``0,375`` in German.

    Of longer lists the first ``most`` are written.
    """
    if isinstance(value, bool):
        return _YES_NO.get(language, _YES_NO["en"])[value]
    if isinstance(value, int):
        return _as_spoken(f"{value:,}", language)
    if isinstance(value, float):
        return _as_spoken(f"{value:,.4g}" if abs(value) < 1e6 else f"{value:,.0f}", language)
    if isinstance(value, list | tuple):
        rows = any(isinstance(part, list | tuple) for part in value)
        most = min(most, MOST_IN_ROWS) if rows else most
        parts = [in_text(part, MOST_IN_ROWS, language) for part in value[:most]]
        return (" / " if rows else " ").join([*parts, "…"] if len(value) > most else parts)
    return str(value)


def _as_spoken(number: str, language: str) -> str:
    """A number in English writing, in that of ``language``: with a decimal comma in German."""
    return number.translate(str.maketrans(",.", ".,")) if language == "de" else number
