"""What was asked for, in the words of the command line, so that an origin can be run again."""

from __future__ import annotations

import math
from typing import Any

from unetscope.measuring.one_image import Wanted
from unetscope.measuring.quantities import Spacing
from unetscope.measuring.result_targets import Formats


def options_for(
    wanted: Wanted, spacing: Spacing, formats: Formats | None = None, *, numbered: bool = False
) -> dict[str, Any]:
    """The options of ``unetscope measure`` that ask for the same of images of this spacing.

    ``numbered`` says that label files hold the numbers of objects, not of classes. A region that
    was drawn has no option.
    """
    how, axes = wanted.separation, len(spacing.size)
    told: dict[str, Any] = {
        "of_class": [str(value) for value in wanted.classes],
        "apart": how.by,
        "edge": wanted.edge,
        "values": "objects" if numbered else "classes",
    }
    if how.typical is not None:
        told["typical"] = _length(how.typical, spacing)
    if how.border is not None:
        told["border_class"] = str(how.border)
    if how.smallest is not None:
        told["smallest"] = _length(_diameter(how.smallest, axes), spacing)
    if how.holes:
        told["fill_holes"] = _length(_diameter(how.holes, axes), spacing)
    flags = {"grain_size": wanted.grain_size, "fibre_width": wanted.fibre_width}
    told |= {name: True for name, asked in flags.items() if asked}
    formats = formats or Formats()
    kinds = {"table": formats.tables, "objects": formats.objects, "figure": formats.figures}
    kinds["report"] = formats.reports
    return told | {name: ",".join(asked) for name, asked in kinds.items() if asked}


def _length(value: float, spacing: Spacing) -> str:
    return f"{value!r}{spacing.unit}"


def _diameter(extent: float, axes: int) -> float:
    """Of the disk (ball) of an area (volume)."""
    return math.sqrt(4 * extent / math.pi) if axes == 2 else math.cbrt(6 * extent / math.pi)
