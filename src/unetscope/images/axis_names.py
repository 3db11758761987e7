"""What the axes of an array can be, where a file or a person says it and where nobody does."""

from __future__ import annotations

from collections.abc import Sequence

from unetscope.errors import ImageError
from unetscope.images.questions import Choice, Question

#: Every reading of an array as one image, and how it is told to a person.
READINGS = {
    "yx": "a plane",
    "zyx": "{n} planes of a stack",
    "cyx": "{n} channels of a plane",
    "yxc": "a plane of colours",
    "zcyx": "planes of a stack, each of its channels in turn",
    "czyx": "channels, each with all planes of a stack",
    "zyxc": "a stack of colour planes",
}
#: The sign of an axis that has no name.
UNNAMED = "?"
_FEW = 4


def possible_axes(known: str, shape: Sequence[int]) -> tuple[str, ...]:
    """The readings of ``shape``, the likeliest first.

    Parameters
    ----------
    known
        A letter out of czyx for each axis, or :data:`UNNAMED`.
    """
    found = [
        axes
        for axes in READINGS
        if len(axes) == len(known)
        and all(k in (UNNAMED, a) for k, a in zip(known, axes, strict=True))
    ]
    few = bool(shape) and shape[0] <= (_FEW if len(shape) == 3 else shape[1])
    first = ("cyx", "czyx") if few else ("zyx", "zcyx")
    return tuple(sorted(found, key=lambda axes: axes not in first))


def axes_question(name: str, text: str, shape: Sequence[int], choices: Sequence[str]) -> Question:
    """The question which of ``choices`` the axes of ``shape`` are."""
    told = tuple(Choice(axes, READINGS[axes].format(n=shape[0])) for axes in choices)
    said = f'{text}; say which axes they are (in Python axes="{choices[0]}")'
    return Question("axes", name, said, told)


def told_axes(where: str, told: str, stored: str, shape: Sequence[int]) -> str:
    """What a person said of the axes, laid over an array; planes have no z, grey no c.

    Parameters
    ----------
    where
        The file, for the error.
    told
        Letters out of czyx, perhaps of more axes than this image has.
    stored
        What the file says: letters out of czyx, s (samples of one pixel) and :data:`UNNAMED`.
    shape
        Of the array, one number for each letter of ``stored``.

    Raises
    ------
    ImageError
        If the numbers of axes differ, or an axis of colours was called y or x.
    """
    told = told.strip().lower()
    if len(told) > len(stored) and UNNAMED not in stored:
        mine = stored.replace("s", "c")
        fewer = "".join(axis for axis in told if axis in mine)
        told = fewer if len(fewer) == len(mine) and not set(told) - set("zcyx") else told
    if len(told) != len(stored):
        raise ImageError(
            f"{where}: axes {told!r} name {len(told)} axes, but the image has {len(stored)} with "
            f"the shape {tuple(shape)}; give one letter out of z, c, y and x for each"
        )
    if stored.endswith("s") and told[-1] in "zyx":
        raise ImageError(
            f"{where}: the last of its axes {tuple(shape)} holds the colours of a pixel; give axes "
            'that end in c, "yxc" or "zyxc"'
        )
    return told
