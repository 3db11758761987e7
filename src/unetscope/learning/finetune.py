"""Fine-tuning: the U-Net learns from the strokes, judged by what it has not seen.

An iterator of events that the window, the command line and notebooks share. New strokes reach a
running training through ``send``.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from unetscope.computing.precision import device_note
from unetscope.errors import ModelError
from unetscope.images.classes import LabelClass
from unetscope.learning.end_reason import EndReason
from unetscope.learning.events import LearningEvent, Notice
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.followers import trained_along
from unetscope.learning.optimiser_steps import NO_MEMORY
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.samples import Sample
from unetscope.learning.together import PeerLostError
from unetscope.learning.train_options import TrainOptions
from unetscope.learning.training_run import TrainingRun

__all__ = ["TrainOptions", "fine_tune"]


def fine_tune(
    model: PixelModel,
    samples: Sequence[Sample],
    options: TrainOptions | None = None,
    *,
    cache: FeatureCache | None = None,
    classes: Sequence[LabelClass] | None = None,
) -> Generator[LearningEvent, Sequence[Sample] | None, None]:
    """Fine-tune ``model`` on the strokes of ``samples``.

    Yields ``Started``, ``HeadFitted``, then ``StepDone`` and ``EpochDone``, and ``Finished`` at
    last. Sending a new sequence of samples re-reads the strokes and goes on from the present
    weights. The given model is never changed; every event carries a new one.

    One seed gives bitwise the same weights on the CPU at a fixed thread count, as long as a number
    of epochs ends the training and not a time budget.

    Where memory runs out, less of it is used, at last the CPU; where nothing helps, training ends
    with the best model so far. The time budget begins with the first step and reaches a check.

    With ``options.devices`` above one as many processes train together, from the strokes of the
    beginning alone; where one of them ends, training ends with the best model so far.

    Raises
    ------
    MemoryError
        If there is too little memory for a single step.
    ModelError
        If there are not as many devices, or new strokes are sent to several.
    """
    options = options or TrainOptions()
    try:
        with trained_along(model, samples, options, classes) as together:
            run = TrainingRun(model, options, cache or FeatureCache(), together)
            yield from _told(run, samples, classes)
    except PeerLostError as error:  # before anything was learned
        raise ModelError(f"{error} before the first step; train on one device") from error


def _told(
    run: TrainingRun, samples: Sequence[Sample], classes: Sequence[LabelClass] | None
) -> Generator[LearningEvent, Sequence[Sample] | None, None]:
    """All events of a training, whatever happens to it."""
    try:
        if (note := device_note(run.options.device)) is not None:
            sent = yield Notice(note)
            samples = sent if sent is not None else samples
        try:
            reason = yield from _learned(run, samples, classes)
        except MemoryError:
            if not run.learner.steps:
                raise
            yield Notice(f"Out of memory: {NO_MEMORY} The best model so far is kept.")
            reason = EndReason.MEMORY
        except PeerLostError:
            if not run.learner.steps:
                raise
            yield Notice("A process that trained along has ended. The best model so far is kept.")
            reason = EndReason.PEER
        yield run.finish(reason)
    finally:
        run.release()


def _learned(
    run: TrainingRun, samples: Sequence[Sample], classes: Sequence[LabelClass] | None
) -> Generator[LearningEvent, Sequence[Sample] | None, EndReason]:
    """Step until there is a reason to stop, which is returned."""
    update: Sequence[Sample] | None = samples
    while True:
        while update is not None:  # what is sent at any event is learned from
            if run.learner.steps and run.together.are_several:
                raise ModelError("several devices cannot learn from new strokes; begin anew")
            update = yield from run.start(update, classes)
        if (reason := run.reason_to_stop()) is not None:
            yield from run.conclude()
            return reason
        update = yield from run.step()
        if run.epoch_is_over():
            late = yield from run.close_epoch()
            update = late if late is not None else update
