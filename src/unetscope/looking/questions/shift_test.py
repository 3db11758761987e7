"""The shift test: does the answer move with the image?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unetscope import inspection
from unetscope.inspection.writing.calls import NumbersRecipe
from unetscope.looking.answers import Drawn, Numbers, Picture, Plot, Shown, Table, Working
from unetscope.looking.glass import Glass
from unetscope.looking.question import (
    LAYER,
    Answer,
    Button,
    HelpText,
    NetworkQuestion,
    Option,
    OptionKind,
)
from unetscope.looking.window import cropped, in_image

SHIFTS = (1, 2, 4, 8, 16)


def _answer(glass: Glass, given: Any) -> Answer:
    layer, image = given.layer, cropped(glass)
    shifts = _shifts(glass, given)
    found = []
    for number, shift in enumerate(shifts):
        yield Working("Moving the image", number, len(shifts))
        found.append(inspection.equivariance(glass.trace, image, shift, layer=layer))
    worst = max(range(len(found)), key=lambda i: found[i].max_error)
    names = [_name(shift) for shift in shifts]
    table = Table(
        ("shift (px)", "largest error", "relative", "exactly 0"),
        tuple(
            (name, float(e.max_error), float(e.relative_error), "yes" if e.exact else "no")
            for name, e in zip(names, found, strict=True)
        ),
    )
    numbers = [
        _numbers(layer, shift, name, e) for shift, name, e in zip(shifts, names, found, strict=True)
    ]
    yield Shown(
        QUESTION.title,
        _text(layer, found, found[worst].multiple),
        "empirical",
        (_picture(glass, found[worst], names[worst]),),
        table,
        _plot(shifts, found),
        numbers=(numbers[worst], *numbers[:worst], *numbers[worst + 1 :]),
        files={"equivariance.csv": table},
        result=found,
    )


def _shifts(glass: Glass, given: Any) -> Sequence[Sequence[int]]:
    """The one that is asked for, else some along x, or along y and x alike."""
    if given.shift:
        return [given.shift]
    rest = (0,) * (glass.axes - 2)
    return [(*rest, n if given.diagonal else 0, n) for n in SHIFTS]


def _name(shift: Sequence[int]) -> str:
    return ",".join(str(n) for n in shift)


def _text(layer: str | None, found: Sequence[Any], multiple: int) -> str:
    where = layer or "The answer"
    if all(one.exact for one in found):
        return (
            f"{where} moves with the image: the error is exactly zero at every shift, as it must "
            f"be at multiples of {multiple} px."
        )
    return (
        f"{where} moves with the image by multiples of {multiple} px, where the error is exactly "
        "zero; in between, poolings see other neighbours."
    )


def _picture(glass: Glass, worst: Any, name: str) -> Picture:
    return Picture(
        "shift",
        f"error when moved by {name} px",
        np.asarray(worst.values),
        worst.scale,
        in_image(glass, worst.translate),
        Drawn.HEAT,
        limits=(0.0, float(worst.max_error) or 1.0),
    )


def _plot(shifts: Sequence[Sequence[int]], found: Sequence[Any]) -> Plot:
    pixels = np.array([max(abs(n) for n in shift) for shift in shifts], dtype=float)
    errors = np.array([float(e.relative_error) for e in found])
    return Plot({"relative error": (pixels, errors)}, "shift (px)", "error", points=True)


def _numbers(layer: str | None, shift: Sequence[int], name: str, found: Any) -> Numbers:
    return Numbers(
        "shift error",
        f"error when the image is shifted by {name} px",
        found.values,
        "zyx"[-found.values.ndim :],
        layer or "answer",
        NumbersRecipe("equivariance", {"shift": tuple(shift), "layer": layer}),
        found.scale,
        found.translate,
        folder=f"shift {name}",
        of_window=True,
        facts={"shift": shift, "max_error": found.max_error},
    )


QUESTION = NetworkQuestion(
    "equivariance",
    "Shift test",
    _answer,
    (
        LAYER,
        Option("shift", OptionKind.SHIFT, help="Pixels, e.g. 1,0."),
        Option("diagonal", OptionKind.INNER, default=False),
    ),
    HelpText(
        "Shift test",
        "The image is moved by some pixels; the answer should move along and be the same "
        "otherwise. Pooling breaks this for shifts that are no multiple of its strides, and the "
        "map shows where and by how much.",
        "shift-test.png",
        "A micrograph; the error after a shift by 1 px, and by 8 px, where there is none.",
    ),
    Button(
        "Shift test",
        "Do the maps of the chosen layer move with the image?",
        says={"diagonal": True},
    ),
    order=150,
)
