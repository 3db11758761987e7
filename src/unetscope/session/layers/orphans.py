"""Layers of ours whose image was removed: answers and marks go, strokes stay under a name."""

from __future__ import annotations

from typing import Any

from unetscope.session.layers.layer_facts import layer_key, note_of, role_of

_ORPHAN = " (its image was removed)"


def orphans(viewer: Any) -> list[Any]:
    """Layers of ours whose image was removed; strokes among them cannot be computed again."""
    present = {layer_key(layer) for layer in viewer.layers}
    return [
        layer for layer in viewer.layers if note_of(layer).get("image", "") not in ("", *present)
    ]


def name_orphans(viewer: Any) -> None:
    """Say of layers whose image was removed what they are; nobody paints on them further.

    Where the image comes back, so do they.
    """
    found = orphans(viewer)
    for layer in viewer.layers:
        is_orphan, named = layer in found, layer.name.endswith(_ORPHAN)
        if is_orphan == named or not role_of(layer):
            continue
        layer.name = layer.name.removesuffix(_ORPHAN) if named else f"{layer.name}{_ORPHAN}"
        if role_of(layer) == "strokes":
            layer.editable = not is_orphan
