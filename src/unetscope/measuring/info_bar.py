"""The bar with text and scale below or above a scanning micrograph: where it is, to leave it out.

A bar is told from the image alone: a band at the edge whose rows are mostly of one grey value, some
of them altogether, with text that differs much from it, beside an image that is not of that value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unetscope.images.micrograph import Micrograph
from unetscope.measuring.pixel_runs import Floats

#: So much of the grey range may the value of a bar vary (JPEG), and has text to differ from it.
_SAME, _TEXT = 0.04, 0.3
#: So much of a row of a bar is of its value, of a blank row, and at most of rows of the image.
_ROW, _BLANK, _BODY = 0.4, 0.95, 0.25
_LEAST_ROWS, _LARGEST_PART = 6, 0.3
#: So many rows of a bar may be anything else: frames around it.
_FRAME_ROWS = 3
_LEAST_TEXT = 0.003


@dataclass(frozen=True)
class InfoBar:
    """Rows ``first`` to before ``last`` of an image of ``shape`` (y, x) are a bar."""

    first: int
    last: int
    shape: tuple[int, int]

    @property
    def region(self) -> NDArray[np.bool_]:
        """(y, x) True where the image is."""
        found = np.ones(self.shape, bool)
        found[self.first : self.last] = False
        return found

    def sentence(self) -> str:
        """What is left out, in words."""
        where = "at the bottom" if self.first else "at the top"
        return (
            f"A bar with text {where} (rows {self.first} to {self.last - 1} of {self.shape[0]}) is "
            "left out."
        )


def info_bar_of(image: Micrograph) -> InfoBar | None:
    """The bar at the bottom or at the top of a plane; None where there is none, and in stacks."""
    if image.depth > 1:
        return None
    grey = image.plane().astype(np.float64).mean(0)
    finite = grey[np.isfinite(grey)]
    if not finite.size or min(grey.shape) < 2 * _LEAST_ROWS:
        return None
    # the whole range: letters are few, and the lightest
    reach = float(finite.max() - finite.min())
    if reach == 0:
        return None
    height, width = grey.shape
    for turned, at_bottom in ((grey[::-1], True), (grey, False)):
        rows = _bar_rows(turned, reach)
        if rows:
            first, last = (height - rows, height) if at_bottom else (0, rows)
            return InfoBar(first, last, (height, width))
    return None


def _bar_rows(grey: Floats, reach: float) -> int:
    """How many rows from the first on are a bar; 0 where they are none."""
    most = int(len(grey) * _LARGEST_PART)
    for value in np.unique(np.median(grey[: 2 * _FRAME_ROWS], axis=1)):
        same = (np.abs(grey - value) <= _SAME * reach).mean(1)
        rows = _walked(same[: most + _FRAME_ROWS + 1])
        if not _LEAST_ROWS <= rows <= most or np.median(same[rows:]) > _BODY:
            continue
        if not _ends_at_once(same, rows):
            continue
        text = (np.abs(grey[:rows] - value) >= _TEXT * reach).mean()
        if np.count_nonzero(same[:rows] >= _BLANK) >= 2 and _LEAST_TEXT <= text <= 0.5:
            return rows
    return 0


def _ends_at_once(same: Floats, rows: int) -> bool:
    """Whether the last rows are all of the bar and the next ones none: its edge is straight."""
    inside = same[max(rows - _FRAME_ROWS - 1, 0) : rows].max()
    outside = same[rows + 1 : rows + 1 + 2 * _FRAME_ROWS].max(initial=0.0)
    return bool(inside >= _BLANK - 0.1 and outside <= _ROW - 0.1)


def _walked(same: Floats) -> int:
    """How many rows in a row are mostly of one value, but for frames."""
    rows = strange = 0
    for at, share in enumerate(same):
        if share >= _ROW:
            rows, strange = at + 1, 0
        else:
            strange += 1
            if strange > _FRAME_ROWS:
                break
    return rows
