"""Receptive fields over the image, and histograms, as SVG for the report."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from unetscope.inspection.following.fields import ReceptiveField
from unetscope.inspection.showing.colours import Rgba, field_colour
from unetscope.inspection.writing.figures import data_uri, png


def fields_svg(fields: Sequence[ReceptiveField], picture: Rgba) -> Markup:
    """Boxes over the image: solid inside it, dashed where padding is read.

    The drawing shows the boxes and their neighbourhood, not the whole of a large image.

    Parameters
    ----------
    picture : the whole image (y, x, 3) to look at.
    """
    seen = [field for field in fields if not field.is_empty]
    lows, highs = neighbourhood(seen, picture.shape[:2])
    inside = tuple(
        slice(max(0, a), min(side, b))
        for a, b, side in zip(lows, highs, picture.shape, strict=False)
    )
    height, width = highs[0] - lows[0], highs[1] - lows[1]
    frame = (lows[1] - 0.5, lows[0] - 0.5, width, height)
    place = (
        inside[1].start - 0.5,
        inside[0].start - 0.5,
        inside[1].stop - inside[1].start,
        inside[0].stop - inside[0].start,
    )
    head = Markup(
        '<svg class="fields" viewBox="{:g} {:g} {} {}" role="img" '
        'aria-label="Receptive fields over the image">'
        '<image href="{}" x="{:g}" y="{:g}" width="{}" height="{}"/>'
    ).format(*frame, data_uri(png(picture[inside])), *place)
    stroke = max(height, width) / 180
    boxes = [
        _field_box(field, field_colour(number), stroke)
        for number, field in enumerate(fields)
        if not field.is_empty
    ]
    return Markup("").join([head, *boxes, Markup("</svg>")])


def neighbourhood(
    fields: Sequence[ReceptiveField], shape: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """First and one-past-last pixel (y, x) of what is drawn: the boxes with a margin."""
    if not fields:
        return (0, 0), tuple(shape[:2])
    lows, highs = [], []
    for axis, side in zip((-2, -1), shape, strict=True):
        low = min(field.padded[0][axis] for field in fields)
        high = max(field.padded[1][axis] for field in fields) + 1
        margin = max(24, (high - low) // 3)
        lows.append(max(low - margin, min(low, 0)))
        highs.append(min(high + margin, max(high, side)))
    return tuple(lows), tuple(highs)


def _field_box(field: ReceptiveField, colour: str, stroke: float) -> Markup:
    parts = []
    for (lo, hi), dashes in (
        ((field.lo, field.hi), "none"),
        (field.padded, f"{stroke * 3:g}"),
    ):
        parts.append(
            Markup(
                '<rect x="{:g}" y="{:g}" width="{}" height="{}" fill="none" stroke="{}" '
                'stroke-width="{:g}" stroke-dasharray="{}"><title>{}</title></rect>'
            ).format(
                lo[-1] - 0.5,
                lo[-2] - 0.5,
                hi[-1] - lo[-1] + 1,
                hi[-2] - lo[-2] + 1,
                colour,
                stroke,
                dashes,
                field.layer,
            )
        )
    return Markup("").join(parts)


def bars_svg(counts: Sequence[float]) -> Markup:
    """A histogram as small bars, scaled by the square root so that rare values can be seen."""
    if not counts or max(counts) <= 0:
        return Markup("")
    top = max(counts) ** 0.5
    bars = "".join(
        f'<rect x="{i}" y="{24 - 24 * max(count, 0) ** 0.5 / top:.2f}" width="0.9" '
        f'height="{24 * max(count, 0) ** 0.5 / top:.2f}"/>'
        for i, count in enumerate(counts)
    )
    return Markup(
        f'<svg class="bars" viewBox="0 0 {len(counts)} 24" preserveAspectRatio="none">{bars}</svg>'
    )
