"""The instant answer inside a lesson: from the learner's strokes, or from drawn ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unetscope.lessons.bench import Bench
from unetscope.lessons.small_runs import scores_of
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    from skimage import filters

    from unetscope.learning.segmenter import Segmenter
    from unetscope.pretraining import strokes
else:
    filters = Lazily("skimage.filters")
    segmenters = Lazily("unetscope.learning.segmenter")
    strokes = Lazily("unetscope.pretraining.strokes")

    def Segmenter(*given: Any) -> Any:
        """The real one, imported when it is called."""
        return segmenters.Segmenter(*given)


def painted(bench: Bench, per_class: int = 5) -> NDArray[np.integer[Any]]:
    """Strokes (y, x), 0 unlabelled: the learner's own, or ``per_class`` drawn along the truth."""
    truth = np.asarray(bench.truth())
    if bench.laid.truth == "strokes":
        return truth
    drawn: NDArray[np.integer[Any]] = strokes.simulate_strokes(
        truth, per_class=per_class, seed=bench.seed
    )
    return drawn


def taught(bench: Bench, per_class: int = 5) -> Segmenter:
    """Bundled weights with a head from the strokes on the bench's image, on the processor.

    Of an image of several channels their mean is learned, for that is what lessons ask about.
    """
    learner = Segmenter("general-fast", "cpu", bench.seed)
    grey = replace(bench.laid, pixels=bench.laid.grey)
    return learner.fit_instant(grey.micrograph(), painted(bench, per_class))


def asked(learner: Segmenter, pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Probabilities (class, y, x) of other pixels."""
    return learner.predict_proba(np.asarray(pixels, dtype=np.float32))


def by_threshold(
    pixels: NDArray[Any], truth: NDArray[np.integer[Any]], value: int
) -> NDArray[np.uint8]:
    """Otsu's threshold (1979): ``value`` on the side where the labels have more of it, else 1."""
    above = pixels > filters.threshold_otsu(pixels)
    wanted = truth == value
    bright = above[wanted].mean() >= above[(truth > 0) & ~wanted].mean()
    return np.where(above == bright, value, 1 if value != 1 else 2).astype(np.uint8)


def mean_dice_of(truth: NDArray[np.integer[Any]], found: NDArray[np.integer[Any]]) -> float:
    """Mean Dice of the classes in ``truth``; 0 there does not count."""
    values = np.unique(truth[truth > 0])
    return float(np.mean([scores_of(truth, found, int(value))[0] for value in values]))
