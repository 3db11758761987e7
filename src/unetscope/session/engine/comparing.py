"""The forgetting guard: on which images a new version answers worse than an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unetscope.learning.advice.progress import forgetting
from unetscope.learning.advice.version_scores import ImageScore, version_scores
from unetscope.session.engine.shared import Shared
from unetscope.session.requests import CompareRequest, VersionsCompared

_NO_FIGURE = (
    "Judged on held-back strokes, which lie too near to those that were learned from for a score, "
    "but serve to compare two versions."
)
_FIGURE = "Mean Dice on held-back pixels, which neither version has learned from."
_FROM_FILE = "The model came from a file and may have learned from these images before."


def compare_versions(shared: Shared, request: CompareRequest) -> Iterator[VersionsCompared | None]:
    """Score both versions on every image; None in between, so that it can be stopped."""
    scores: list[ImageScore] = []
    for score in version_scores(
        request.before,
        request.after,
        request.samples,
        cache=shared.features,
        device=shared.device(),
        tile_px=shared.settings.tile_px,
    ):
        if score is not None:
            scores.append(score)
        yield None
    yield compared(scores, from_file=request.after.provenance.parent is not None)


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
