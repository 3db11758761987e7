"""Which channel fires on which painted class."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from unetscope import inspection
from unetscope.looking.answers import Pick, Shown, Table, Working
from unetscope.looking.glass import Glass
from unetscope.looking.question import (
    LABELS,
    LAYER,
    Answer,
    Button,
    HelpText,
    NetworkQuestion,
    Option,
    OptionKind,
)
from unetscope.looking.related import stage_ends
from unetscope.looking.window import in_input

_MOST_ROWS = 2000  # that are shown; the file has all


def _answer(glass: Glass, given: Any) -> Answer:
    painted = in_input(glass, given.labels.values)
    layers = [given.layer] if given.layer else glass.stage_ends
    if given.every_stage:
        layers = stage_ends(glass)
    names = dict(given.labels.names) or None
    found: Any = None
    for step in inspection.dissect_steps(glass.trace, glass.image, painted, layers, names=names):
        yield Working("Comparing channels with the strokes", step.done, step.total)
        found = step.result if step.result is not None else found
    rows = found.sorted(by="iou")
    shown = Table(
        ("channel", "class", "IoU", "precision"),
        tuple(
            (
                f"{_stage(glass, r.layer)} #{r.channel}" + (" low" if r.sign < 0 else ""),
                r.class_name,
                float(r.iou),
                float(r.precision),
            )
            for r in rows[:_MOST_ROWS]
        ),
        tuple(Pick(r.layer, r.channel) for r in rows[:_MOST_ROWS]),
    )
    columns = (
        *("layer", "channel", "class", "name", "IoU"),
        *("precision", "recall", "AUC", "threshold", "sign"),
    )
    whole = Table(
        columns,
        tuple(
            (
                *(r.layer, r.channel, r.class_value, r.class_name, r.iou),
                *(r.precision, r.recall, r.auc, r.threshold, r.sign),
            )
            for r in rows
        ),
    )
    text = f"{found.sentence(rows[0])}." if rows else "No channel could be compared."
    yield Shown(
        QUESTION.title, text, "empirical", table=shown, files={"dissect.csv": whole}, result=found
    )


def _stage(glass: Glass, layer: str) -> str:
    stage = glass.diagram.stage_of(layer)
    return layer if stage is None else stage.name


QUESTION = NetworkQuestion(
    "dissect",
    "Which class does a channel fire on?",
    _answer,
    (
        LAYER,
        replace(
            LABELS,
            needed=True,
            missing="there are no strokes to compare channels with; paint two classes, or give "
            "--labels FILE.",
        ),
        Option("every_stage", OptionKind.INNER, default=False),
    ),
    HelpText(
        "Which class?",
        "Every channel is compared with your painted pixels: how well does “this map is high” "
        "match “this pixel belongs to the class”? The score is IoU, 1 for the same pixels and 0 "
        "for none in common; only labelled pixels count.",
        "dissection.png",
        "Painted mitochondria, and the map of the channel that fits them best.",
    ),
    Button("Which class? …", "Which channel fires on which of your strokes?", unfolds=True),
    order=130,
)
