"""Which array axis is which: names that are told before guesses by the shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unetscope.errors import ImageError
from unetscope.images.micrograph import infer_axes
from unetscope.images.ngff import Axis
from unetscope.images.on_demand import dask_array
from unetscope.images.one_of_many import which_time
from unetscope.images.questions import Choice, Question, Undecided

_SPATIAL = "zyx"
_READINGS = {
    2: ("yx",),
    3: ("zyx", "cyx", "yxc"),
    4: ("zcyx", "czyx", "zyxc"),
}
_IN_WORDS = {
    "yx": "a plane",
    "zyx": "a stack of planes",
    "cyx": "channels first",
    "yxc": "channels last",
    "zcyx": "planes of channels each",
    "czyx": "channels of planes each",
    "zyxc": "a stack of planes, channels last",
}


@dataclass(frozen=True)
class Arrangement:
    """How an array becomes an image: which axes stay, in which order, and what they are called.

    Attributes
    ----------
    kept
        Indices of array axes, in the order in which the image has them.
    axes
        A letter of c, z, y, x for each of them.
    notes
        What to know.
    at
        Array axis -> the place along it that is taken; 0 of others that are left out.
    """

    kept: tuple[int, ...]
    axes: str
    notes: tuple[str, ...] = ()
    at: Mapping[int, int] = field(default_factory=dict)

    @property
    def spatial(self) -> tuple[int, ...]:
        """Indices of the array axes that are z, y or x."""
        return tuple(i for i, a in zip(self.kept, self.axes, strict=True) if a != "c")

    def of(self, pixels: Any) -> Any:
        """``pixels`` with these axes; as they are where nothing is to be done, else lazy."""
        rank = len(pixels.shape)
        if self.kept == tuple(range(rank)):
            return pixels
        lazy = dask_array().from_zarr(pixels)
        lazy = lazy[
            tuple(slice(None) if i in self.kept else self.at.get(i, 0) for i in range(rank))
        ]
        places = sorted(self.kept)
        return lazy.transpose([places.index(i) for i in self.kept])


@dataclass(frozen=True)
class AxesAsked:
    """What a person says of the axes of an array.

    Attributes
    ----------
    name
        What the image is called in a question.
    given
        Letters for all axes, or for those that are longer than 1.
    time
        Which time point, from 0.
    """

    name: str
    given: str | None = None
    time: int | None = None


def arrangement(
    shape: tuple[int, ...], dtype: np.dtype[Any], told: Sequence[Axis] | None, asked: AxesAsked
) -> Arrangement:
    """What the axes of an array are: given by a person, ``told`` by the file, or inferred.

    Parameters
    ----------
    told
        One for each array axis; of another number they are asked about.

    Raises
    ------
    ImageError
        If nothing is told and the shape is ambiguous, or there is no such time point.
    Undecided
        If names are told that do not say it, or there are several time points.
    """
    notes: tuple[str, ...] = ()
    given, name = asked.given, asked.name
    if given is not None:
        letters = _over(given.lower(), shape)
        if letters is not None:
            return _ordered(letters, shape, keep_single=True)
        if told is None and len(shape) != 2:
            raise ImageError(
                f"axes {given!r} name {len(given)} axes, but {name} has the shape {shape}; give "
                "one letter per axis"
            )
        notes = (f"the axes {given!r} do not fit the shape {shape}, and its own were taken",)
    if told is None:
        return Arrangement(tuple(range(len(shape))), infer_axes(shape, dtype), notes)
    letters, at = _letters(told, shape, asked)
    found = _ordered(letters, shape)
    return Arrangement(found.kept, found.axes, (*notes, *found.notes), at)


def _over(given: str, shape: tuple[int, ...]) -> list[str] | None:
    """A letter for each axis, "" for axes of length 1 that ``given`` does not name."""
    missing = len(shape) - len(given)
    single = [i for i, n in enumerate(shape) if n == 1]
    if missing < 0 or missing > len(single):
        return None
    dropped = single[:missing]
    letters = iter(given)
    return ["" if i in dropped else next(letters) for i in range(len(shape))]


def _letters(
    told: Sequence[Axis], shape: tuple[int, ...], asked: AxesAsked
) -> tuple[list[str], dict[int, int]]:
    """A letter for each axis, "" for those that are left out, and where along these."""
    name, at = asked.name, {}
    names = ", ".join(axis.name for axis in told)
    if len(told) != len(shape):
        raise _undecided(name, shape, f"it names {len(told)} axes ({names}) of {len(shape)}")
    letters = [axis.letter for axis in told]
    for i, letter in enumerate(letters):
        if shape[i] == 1 and (letter in ("", "t") or letters.count(letter) > 1):
            letters[i] = ""
    for i in (i for i, letter in enumerate(letters) if letter == "t"):
        at[i], letters[i] = which_time(name, asked.time, shape[i]), ""
    named = [letter for letter in letters if letter]
    unknown = [
        a.name
        for i, (a, letter, n) in enumerate(zip(told, letters, shape, strict=True))
        if not letter and n > 1 and i not in at
    ]
    if unknown or len(set(named)) != len(named) or not {"y", "x"} <= set(named):
        raise _undecided(name, tuple(n for n in shape if n > 1), f"its axes are called {names}")
    return letters, at


def _ordered(
    letters: Sequence[str], shape: tuple[int, ...], keep_single: bool = False
) -> Arrangement:
    """The axes that stay, with z, y, x in this order."""
    stays = [
        i
        for i, letter in enumerate(letters)
        if letter and (keep_single or shape[i] > 1 or letter in "yx")
    ]
    by_place = sorted(
        (i for i in stays if letters[i] in _SPATIAL), key=lambda i: _SPATIAL.index(letters[i])
    )
    spatial = iter(by_place)
    kept = [next(spatial) if letters[i] in _SPATIAL else i for i in stays]
    axes = "".join(letters[i] for i in kept)
    was = "".join(letters[i] for i in stays)
    notes = () if axes == was else (f"its axes {was} were turned into the order {axes}",)
    return Arrangement(tuple(kept), axes, notes)


def _undecided(name: str, shape: tuple[int, ...], reason: str) -> ImageError:
    readings = _READINGS.get(len(shape))
    if readings is None:
        return ImageError(
            f"{name} has the shape {shape} and does not say which axes are y and x ({reason}); "
            "save one image of 2 to 4 axes"
        )
    choices = tuple(Choice(axes, _IN_WORDS[axes]) for axes in readings)
    text = f"What are the axes of {name} with the shape {shape}? {reason[0].upper()}{reason[1:]}."
    return Undecided(Question("axes", name, text, choices))
