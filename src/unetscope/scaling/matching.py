"""Pixels of another size than those that a model learned from: what is done about it.

A tenth of difference costs nothing that was measured (at most .006 Dice), a factor of two .03 to
.05, and more than four is mostly a wrong unit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from unetscope.errors import ModelError
from unetscope.images.micrograph import Micrograph
from unetscope.images.rescaled import before, nearest, resampled
from unetscope.images.units import length_in_words, unit_factor
from unetscope.learning.events import TileDone

if TYPE_CHECKING:
    from unetscope.learning.pixel_model import PixelModel

How = Literal["say", "auto", "resample", "as-is"]
#: Differences of pixel sizes up to this matter for no answer.
_ALIKE = 0.1
#: Beyond so many times it is taken for a wrong unit.
_MOST = 4.0
#: Beyond so many times it can be nothing else.
_ABSURD = 50.0


@dataclass(frozen=True)
class Match:
    """How the image is seen.

    Attributes
    ----------
    factors
        (y, x) by how much there are more pixels then; None as it is.
    note
        What to tell a person; "" where there is nothing to tell.
    """

    factors: tuple[float, float] | None
    note: str


def matched(model: PixelModel, image: Micrograph, how: How = "say") -> Match:
    """What to do about the pixel size of ``image``.

    Parameters
    ----------
    how : "say" takes the image as it is and says how its pixels differ, "auto" resamples it to
        the pixel size of the model, "resample" also where they differ more than four times, as a
        person who saw both sizes asked for, and "as-is" says nothing.

    Raises
    ------
    ModelError
        If pixel sizes differ more than four times, and nobody said that this is meant.
    """
    found, known = difference(model, image)
    if how == "as-is" or (not known and how == "say"):
        return Match(None, "")
    if not known:
        return Match(None, "the pixel size of image or model is not known: it is seen as it is")
    if found is None:
        return Match(None, "")
    if how != "resample" and found.is_far:
        raise ModelError(
            f"the model learned at {found.learned} a pixel and {image.name or 'the image'} has "
            f"{found.own}, {found.words}, which is mostly a wrong unit; correct the pixel size, "
            "or say that it is meant with --pixel-size as-is"
        )
    if how == "say":
        return Match(
            None,
            f"the model learned at {found.learned} a pixel, the image has {found.own} "
            f"({found.words}); --pixel-size auto resamples it",
        )
    return Match(
        found.ratios,
        f"seen at {found.learned} a pixel, as the model learned it (the image has {found.own}): "
        "resampled",
    )


class HasSize(Protocol):
    """An image, or what is told of one."""

    @property
    def pixel_size(self) -> tuple[float, ...] | None:
        """Along the axes in space, in ``unit``."""

    @property
    def unit(self) -> str | None:
        """Of the pixel size."""


@dataclass(frozen=True)
class Difference:
    """Pixels of an image are ``ratios`` (y, x) times as large as those that a model learned from.

    ``learned`` and ``own`` are both sizes in words.
    """

    ratios: tuple[float, float]
    learned: str
    own: str

    @property
    def is_far(self) -> bool:
        """Whether it is so much that it is mostly a wrong unit."""
        return max(self.ratios) > _MOST or min(self.ratios) < 1 / _MOST

    @property
    def is_absurd(self) -> bool:
        """Whether nobody can have meant it: no image is resampled so much."""
        return max(self.ratios) > _ABSURD or min(self.ratios) < 1 / _ABSURD

    @property
    def words(self) -> str:
        """ "2 times coarser"."""
        ratio = self.ratios[-1]
        return f"{ratio:.3g} times coarser" if ratio > 1 else f"{1 / ratio:.3g} times finer"


def difference(model: PixelModel, image: HasSize) -> tuple[Difference | None, bool]:
    """How pixels of an image differ from those that a model learned from, and whether it is known.

    None where they are alike, or not known.
    """
    learned, unit = model.provenance.pixel_size, model.provenance.unit
    factor = unit_factor(image.unit, unit or "") if image.pixel_size and learned else None
    if factor is None or image.pixel_size is None or learned is None:
        return None, False
    ratios = np.array(image.pixel_size[-2:]) * factor / np.array(learned[-2:])
    if (np.abs(ratios - 1) <= _ALIKE).all():
        return None, True
    seen = length_in_words(learned[-1], unit)
    own = length_in_words(image.pixel_size[-1], image.unit)
    return Difference((float(ratios[0]), float(ratios[1])), seen, own), True


def brought_back(event: TileDone, image: Micrograph, seen: Micrograph) -> TileDone | None:
    """A tile of the answer to ``image`` resampled (``seen``) at the image's own pixels.

    By the nearest pixel; None where it has none of its own.
    """
    *leading, y, x = event.region
    box, at = [], []
    sides = zip((y, x), image.spatial_shape[-2:], seen.spatial_shape[-2:], strict=True)
    for (part, length, after), factor in zip(sides, seen.pixels.factors, strict=True):
        own = before(part, factor, length, after)
        if own.stop <= own.start:
            return None
        box.append(own)
        at.append(nearest(own, factor, after) - part.start)
    rows, columns = at[0][:, None], at[1]
    chances = event.probabilities
    return replace(
        event,
        region=(*leading, *box),
        labels=event.labels[..., rows, columns],
        probabilities=None if chances is None else chances[..., rows, columns],
    )


class BroughtBack:
    """Takes the answer to a resampled image and writes it, by the nearest pixel, at its own size.

    Parameters
    ----------
    target : takes ``target[…, y, x] = …`` in pixels of the image.
    """

    def __init__(self, target: Any, image: Micrograph, factors: tuple[float, float]) -> None:
        self._target, self._factors = target, factors
        self._shape = image.spatial_shape[-2:]
        self._seen = resampled(image, factors).spatial_shape[-2:]

    def __setitem__(self, where: tuple[Any, ...], values: np.ndarray) -> None:
        """Write a part that lies at ``where`` of the resampled image."""
        *leading, y, x = where
        box, at = [], []
        for part, factor, length, after in zip(
            (y, x), self._factors, self._shape, self._seen, strict=True
        ):
            own = before(part, factor, length, after)
            box.append(own)
            at.append(nearest(own, factor, after) - part.start)
        if all(side.stop > side.start for side in box):
            self._target[(*leading, *box)] = values[..., at[0][:, None], at[1]]


def seen_by(image: Micrograph, match: Match) -> Micrograph:
    """``image`` as the model is to see it."""
    return image if match.factors is None else resampled(image, match.factors)
