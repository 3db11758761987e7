"""Answers of images of any size go to files: of one image, or of many files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from unetscope.images.claims import Role
from unetscope.images.files import read_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.learning.events import PredictionEvent
from unetscope.learning.pixel_model import as_seen
from unetscope.scaling.batches import (
    Batch,
    answered_into,
    foreign,
    images_of,
    predict_files,
    prediction_targets,
)
from unetscope.scaling.file_results import FileBegun, FileResult, FilesDone
from unetscope.scaling.odd_ones import Answered
from unetscope.scaling.predicting import AnswerFiles, write_probabilities
from unetscope.session.engine.shared import Shared
from unetscope.session.requests import FilesRequest, WriteRequest


def write(shared: Shared, request: WriteRequest) -> Iterator[PredictionEvent | Answered]:
    """Predict an image into a file, which appears when it is complete; then what is in it."""
    model, image, path, claim = request.model, request.image, request.path, request.claim
    options = shared.options(shared.device())
    if claim.role is Role.PROBABILITIES:
        yield from write_probabilities(model, image, path, claim, options)
        return
    target = AnswerFiles(path, inputs=claim.inputs, overwrite=claim.overwrite)
    yield (yield from answered_into(model, as_seen(model, image), target, options))


def write_files(
    shared: Shared, request: FilesRequest
) -> Iterator[FileBegun | FileResult | FilesDone | PredictionEvent]:
    """Predict a folder of images as the command line does; what is up to date is passed over."""
    found, passed = images_of([request.source])
    batch = Batch(
        request.model,
        prediction_targets(found, request.folder),
        request.folder,
        shared.options(shared.device()),
        inputs=(*found, *foreign(passed)),
    )
    yield from predict_files(batch, partial(_read, request))


def _read(request: FilesRequest, path: Path) -> Micrograph:
    return read_micrograph(path, answers=request.answers)
