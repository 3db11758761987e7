"""All kinds of result: every file of this folder says ``KIND``; others are registered."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import numpy as np

from unetscope.session.result_kind import AnsweredTile, ResultKind
from unetscope.session.results.mask import MASK


def _found() -> list[ResultKind]:
    """The kinds of the folder: the mask, then the others by the names of their files."""
    modules = [import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__)]
    return sorted((module.KIND for module in modules), key=lambda kind: kind is not MASK)


_KINDS = _found()


def kinds() -> tuple[ResultKind, ...]:
    """The kinds in the order of their buttons."""
    return tuple(_KINDS)


def register(kind: ResultKind) -> None:
    """Offer ``kind`` in every window that is opened from now on, after those that are there.

    Raises
    ------
    ValueError
        If another kind has this name.
    """
    if any(known.name == kind.name and known is not kind for known in _KINDS):
        raise ValueError(
            f"there is a kind of result called {kind.name} already; give this one another name."
        )
    if kind not in _KINDS:
        _KINDS.append(kind)


def unregister(kind: ResultKind) -> None:
    """Offer ``kind`` no more; layers of it that are there stay."""
    _KINDS.remove(kind)


def answers(tile: AnsweredTile, show: ResultKind) -> dict[ResultKind, np.ndarray]:
    """What is to be drawn of a tile: the mask, which comes with every answer, and ``show``."""
    asked = [MASK] if show is MASK or not len(tile.probabilities) else [MASK, show]
    values = {kind: kind.answer(tile) for kind in asked}
    return {kind: drawn for kind, drawn in values.items() if drawn is not None}
