"""Answers of images of any size go to files."""

from __future__ import annotations

from collections.abc import Iterator

from unetscope.images.claims import Role
from unetscope.learning.events import PredictionEvent
from unetscope.scaling.predicting import AnswerFiles, predict_to, write_probabilities
from unetscope.session.engine.shared import Shared
from unetscope.session.requests import WriteRequest


def write(shared: Shared, request: WriteRequest) -> Iterator[PredictionEvent]:
    """Predict an image into a file, which appears when it is complete."""
    model, image, path, claim = request.model, request.image, request.path, request.claim
    options = shared.options(shared.device())
    if claim.role is Role.PROBABILITIES:
        yield from write_probabilities(model, image, path, claim, options)
    else:
        target = AnswerFiles(path, inputs=claim.inputs, overwrite=claim.overwrite)
        yield from predict_to(model, image, target, options)
