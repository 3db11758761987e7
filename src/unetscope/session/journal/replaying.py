"""From a journal back to labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.session.journal.changes import Change, Tiling
from unetscope.session.journal.identity import ImageIdentity
from unetscope.session.journal.mirror import Mirror
from unetscope.session.journal.storage import JournalFile


def replay(journal: JournalFile, image: ImageIdentity, upto: int | None = None) -> NDArray[Any]:
    """The labels of an image after its edits, in order, up to sequence number ``upto``.

    Returns
    -------
    NDArray
        ``image.shape`` in the smallest type that holds the values; all 0 for an unknown image.

    Raises
    ------
    JournalError
        If the file or an edit in it cannot be read.
    """
    row = journal.find(image)
    changes: Iterable[Change] = () if row is None else journal.changes(row, upto)
    mirror = replayed(image.shape, changes)
    kinds = {tile.dtype for _, tile in mirror.tiles()}
    return mirror.labels(np.result_type(np.uint8, *kinds))


def replayed(shape: tuple[int, ...], changes: Iterable[Change]) -> Mirror:
    """Labels of ``shape``, nothing painted, after ``changes``."""
    mirror = Mirror(Tiling(shape))
    for change in changes:
        mirror.apply(change)
    return mirror
