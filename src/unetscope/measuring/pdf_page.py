"""The page about a measurement as PDF: A4, with sheets behind it for what has no room on it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from textwrap import fill, wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from unetscope.measuring.drawing import (
    draw_histogram,
    draw_portrait,
    draw_thumbnail,
    new_figure,
    page_style,
    shown_inches,
)
from unetscope.measuring.measurements import Measurements
from unetscope.measuring.page_content import ClassPart, NumberRow, Page

_WIDE, _HIGH = 8.27, 11.69
_MARGIN = 0.62
_TEXT = _WIDE - 2 * _MARGIN
_SOFT, _LINE, _INK = "#626a73", "#dfe3e8", "#1c1f23"
_COLUMNS = (0.0, 2.25, 3.75, 5.75)
_PICTURE = (4.1, 3.6)
#: More numbers than this have no room on the page.
_ROWS = 16
_PRINT = (7.4, 6.8, 6.2, 5.6)  # points
_LETTERS = 19.3  # of small print in an inch


def pdf_page(page: Page, found: Measurements) -> bytes:
    """The file's content; the same page gives the same bytes."""
    kept = io.BytesIO()
    with page_style(), PdfPages(kept, metadata={"CreationDate": None}) as pages:
        first = _Sheet(page.title, page.subtitle)
        first.picture_and_sizes(page, found)
        for part in page.parts[:1]:
            first.numbers(part)
        first.thumbnails(page, found)
        fits = first.has_room_for(page.paragraph)
        if fits:
            first.text("For the methods section", page.paragraph)
            first.origin(page)
        pages.savefig(first.figure)
        for part in page.parts[1:]:
            more = _Sheet(page.title, page.subtitle)
            more.sizes(part)
            more.numbers(part)
            pages.savefig(more.figure)
        if not fits:
            last = _Sheet(page.title, page.subtitle)
            last.text("For the methods section", page.paragraph)
            last.origin(page)
            pages.savefig(last.figure)
    return kept.getvalue()


@dataclass(frozen=True)
class _Letters:
    size: float
    color: str = _INK
    weight: str = "normal"


_TITLE, _HEAD = _Letters(14, weight="bold"), _Letters(8, weight="bold")
_BODY, _VALUE, _NOTE = _Letters(7.2), _Letters(7.2, weight="bold"), _Letters(6.5, _SOFT)


