"""Health: dead and saturated channels, checkerboards, skips that do not line up, small fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unetscope import inspection
from unetscope.looking.answers import Plot, Shown, Table, Working
from unetscope.looking.glass import Glass
from unetscope.looking.question import LABELS, Answer, Button, HelpText, NetworkQuestion
from unetscope.looking.window import cropped, in_input

if TYPE_CHECKING:
    from unetscope.inspection import Finding, Health

_SIGNS = {"warning": "⚠", "note": "·", "good": "✓"}


def _answer(glass: Glass, given: Any) -> Answer:
    yield Working("Checking its health")
    painted = given.labels
    found = inspection.health(
        glass.trace,
        [cropped(glass) if painted is None else glass.image],
        labels=None if painted is None else in_input(glass, painted.values),
        pixel_size=glass.pixel_size,
        unit=glass.unit,
        names=None if painted is None else dict(painted.names),
    )
    rows = tuple((one.severity, one.layer, one.text) for one in found.findings)
    yield Shown(
        QUESTION.title,
        _text(found),
        "empirical",
        plot=_histogram(found),
        files={
            "health.csv": Table(("severity", "layer", "finding"), rows),
            "health_layers.csv": _layers(found),
        },
        result=found,
    )


def _text(found: Health) -> str:
    warnings = sum(one.severity == "warning" for one in found.findings)
    words = "Nothing to worry about."
    if warnings:
        words = "1 warning." if warnings == 1 else f"{warnings} warnings."
    said = [f"{_SIGNS.get(one.severity, '·')} {_said(one)}" for one in found.findings]
    return "\n".join([words, *said])


def _said(finding: Finding) -> str:
    """What was found, behind the layer it is about."""
    return f"{finding.layer}: {finding.text}" if finding.layer else finding.text


def _layers(found: Health) -> Table:
    return Table(
        ("layer", "activation", "channels", "dead", "saturated", "constant", "low", "high"),
        tuple(
            (
                *(one.layer, one.activation, one.channels, len(one.dead)),
                *(len(one.saturated), len(one.constant), one.low, one.high),
            )
            for one in found.layers
        ),
    )


def _histogram(found: Health) -> Plot | None:
    """How the values of the last activation are spread."""
    if not found.layers:
        return None
    last = found.layers[-1]
    middle = (last.edges[:-1] + last.edges[1:]) / 2
    return Plot(
        {last.layer: (middle, last.counts.astype(float))}, f"values of {last.layer}", "count"
    )


QUESTION = NetworkQuestion(
    "health",
    "Health",
    _answer,
    (LABELS,),
    HelpText(
        "Health",
        "Looks for what goes wrong in networks: channels that never fire, kernels that leave a "
        "checkerboard, skip connections that do not lie on each other, and a field too small for "
        "your objects. What it says of channels holds for the images it was measured on.",
        "health.png",
        "A map that is alive, a dead one, and a checkerboard.",
    ),
    Button("Health", "Dead channels, checkerboards, fields too small."),
    order=160,
)
