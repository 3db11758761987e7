"""Answers are compared with what is painted in check boxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from unetscope.learning.check_box import PaintedBox
from unetscope.learning.events import Notice, TileDone
from unetscope.learning.learned_pixels import LearnedPixels
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import label_dtype, predict_tiles
from unetscope.measuring.box_scores import BoxAnswer, box_scores
from unetscope.session.engine.shared import Shared
from unetscope.session.requests import BoxesChecked, BoxToCheck, CheckRequest, Standing


def check_boxes(shared: Shared, request: CheckRequest) -> Iterator[BoxesChecked | Notice]:
    """Answer each box that counts, as a file would be, and compare.

    A box counts if it is painted densely and no voice of the model has learned from a pixel of it.
    Between two boxes the work can be stopped.
    """
    model, device = request.model, shared.device()
    voices = model.voices
    standings = tuple(_standing(box, voices) for box in request.boxes)
    answers = []
    for box, standing in zip(request.boxes, standings, strict=True):
        if standing is not Standing.APART or not box.painted.is_dense:
            continue
        answer = None
        for event in _answered(shared, model, box.painted, device):
            if isinstance(event, Notice):
                yield event
            else:
                answer = event
        if answer is not None:
            answers.append(answer)
    scores = box_scores(answers, dict(request.names))
    yield BoxesChecked(scores, len(answers), standings, tuple(voices))


def _standing(box: BoxToCheck, voices: Mapping[str, LearnedPixels | None]) -> Standing:
    painted = box.painted
    found = Standing.APART
    for fingerprint, learned in voices.items():
        if learned is not None and learned.any_in((painted.key, *box.keys), painted.box):
            return Standing.LEARNED
        if learned is None and fingerprint not in box.unseen_by:
            found = Standing.UNKNOWN
    return found


def _answered(
    shared: Shared, model: PixelModel, painted: PaintedBox, device: str
) -> Iterator[BoxAnswer | Notice]:
    """The answer in a box, alone: (y, x)."""
    image, box = painted.image, painted.box
    planes = [box.z] if "z" in image.axes else None
    options = shared.options(device, region=box.plane, planes=planes, clip=True)
    said = np.zeros(box.shape, label_dtype(model))
    for event in predict_tiles(model, image, options):
        if isinstance(event, TileDone):
            y, x = event.region[-2:]
            rows = slice(y.start - box.top, y.stop - box.top)
            said[rows, x.start - box.left : x.stop - box.left] = event.labels
        else:
            yield event
    yield BoxAnswer(painted.labels, said)
