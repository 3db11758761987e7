"""What a model says about the images of a pair after simulated strokes, kept in files.

An answer is the probability of each class, (class, y, x) float16: background, object and, where
borders between touching objects are painted, border.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.annotator import LENGTH_PX, WIDTH_PX
from benchmarks.object_scenes import BORDER, Pair, View
from unetscope.images.micrograph import Micrograph
from unetscope.learning.events import Finished
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.finetune import fine_tune
from unetscope.learning.instant import fit_instant
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_probabilities
from unetscope.learning.samples import Sample
from unetscope.learning.train_options import TrainOptions
from unetscope.pretraining.strokes import simulate_strokes

PER_CLASS = 5
#: What a minute of one quiet core comes to; counted, since cores are seldom quiet.
STEPS = 460


@dataclass(frozen=True)
class Asked:
    """How a model was taught: strokes of ``seed``, with a border class or not, trained or not."""

    seed: int
    border: bool
    trained: bool = False

    def __str__(self) -> str:
        words = "trained" if self.trained else "instant"
        return f"{words}{', border' if self.border else ''}, seed {self.seed}"


@dataclass(frozen=True, eq=False)
class Answers:
    """Probabilities (class, y, x) on the painted image and on the other."""

    painted: NDArray[np.float16]
    other: NDArray[np.float16]


def kept(
    path: Path, make: Callable[[], tuple[NDArray[np.float16], ...]]
) -> tuple[NDArray[np.float16], ...]:
    """The answers in a file, made and kept there where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"partial {path.name}")
        np.savez(partial, *make())
        partial.replace(path)
    with np.load(path) as found:
        return tuple(found.values())


def strokes_on(view: View, asked: Asked) -> NDArray[np.uint8]:
    """Five strokes a class; of the border, one pixel wide where it leaves no room for more."""
    truth = view.classes_and_border() if asked.border else view.classes()
    painted = np.zeros_like(truth)
    for value in np.unique(truth).tolist():
        own = simulate_strokes(
            np.where(truth == value, truth, 0),
            per_class=PER_CLASS,
            length_px=LENGTH_PX,
            width_px=WIDTH_PX,
            seed=1000 * asked.seed + value,
        )
        painted = np.maximum(painted, own)
    return painted


class Teacher:
    """Teaches a model from a pair's strokes; features of its images are computed once."""

    def __init__(self, start: PixelModel, pair: Pair, folder: Path) -> None:
        self._start, self._pair, self._folder = start, pair, folder
        self._cache = FeatureCache()

    def answers(self, asked: Asked) -> Answers:
        """From the file, or made and kept there."""
        path = self._folder / self._pair.dataset / f"{self._pair.name}, {asked}.npz"
        return Answers(*kept(path, lambda: tuple(self._made(asked))))

    def _made(self, asked: Asked) -> Iterator[NDArray[np.float16]]:
        strokes = strokes_on(self._pair.painted, asked)
        samples = [Sample(self._pair.painted.image, strokes, self._pair.name)]
        model = fit_instant(self._start, samples, cache=self._cache)
        if asked.trained:
            options = TrainOptions(
                max_seconds=None,
                patience_epochs=10_000,
                max_epochs=STEPS // TrainOptions().steps_per_epoch,
                seed=asked.seed,
            )
            for event in fine_tune(self._start, samples, options, cache=self._cache):
                if isinstance(event, Finished):
                    model = event.model
        for view in (self._pair.painted, self._pair.other):
            yield self._asked(model, view.image, asked)

    def _asked(self, model: PixelModel, image: Micrograph, asked: Asked) -> NDArray[np.float16]:
        """In the order of the classes, none for one that had no stroke."""
        found = predict_probabilities(model, image, cache=self._cache)
        answer = np.zeros((BORDER if asked.border else BORDER - 1, *found.shape[1:]), np.float16)
        for value, share in zip(model.class_values, found, strict=True):
            answer[value - 1] = share
        return answer
