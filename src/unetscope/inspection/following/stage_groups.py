"""Which rows of the architecture table make one box of the drawing.

Rows are grouped by the children of the model; a child that passes through three or more strides
(an "encoder") is opened. What changes the stride without weights (poolings) goes with what follows
it; norms and activations go with what came before. Too many boxes of one stride are put together.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unetscope.inspection.following.table import Architecture, LayerRow

FEWEST, MOST = 5, 14  # boxes that make a readable drawing; a network may have fewer layers
_STRIDES_TO_OPEN = 3  # a child that passes through so many strides is no single stage


@dataclass(frozen=True)
class Group:
    """Rows that make one box, and what they have in common: the beginning of their names."""

    key: str
    rows: tuple[LayerRow, ...]


def groups_of(table: Architecture) -> list[Group]:
    """The rows of a table (not empty) as groups with different keys, in the order of the data.

    A row's stride is None here where it has no places, and guessed from the size of its map where
    the layer could not be followed.
    """
    rows = [_with_step(row, table.image_shape) for row in table.rows]
    return _named_once(_fewer(_more(_without_helpers(_children(rows)))))


def base_name(layer: str) -> str:
    """The module of a call: ``"pool"`` for ``"pool:2"``."""
    name, _, number = layer.rpartition(":")
    return name if name and number.isdigit() else layer


def _with_step(row: LayerRow, image_shape: tuple[int, ...]) -> LayerRow:
    """The row with the stride that counts for the drawing.

    A single cell (the weights of a squeeze-and-excitation, a pooled vector) has no place of its
    own. Where a layer could not be followed, its size says how far it was reduced.
    """
    cells = (row.output_shape or ())[1:]
    if len(cells) != len(image_shape) or math.prod(cells) <= 1:
        return replace(row, stride=None)
    guessed = tuple(n / max(1, m) for n, m in zip(image_shape, cells, strict=True))
    return replace(row, stride=row.stride or guessed)


def _parts(name: str) -> tuple[str, ...]:
    return tuple(base_name(name).split("."))


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many names two paths have in common from the start."""
    same = [a == b for a, b in zip(one, other, strict=False)]
    return same.index(False) if False in same else len(same)


def _is_work(row: LayerRow) -> bool:
    """Whether a layer weighs its input: a convolution or a linear layer, not a norm or pooling."""
    learns = row.multiply_adds > 0 or row.parameters > 0
    return learns and "Norm" not in row.kind and row.kind != "PReLU"


def works_of(group: Group) -> list[LayerRow]:
    """The rows that weigh their input."""
    return [row for row in group.rows if _is_work(row)]


def _by_depth(rows: Sequence[LayerRow], depth: int) -> list[Group]:
    """Runs of rows whose names begin with the same ``depth`` parts."""
    runs = groupby(rows, key=lambda row: ".".join(_parts(row.name)[:depth]))
    return [Group(key, tuple(run)) for key, run in runs]


def _opened(rows: Sequence[LayerRow]) -> list[Group]:
    """Rows by the first part in which their names differ."""
    paths = [_parts(row.name) for row in rows]
    shared = min(_shared(paths[0], path) for path in paths)
    return _by_depth(rows, shared + 1)


def _children(rows: Sequence[LayerRow]) -> list[Group]:
    """The children of the model; those that pass through many strides are opened, and theirs."""
    found = []
    for group in _opened(rows):
        strides = {row.stride for row in works_of(group)} - {None}
        many = len(strides) >= _STRIDES_TO_OPEN
        can_open = len(_opened(group.rows)) > 1
        found += _children(group.rows) if many and can_open else [group]
    return found


def _without_helpers(groups: Sequence[Group]) -> list[Group]:
    """Groups that weigh nothing join a neighbour: what changes the stride goes with the next."""
    found: list[Group] = []
    waiting: tuple[LayerRow, ...] = ()
    for index, group in enumerate(groups):
        if works_of(group):
            found.append(Group(group.key, waiting + group.rows))
            waiting = ()
            continue
        later = next((g for g in groups[index + 1 :] if works_of(g)), None)
        if found and not waiting and not _belongs_to_next(group, found[-1], later):
            found[-1] = replace(found[-1], rows=found[-1].rows + group.rows)
        else:
            waiting += group.rows
    if waiting and found:
        found[-1] = replace(found[-1], rows=found[-1].rows + waiting)
    return found or [Group(groups[0].key, waiting)]


def _belongs_to_next(helper: Group, before: Group, after: Group | None) -> bool:
    if after is None:
        return False
    if helper.rows[-1].stride != before.rows[-1].stride:
        return True
    path = helper.key.split(".")
    return _shared(path, after.key.split(".")) > _shared(path, before.key.split("."))


def _more(groups: list[Group]) -> list[Group]:
    """Open the groups with the most layers while there are too few boxes."""
    while len(groups) < FEWEST:
        for group in sorted(groups, key=lambda g: -len(works_of(g))):
            inner = _without_helpers(_opened(group.rows)) if len(group.rows) > 1 else []
            if 1 < len(inner) <= MOST - len(groups) + 1:
                at = groups.index(group)
                groups = _without_helpers([*groups[:at], *inner, *groups[at + 1 :]])
                break
        else:
            return groups
    return groups


def _fewer(groups: list[Group]) -> list[Group]:
    """Put neighbours of one stride together while there are too many boxes."""
    if len(groups) <= MOST:
        return groups
    runs: list[list[Group]] = []
    for group in groups:
        if runs and _place(runs[-1][-1]) == _place(group):
            runs[-1].append(group)
        else:
            runs.append([group])
    size = 1 if len(runs) < FEWEST else len(groups)
    while size < len(groups) and sum(-(-len(run) // size) for run in runs) > MOST:
        size += 1
    chunks = [run[i : i + size] for run in runs for i in range(0, len(run), size)]
    return [_together(chunk) for chunk in chunks]


def _place(group: Group) -> tuple[str, int | None]:
    """Part of the model and level: neighbours that agree in both may be put together."""
    levels = [level_of(row) for row in works_of(group) if row.stride is not None]
    part = group.key.split(".")[0] if "." in group.key else ""
    return part, levels[-1] if levels else None


def level_of(row: LayerRow) -> int | None:
    """log2 of the stride; z is often left at full size and does not count."""
    step = max(row.stride[-2:]) if row.stride else 0
    return round(math.log2(step)) if step > 0 else None


def _together(groups: Sequence[Group]) -> Group:
    rows = tuple(row for group in groups for row in group.rows)
    first, last = groups[0].key, groups[-1].key
    if first == last:
        return Group(first, rows)
    siblings = first.rpartition(".")[0] == last.rpartition(".")[0]
    return Group(f"{first}–{last.rpartition('.')[2] if siblings else last}", rows)


def _named_once(groups: Sequence[Group]) -> list[Group]:
    """Give a part that is passed through again a number, as layers that are called again have."""
    seen: Counter[str] = Counter()
    found = []
    for group in groups:
        key = group.key or group.rows[-1].kind  # the model itself is the only layer
        seen[key] += 1
        found.append(replace(group, key=key if seen[key] == 1 else f"{key}:{seen[key]}"))
    return found
