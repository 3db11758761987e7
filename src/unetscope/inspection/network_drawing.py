"""The network drawn as the U it is, as SVG in the colours of the page (CSS variables)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log2

from markupsafe import Markup

from unetscope.inspection.table import Architecture, LayerRow

_GAP, _LEVEL, _TOP, _BOX = 20.0, 62.0, 22.0, 30.0
_MANY = 16


@dataclass(frozen=True)
class Stage:
    """Neighbouring layers drawn as one box.

    Attributes
    ----------
    name, rows : what it is called, and its rows in the order of the data.
    level : 0 at full size, 1 at half of it, …
    """

    name: str
    rows: tuple[LayerRow, ...]
    level: float

    @property
    def last(self) -> LayerRow:
        """The row whose map the stage hands on."""
        return self.rows[-1]


def stages(table: Architecture) -> tuple[Stage, ...]:
    """The rows by the model's own parts, or by runs of one stride where these say too little.

    What has no weights (poolings, activations) joins the part that follows it.
    """
    groups = _runs(table.rows, [_part(row) for row in table.rows])
    longest = max(len(group) for group in groups)
    if not 3 <= len(groups) <= _MANY or longest > 0.6 * len(table.rows):
        groups = _runs(table.rows, [str(row.stride) for row in table.rows])
    found = []
    level = 0.0
    for group in groups:
        strides = [row.stride[-1] for row in group if row.stride]
        level = log2(max(strides[-1], 1)) if strides else level
        found.append(Stage(_common_name(group), tuple(group), level))
    return tuple(found)


def _part(row: LayerRow) -> str:
    return row.name.partition(":")[0].partition(".")[0]


def _runs(rows: Sequence[LayerRow], keys: Sequence[str]) -> list[list[LayerRow]]:
    groups: list[list[LayerRow]] = []
    previous = None
    for row, key in zip(rows, keys, strict=True):
        if key != previous:
            groups.append([])
        groups[-1].append(row)
        previous = key
    merged: list[list[LayerRow]] = []
    waiting: list[LayerRow] = []
    for group in groups:
        waiting += group
        if any(row.parameters for row in group):
            merged.append(waiting)
            waiting = []
    if waiting and merged:
        merged[-1] += waiting
    return merged or [waiting]


def _common_name(rows: Sequence[LayerRow]) -> str:
    """The longest dotted beginning that the weighted rows share, or the first one's name."""
    names = [row.name.partition(":")[0].split(".") for row in rows if row.parameters]
    names = names or [rows[0].name.partition(":")[0].split(".")]
    shared = []
    for parts in zip(*names, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return ".".join(shared) or ".".join(names[0])


def network_svg(table: Architecture, skips: Sequence[tuple[str, str]] = ()) -> Markup:
    """Every stage a box on its level, with its channels inside and its field size below.

    Parameters
    ----------
    skips : (source layer, layer in which it is joined), drawn as arrows across.
    """
    boxes = _placed(stages(table))
    width = boxes[-1].left + boxes[-1].slot + _GAP
    height = max(box.top + box.height for box in boxes) + 24
    head = Markup(
        '<svg class="network" viewBox="0 0 {:.0f} {:.0f}" role="img" '
        'aria-label="The stages of the network, from image to answer">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="var(--accent)"/>'
        "</marker></defs>"
    ).format(width, height)
    pairs = _stage_pairs([box.stage for box in boxes], skips)
    arrows = [_arrow(boxes[first], boxes[last]) for first, last in pairs]
    flows = [_flow(first, last) for first, last in pairwise(boxes)]
    drawn = [_drawn(box) for box in boxes]
    return Markup("").join([head, *arrows, *flows, *drawn, Markup("</svg>")])


@dataclass(frozen=True)
class _Box:
    """A stage with its place; ``slot`` is the width its name needs, around the box's middle."""

    stage: Stage
    left: float
    top: float
    slot: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        return self.left + self.slot / 2, self.top + self.height / 2

    @property
    def sides(self) -> tuple[float, float]:
        x = self.middle[0]
        return x - _BOX / 2, x + _BOX / 2


def _placed(found: Sequence[Stage]) -> list[_Box]:
    boxes = []
    left = _GAP
    for stage in found:
        slot = max(_BOX + 6, 5.6 * len(stage.name))
        height = max(16.0, 84.0 * 0.68 ** max(stage.level, 0))
        boxes.append(_Box(stage, left, _TOP + max(stage.level, 0) * _LEVEL, slot, height))
        left += slot + _GAP
    return boxes


def _arrow(first: _Box, last: _Box) -> Markup:
    """Straight across where the two boxes stand side by side, else over and down."""
    y = first.top + 0.3 * min(first.height, last.height)
    beside = last.top <= y <= last.top + last.height
    x, end = (last.sides[0], y) if beside else (last.middle[0], last.top)
    return Markup(
        '<path class="skip" d="M{:.1f} {:.1f}H{:.1f}V{:.1f}" marker-end="url(#tip)"/>'
    ).format(first.sides[1], y, x, end)


def _flow(first: _Box, last: _Box) -> Markup:
    bend = (first.left + first.slot + last.left) / 2
    return Markup('<path class="flow" d="M{:.1f} {:.1f}H{:.1f}V{:.1f}H{:.1f}"/>').format(
        first.sides[1], first.middle[1], bend, last.middle[1], last.sides[0]
    )


def _drawn(box: _Box) -> Markup:
    stage, (x, y) = box.stage, box.middle
    shape, field = stage.last.output_shape, stage.last.receptive_field
    return Markup(
        '<g><title>{}</title><rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="3"/>'
        '<text x="{:.1f}" y="{:.1f}">{}</text>'
        '<text class="name" x="{:.1f}" y="{:.1f}">{}</text>'
        '<text class="soft" x="{:.1f}" y="{:.1f}">{}</text></g>'
    ).format(
        f"{stage.name}: {size_text(shape)}, {len(stage.rows)} layers",
        *(box.sides[0], box.top, _BOX, box.height),
        *(x, y + 3, str(shape[0]) if shape else ""),
        *(x, box.top - 4, stage.name),
        *(x, box.top + box.height + 10, "" if field is None else f"{max(field)} px"),
    )


def _stage_pairs(boxes: Sequence[Stage], skips: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    pairs = []
    for source, target in skips:
        first, last = _stage_of(boxes, source), _stage_of(boxes, target)
        if first is not None and last is not None and last - first > 1:
            pairs.append((first, last))
    return list(dict.fromkeys(pairs))


def _stage_of(boxes: Sequence[Stage], layer: str) -> int | None:
    """The stage that holds the layer, or the last one that holds a part of it."""
    plain = layer.partition(":")[0]
    found = None
    for number, stage in enumerate(boxes):
        for row in stage.rows:
            name = row.name.partition(":")[0]
            if name == plain or name.startswith(plain + "."):
                found = number
    return found


def size_text(shape: Sequence[int] | None) -> str:
    """``32 × 64 × 64``, or a dash."""
    return "–" if not shape else " × ".join(str(n) for n in shape)
