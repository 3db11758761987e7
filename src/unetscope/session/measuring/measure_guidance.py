"""The status card of the panel "Measure", and what can be pressed: pure functions of its state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unetscope.images.units import length_in_words
from unetscope.session.measuring.measure_state import FoundObjects, LabelKind, MeasureState

if TYPE_CHECKING:
    from unetscope.measuring.quantities import Quantity

PREDICT_FIRST = (
    "Nothing to measure yet: paint and predict in “Paint, train, predict”, or open a labels layer."
)
NO_SIZE = "Lengths are in pixels; tell the pixel size."


@dataclass(frozen=True)
class MeasureLine:
    """The card: ``tone`` as of the painting panel, ``details`` is what is behind *more*."""

    text: str
    tone: str
    details: str = ""


@dataclass(frozen=True)
class MeasureControls:
    """What can be pressed, and why not."""

    find: bool
    find_reason: str
    join: bool
    split: bool
    drop: bool


def measure_controls(state: MeasureState) -> MeasureControls:
    """The enabled buttons of a state."""
    reason = ""
    if state.image is None:
        reason = "Open an image first."
    elif state.source is None:
        reason = PREDICT_FIRST
    elif state.working is not None:
        reason = f"{state.working.what} …"
    chosen = len(state.selected) if state.found is not None else 0
    return MeasureControls(not reason, reason, chosen > 1, chosen == 1, chosen > 0)


def measure_line(state: MeasureState) -> MeasureLine:
    """The number, or the one obvious next step."""
    if state.message is not None and state.message.tone == "error":
        return MeasureLine(state.message.text, "error")
    if state.image is None:
        return MeasureLine("Open an image, and measure what is in it.", "next")
    if state.working is not None and state.found is None:
        return MeasureLine(f"{state.working.what} …", "busy")
    if state.source is None and state.found is None:
        return MeasureLine(PREDICT_FIRST, "next")
    if state.found is None:
        return MeasureLine(_before(state), "next")
    said = _numbers(state, state.found)
    note = f"{state.message.text} " if state.message is not None else ""
    details = "\n\n".join(map(quantity_line, state.found.quantities))
    tone = "notice" if state.stale or note else "good"
    if state.working is not None:
        return MeasureLine(f"{said} {state.working.what} …", "busy", details)
    return MeasureLine(f"{note}{said}", tone, details)


def _before(state: MeasureState) -> str:
    source, image = state.source, state.image
    assert source is not None and image is not None
    what = state.name_of(state.wish.value)
    where = {
        LabelKind.ANSWER: f"in the {source.title}",
        LabelKind.CLASSES: f"in {source.title}",
        LabelKind.OBJECTS: f"as they are numbered in {source.title}",
    }[source.kind]
    unit = f"{NO_SIZE} " if image.pixel_size is None else ""
    return f"{unit}Press Find objects: “{what}” {where}."


def _numbers(state: MeasureState, found: FoundObjects) -> str:
    """The number first, then what was left out."""
    name = state.name_of(found.wish.value)
    if not found.count:
        lost = found.objects.dropped
        why = f"; {lost:,} smaller than the smallest were left out" if lost else ""
        return f"0 × {name}{why}. Choose another class, or correct the answer."
    head = f"{found.count:,} × {name}"
    size = headline(found.quantities)
    if size is not None:
        head += f" · {size.name} {value_in_words(size)}"
    if state.stale:
        return f"{head}. {state.stale}"
    unit = f" {NO_SIZE}" if found.segmented.spacing.unit == "px" else ""
    region = " Only in a part of the image." if found.segmented.region is not None else ""
    return f"{head}. {_left_out(found)}{region}{unit}"


def headline(quantities: Sequence[Quantity]) -> Quantity | None:
    """The size that the card tells."""
    return next((one for one in quantities if one.name == "mean diameter"), None)


def value_in_words(quantity: Quantity) -> str:
    """ "628 nm (610 to 645; n = 393 objects)"; the reason where there is no interval."""
    n = f"n = {quantity.n:,} {quantity.of}"
    if math.isnan(quantity.value):
        return f"not measured: {quantity.reason} ({n})"
    told = _with_unit(quantity.value, quantity)
    if quantity.low is None or quantity.high is None:
        return f"{told} ({n}; no interval: {quantity.reason})"
    low, high = (_with_unit(end, quantity) for end in (quantity.low, quantity.high))
    unit = told.partition(" ")[2]
    if unit and low.endswith(f" {unit}") and high.endswith(f" {unit}"):
        low = low.removesuffix(f" {unit}")
    return f"{told} ({low} to {high}; {n})"


def quantity_line(quantity: Quantity) -> str:
    """All that is known of a number: value, unit, interval or why none, n, and the method."""
    return f"{quantity}. Method: {quantity.method}."


def _with_unit(value: float, quantity: Quantity) -> str:
    if quantity.unit in ("nm", "µm", "mm", "Å", "pm", "m"):
        return length_in_words(value, quantity.unit)
    return f"{value:.3g} {quantity.unit}".rstrip()


def _left_out(found: FoundObjects) -> str:
    cut = int(found.measured.table.columns["at_border"].sum())
    rest = {
        "weight": f"{cut:,} at the border left out, the rest weighted.",
        "drop": f"{cut:,} at the border left out.",
        "keep": f"{cut:,} at the border kept as they are seen.",
    }[found.wanted.edge]
    return rest if cut else "None is cut by the border."
