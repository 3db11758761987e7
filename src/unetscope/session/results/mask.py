"""The class of every pixel."""

from __future__ import annotations

from unetscope.session.result_kind import ResultKind

KIND = MASK = ResultKind(
    name="mask",
    tip="Every pixel in the colour of its class.",
    answer=lambda tile: tile.labels,
    layer_name=lambda _shown: "prediction",
)
