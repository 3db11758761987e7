"""Jobs that compare: channels with strokes, before with after, an image with itself moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unetscope.images.classes import LabelClass
from unetscope.session.inside.answers import Drawn, Pick, Picture, Plot, Shown, Table, Working
from unetscope.session.inside.glass import Glass
from unetscope.session.inside.looking import Event
from unetscope.session.inside.window import cropped, in_image, in_input

if TYPE_CHECKING:
    from unetscope.inspection.asking.health import Finding


def ask_classes(
    glass: Glass, labels: np.ndarray, layers: Sequence[str], classes: Sequence[LabelClass]
) -> Iterator[Event]:
    """Which channel fires on which painted class, as a table."""
    from unetscope.inspection.asking.dissection import dissect_steps

    names = {one.value: one.name for one in classes}
    painted = in_input(glass, labels)
    found: Any = None
    for step in dissect_steps(glass.net, glass.image, painted, list(layers), names=names):
        yield Working("Comparing channels with the strokes", step.done, step.total)
        found = step.result if step.result is not None else found
    rows = found.sorted(by="iou")
    table = Table(
        ("channel", "class", "IoU", "precision"),
        tuple(
            (
                f"{_stage(glass, r.layer)} #{r.channel}" + (" low" if r.sign < 0 else ""),
                r.class_name,
                float(r.iou),
                float(r.precision),
            )
            for r in rows[:2000]
        ),
        tuple(Pick(r.layer, r.channel) for r in rows[:2000]),
    )
    best = f"{found.sentence(rows[0])}." if rows else "No channel could be compared."
    yield Shown("Which class does a channel fire on?", best, "empirical", table=table, result=found)


def _stage(glass: Glass, layer: str) -> str:
    stage = glass.diagram.stage_of(layer)
    return layer if stage is None else stage.name


def ask_shift(glass: Glass, shifts: Sequence[int], *, layer: str | None = None) -> Iterator[Event]:
    """What changes when the image is moved by some pixels, and the answer is moved back."""
    from unetscope.inspection.asking.equivariance import equivariance
    from unetscope.inspection.writing.reproduction import Recipe

    image, found = cropped(glass), []
    for number, shift in enumerate(shifts):
        yield Working("Moving the image", number, len(shifts))
        found.append(equivariance(glass.net, image, shift, layer=layer))
    worst = max(found, key=lambda one: one.max_error)
    high = float(worst.max_error) or 1.0
    picture = Picture(
        "shift",
        f"error when moved by {shifts[found.index(worst)]} px",
        np.asarray(worst.values),
        worst.scale,
        in_image(glass, worst.translate),
        Drawn.HEAT,
        limits=(0.0, high),
    )
    table = Table(
        ("shift (px)", "largest error", "relative", ""),
        tuple(
            (s, float(e.max_error), float(e.relative_error), "exact" if e.exact else "")
            for s, e in zip(shifts, found, strict=True)
        ),
    )
    errors = np.array([float(e.relative_error) for e in found])
    measured = {"relative error": (np.asarray(shifts, float), errors)}
    plot = Plot(measured, "shift (px)", "error", points=True)
    where = layer or "The answer"
    if all(one.exact for one in found):
        text = f"{where} moves with the image: the error is exactly zero at every shift."
    else:
        text = (
            f"{where} moves with the image by multiples of {worst.multiple} px, where the error is "
            "exactly zero; in between, poolings see other neighbours."
        )
    yield Shown(
        "Shift test",
        text,
        "empirical",
        (picture,),
        table,
        plot,
        result=found,
        recipe=Recipe("equivariance", {"shift": shifts[found.index(worst)], "layer": layer}),
        of_window=True,
    )


def ask_health(
    glass: Glass,
    labels: np.ndarray | None,
    pixel_size: Any,
    unit: str | None,
    classes: Sequence[LabelClass] = (),
) -> Iterator[Event]:
    """Dead channels, checkerboards, misregistered skips, and whether the field is large enough."""
    from unetscope.inspection.asking.health import health

    yield Working("Checking its health")
    painted = in_input(glass, labels) if labels is not None else None
    found = health(
        glass.net,
        [cropped(glass)] if painted is None else [glass.image],
        labels=painted,
        pixel_size=pixel_size,
        unit=unit,
        names={one.value: one.name for one in classes},
    )
    order = {"warning": 0, "note": 1, "good": 2}
    findings = sorted(found.findings, key=lambda one: order.get(one.severity, 3))
    warnings = sum(f.severity == "warning" for f in findings)
    words = ["Nothing to worry about."]
    if warnings:
        words = ["1 warning."] if warnings == 1 else [f"{warnings} warnings."]
    words += [f"{_SIGNS.get(f.severity, '·')} {_placed(f)}" for f in findings]
    yield Shown("Health", "\n".join(words), "empirical", plot=_histogram(found), result=found)


def _placed(finding: Finding) -> str:
    """What was found, behind the layer it is about."""
    return f"{finding.layer}: {finding.text}" if finding.layer else finding.text


_SIGNS = {"warning": "⚠", "note": "·", "good": "✓"}


def _histogram(found: Any) -> Plot | None:
    """How the values of the last activation are spread."""
    if not found.layers:
        return None
    last = found.layers[-1]
    middle = (last.edges[:-1] + last.edges[1:]) / 2
    return Plot(
        {last.layer: (middle, last.counts.astype(float))}, f"values of {last.layer}", "count"
    )


def ask_difference(
    glass: Glass, nets: Sequence[tuple[str, Any]], layer: str, channel: int
) -> Iterator[Event]:
    """What training changed: kernels and maps by layer and channel; one map over the versions.

    ``nets``: (name, network) from the first to the last.
    """
    from unetscope.inspection.asking.comparison import compare
    from unetscope.inspection.showing.maps import feature_maps

    image = cropped(glass)
    stack, maps = [], None
    for number, (_, net) in enumerate(nets):
        yield Working("Before and after", number, len(nets) + 1)
        maps = feature_maps(net, image, [layer], [channel])[layer]
        stack.append(maps.values[0])
    found = compare(nets[0][1], nets[-1][1], image)
    rows = found.strongest(500)
    table = Table(
        ("channel", "change (%)", "map corr."),
        tuple(
            (
                f"{r.layer} #{r.channel}",
                100 * float(r.relative_change),
                None if r.map_correlation is None else float(r.map_correlation),
            )
            for r in rows
        ),
        tuple(Pick(r.layer, r.channel) for r in rows),
    )
    values = np.stack(stack)
    assert maps is not None
    picture = Picture(
        "before and after",
        f"{layer} #{channel}, {nets[0][0]} → {nets[-1][0]}",
        values,
        maps.scale,
        in_image(glass, maps.translate),
        Drawn.SIGNED if values.min() < 0 else Drawn.MAP,
        lead=("version",),
        start=(len(stack) - 1,),
        note={"layer": layer, "channel": channel, "versions": [name for name, _ in nets]},
    )
    top = rows[0] if rows else None
    text = f"From {nets[0][0]} to {nets[-1][0]}: the slider goes through {len(nets)} versions."
    if top is not None:
        text += f" Most changed: {top.layer} #{top.channel}."
    yield Shown("Before and after", text, "empirical", (picture,), table, result=found)
