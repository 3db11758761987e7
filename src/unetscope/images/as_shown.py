"""What a person should know of an image that another program has opened from its file.

napari's own readers show pixels as they are stored: a turned picture lies on its side, white is
dark where 0 is white, inks look like light. Strokes belong to what is shown, so that is said.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from unetscope.errors import UnetscopeError, as_sentence
from unetscope.images.files import SUFFIXES, read_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Undecided

_SAMPLE_PX = 20_000
_STROKES = "Strokes belong to what is shown."


def notes_on_shown(path: str | os.PathLike[str], shown: Micrograph) -> tuple[str, ...]:
    """What the file at ``path`` says of itself that pixels ``shown`` of it do not tell.

    Notes of the reader as whole sentences, with a word where the pixels that it reads are others.
    Empty where nothing is to be known, or where the file cannot be read: whoever opened it knows
    more about that.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES and not path.is_dir():
        return ()
    try:
        read = read_micrograph(path)
    except Undecided as undecided:
        return _of_several(path, undecided)
    except (UnetscopeError, OSError):
        return ()
    if not read.notes:
        return ()
    if _are_same(read, shown):
        return tuple(as_sentence(note) for note in read.notes)
    said = "; ".join(read.notes)
    return (
        f"napari shows {path.name} as it is stored. In a project and on the command line it is "
        f"read otherwise: {said}. {_STROKES}",
    )


def _of_several(path: Path, undecided: Undecided) -> tuple[str, ...]:
    """A word on files with several images; what axes are can be chosen in the window."""
    question = undecided.question
    if question.about != "series":
        return ()
    held = f"{path.name} holds {len(question.choices)} images"
    return (f"{held}; napari has opened what it found first or all of them. {_STROKES}",)


def _are_same(read: Micrograph, shown: Micrograph) -> bool:
    """Whether a fixed sample of both is the same; one channel of several is not another image."""
    if read.spatial_shape != shown.spatial_shape:
        return False
    if read.channels != shown.channels:
        return "c" not in shown.axes and not read.is_rgb
    ours, theirs = read.sample_pixels(_SAMPLE_PX), shown.sample_pixels(_SAMPLE_PX)
    return np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == theirs.dtype.kind == "f")
