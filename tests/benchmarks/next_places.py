"""Does *Label here next* save strokes? Dice against strokes, by where the strokes are painted.

``python tests/benchmarks/next_places.py`` prints the curves and how many strokes each way of
choosing places needs for the Dice that random strokes reach. Every way starts from the same first
stroke of each class and paints the same kind of stroke: of the true class at a place, about 40 px
long and 3 px wide, within 20 px of it. Ways differ in the place alone.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.rows import ROOT
from unetscope.learning.advice.next_places import Place, PlaceOptions, next_places
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.instant import fit_instant
from unetscope.learning.metrics import mean_dice
from unetscope.learning.persistence import start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_labels, predict_probabilities
from unetscope.learning.samples import Sample
from unetscope.pretraining.judge import Task, make_tasks
from unetscope.pretraining.strokes import simulate_strokes

RANDOM, BALANCED = "random", "random, classes in turn"
RANKED, LISTED = "ranked", "ranked, five of a list"
WAYS = (RANDOM, BALANCED, RANKED, LISTED)
LENGTH_PX, WIDTH_PX, REACH_PX, GAP_PX = 40, 3, 20, 2
_TRIES = 300


@dataclass(frozen=True)
class PlacesScore:
    """One way of choosing places, after so many strokes beyond the first of each class."""

    task: str
    unseen: bool  # the set was not used in pretraining
    seed: int
    way: str
    forest: bool
    first: int  # strokes everybody starts with
    strokes: int
    same: float
    other: float
    expected_px: float = 0.0  # wrong pixels foretold at the places so far (ranked ways)
    wrong_px: float = 0.0  # and those that were wrong there


@dataclass
class _Painter:
    """The simulated annotator on image A of a task, and what the model says to the strokes."""

    task: Task
    start: PixelModel
    forest: bool
    painted: np.ndarray
    seed: int
    caches: tuple[FeatureCache, FeatureCache]
    strokes: int = 0
    expected_px: float = 0.0
    wrong_px: float = 0.0

    def model(self) -> PixelModel:
        sample = Sample(self.task.image_a, self.painted, self.task.name)
        return fit_instant(
            self.start, [sample], cache=self.caches[0], with_forest=self.forest, device="cpu"
        )

    def paint_at(self, places: Iterator[tuple[int, int]]) -> bool:
        """One stroke at the first place that has room; False if none has."""
        for place in places:
            seed = 1000 * self.seed + self.strokes
            more = stroke_at(self.task.truth_a, self.painted, place, seed)
            if more is not None:
                self.painted, self.strokes = more, self.strokes + 1
                return True
        return False

    def ranked(self) -> list[Place]:
        model = self.model()
        chance = predict_probabilities(model, self.task.image_a, cache=self.caches[0])
        places = next_places(chance, self.painted, model.class_values, PlaceOptions(count=20))
        answer = np.asarray(model.class_values)[chance.argmax(axis=0)]
        if places:
            half, (y, x) = places[0].size_px // 2, places[0].centre
            box = (slice(max(0, y - half), y + half), slice(max(0, x - half), x + half))
            truth = self.task.truth_a[box]
            self.expected_px += places[0].wrong_px
            self.wrong_px += np.count_nonzero((answer[box] != truth) & (truth > 0))
        return places

    def score(self, seed: int, way: str, first: int) -> PlacesScore:
        model, task = self.model(), self.task
        a = predict_labels(model, task.image_a, cache=self.caches[0])
        b = predict_labels(model, task.image_b, cache=self.caches[1])
        about = (task.name, not task.may_train, seed, way, self.forest, first, self.strokes)
        same, other = mean_dice(task.truth_a, a), mean_dice(task.truth_b, b)
        return PlacesScore(*about, same, other, self.expected_px, self.wrong_px)


def stroke_at(
    truth: np.ndarray, painted: np.ndarray, place: tuple[int, int], seed: int
) -> np.ndarray | None:
    """``painted`` with one more stroke, of the true class at ``place``; None without room."""
    y, x = place
    box = tuple(slice(max(0, i - REACH_PX), i + REACH_PX + 1) for i in place)
    taken = ndimage.binary_dilation(painted[box] > 0, np.ones((2 * GAP_PX + 1,) * 2))
    same = (truth[box] == truth[y, x]) & ~taken & (truth[box] > 0)
    parts, _ = ndimage.label(same, structure=np.ones((3, 3)))
    part = parts[y - box[0].start, x - box[1].start]
    if part == 0:
        return None
    room = ((parts == part) * truth[y, x]).astype(truth.dtype)
    stroke = simulate_strokes(room, per_class=1, length_px=LENGTH_PX, width_px=WIDTH_PX, seed=seed)
    more = painted.copy()
    more[box][stroke > 0] = stroke[stroke > 0]
    return more if stroke.any() else None


def task_place_scores(
    start: PixelModel,
    task: Task,
    seeds: Sequence[int],
    *,
    strokes: int = 20,
    every: int = 2,
    forest: bool = False,
    ways: Sequence[str] = WAYS,
) -> Iterator[PlacesScore]:
    """Curves of one task: a score after every second stroke, of every way and seed."""
    caches = (FeatureCache(), FeatureCache())
    for seed in seeds:
        first = task.strokes(seed + 100, per_class=1)
        count = len(np.unique(first[first > 0]))
        for way in ways:
            painter = _Painter(task, start, forest, first.copy(), seed, caches)
            choose = _chooser(painter, way, np.random.default_rng([seed, 17]))
            yield painter.score(seed, way, count)
            for wanted in range(every, strokes + 1, every):
                while painter.strokes < wanted and painter.paint_at(choose()):
                    pass
                reached = painter.score(seed, way, count)
                # Where there is no room for more, the curve goes on level.
                yield PlacesScore(**{**vars(reached), "strokes": wanted})


def _chooser(
    painter: _Painter, way: str, rng: np.random.Generator
) -> Callable[[], Iterator[tuple[int, int]]]:
    truth = painter.task.truth_a
    if way in (RANDOM, BALANCED):
        values = np.unique(truth[truth > 0])
        spots = [np.flatnonzero(truth == v) for v in values]
        everywhere = np.flatnonzero(truth)

        def at_random() -> Iterator[tuple[int, int]]:
            for tried in range(_TRIES):  # after a few, the next class: this one may be full
                turn = (painter.strokes + tried // 30) % len(values)
                pool = everywhere if way == RANDOM else spots[turn]
                y, x = divmod(int(rng.choice(pool)), truth.shape[1])
                yield y, x

        return at_random
    length = 1 if way == RANKED else 5
    left: list[Place] = []
    drawn_at = [0]

    def by_rank() -> Iterator[tuple[int, int]]:
        if not left or painter.strokes >= drawn_at[0] + length:
            left[:], drawn_at[0] = painter.ranked(), painter.strokes
        while left:
            y, x = left.pop(0).centre
            yield y, x

    return by_rank


def strokes_needed(curve: np.ndarray, at: np.ndarray, dice: float) -> float:
    """Strokes at which a mean curve first reaches ``dice``, between points by a line; inf never."""
    above = np.flatnonzero(curve >= dice)
    if not len(above):
        return float("inf")
    i = int(above[0])
    if i == 0:
        return float(at[0])
    part = (dice - curve[i - 1]) / (curve[i] - curve[i - 1])
    return float(at[i - 1] + part * (at[i] - at[i - 1]))


@dataclass(frozen=True)
class Saving:
    """Share of random strokes that a way needs for their Dice, with its 95 % interval."""

    share: float
    low: float
    high: float

    def __str__(self) -> str:
        share, low, high = (
            "never" if np.isinf(v) else f"{100 * v:.0f} %"
            for v in (self.share, self.low, self.high)
        )
        return f"{share} [{low}, {high}]"


def saving(
    rows: Sequence[PlacesScore],
    way: str,
    against: str,
    image: str = "same",
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Saving:
    """How few strokes ``way`` needs for what the last strokes of ``against`` reach.

    All strokes count, the first of each class too. Tasks are drawn with replacement.
    """
    at, ours = curves(rows, way, image)
    _, theirs = curves(rows, against, image)
    first = np.array([next(r.first for r in rows if r.task == t) for t in _tasks(rows)])

    def share(drawn: np.ndarray) -> float:
        begun = float(first[drawn].mean())
        needed = strokes_needed(ours[drawn].mean(axis=0), at, theirs[drawn, -1].mean())
        return (begun + needed) / (begun + at[-1])

    rng = np.random.default_rng(seed)
    n = len(first)
    drawn = [share(rng.integers(0, n, n)) for _ in range(resamples)]
    low, high = np.percentile(drawn, [2.5, 97.5], method="nearest")
    return Saving(share(np.arange(n)), float(low), float(high))


def curves(rows: Sequence[PlacesScore], way: str, image: str) -> tuple[np.ndarray, np.ndarray]:
    """Strokes (n,) and mean Dice over seeds (task, n) of one way."""
    own = [row for row in rows if row.way == way]
    at = sorted({row.strokes for row in own})
    table = [
        [np.mean([getattr(r, image) for r in own if r.task == t and r.strokes == n]) for n in at]
        for t in _tasks(rows)
    ]
    return np.array(at), np.array(table)


def _tasks(rows: Sequence[PlacesScore]) -> list[str]:
    return sorted({row.task for row in rows})


def table(rows: Sequence[PlacesScore]) -> str:
    """The curves and savings as Markdown."""
    at, _ = curves(rows, RANDOM, "same")
    head = [f"| way | {' | '.join(str(n) for n in at)} | strokes of random | of classes in turn |"]
    lines = [*head, "| --- |" + " --: |" * (len(at) + 2)]
    for image in ("same", "other"):
        for way in dict.fromkeys(row.way for row in rows):
            values = curves(rows, way, image)[1].mean(axis=0)
            against = (RANDOM, BALANCED) if way in (RANKED, LISTED) else ()
            shares = [str(saving(rows, way, a, image)) for a in against] or ["", ""]
            cells = [f"{way}, {image}", *(f"{v:.3f}" for v in values), *shares]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--forest", action="store_true", help="head and forest, as in the window")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    told = parser.parse_args()
    warnings.filterwarnings("ignore")
    start, rows = start_model("general-fast"), []
    for task in make_tasks(told.data, pairs=told.pairs, crop_px=384):
        seeds = range(told.seeds)
        rows += task_place_scores(start, task, seeds, forest=told.forest, ways=told.ways)
        print(task.name, file=sys.stderr, flush=True)
    print(table(rows))
    ranked = [row for row in rows if row.way == RANKED and row.strokes == rows[-1].strokes]
    foretold, wrong = (sum(getattr(r, n) for r in ranked) for n in ("expected_px", "wrong_px"))
    print(f"\nwrong pixels at the ranked places: foretold {foretold:.0f}, found {wrong:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