class _Sheet:
    """A sheet that is filled from the top; places are inches from its left and its top."""

    def __init__(self, title: str, subtitle: str) -> None:
        self.figure: Figure = new_figure(_WIDE, _HIGH)
        self.at = _MARGIN
        lines = wrap(title, 62)[:2]
        for line in lines:
            self._write(0, line, _TITLE, 0.27)
        self._write(0, subtitle, _Letters(8, _SOFT), 0.3)

    def picture_and_sizes(self, page: Page, found: Measurements) -> None:
        """The first image on the left, sizes and what was left out on the right."""
        top = self.at
        low = top
        if page.portraits:
            portrait = page.portraits[0]
            wide, high = shown_inches(portrait, *_PICTURE)
            colors = {one.value: found.color_of(one.value) for one in portrait.outlines}
            draw_portrait(self._axes(0, top, wide, high), portrait, colors, wide)
            low = top + high
            self.at = low + 0.13
            plane = "" if portrait.plane is None else f", plane {portrait.plane}"
            self._write(0, f"{portrait.name}{plane}; dashed: at the edge", _NOTE)
            low = self.at
        self.at = top
        left = _PICTURE[0] + 0.35
        for part in page.parts[:1]:
            if part.sizes is not None:
                axes = self._axes(left + 0.32, top, _TEXT - left - 0.32, 1.35)
                draw_histogram(axes, part.sizes, part.quantities, part.color)
                self.at = top + 1.85
        for title, told in (("What was left out", page.left_out), ("How sure", page.certainty)):
            if told:
                self._write(left, title, _HEAD, 0.17)
                for sentence in told:
                    for line in wrap(sentence, 52):
                        self._write(left, line, _Letters(7, _SOFT), 0.125)
                    self.at += 0.03
                self.at += 0.08
        self.at = max(self.at, low) + 0.2

    def sizes(self, part: ClassPart) -> None:
        """The histogram alone, across the sheet."""
        if part.sizes is not None:
            axes = self._axes(0.4, self.at + 0.1, _TEXT - 0.4, 2.2)
            draw_histogram(axes, part.sizes, part.quantities, part.color)
            self.at += 3.0

    def numbers(self, part: ClassPart) -> None:
        """The table of a class."""
        self._dot(part.color)
        self._write(0.16, part.name, _Letters(9, weight="bold"), 0.2)
        for place, text in zip(_COLUMNS, ("number", "value", "95 % interval", "n"), strict=True):
            self._write(place, text, _NOTE, 0)
        self.at += 0.07
        for row in part.rows[:_ROWS]:
            self._row(row)
        if len(part.rows) > _ROWS:
            self._rule()
            self.at += 0.115
            more = f"{len(part.rows) - _ROWS} more numbers are in the summary beside this page"
            self._write(0, more, _NOTE, 0.055)
        self.at += 0.22

    def _row(self, row: NumberRow) -> None:
        self._rule()
        self.at += 0.115
        told = row.interval.startswith("no ")
        lines = wrap(row.interval, 46 if told else 40)
        self._write(_COLUMNS[0], row.name, _BODY, 0)
        self._write(_COLUMNS[1], row.value, _VALUE, 0)
        self._write(_COLUMNS[3], row.n, _BODY, 0)
        for number, line in enumerate(lines):
            self.at += 0.1 if number else 0
            self._write(_COLUMNS[2], line, _Letters(6, _SOFT) if told else _BODY, 0)
        self.at += 0.055

    def thumbnails(self, page: Page, found: Measurements) -> None:
        """The most doubtful objects in a row."""
        if not page.thumbnails:
            return
        self._write(0, "The most doubtful objects", _HEAD, 0)
        self._write(1.75, "number · how near the telling apart was to another decision", _NOTE)
        self.at -= 0.04
        side = _TEXT / 12
        for place, one in enumerate(page.thumbnails):
            axes = self._axes(place * side, self.at, side * 0.92, side * 0.92)
            draw_thumbnail(axes, one, found.color_of(one.value))
        self.at += side * 0.92 + 0.1
        for place, one in enumerate(page.thumbnails):
            told = f"{one.number} · {one.doubt:.2f}"
            self._write((place + 0.46) * side, told, _Letters(5.5, _SOFT), 0, ha="center")
        self.at += 0.26

    def has_room_for(self, words: str) -> bool:
        """Whether a paragraph fits in letters that can be read, with where it comes from below."""
        return _height(words, _PRINT[-1]) <= self._left()

    def text(self, title: str, words: str) -> None:
        """A paragraph, in the largest letters that it fits in."""
        self._write(0, title, _HEAD, 0.08)
        size = next((s for s in _PRINT if _height(words, s) <= self._left()), _PRINT[-1])
        told = fill(words, int(_TEXT * _LETTERS * 6.8 / size))
        self._write(0, told, _Letters(size), _height(words, size) + 0.22, va="top")

    def _left(self) -> float:
        return _HIGH - 0.95 - self.at

    def origin(self, page: Page) -> None:
        """Where it comes from, at the foot: as many lines as there is room for."""
        self._write(0, "Where it comes from", _HEAD, 0.14)
        for what, which in page.origin:
            for number, line in enumerate(wrap(which, 138)):
                if self.at > _HIGH - 0.3:
                    return
                if not number:
                    self._write(0, what[:26], _Letters(5.8, _SOFT), 0)
                self._write(1.25, line, _Letters(5.8), 0.1)

    def _axes(self, left: float, top: float, wide: float, high: float) -> Axes:
        place = ((_MARGIN + left) / _WIDE, 1 - (top + high) / _HIGH, wide / _WIDE, high / _HIGH)
        axes: Axes = self.figure.add_axes(place)
        return axes

    def _write(
        self, left: float, text: str, letters: _Letters, down: float = 0.15, **where: str
    ) -> None:
        """Write a text, and go so far down; ``where`` are matplotlib's ha and va."""
        place = ((_MARGIN + left) / _WIDE, 1 - self.at / _HIGH)
        style: dict[str, Any] = {
            "fontsize": letters.size, "color": letters.color, "fontweight": letters.weight, **where,
        }  # fmt: skip
        self.figure.text(*place, text, linespacing=1.3, parse_math=False, **style)
        self.at += down

    def _rule(self) -> None:
        ends = [_MARGIN / _WIDE, 1 - _MARGIN / _WIDE]
        height = [1 - self.at / _HIGH] * 2
        line = Line2D(ends, height, color=_LINE, linewidth=0.5, transform=self.figure.transFigure)
        self.figure.add_artist(line)

    def _dot(self, color: str) -> None:
        place = ([(_MARGIN + 0.05) / _WIDE], [1 - (self.at - 0.04) / _HIGH])
        dot = Line2D(*place, marker="o", color=color, markersize=5.5, linestyle="",
                     transform=self.figure.transFigure)  # fmt: skip
        self.figure.add_artist(dot)


def _height(words: str, size: float) -> float:
    """How high a paragraph is, in inches."""
    return len(wrap(words, int(_TEXT * _LETTERS * 6.8 / size))) * size * 1.34 / 72
