"""Run lengths as COCO writes masks: pixels column by column, outside and inside in turn.

The compressed text is that of the COCO API (``rleToString``): each run is given as its difference
from the last but one, five bits a letter from the letter "0" on, the sixth bit says "goes on".
https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.h
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import AnnotationError
from unetscope.images.annotations.edges import Placed

#: More runs than that are no outline; they take a few hundred MiB while they are unpacked.
_MOST_RUNS = 2**21
_MOST_LETTERS = 8  # of one run


def runs_of(placed: Placed, plane_shape: tuple[int, int]) -> list[int]:
    """Run lengths of a mask placed in a plane (y, x); they begin with pixels outside."""
    (top, left), mask = placed
    height, width = plane_shape
    columns = np.zeros((mask.shape[1], height), bool)
    columns[:, top : top + mask.shape[0]] = mask.T
    changes = np.flatnonzero(np.diff(columns.ravel(), prepend=False, append=False))
    runs = np.diff(changes + left * height, prepend=0, append=height * width)
    return [int(n) for n in (runs if runs[-1] else runs[:-1])]


def listed_runs(counts: Any, plane_shape: tuple[int, int]) -> NDArray[np.int64]:
    """The runs of a list of whole numbers.

    Raises
    ------
    AnnotationError
        If it is no such list, or longer than a mask of the plane (y, x) can be.
    """
    if not isinstance(counts, list):
        raise AnnotationError("run lengths that are neither text nor a list of numbers")
    _check_length(len(counts), plane_shape)
    runs = np.array(counts)
    if runs.size and runs.dtype.kind not in "iu" and not (runs == np.rint(runs)).all():
        raise AnnotationError("run lengths that are no whole numbers")
    return runs.astype(np.int64)


def _check_length(runs: int, plane_shape: tuple[int, int]) -> None:
    """Refuse more runs than pixels and, before memory is taken, more than any outline has."""
    pixels = plane_shape[0] * plane_shape[1]
    if runs > min(pixels + 1, _MOST_RUNS):
        raise AnnotationError(f"a mask of {runs:,} run lengths for an image of {pixels:,} pixels")


def mask_of(runs: NDArray[np.int64], plane_shape: tuple[int, int]) -> Placed:
    """The mask that ``runs`` describe in a plane (y, x), cut to what is inside.

    Raises
    ------
    AnnotationError
        If the runs are not as many pixels as the plane has.
    """
    height, width = plane_shape
    if (runs < 0).any() or (runs > height * width).any() or int(runs.sum()) != height * width:
        raise AnnotationError(
            f"run lengths of {int(runs.sum())} pixels for an image of {height} × {width}"
        )
    stops = np.cumsum(runs)
    first, last = stops[:-1:2], stops[1::2]  # of each run inside, in pixels column by column
    first, last = first[last > first], last[last > first]
    if not len(first):
        return (0, 0), np.zeros((0, 0), bool)
    left, right = int(first[0]) // height, (int(last[-1]) - 1) // height + 1
    flips = np.zeros((right - left) * height + 1, bool)
    np.logical_xor.at(flips, np.concatenate([first, last]) - left * height, True)
    columns = np.logical_xor.accumulate(flips)[:-1].reshape(right - left, height)
    rows = np.flatnonzero(columns.any(axis=0))
    return (int(rows[0]), left), columns[:, rows[0] : rows[-1] + 1].T


def compressed(runs: list[int]) -> str:
    """The text of the COCO API for ``runs``."""
    letters = []
    for place, run in enumerate(runs):
        rest = run - runs[place - 2] if place > 2 else run
        goes_on = True
        while goes_on:
            bits, rest = rest & 31, rest >> 5
            goes_on = rest != (-1 if bits & 16 else 0)
            letters.append(chr(48 + bits + 32 * goes_on))
    return "".join(letters)


def expanded(text: str, plane_shape: tuple[int, int] | None = None) -> NDArray[np.int64]:
    """The runs of a text of the COCO API.

    Raises
    ------
    AnnotationError
        If it holds other letters, ends in the middle of a number, has a number too large, or more
        numbers than a mask of the plane (y, x) can have.
    """
    if plane_shape is not None:
        _check_length(len(text) // _MOST_LETTERS, plane_shape)
    letters = np.frombuffer(text.encode("utf-8", "replace"), np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero(letters & 32 == 0)
    lengths = np.diff(ends, prepend=-1)
    if (
        not len(ends)
        or ends[-1] != len(letters) - 1
        or lengths.max() > _MOST_LETTERS
        or _foreign(letters)
    ):
        raise AnnotationError(f"a compressed mask {text[:20]!r}… that is none of the COCO format")
    place = np.arange(len(letters)) - np.repeat(ends - lengths + 1, lengths)
    runs = np.add.reduceat((letters & 31) << (5 * place), ends - lengths + 1)
    runs -= np.where(letters[ends] & 16, np.int64(1) << (5 * lengths), 0)
    for start in (1, 2):  # all but the first three are differences from the last but one
        runs[start::2] = np.cumsum(runs[start::2])
    return runs


def _foreign(letters: NDArray[Any]) -> bool:
    return bool((letters < 0).any() or (letters > 63).any())
