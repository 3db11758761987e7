"""Before and after: which kernels and maps differ between this network and earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unetscope import inspection
from unetscope.looking.answers import Numbers, Pick, Picture, Shown, Table, Working
from unetscope.looking.glass import Glass
from unetscope.looking.pictures import drawn_as
from unetscope.looking.question import (
    CHANNEL,
    LAYER,
    Answer,
    Button,
    HelpText,
    NetworkQuestion,
    Option,
    OptionKind,
)
from unetscope.looking.window import cropped, in_image

_MOST_ROWS = 500  # that are shown; the file has all


def _answer(glass: Glass, given: Any) -> Answer:
    nets: list[tuple[str, Any]] = list(
        given.against() if callable(given.against) else given.against
    )
    if len(nets) < 2:
        nets = [*nets, (glass.subject.title, glass.net)]
    image = cropped(glass)
    stack = []
    if given.layer:
        for number, (_, net) in enumerate(nets):
            yield Working("Before and after", number, len(nets) + 1)
            layer, channel = given.layer, given.channel or 0
            stack.append(inspection.feature_maps(net, image, [layer], [channel])[layer])
    yield Working("Before and after", len(nets), len(nets) + 1)
    found = inspection.compare(nets[0][1], nets[-1][1], image)
    rows = found.strongest(len(found.rows))
    text = f"From {nets[0][0]} to {nets[-1][0]}, the most changed channels first."
    if rows:
        text += f" Most changed: {rows[0].layer} #{rows[0].channel}."
    if stack:
        text += f" The slider goes through {len(nets)} versions."
    yield Shown(
        QUESTION.title,
        text,
        "empirical",
        _pictures(glass, stack, [name for name, _ in nets]),
        _table(rows[:_MOST_ROWS]),
        numbers=_numbers(glass, stack, [name for name, _ in nets]),
        files={"compare.csv": _whole(rows)},
        result=found,
    )


def _table(rows: Sequence[Any]) -> Table:
    return Table(
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


def _whole(rows: Sequence[Any]) -> Table:
    return Table(
        (
            *("layer", "channel", "weights (relative)", "bias"),
            *("map correlation", "map (relative)"),
        ),
        tuple(
            (
                *(r.layer, r.channel, r.relative_change, r.bias_change),
                *(r.map_correlation, r.map_change),
            )
            for r in rows
        ),
    )


def _pictures(glass: Glass, stack: Sequence[Any], names: Sequence[str]) -> tuple[Picture, ...]:
    if not stack:
        return ()
    values, last = np.stack([maps.values[0] for maps in stack]), stack[-1]
    picture = Picture(
        "before and after",
        f"{last.layer} #{last.channels[0]}, {names[0]} → {names[-1]}",
        values,
        last.scale,
        in_image(glass, last.translate),
        drawn_as(values),
        lead=("version",),
        start=(len(stack) - 1,),
        note={"layer": last.layer, "channel": last.channels[0], "versions": list(names)},
    )
    return (picture,)


def _numbers(glass: Glass, stack: Sequence[Any], names: Sequence[str]) -> tuple[Numbers, ...]:
    """Not one call, so that no script makes them again."""
    if not stack:
        return ()
    last = stack[-1]
    numbers = Numbers(
        f"{last.layer} {last.channels[0]} versions",
        "a map over the versions",
        np.stack([maps.values[0] for maps in stack]),
        "c" + glass.space,
        last.layer,
        None,
        last.scale,
        last.translate,
        folder=f"{last.layer} {last.channels[0]} versions",
        of_window=True,
        facts={"layer": last.layer, "channel": last.channels[0], "versions": list(names)},
    )
    return (numbers,)


QUESTION = NetworkQuestion(
    "compare",
    "Before and after",
    _answer,
    (
        LAYER,
        CHANNEL,
        Option(
            *("against", OptionKind.NETWORKS, None),
            "The model it was before training.",
            needed=True,
            missing="there is no earlier version to compare with; press Train first, or give "
            "--against, the model as it was before.",
        ),
    ),
    HelpText(
        "Before / after",
        "Two versions of one network, weight by weight: which kernels training has changed, and "
        "how far their maps of this image moved. Early layers often change little, as edges and "
        "spots are of use for every material.",
        "before-after.png",
        "A map of the last stage before training, after it, and the difference.",
    ),
    Button("Before / after", "What training changed in kernels and maps."),
    order=140,
)
