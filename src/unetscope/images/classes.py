"""The classes a person paints: a value, a name and a colour each, in files and on screen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from colorsys import hsv_to_rgb
from dataclasses import dataclass

# Okabe and Ito (2008), "Color Universal Design": colours that stay apart for colour-blind people.
# Blue comes first, for class 1 is usually the background; black is left out because EM is dark.
# Wine (P. Tol) takes the place of grey, which deuteranopes take for the pink.
PALETTE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#F0E442",
    "#56B4E9",
    "#D55E00",
    "#882255",
    # Chosen one after the other as far as can be from those before, from black, white and grey, as
    # everybody and colour-blind people see them (CIEDE2000 after Machado 2009).
    "#004B00",
    "#0000C8",
    "#96FAAF",
    "#9664FA",
    "#C80032",
    "#FAC8FA",
    "#4B4B7D",
    "#96AF64",
    "#C819AF",
    "#967D4B",
    "#FAAFAF",
    "#194BFA",
)
_GOLDEN = 0.6180339887498949  # turns of the hue: new ones fall into the widest gaps

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


def default_color(value: int) -> str:
    """The colour (``#RRGGBB``) of a class of which nothing is known but its value, 1 or more."""
    return PALETTE[value - 1] if 1 <= value <= len(PALETTE) else hued(value)


def hued(step: int) -> str:
    """A hue of its own for each ``step``, in three degrees of brightness."""
    red, green, blue = hsv_to_rgb(step * _GOLDEN % 1, 0.75, (0.95, 0.75, 0.55)[step % 3])
    return f"#{round(255 * red):02X}{round(255 * green):02X}{round(255 * blue):02X}"


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
    return tuple(map(default_class, kept))


def default_class(value: int) -> LabelClass:
    """The class with label ``value`` while nobody named it."""
    return LabelClass(value, default_name(value), default_color(value))


def default_name(value: int) -> str:
    """What a class is called that has no name, or none that is known here."""
    return f"class {value}"


def harmless_class(value: int, name: str, color: str) -> LabelClass:
    """A class as a file names it, so that it can be shown and exported everywhere.

    Neither control characters nor markup nor a formula is left of the name, and it can be read as
    before. A name that is empty then, and a colour that is none, are the default ones.
    """
    default = default_class(value)
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
