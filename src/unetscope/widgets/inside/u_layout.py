"""Where the boxes and arrows of a network's drawing go. Geometry only: nothing is painted here.

Columns follow the data from left to right, rows the levels from full size down, so that a U-Net
becomes a U, a classifier a staircase and a chain of layers a line. A column holds several stages
where weights are used again on other levels: a second look is a U below the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF

from unetscope.widgets.inside.u_arrows import TOP, Arrow, arrow, elbow, goes_over, row_numbers

if TYPE_CHECKING:
    from unetscope.inspection.following.diagram import Diagram, Stage

SMALLEST_FONT = 0.7  # of the window's; below that names end in "…"
_HIGHEST, _LOWEST = 3.0, 2.4  # heights in lines of text: largest and smallest map
_BELOW = 1.15  # lines under a row, for the fields
_OVERHANG = 0.62  # of a name that its own column must hold where neighbours are higher or lower


@dataclass(frozen=True, eq=False)
class Box:
    """A stage with its rectangle, what is written in it, and where its field is written."""

    stage: Stage
    label: str
    rect: QRectF
    below: QRectF
    below_side: str  # "left", "right" or "middle": how the field is aligned


@dataclass(frozen=True, eq=False)
class ULayout:
    """Everything in place; ``font`` is the size of names as a share of the window's font."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    height: float
    font: float

    def at(self, x: float, y: float) -> Box | None:
        """The box under a point; its field counts as part of it."""
        for box in self.boxes:
            if box.rect.united(box.below).contains(x, y):
                return box
        return None


def short_label(name: str) -> str:
    """The end of a stage's name that says which it is: ``blocks.0`` of ``decoder.blocks.0``."""
    path = name.split(".")
    at = len(path) - 1
    while at > 0 and not path[at][:1].isalpha():
        at -= 1
    return ".".join(path[at:])


def laid_out(
    diagram: Diagram | None, width: float, line: float, advance: Callable[[str], float]
) -> ULayout:
    """Place a diagram into ``width`` pixels.

    Parameters
    ----------
    line : height of a line of text.
    advance : width of a text in the window's font.
    """
    if diagram is None or not diagram.stages:
        return ULayout((), (), 0.0, 1.0)
    stages = diagram.stages
    labels = [short_label(stage.name) for stage in stages]
    wants = [
        max(advance(label), advance(str(stage.channels))) + 0.7 * line
        for label, stage in zip(labels, stages, strict=True)
    ]
    edges, font = _columns(stages, wants, width, line)
    by_name = {stage.name: i for i, stage in enumerate(stages)}
    ends = [(stages[by_name[a.source]], stages[by_name[a.target]]) for a in diagram.links if a.skip]
    crowded = {a.level for a, b in ends if goes_over(a, b, stages)}
    tops, heights, bottom = _rows(stages, crowded, line)
    rects = []
    for i, stage in enumerate(stages):
        low, high = _room(stages, edges, stage, width)
        height = heights[i]
        left_edge, right_edge = edges[stage.slot], edges[stage.slot + 1]
        wide = max(wants[i] * font, (right_edge - left_edge) * 0.85 * _size_share(stages, stage))
        wide = min(wide, high - low)
        middle = (left_edge + right_edge) / 2
        left = min(max(middle - wide / 2, low), high - wide)
        rects.append(QRectF(left, tops[stage.level], wide, height))
    steps = [(by_name[a.source], by_name[a.target]) for a in diagram.links if not a.skip]
    strips = [_strip(i, stages, steps, rects, width, line) for i in range(len(stages))]
    boxes = [
        Box(*found) for found in zip(stages, labels, rects, *zip(*strips, strict=True), strict=True)
    ]
    arrows = [arrow(link, by_name, stages, rects, line) for link in diagram.links]
    return ULayout(tuple(boxes), tuple(arrows), bottom, font)


def _columns(
    stages: Sequence[Stage], wants: Sequence[float], width: float, line: float
) -> tuple[list[float], float]:
    """Left edges of the columns with the last one's right, and the font's share."""
    count = max(stage.slot for stage in stages) + 1
    levels = [{s.level for s in stages if s.slot == slot} for slot in range(count)]
    needs = [1.2 * line] * count
    for stage, want in zip(stages, wants, strict=True):
        beside = [levels[s] for s in (stage.slot - 1, stage.slot + 1) if 0 <= s < count]
        alone = not any(stage.level in others for others in beside)
        share = _OVERHANG if alone and 0 < stage.slot < count - 1 else 1.05
        needs[stage.slot] = max(needs[stage.slot], want * share)
    font = 1.0
    while font > SMALLEST_FONT and sum(needs) * font > width:
        font = max(SMALLEST_FONT, font - 0.05)
    total = sum(needs) * font
    spare = max(0.0, width - total) / count
    squeeze = min(1.0, width / total)
    edges = [0.0]
    for need in needs:
        edges.append(edges[-1] + need * font * squeeze + spare)
    return edges, font


