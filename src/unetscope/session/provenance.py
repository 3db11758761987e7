"""What computed a result, and of what it was asked: kept until that part is computed anew."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Region = tuple[slice, ...]


def now() -> str:
    """This moment in local time (ISO 8601)."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


@dataclass(frozen=True)
class Made:
    """A model as it was when it was asked, and the question.

    ``version`` and ``model`` (its title) say which. ``plane`` was on screen, and of it ``view``
    (y, x; None: all). ``class_value`` is the class that a probability is of, ``seen_at`` says at
    which pixel size the model saw the image, where that was not its own.
    """

    version: int
    model: str = ""
    plane: int = 0
    view: tuple[slice, slice] | None = None
    class_value: int = 0
    seen_at: str = ""
    asked_at: str = field(default_factory=now)


class Record:
    """Which model every part of a result layer is from, plane by plane.

    ``shape`` is that of the layer, (y, x) or (z, y, x).
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self._plane_px = math.prod(shape[-2:])
        self._stack = len(shape) == 3
        self._depth = shape[0] if self._stack else 1
        self._newest: dict[int, Made] = {}  # plane -> what wrote there last
        self._before: dict[int, frozenset[int]] = {}  # versions below that are still to be seen
        self._covered: dict[int, dict[tuple[int, ...], int]] = {}  # plane -> boxes of the newest
        self.latest: Made | None = None

    def wrote(self, made: Made, region: Region) -> bool:
        """Note that ``made`` wrote a tile; say whether anything about the layer is different."""
        before = self.summary()
        planes = range(*region[0].indices(self._depth)) if self._stack else range(1)
        for plane in planes:
            self._wrote(plane, made, region[-2:])
        self.latest = made
        return self.summary() != before

    def _wrote(self, plane: int, made: Made, box: Region) -> None:
        old = self._newest.get(plane)
        if old is not None and old.version != made.version:
            self._before[plane] = self._before.get(plane, frozenset()) | {old.version}
        if old is None or old != made:
            self._newest[plane], self._covered[plane] = made, {}
        rows, columns = box
        corner = (rows.start or 0, columns.start or 0, rows.stop or 0, columns.stop or 0)
        self._covered[plane][corner] = (corner[2] - corner[0]) * (corner[3] - corner[1])
        if sum(self._covered[plane].values()) >= self._plane_px:
            self._before.pop(plane, None)

    @property
    def others(self) -> tuple[int, ...]:
        """Versions other than the latest that parts of the layer are still from."""
        found = {made.version for made in self._newest.values()}.union(*self._before.values())
        return tuple(sorted(found - {self.latest.version if self.latest else 0}))

    @property
    def planes(self) -> tuple[int, ...]:
        """The planes of a stack that were answered at all."""
        return tuple(sorted(self._newest)) if self._stack else ()

    def summary(self) -> dict[str, Any]:
        """Plain values for a layer's metadata."""
        made = self.latest
        if made is None:
            return {}
        told: dict[str, Any] = {
            "model": made.model,
            "model_version": made.version,
            "made_at": made.asked_at,
            "asked_on_view": None
            if made.view is None
            else [[part.start, part.stop] for part in made.view],
        }
        if made.seen_at:
            told["seen_at"] = made.seen_at
        if self.others:
            told["other_versions"] = list(self.others)
        if self._stack:
            told["asked_on_plane"] = made.plane
            told["planes_answered"] = ranges_in_words(self.planes)
        return told


def ranges_in_words(numbers: Sequence[int]) -> str:
    """ "0–4, 9, 11–12" of increasing numbers."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in parts)
