"""Without this: the answer without a skip connection, a channel or a kernel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from unetscope import inspection
from unetscope.errors import ModelError
from unetscope.inspection.writing.calls import NumbersRecipe
from unetscope.looking.answers import Numbers, Pick, Shown, Table, Working
from unetscope.looking.glass import Glass
from unetscope.looking.pictures import change_pictures
from unetscope.looking.question import (
    LABELS,
    SEED,
    Answer,
    Button,
    HelpText,
    NetworkQuestion,
    Option,
    OptionKind,
)
from unetscope.looking.window import as_outputs, cropped, in_view

MODES = (
    ("mean", "mean",
     "Every value becomes the mean of its map: what the map said about places is gone."),
    ("zero", "zero",
     "Every value becomes 0, which the network may never have met; read the result with care."),
    ("shuffled", "shuffled",
     "The values stay but change places at random: same statistics, no picture."),
)  # fmt: skip


def _answer(glass: Glass, given: Any) -> Answer:
    """The part; without one every channel of a layer, or every skip connection."""
    if given.part is not None:
        yield from _without(glass, given)
    elif given.layer is not None:
        yield from _ranking(glass, given)
    else:
        yield from _skips(glass, given)


def _ablated(glass: Glass, given: Any, part: str) -> Any:
    labels = None
    if given.labels is not None:
        labels = in_view(glass, as_outputs(glass, given.labels.values))
    return inspection.ablate(
        glass.trace, cropped(glass), part, given.mode, labels=labels, seed=given.seed
    )


def _without(glass: Glass, given: Any) -> Answer:
    part, mode = given.part, given.mode
    yield Working("Asking without it")
    found = _ablated(glass, given, part)
    change, folder = found.probability_change, f"without {part} {mode}"
    numbers = Numbers(
        "probability change",
        f"change of probability without {part} ({mode})",
        change,
        "c" + glass.space,
        part,
        NumbersRecipe(
            "ablate", {"what": part, "mode": mode, "seed": given.seed}, (".probability_change",)
        ),
        (1.0,) * glass.axes,
        (0.0,) * glass.axes,
        tuple(range(len(change))),
        folder=folder,
        signed=True,
        of_window=True,
        facts={"mode": mode, "changed_share": found.changed_share, "note": found.note},
    )
    text = f"{100 * found.changed_share:.2f} % of the mask changes without {said(part)} ({mode})."
    scores = _scores(glass, found)
    named = tuple((glass.class_name(i), *row[1:]) for i, row in enumerate(scores.rows))
    names = {"class": "class", "Dice": "Dice of after with before"}
    note = "Dice: of the two masks."
    if found.dice_before is not None:
        names |= {"before": "Dice before", "after": "Dice after"}
        note = "Dice: of the two masks; before and after: on your strokes."
    yield Shown(
        f"Without {said(part)}",
        f"{text} {found.note}".strip(),
        "empirical",
        change_pictures(glass, found.mask_after, found.changed, change, f"without {said(part)}"),
        replace(scores, rows=named).brief(names, note),
        numbers=(numbers,),
        files={
            "mask_before.tif": found.mask_before + 1,  # 0 would say unlabelled
            "mask_after.tif": found.mask_after + 1,
            "dice.csv": scores,
        },
        folder=folder,
        result=found,
    )


def _scores(glass: Glass, found: Any) -> Table:
    """As the file has it: classes without a name are numbers."""
    nothing = [None] * len(found.dice_between)
    rows = zip(
        found.dice_between,
        nothing if found.dice_before is None else map(float, found.dice_before),
        nothing if found.dice_after is None else map(float, found.dice_after),
        strict=True,
    )
    known = dict(enumerate(one.name for one in glass.subject.classes))
    return Table(
        ("class", "Dice of after with before", "Dice before", "Dice after"),
        tuple((known.get(i, str(i)), float(n), b, a) for i, (n, b, a) in enumerate(rows)),
    )


def said(part: Any) -> str:
    """A part in words: "skip:dec1" → "skip connection dec1"."""
    kind, _, rest = str(part).partition(":")
    words = {"skip": "the skip connection at", "channel": "channel", "kernel": "kernel"}
    return f"{words.get(kind, kind)} {rest}".strip()


def _ranking(glass: Glass, given: Any) -> Answer:
    layer, mode = given.layer, given.mode
    steps = inspection.ablation_ranking_steps(
        glass.trace, cropped(glass), layer, mode, seed=given.seed
    )
    ranking: Any = ()
    for step in steps:
        yield Working("Taking channels away", step.done, step.total)
        ranking = step.result if step.result is not None else ranking
    table = Table(
        ("channel", "changed (% of the mask)", "mean change of probability"),
        tuple((int(r.channel), 100 * r.changed_share, r.probability_change) for r in ranking),
        tuple(Pick(layer, int(r.channel)) for r in ranking),
    )
    yield Shown(
        "Which channel matters",
        f"{layer}: how much of the mask changes when one channel is replaced ({mode}).",
        "empirical",
        table=table.brief({"channel": "channel", "changed pixels (%)": "changed (% of the mask)"}),
        files={f"ablate_{layer}.csv": table},
        result=ranking,
    )


def _skips(glass: Glass, given: Any) -> Answer:
    skips = inspection.skip_connections(glass.net, glass.image.shape)
    if not skips:
        raise ModelError("this network has no skip connections; give --layer or --part.")
    rows = []
    for number, skip in enumerate(skips):
        yield Working("Taking skip connections away", number, len(skips))
        found = _ablated(glass, given, f"skip:{skip.name}")
        rows.append((f"skip:{skip.name}", skip.source, 100 * found.changed_share))
    rows.sort(key=lambda row: -row[2])
    table = Table(("part", "comes from", "changed (% of the mask)"), tuple(rows))
    yield Shown(
        "Which skip connection matters",
        f"How much of the mask changes without each skip connection ({given.mode}).",
        "empirical",
        table=table,
        files={"ablate_skips.csv": table},
    )


QUESTION = NetworkQuestion(
    "ablate",
    "Without this",
    _answer,
    (
        Option("part", OptionKind.WORD, help="skip:dec1, channel:LAYER:3, kernel:LAYER:3,0."),
        Option("mode", OptionKind.WORD, "mean", "mean, zero or shuffled.", MODES),
        Option("layer", OptionKind.CONVOLUTION, help="A layer, e.g. enc2.conv1."),
        LABELS,
        SEED,
    ),
    HelpText(
        "Without this",
        "A skip connection, a channel or a kernel is put out of action in a copy of the network, "
        "and the answer is compared with the one before. Where nothing changes, the rest of the "
        "network did not need it for this image.",
        "ablation.png",
        "A micrograph, the answer, and the answer without the uppermost skip connection.",
    ),
    Button("Without this …", "Take a part away and compare the masks.", unfolds=True),
    order=100,
)
