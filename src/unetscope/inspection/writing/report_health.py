"""The report's page on health: the findings, and a row with a histogram for every activation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn

from unetscope.inspection.asking.health import health
from unetscope.inspection.asking.health_activations import LayerHealth
from unetscope.inspection.writing.report_drawing import bars_svg


def health_section(
    model: nn.Module,
    seen: Tensor,
    labels: NDArray[Any] | None,
    pixel_size: Sequence[float] | None,
    unit: str | None,
    names: Mapping[int, str] | None,
) -> Mapping[str, Any]:
    """Of the part of the image that is shown, so that a large image takes no longer."""
    found = health(model, [seen], labels=labels, pixel_size=pixel_size, unit=unit, names=names)
    return {"findings": found.findings, "layers": [_health_row(row) for row in found.layers]}


def _health_row(row: LayerHealth) -> dict[str, Any]:
    return {
        "layer": row.layer,
        "channels": row.channels,
        "dead": len(row.dead) if row.judged else "–",
        "saturated": len(row.saturated) + len(row.constant) if row.judged else "–",
        "low": f"{row.low:.3g}",
        "high": f"{row.high:.3g}",
        "bars": bars_svg([float(count) for count in row.counts]),
    }
