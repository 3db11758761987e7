"""The receptive field: what a cell of a layer can depend on at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unetscope import inspection
from unetscope.looking.answers import Shown
from unetscope.looking.glass import Glass
from unetscope.looking.lazily import Lazily
from unetscope.looking.question import ONE_LAYER, POINT, Answer, HelpText, NetworkQuestion

if TYPE_CHECKING:
    from unetscope.inspection.writing import figures, report_drawing
else:
    figures = Lazily("unetscope.inspection.writing.figures")
    report_drawing = Lazily("unetscope.inspection.writing.report_drawing")


def _answer(glass: Glass, given: Any) -> Answer:
    layer = given.layer
    field = inspection.receptive_field(
        glass.trace, glass.shape, layer, glass.cell(layer, given.point)
    )
    record = {
        "model": glass.subject.title,
        "layer": layer,
        "point": field.point,
        "lo": field.lo,
        "hi": field.hi,
        "padded": field.padded,
        "boxes": field.boxes,
        "kind": field.kind.value,
        "image_pixel_size": glass.pixel_size,
        "unit": glass.unit,
        "origin_in_file": glass.origin,
    }
    sides = " × ".join(str(n) for n in field.size)
    text = f"Cell {field.point} of {layer} sees {sides} px, {field.lo} to {field.hi}"
    if glass.pixel_size is not None and glass.unit:
        lengths = zip(field.size, glass.pixel_size, strict=True)
        text += f", {' × '.join(f'{n * p:.3g}' for n, p in lengths)} {glass.unit}"
    text += f" ({field.kind.value})."
    if field.sees_padding:
        text += f" It also reads padding: {field.padded[0]} to {field.padded[1]}."
    files = {**_drawings(glass, field), "field.json": record}
    yield Shown(QUESTION.title, text, field.kind.value, files=files, result=field)


def _drawings(glass: Glass, field: Any) -> dict[str, bytes]:
    """The box over the image."""
    picture = figures.shown_image(glass.image.numpy(), glass.axes)
    title = f"{glass.subject.title}: {field.layer}, cell {field.point}, {field.kind.value}"
    frame = report_drawing.neighbourhood([] if field.is_empty else [field], picture.shape[:2])
    shown = figures.PlacedMap(picture / 255.0)
    figure = figures.map_figure(shown, title=title, fields=[field], frame=frame)
    return {"field.png": figures.drawn(figure, "png"), "field.svg": figures.drawn(figure, "svg")}


QUESTION = NetworkQuestion(
    "field",
    "Receptive field",
    _answer,
    (ONE_LAYER, POINT),
    HelpText(
        "Receptive field",
        "The receptive field of a value is the part of the image it can depend on at all; it "
        "follows from kernels, strides and pooling alone. What lies outside can be changed "
        "without changing the value.",
        "receptive-field.png",
        "The same point seen from the first stage to the deepest one.",
    ),
    order=40,
)
