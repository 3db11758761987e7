"""The forgetting guard as a job: on which images a new version answers worse than an earlier one.

An engine that can tell is one that :class:`Compares` versions; without it nothing is guarded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from unetscope.learning.advice.progress import Forgotten, forgetting
from unetscope.learning.samples import Sample
from unetscope.session.engine.advising import AdvisingJobs

if TYPE_CHECKING:
    from unetscope.learning.advice.version_scores import ImageScore
    from unetscope.learning.pixel_model import PixelModel

_NO_FIGURE = (
    "Judged on held-back strokes, which lie too near to those that were learned from for a score, "
    "but serve to compare two versions."
)
_FIGURE = "Mean Dice on held-back pixels, which neither version has learned from."
_FROM_FILE = "The model came from a file and may have learned from these images before."


@dataclass(frozen=True, eq=False)
class CompareRequest:
    """Which images of ``samples`` the model ``after`` answers worse than ``before``."""

    before: PixelModel
    after: PixelModel
    samples: Sequence[Sample] = field(repr=False)


@dataclass(frozen=True)
class VersionsCompared:
    """What was forgotten, the worst first; images are sample keys.

    ``unjudged``: images with too few held-back pixels. ``figures``: whether the scores may be told.
    ``basis``: on what was judged, in words.
    """

    worse: tuple[Forgotten, ...]
    unjudged: tuple[str, ...] = ()
    figures: bool = True
    basis: str = _FIGURE


@runtime_checkable
class Compares(Protocol):
    """What the forgetting guard needs of an engine."""

    def compare_versions(self, request: CompareRequest) -> Iterator[VersionsCompared | None]:
        """Score both versions on every image; None in between, so that it can be stopped."""
        ...


class ComparingJobs(AdvisingJobs):
    """The real engine's jobs, its advice, and the forgetting guard, on the same feature cache."""

    def compare_versions(self, request: CompareRequest) -> Iterator[VersionsCompared | None]:
        """Score both versions on every image; None in between, so that it can be stopped."""
        device = self._prepared_device()
        from unetscope.learning.advice.version_scores import version_scores

        scores: list[ImageScore] = []
        for score in version_scores(
            request.before,
            request.after,
            request.samples,
            cache=self._features(),
            device=device,
            tile_px=self.settings.tile_px,
        ):
            if score is not None:
                scores.append(score)
            yield None
        yield compared(scores, from_file=request.after.parent is not None)


def compared(scores: Sequence[ImageScore], *, from_file: bool) -> VersionsCompared:
    """What the scores of the images say; ``from_file``: the model once came from a file."""
    before = {score.key: score.before for score in scores if score.before is not None}
    after = {score.key: score.after for score in scores if score.after is not None}
    figures = all(score.is_figure for score in scores)
    basis = _FIGURE if figures else _NO_FIGURE
    return VersionsCompared(
        worse=tuple(forgetting(before, after)),
        unjudged=tuple(score.key for score in scores if score.before is None),
        figures=figures,
        basis=f"{basis} {_FROM_FILE}" if from_file else basis,
    )
