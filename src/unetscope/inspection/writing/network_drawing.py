"""The network drawn as the U it is, as SVG in the colours of the page (CSS variables)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from unetscope.inspection.following.diagram import Diagram, Stage

_GAP, _LEVEL, _TOP, _BOX = 20.0, 62.0, 22.0, 30.0


def network_svg(diagram: Diagram) -> Markup:
    """Every stage a box on its level, with its channels inside and its field size below.

    Skip connections are arrows across; where one does not line up, its tooltip says so. Stages that
    have the weights of others are dashed.
    """
    if not diagram.stages:
        return Markup("")
    boxes = _placed(diagram.stages)
    width = max(box.left + box.slot for box in boxes) + _GAP
    height = max(box.top + box.height for box in boxes) + 24
    head = Markup(
        '<svg class="network" viewBox="0 0 {:.0f} {:.0f}" role="img" '
        'aria-label="The stages of the network, from image to answer">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="var(--accent)"/>'
        "</marker></defs>"
    ).format(width, height)
    named = {box.stage.name: box for box in boxes}
    ends = [(named[link.source], named[link.target], link) for link in diagram.links]
    arrows = [_arrow(first, last, link.note, boxes) for first, last, link in ends if link.skip]
    flows = [_flow(first, last) for first, last, link in ends if not link.skip]
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
    """A column a slot of the diagram, as wide as the longest name in it."""
    wide: dict[int, float] = {}
    for stage in found:
        wide[stage.slot] = max(wide.get(stage.slot, _BOX + 6), 5.6 * len(stage.name))
    boxes = []
    for stage in found:
        left = _GAP + sum(w + _GAP for slot, w in wide.items() if slot < stage.slot)
        height = max(16.0, 84.0 * 0.68 ** max(stage.level, 0))
        top = _TOP + max(stage.level, 0) * _LEVEL
        boxes.append(_Box(stage, left, top, wide[stage.slot], height))
    return boxes


def _arrow(first: _Box, last: _Box, note: str, boxes: Sequence[_Box]) -> Markup:
    """Straight across where the two boxes stand side by side, else over and down (or below and up).

    What has boxes in its way goes behind them, lower than their own arrows.
    """
    slots = {box.stage.slot for box in boxes if box.stage.level == first.stage.level}
    behind = any(first.stage.slot < slot < last.stage.slot for slot in slots)
    y = first.top + (0.75 if behind else 0.3) * min(first.height, last.height)
    beside = last.top <= y <= last.top + last.height
    x, end = (last.sides[0], y) if beside else (last.middle[0], last.top)
    if y > last.top + last.height:
        end = last.top + last.height + 13  # below the field that is written there
    return Markup(
        '<path class="skip" d="M{:.1f} {:.1f}H{:.1f}V{:.1f}" marker-end="url(#tip)">'
        "<title>{}</title></path>"
    ).format(first.sides[1], y, x, end, note or f"{first.stage.name} → {last.stage.name}")


def _flow(first: _Box, last: _Box) -> Markup:
    bend = (first.left + first.slot + last.left) / 2
    return Markup('<path class="flow" d="M{:.1f} {:.1f}H{:.1f}V{:.1f}H{:.1f}"/>').format(
        first.sides[1], first.middle[1], bend, last.middle[1], last.sides[0]
    )


def _drawn(box: _Box) -> Markup:
    stage, (x, y) = box.stage, box.middle
    return Markup(
        '<g><title>{}</title><rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="3"{}/>'
        '<text x="{:.1f}" y="{:.1f}">{}</text>'
        '<text class="name" x="{:.1f}" y="{:.1f}">{}</text>'
        '<text class="soft" x="{:.1f}" y="{:.1f}">{}</text></g>'
    ).format(
        f"{stage.name}: {size_text((stage.channels, *stage.shape))}, {len(stage.layers)} layers",
        *(box.sides[0], box.top, _BOX, box.height),
        Markup(' stroke-dasharray="3 2"') if stage.shares else "",
        *(x, y + 3, str(stage.channels or "")),
        *(x, box.top - 4, stage.name),
        *(x, box.top + box.height + 10, "" if stage.field is None else f"{stage.field} px"),
    )


def size_text(shape: Sequence[int] | None) -> str:
    """``32 × 64 × 64``, or a dash."""
    return "–" if not shape else " × ".join(str(n) for n in shape)