def _rows(
    stages: Sequence[Stage], crowded: set[int], line: float
) -> tuple[dict[int, float], list[float], float]:
    """The top of every level, the height of every box, and the bottom of all.

    ``crowded``: levels with arrows above their boxes, which need room there.
    """
    heights = [
        (_LOWEST + (_HIGHEST - _LOWEST) * _size_share(stages, stage)) * line for stage in stages
    ]
    tops: dict[int, float] = {}
    y = TOP * line
    for number, level in enumerate(sorted({stage.level for stage in stages})):
        y += TOP * line if level in crowded and number else 0.0
        tops[level] = y
        y += max(h for h, s in zip(heights, stages, strict=True) if s.level == level)
        y += _BELOW * line
    return tops, heights, y


def _size_share(stages: Sequence[Stage], stage: Stage) -> float:
    """0 for the smallest map (or none), 1 for the largest, by the log of its side."""
    sides = [max(s.shape[-2:]) for s in stages if s.shape]
    if not stage.shape or not sides or min(sides) == max(sides):
        return 0.0 if not stage.shape else 0.6
    least, most = math.log2(min(sides)), math.log2(max(sides))
    return (math.log2(max(stage.shape[-2:])) - least) / (most - least)


def _room(
    stages: Sequence[Stage], edges: Sequence[float], stage: Stage, width: float
) -> tuple[float, float]:
    """How far a box may reach to the left and right before it meets one of its level."""
    low, high = 1.0, width - 1.0
    slot = stage.slot
    for other in stages:
        if other.level != stage.level or other.slot == slot:
            continue
        first, second = sorted((slot, other.slot))
        middle = (edges[first + 1] + edges[second]) / 2
        beside = second - first == 1
        gap = min(8.0, 0.16 * (edges[slot + 1] - edges[slot])) if beside else 7.0  # for an arrow
        if other.slot < slot:
            low = max(low, middle + gap)
        else:
            high = min(high, middle - gap)
    return low, max(high, low + 2.0)


def _strip(
    i: int,
    stages: Sequence[Stage],
    steps: Sequence[tuple[int, int]],
    rects: Sequence[QRectF],
    width: float,
    line: float,
) -> tuple[QRectF, str]:
    """The strip below a box, beside the arrow that leaves or enters there, and its side.

    ``steps``: from which stage to which the data goes, skip connections aside.
    """
    rect = rects[i]
    rows = row_numbers(stages)
    leaves = [b for a, b in steps if a == i and rows[b] - rows[i] == 1]
    enters = [a for a, b in steps if b == i and rows[a] - rows[i] == 1]
    level = [r for r, stage in zip(rects, stages, strict=True) if stage.level == stages[i].level]
    ends = [r.left() for r in level if r.left() > rect.left()]
    starts = [r.right() for r in level if r.left() < rect.left()]
    high = (rect.right() + min(ends)) / 2 - 2 if ends else width
    low = (rect.left() + max(starts)) / 2 + 2 if starts else 0.0
    strip = QRectF(rect.left(), rect.bottom() + 1, rect.width(), line * 0.95)
    side = "middle"
    if leaves and not enters:
        strip.setLeft(elbow(rect, rects[leaves[0]], down=True) + 3)
        strip.setRight(min(max(strip.left() + 3.0 * line, rect.right()), high))
        side = "left"
    elif enters and not leaves:
        strip.setRight(elbow(rect, rects[enters[0]], down=False) - 3)
        strip.setLeft(max(min(strip.right() - 3.0 * line, rect.left()), low))
        side = "right"
    return strip, side


def neighbour(layout: ULayout, index: int, direction: str) -> int:
    """The box that an arrow key leads to; the same one where there is none.

    ``left`` and ``right`` follow the data; ``up`` and ``down`` lead to the nearest box of the next
    level that has one.
    """
    boxes = layout.boxes
    if direction in ("left", "right"):
        step = 1 if direction == "right" else -1
        return min(max(index + step, 0), len(boxes) - 1)
    here = boxes[index]
    sign = 1 if direction == "down" else -1
    levels = sorted({sign * box.stage.level for box in boxes})
    deeper = next((lv for lv in levels if lv > sign * here.stage.level), None)
    if deeper is None:
        return index
    found = [i for i, box in enumerate(boxes) if sign * box.stage.level == deeper]
    x = here.rect.center().x()
    return min(found, key=lambda i: abs(boxes[i].rect.center().x() - x))
