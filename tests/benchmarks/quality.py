"""Our answers to simulated strokes: at once, during fine-tuning, and after corrections.

A task is two images of one set: strokes on image A, judged on A's other pixels ("same") and on
image B ("other"). What others answer to the same strokes is in ``baselines`` and ``scratch``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.annotator import corrections
from benchmarks.baselines import FOREST, ILASTIK, BaselineTask
from benchmarks.rows import Row
from benchmarks.scoring import Answer, Examiner, Spent, answer_from
from unetscope.images.micrograph import Micrograph
from unetscope.learning.events import EpochDone, Finished, HeadFitted
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.instant import fit_instant
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_probabilities
from unetscope.learning.samples import Sample
from unetscope.pretraining.judge import Task

HEAD, INSTANT = "ridge head", "instant"
TUNED, ALONE = "fine-tuned", "network alone"
OWN = ", own errors"  # the forest with corrections of what itself got wrong


class OurTask:
    """A task whose features are computed once, for all strokes."""

    def __init__(self, start: PixelModel, task: Task) -> None:
        self.start, self.task = start, task
        self.cache = FeatureCache()

    def instant_rows(self, examiner: Examiner) -> Iterator[Row]:
        """The head alone, which repaints first, and head with forest, shown right after."""
        samples = [Sample(self.task.image_a, examiner.strokes, self.task.name)]
        first = fit_instant(self.start, samples, cache=self.cache, with_forest=False)
        self._asked(first, self.task.image_a)  # features are warm from here on
        for system, with_forest in ((HEAD, False), (INSTANT, True)):
            began = time.process_time()
            model = fit_instant(self.start, samples, cache=self.cache, with_forest=with_forest)
            a = self._asked(model, self.task.image_a)
            spent = Spent(seconds=time.process_time() - began)
            yield examiner.score(system, a, self._asked(model, self.task.image_b), spent)

    def shown_row(
        self, examiner: Examiner, system: str, model: PixelModel, spent: Spent
    ) -> tuple[Row, Answer]:
        """The row of what ``model`` shows, and its answer to image A."""
        share = model.speaking.weight if model.speaking else 0.0
        a, b = (self._asked(model, image) for image in (self.task.image_a, self.task.image_b))
        return examiner.score(system, a, b, replace(spent, network_weight=share)), a

    def _asked(self, model: PixelModel, image: Micrograph) -> Answer:
        return answer_from(
            predict_probabilities(model, image, cache=self.cache), model.class_values
        )


def training_rows(
    start: PixelModel, examiner: Examiner, options: TrainOptions, checkpoints_s: Sequence[float]
) -> Iterator[Row]:
    """What the user sees at the checkpoints of one training (0 s: the instant answer).

    A checkpoint shows the last check of training before it; the clock stands still while Dice is
    computed. The last row is what nobody sees: the network alone, without the judge.
    """
    ours = OurTask(start, examiner.task)
    samples = [Sample(examiner.task.image_a, examiner.strokes, examiner.task.name)]
    shown: PixelModel | None = None
    steps, due = 0, sorted(checkpoints_s)
    for event in fine_tune(start, samples, options, cache=FeatureCache()):
        if isinstance(event, HeadFitted):
            if shown is None:
                yield ours.shown_row(examiner, INSTANT, event.model, Spent())[0]
            shown = event.model
        elif isinstance(event, EpochDone):
            while due and event.seconds > due[0] and shown is not None:
                spent = Spent(due.pop(0), steps=steps)
                yield ours.shown_row(examiner, TUNED, shown, spent)[0]
            shown, steps = event.model, steps + options.steps_per_epoch
        elif isinstance(event, Finished):
            shown = event.model
    if shown is None:
        return
    for seconds in due:
        yield ours.shown_row(examiner, TUNED, shown, Spent(seconds, steps=steps))[0]
    if shown.network is not None:
        alone = replace(shown, network=replace(shown.network, weight=1.0))
        spent = Spent(max(checkpoints_s), steps=steps)
        yield ours.shown_row(examiner, ALONE, alone, spent)[0]


def corrective_rows(
    start: PixelModel, examiner: Examiner, options: TrainOptions, *, rounds: int, count: int
) -> Iterator[Row]:
    """Rounds of ``count`` strokes on what we show wrongly, each followed by one training.

    The first round corrects the instant answer. The forests get the same strokes; besides, the
    random forest gets as many strokes on errors of its own, which is fair to it.
    """
    task = examiner.task
    ours, theirs = OurTask(start, task), BaselineTask(task)
    model = fit_instant(start, [_sample(examiner)], cache=ours.cache)
    seconds = 0.0
    for turn in range(rounds + 1):
        if turn:
            model = _trained(model, examiner, options, ours.cache)
            seconds += options.max_seconds or 0.0
            at_once = fit_instant(start, [_sample(examiner)], cache=ours.cache)
            yield ours.shown_row(examiner, INSTANT, at_once, Spent(turn=turn))[0]
        row, shown = ours.shown_row(examiner, TUNED, model, Spent(seconds, turn=turn))
        yield row
        for system in (FOREST, ILASTIK):
            a, b, spent = theirs.answers(system, examiner.strokes, examiner.seed)
            yield examiner.score(system, a, b, replace(spent, turn=turn))
        examiner = _corrected(examiner, shown, count, turn)


def own_errors_rows(examiner: Examiner, *, rounds: int, count: int) -> Iterator[Row]:
    """The random forest with rounds of strokes on its own errors."""
    theirs = BaselineTask(examiner.task)
    for turn in range(rounds + 1):
        a, b, spent = theirs.answers(FOREST, examiner.strokes, examiner.seed)
        yield examiner.score(FOREST + OWN, a, b, replace(spent, turn=turn))
        examiner = _corrected(examiner, a, count, turn)


def full_budget(seconds: float, seed: int) -> TrainOptions:
    """Default options that train for ``seconds``, plateau or not."""
    return TrainOptions(max_seconds=seconds, patience_epochs=10_000, max_epochs=10**6, seed=seed)


def _trained(
    model: PixelModel, examiner: Examiner, options: TrainOptions, cache: FeatureCache
) -> PixelModel:
    for event in fine_tune(model, [_sample(examiner)], options, cache=cache):
        if isinstance(event, Finished):
            model = event.model
    return model


def _corrected(examiner: Examiner, shown: Answer, count: int, turn: int) -> Examiner:
    painted = corrections(
        examiner.task, shown.labels, examiner.strokes, count=count, seed=examiner.seed, turn=turn
    )
    return replace(examiner, strokes=painted)


def _sample(examiner: Examiner) -> Sample:
    return Sample(examiner.task.image_a, examiner.strokes, examiner.task.name)
