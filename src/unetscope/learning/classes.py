"""The classes a user paints: a value, a name and a colour each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from unetscope.images.annotations.palette import PALETTE, default_color, hued

MOST_CLASSES = 255
_MOST_LETTERS = 200
# What a spreadsheet takes for a formula at the beginning of a cell, and how it is written instead.
_FORMULA = str.maketrans({"=": "＝", "@": "＠", "+": "＋", "-": "−"})  # noqa: RUF001


@dataclass(frozen=True)
class LabelClass:
    """One class: ``value`` in the labels (1 or more; 0 means unlabelled), name and ``#RRGGBB``."""

    value: int
    name: str
    color: str


def free_color(value: int, used: Iterable[str] = ()) -> str:
    """A colour (``#RRGGBB``) for class ``value`` that is not among ``used``.

    The one of :data:`PALETTE` at its place where that is free, else the first that is; beyond the
    palette hues that no other class has.
    """
    taken = {color.lower() for color in used}
    for color in (*([default_color(value)] if value <= len(PALETTE) else []), *PALETTE):
        if color.lower() not in taken:
            return color
    step = value
    while hued(step).lower() in taken:
        step += 1
    return hued(step)


def default_classes(values: Iterable[int]) -> tuple[LabelClass, ...]:
    """Classes for label ``values``, in increasing order, named and coloured by default.

    The zero, which means "nobody said", is skipped.
    """
    kept = sorted({int(v) for v in values if int(v) != 0})
    return tuple(LabelClass(v, f"class {v}", default_color(v)) for v in kept)


def harmless_class(value: int, name: str, color: str) -> LabelClass:
    """A class as a file names it, so that it can be shown and exported everywhere.

    Neither control characters nor markup nor a formula is left of the name, and it can be read as
    before. A name that is empty then, and a colour that is none, are the default ones.
    """
    (default,) = default_classes([value])
    known = re.fullmatch("#[0-9a-fA-F]{6}", color)
    return LabelClass(value, harmless(name) or default.name, color if known else default.color)


def harmless(name: str) -> str:
    """``name`` on one line, without what a terminal, rich text or a spreadsheet would obey."""
    name = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", name)  # colours of a terminal
    kept = "".join(" " if c.isspace() else c for c in name if _is_seen(c))
    kept = " ".join(kept.split())[:_MOST_LETTERS].rstrip()
    kept = re.sub(r"<(?=[A-Za-z/!?])", "‹", kept)  # noqa: RUF001
    if kept[:1] in ("=", "@") or (kept[:1] in ("+", "-") and re.search(r"[(|!=]", kept)):
        return kept[0].translate(_FORMULA) + kept[1:]
    return kept


def _is_seen(letter: str) -> bool:
    return letter.isspace() or not unicodedata.category(letter).startswith("C")
