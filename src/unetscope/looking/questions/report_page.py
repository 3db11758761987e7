"""The report: one page about the network and what it makes of the image."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from unetscope import inspection
from unetscope.inspection.writing.calls import ModelSource
from unetscope.looking.answers import Shown, Working
from unetscope.looking.glass import Glass
from unetscope.looking.keeping import exported
from unetscope.looking.lazily import Lazily
from unetscope.looking.question import (
    LABELS,
    LAYER,
    POINT,
    SEED,
    Answer,
    NetworkQuestion,
    Option,
    OptionKind,
)
from unetscope.looking.window import in_input

if TYPE_CHECKING:
    from unetscope.inspection.writing import figures, views
    from unetscope.inspection.writing import report as engine
else:
    figures = Lazily("unetscope.inspection.writing.figures")
    views = Lazily("unetscope.inspection.writing.views")
    engine = Lazily("unetscope.inspection.writing.report")

_WINDOWS = 8  # that an effective field is averaged over


def _answer(glass: Glass, given: Any) -> Answer:
    layers = [given.layer] if given.layer else glass.stage_ends
    measured = given.effective
    if measured is None:
        measured = []
        for layer in dict.fromkeys((layers[len(layers) // 2], layers[-1])):
            measured.append((yield from _effective(glass, layer, given)))
    sections = []
    for shown in _asked(glass, given):
        if isinstance(shown, Shown):
            sections.append(_section(glass, shown))
        else:
            yield shown
    yield Working("Writing the report")
    point, labels = given.point, given.labels
    at = None
    if point is not None and glass.inside(tuple(point)):
        at = tuple(round(p) for p in glass.pixel(point))
    page = inspection.report(
        glass.trace,
        glass.image.numpy(),
        name=glass.subject.title,
        layers=layers,
        effective=measured,
        labels=None if labels is None else in_input(glass, labels.values),
        point=at,
        pixel_size=glass.pixel_size,
        unit=glass.unit,
        names=None if labels is None else dict(labels.names),
        sections=sections,
    )
    text = "One page without scripts: open it in a browser."
    yield Shown(QUESTION.title, text, files={"report.html": page}, result=page)


def _effective(glass: Glass, layer: str, given: Any) -> Generator[Working, None, Any]:
    found = None
    steps = inspection.effective_receptive_field_steps(
        *(glass.trace, glass.image, layer, glass.cell(layer, given.point)),
        inputs=_WINDOWS,
        seed=given.seed,
    )
    for step in steps:
        yield Working(f"Effective field of {layer}", step.done, step.total)
        found = step.result if step.result is not None else found
    return found


def _asked(glass: Glass, given: Any) -> Answer:
    """The whole answers of the questions that have a section of their own."""
    from unetscope.looking.questions import QUESTIONS

    for question in QUESTIONS.values():
        values = _values(glass, question, given) if question.in_report else None
        if values is None:
            continue
        shown = None
        for event in question.ask(glass, values):
            if isinstance(event, Shown):
                shown = event
            else:
                yield event
        if shown is not None:
            yield shown


def _values(glass: Glass, question: NetworkQuestion, given: Any) -> dict[str, Any] | None:
    """What the report has for a question's options; None where one is missing that it needs."""
    values = {}
    for option in question.options:
        value = getattr(given, option.name, None)
        if value is None and option.kind is OptionKind.LAYER:
            value = glass.stage_ends[-1]
        if value is None and option.needed:
            return None
        if value is not None:
            values[option.name] = value
    return values


def _section(glass: Glass, shown: Shown) -> Any:
    made = [exported(glass, shown, one, ModelSource()) for one in shown.numbers]
    return engine.ReportSection(
        shown.title,
        shown.text,
        shown.kind,
        tuple(figures.data_uri(figures.drawn(views.view_figure(view), "png")) for view in made),
        shown.table.columns if shown.table is not None else (),
        shown.table.rows if shown.table is not None else (),
    )


QUESTION = NetworkQuestion(
    "report",
    "Report",
    _answer,
    (LAYER, POINT, LABELS, SEED, Option("effective", OptionKind.INNER)),
    order=0,
)
