"""The arrows of a network's drawing: how they run from box to box. Geometry only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF

if TYPE_CHECKING:
    from unetscope.inspection.following.diagram import Link, Stage

TOP = 0.8  # lines above, for arrows over the boxes


@dataclass(frozen=True, eq=False)
class Arrow:
    """A line through ``points`` with a head at the last; a Bézier curve of four if ``curved``."""

    link: Link
    points: tuple[QPointF, ...]
    curved: bool = False


def row_numbers(stages: Sequence[Stage]) -> list[int]:
    """Rows from the top, counting only levels that have a box."""
    levels = sorted({stage.level for stage in stages})
    return [levels.index(stage.level) for stage in stages]


def elbow(upper: QRectF, lower: QRectF, *, down: bool) -> float:
    """Where, along the bottom of the upper box, the line to or from the lower one runs."""
    gap = 9.0
    x = upper.center().x()
    x = min(x, lower.left() - gap) if down else max(x, lower.right() + gap)
    inset = min(6.0, upper.width() / 3)
    return min(max(x, upper.left() + inset), upper.right() - inset)


def arrow(
    link: Link,
    by_name: dict[str, int],
    stages: Sequence[Stage],
    rects: Sequence[QRectF],
    line: float,
) -> Arrow:
    """The arrow of a link between the boxes ``rects`` of ``stages``."""
    i, j = by_name[link.source], by_name[link.target]
    a, b = rects[i], rects[j]
    if link.skip:
        return _skip_arrow(link, i, j, stages, rects, line)
    if stages[i].level == stages[j].level:
        y = min(a.center().y(), b.center().y())
        return Arrow(link, (QPointF(a.right(), y), QPointF(b.left(), y)))
    rows = row_numbers(stages)
    if rows[j] - rows[i] > 1 and b.center().x() > a.right():  # past other boxes, not through them
        corner = QPointF(b.center().x(), a.center().y())
        return Arrow(link, (QPointF(a.right(), corner.y()), corner, QPointF(corner.x(), b.top())))
    up = QRectF(a.center().x(), b.center().y(), 1.0, a.top() - b.center().y())
    blocked = any(up.intersects(r) for k, r in enumerate(rects) if k not in (i, j))
    if rows[i] - rows[j] > 1 and a.right() < b.center().x() and blocked:
        side = b.right() - min(6.0, b.width() / 8)  # beside what is written below
        corner = QPointF(side, a.center().y())  # along below them, then up
        return Arrow(
            link, (QPointF(a.right(), corner.y()), corner, QPointF(corner.x(), b.bottom()))
        )
    if rows[i] - rows[j] > 1 and a.center().x() < b.left():
        corner = QPointF(a.center().x(), b.center().y())
        return Arrow(link, (QPointF(corner.x(), a.top()), corner, QPointF(b.left(), corner.y())))
    if rows[i] < rows[j]:
        x, y = elbow(a, b, down=True), b.center().y()
        if x > b.left() - 4:  # the lower box lies right below: go straight down
            return Arrow(link, (QPointF(x, a.bottom()), QPointF(x, b.top())))
        return Arrow(link, (QPointF(x, a.bottom()), QPointF(x, y), QPointF(b.left(), y)))
    x, y = elbow(b, a, down=False), a.center().y()
    if x < a.right() + 4:
        return Arrow(link, (QPointF(x, a.top()), QPointF(x, b.bottom())))
    return Arrow(link, (QPointF(a.right(), y), QPointF(x, y), QPointF(x, b.bottom())))


def goes_over(source: Stage, target: Stage, stages: Sequence[Stage]) -> bool:
    """Whether a skip connection within a level has boxes in its way, and so runs above them."""
    level = {stage.slot for stage in stages if stage.level == source.level}
    within = any(source.slot < slot < target.slot for slot in level)
    return source.level == target.level and within


def _skip_arrow(
    link: Link,
    i: int,
    j: int,
    stages: Sequence[Stage],
    rects: Sequence[QRectF],
    line: float,
) -> Arrow:
    a, b = rects[i], rects[j]
    over = goes_over(stages[i], stages[j], stages)
    if stages[i].level == stages[j].level and not over:
        y = a.top() + min(a.height(), b.height()) * 0.36  # above the line that joins neighbours
        return Arrow(link, (QPointF(a.right(), y), QPointF(b.left(), y)))
    if over:
        lift = TOP * line
        start, end = QPointF(a.center().x(), a.top()), QPointF(b.center().x(), b.top())
        lifted = tuple(QPointF(p.x(), p.y() - lift) for p in (start, end))
        return Arrow(link, (start, *lifted, end), curved=True)
    start, end = QPointF(a.right(), a.center().y()), QPointF(b.left(), b.center().y())
    rows = row_numbers(stages)
    between = [r for r, row in zip(rects, rows, strict=True) if rows[j] < row < rows[i]]
    if start.x() < end.x() and any(_meets(start, end, r) for r in between):
        inset = min(6.0, b.width() / 8)
        y = start.y() + 0.2 * a.height()  # below the line that leads to the next one
        corner = QPointF(b.left() + inset, y)
        return Arrow(link, (QPointF(a.right(), y), corner, QPointF(corner.x(), b.bottom())))
    reach = (end.x() - start.x()) / 2
    bends = (QPointF(start.x() + reach, start.y()), QPointF(end.x() - reach, end.y()))
    return Arrow(link, (start, *bends, end), curved=True)


def _meets(start: QPointF, end: QPointF, rect: QRectF) -> bool:
    """Whether the straight line between two points, one above the other, crosses a box."""
    middle = (rect.center().y() - start.y()) / (end.y() - start.y())
    x = start.x() + middle * (end.x() - start.x())
    return 0 < middle < 1 and rect.left() <= x <= rect.right()


def arrow_head(points: Sequence[QPointF], size: float) -> tuple[QPointF, ...]:
    """The triangle at the end of a line."""
    before, tip = next(
        ((a, b) for a, b in reversed(list(pairwise(points))) if a != b), (points[0], points[-1])
    )
    dx, dy = tip.x() - before.x(), tip.y() - before.y()
    length = math.hypot(dx, dy) or 1.0
    dx, dy = dx / length * size, dy / length * size
    back = QPointF(tip.x() - dx, tip.y() - dy)
    side = QPointF(-dy * 0.5, dx * 0.5)
    return tip, back + side, back - side
