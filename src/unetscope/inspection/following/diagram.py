"""The network as a handful of boxes: which layers belong together, and how deep they lie.

A pure rearrangement of the architecture table, for any network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from unetscope.inspection.following.stage_groups import (
    Group,
    base_name,
    groups_of,
    level_of,
    works_of,
)

if TYPE_CHECKING:
    from unetscope.inspection.following.joins import SkipConnection
    from unetscope.inspection.following.reach import GridMismatch
    from unetscope.inspection.following.table import Architecture


@dataclass(frozen=True)
class Stage:
    """One box.

    Attributes
    ----------
    name : the child of the model it stands for; ``"a.4–6"`` where several were put together.
    layers : names of the rows inside, in the order of the data.
    level : log2 of the stride, 0 = full size; a layer without places stays on the level before it.
    column : place in the order of the data, from 0.
    slot : place in the drawing from left to right: a stage that has the weights of an earlier one
        stands below it, so that a network that looks twice is two U's, one in the other.
    channels, shape : of its output; shape is ([z,] y, x), empty where there are no places.
    field : largest side of the receptive field in image pixels, None if it is not known.
    parameters : learnable numbers inside, those of earlier stages not counted.
    shares : the earlier stage whose weights this one has, or "".
    reads_image : whether it begins with the image itself.
    """

    name: str
    layers: tuple[str, ...]
    level: int
    column: int
    channels: int
    shape: tuple[int, ...]
    field: int | None
    parameters: int
    slot: int = 0
    shares: str = ""
    reads_image: bool = False


@dataclass(frozen=True)
class Link:
    """An arrow between two stages, by name; ``note`` says what is wrong with it, or ""."""

    source: str
    target: str
    skip: bool
    note: str = ""


@dataclass(frozen=True)
class Diagram:
    """Stages in the order of the data, and the arrows between them."""

    stages: tuple[Stage, ...]
    links: tuple[Link, ...]

    def stage_of(self, name: str) -> Stage | None:
        """The stage called ``name`` or that holds the layer ``name``; None if there is none."""
        for stage in self.stages:
            if name == stage.name or name in stage.layers:
                return stage
        calls = [s for s in self.stages if any(base_name(layer) == name for layer in s.layers)]
        return calls[-1] if calls else None  # a layer without a number means its last call


def diagram(table: Architecture, skips: Sequence[SkipConnection] = ()) -> Diagram:
    """The boxes and arrows of a network.

    Parameters
    ----------
    table : what :func:`~unetscope.inspection.following.table.architecture` made of the network.
    skips : connections past other layers; those inside one box or to the next are not drawn.
    """
    if not table.rows:
        return Diagram((), ())
    groups = groups_of(table)
    stages: list[Stage] = []
    for group in groups:
        stages.append(_stage(group, len(stages), stages[-1].level if stages else 0))
    stages = _with_slots(_with_owners(stages, groups))
    # A stage that is given the image itself goes on from nothing.
    links = [Link(a.name, b.name, False) for a, b in pairwise(stages) if not b.reads_image]
    places = [(row.name, index) for index, group in enumerate(groups) for row in group.rows]
    for skip in skips:
        found = _ends(skip, places)
        if found is not None and found[1] - found[0] > 1:
            ends = (stages[found[0]].name, stages[found[1]].name)
            links.append(Link(*ends, True, _note(skip.name, table.mismatches)))
    return Diagram(tuple(stages), tuple(dict.fromkeys(links)))


def _stage(group: Group, column: int, level_before: int) -> Stage:
    works = works_of(group) or list(group.rows)
    shown = next((row for row in reversed(works) if row.stride is not None), works[-1])
    fields = [
        max(row.receptive_field)
        for row in group.rows
        if row.receptive_field and row.stride == shown.stride
    ]
    output = shown.output_shape or ()
    level = level_of(shown)
    return Stage(
        name=group.key,
        layers=tuple(row.name for row in group.rows),
        level=level_before if level is None else level,
        column=column,
        channels=output[0] if output else 0,
        shape=tuple(output[1:]) if shown.stride else (),
        field=max(fields, default=None),
        parameters=sum(row.parameters for row in group.rows),
        reads_image=group.rows[0].reads_image,
    )


def _with_owners(stages: Sequence[Stage], groups: Sequence[Group]) -> list[Stage]:
    """Say of the stages that learn nothing of their own whose weights they have, if of one."""
    home = {row.name: stage.name for stage, g in zip(stages, groups, strict=True) for row in g.rows}
    found = []
    for stage, group in zip(stages, groups, strict=True):
        owners = {home.get(row.shares, "") for row in group.rows if row.shares}
        only = owners.pop() if len(owners) == 1 and not stage.parameters else ""
        found.append(replace(stage, shares="" if only == stage.name else only))
    return found


def _with_slots(stages: Sequence[Stage]) -> list[Stage]:
    """From left to right in the order of the data, but shared weights below their owner."""
    found: dict[str, Stage] = {}
    taken: set[tuple[int, int]] = set()
    for stage in stages:
        owner = found.get(stage.shares)
        slot = max((s.slot for s in found.values()), default=-1) + 1
        if owner is not None and (owner.slot, stage.level) not in taken:
            slot = owner.slot
        taken.add((slot, stage.level))
        found[stage.name] = replace(stage, slot=slot)
    return list(found.values())


def _ends(skip: SkipConnection, places: Sequence[tuple[str, int]]) -> tuple[int, int] | None:
    """Numbers of the stages a skip connection leaves and reaches."""
    source, other = _last_row(skip.source, places), _last_row(skip.other, places)
    if source is None:
        return None
    inside = {index for name, index in places if _is_within(name, base_name(skip.name))}
    if len(inside) == 1:
        return places[source][1], inside.pop()
    after = max(source, source if other is None else other) + 1
    return None if after >= len(places) else (places[source][1], places[after][1])


def _last_row(layer: str, places: Sequence[tuple[str, int]]) -> int | None:
    exact = [row for row, (name, _) in enumerate(places) if name == layer]
    inside = [r for r, (name, _) in enumerate(places) if _is_within(name, base_name(layer))]
    return next(iter([*exact[-1:], *inside[-1:]]), None)


def _is_within(layer: str, module: str) -> bool:
    return bool(module) and (base_name(layer) == module or layer.startswith(f"{module}."))


def _note(join: str, mismatches: Sequence[GridMismatch]) -> str:
    for found in mismatches:
        if found.where and found.where == base_name(join):
            shift = ", ".join(f"{value:+g}" for value in found.shift_px)
            return f"misregistered by ({shift}) px"
    return ""
