"""Which layer is meant: the first to show, the convolution behind an activation, a stage's end."""

from __future__ import annotations

from typing import Any

from unetscope.errors import ModelError
from unetscope.looking.glass import Glass

_WINDOWED = ("Conv", "Pool", "Upsample", "Linear")


def first_layer(glass: Glass) -> str:
    """The layer shown first: the end of the first stage."""
    for stage in glass.diagram.stages:
        for layer in reversed(stage.layers):
            if has_places(glass, layer):
                return layer
    return ""


def stage_ends(glass: Glass) -> list[str]:
    """The last layer of every stage, of those whose last layer has places."""
    ends = [stage.layers[-1] for stage in glass.diagram.stages if stage.layers]
    return [end for end in ends if has_places(glass, end)]


def has_places(glass: Glass, layer: str) -> bool:
    """Whether the network has this layer, and its output cells lie somewhere in the image."""
    if not layer:
        return False
    try:
        glass.trace.spatial(layer)
    except ModelError:
        return False
    return True


def arithmetic_layer(glass: Glass, layer: str) -> str:
    """The layer whose arithmetic explains ``layer``.

    A pooling or an up-sampling is its own; an activation or normalisation is part of what the
    convolution before it becomes; of a stage, the last convolution is meant.
    """
    found = _row_of(glass, layer)
    if found is None or any(word in found.kind for word in _WINDOWED):
        return layer if found is None else found.name
    return kernel_layer(glass, layer)


def kernel_layer(glass: Glass, layer: str) -> str:
    """The nearest convolution at or before ``layer``; ``layer`` itself where there is none."""
    rows = list(glass.table.rows)
    found = _row_of(glass, layer)
    if found is None:
        return layer
    for row in reversed(rows[: rows.index(found) + 1]):
        if "Conv" in row.kind:
            return row.name
    return layer


def _row_of(glass: Glass, layer: str) -> Any:
    """The row of a layer; of a container its last one; of a repeated layer its last call."""
    rows = glass.table.rows
    for wanted in (
        lambda name: name == layer,
        lambda name: name.partition(":")[0] == layer,
        lambda name: name.startswith(f"{layer}."),
    ):
        matching = [row for row in rows if wanted(row.name)]
        if matching:
            return matching[-1]
    return None
