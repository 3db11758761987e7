"""One of several time points or channels, as a person chose it; lazy pixels stay lazy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from unetscope.errors import ImageError
from unetscope.images.micrograph import Micrograph
from unetscope.images.on_demand import as_dask
from unetscope.images.questions import Answers, Choice, Question, Undecided

#: Of more time points none are listed; their number is to be said.
_MOST_LISTED = 1000


def which_time(name: str, time: int | None, count: int) -> int:
    """The time point that was chosen of ``count``.

    Raises
    ------
    Undecided
        If none was chosen.
    ImageError
        If there is no such one.
    """
    if time is None:
        text = f"{name} holds {count} time points, from 0 to {count - 1}; which one is meant?"
        listed = range(min(count, _MOST_LISTED))
        choices = tuple(Choice(str(number), f"time point {number}") for number in listed)
        raise Undecided(Question("time", Path(name).name, text, choices))
    if time >= count:
        raise ImageError(f"{name} has the time points 0 to {count - 1}, and no --time {time}")
    return time


def taken(pixels: Any, axis: int, at: int) -> Any:
    """``pixels`` at one place of an axis, which drops out."""
    index: tuple[Any, ...] = (*(slice(None),) * axis, at)
    return pixels[index] if isinstance(pixels, np.ndarray) else as_dask(pixels)[index]


def one_channel(image: Micrograph, answers: Answers) -> Micrograph:
    """The channel that was chosen, or all of them where none was.

    Raises
    ------
    ImageError
        If there is no such one.
    """
    channel = answers.number("channel")
    if channel is None:
        return image
    if channel >= image.channels:
        there = "one channel" if image.channels == 1 else f"the channels 0 to {image.channels - 1}"
        raise ImageError(f"{image.name or 'the image'} has {there}, and no --channel {channel}")
    if "c" not in image.axes:
        return image
    pixels = taken(image.pixels, image.axes.index("c"), channel)
    note = f"its channel {channel} of {image.channels} was taken"
    return replace(
        image, pixels=pixels, axes=image.axes.replace("c", ""), notes=(*image.notes, note)
    )


def refuse_choices(path: Any, answers: Answers, *, levels: int = 1) -> None:
    """Refuse a time point or level of a file that has one only.

    Raises
    ------
    ImageError
        With what there is.
    """
    level, time = answers.number("level") or 0, answers.number("time") or 0
    if level >= levels:
        raise ImageError(f"{path} has one resolution, and no --level {level}")
    if time:
        raise ImageError(f"{path} has no time points; leave out --time")
