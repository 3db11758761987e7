"""All images of a project are predicted into its folder, and what is up to date is passed over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unetscope.errors import ProjectError
from unetscope.images.micrograph import Micrograph
from unetscope.scaling.odd_ones import Answered
from unetscope.session.engine.projects import why
from unetscope.session.project.folder import Project
from unetscope.session.project.reading import read_image
from unetscope.session.project.records import ImageEntry, Prediction

FOLDER = "predictions"
#: Predicts an image into a file that is made of the files of the last argument.
Predict = Callable[[Micrograph, Path, tuple[Path, ...]], Iterator[Any]]


@dataclass(frozen=True)
class ImageBegun:
    """The image of this name is next, after ``done`` of ``total``."""

    name: str
    done: int
    total: int


@dataclass(frozen=True)
class ImagePredicted:
    """The answer to an image is written."""

    image_id: str
    prediction: Prediction


@dataclass(frozen=True)
class UpToDate:
    """This model has answered this image before, and neither has changed."""

    image_id: str


@dataclass(frozen=True)
class ImageFailed:
    """An image that could not be predicted, and why."""

    image_id: str
    name: str
    why: str


def predicted_images(
    project: Project, model: str, predict: Predict
) -> Iterator[ImageBegun | ImagePredicted | UpToDate | ImageFailed | Any]:
    """Predict every image that ``model`` (its identity) has not answered as it is now.

    Masks are written with the pixel size into ``predictions`` in the project. An image that cannot
    be predicted is named with the reason, and the others go on. Events of ``predict`` are passed
    on, so that the work can be stopped between two of them.

    Raises
    ------
    ProjectError
        If the folder of the masks cannot be made.
    """
    folder = project.folder / FOLDER
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ProjectError(f"{folder} cannot be made: {error.strerror}") from error
    entries = project.record.images
    for done, known in enumerate(entries):
        yield ImageBegun(known.name, done, len(entries))
        try:
            image = read_image(project, known.id)
            entry = project.image(known.id)
            if is_up_to_date(project, entry, model):
                yield UpToDate(entry.id)
                continue
            path = project.image_path(entry.id)
            name = _file_name(entry)
            inputs = (path,) if path is not None else ()
            answered = None
            for event in predict(image, project.folder / name, inputs):
                answered = event if isinstance(event, Answered) else answered
                yield event
        except Exception as error:  # whatever is wrong with one image, the others are predicted
            yield ImageFailed(known.id, known.name, why(error))
        else:
            yield ImagePredicted(entry.id, _kept(name, model, entry, answered))


def _kept(name: str, model: str, entry: ImageEntry, answered: Answered | None) -> Prediction:
    """What the project keeps of an answer."""
    if answered is None:
        return Prediction(name, model, entry.content)
    shares = {str(value): float(share) for value, share in answered.shares.items()}
    low, high = (tuple(map(float, ends)) for ends in (answered.low, answered.high))
    return Prediction(name, model, entry.content, shares, low, high)


def answered_before(kept: Prediction | None) -> Answered | None:
    """What is in a kept answer: shares of classes, grey range; None where that was not kept."""
    if kept is None or not kept.shares:
        return None
    return Answered({int(v): share for v, share in kept.shares.items()}, kept.low, kept.high)


def is_up_to_date(project: Project, entry: ImageEntry, model: str) -> bool:
    """Whether the kept answer is of this model and of the image as it is."""
    kept = entry.prediction
    return (
        kept is not None
        and (kept.model, kept.content) == (model, entry.content)
        and (project.folder / kept.file).is_file()
    )


def _file_name(entry: ImageEntry) -> str:
    """ "predictions/0001-cells_F22.ome.tif": the number tells images of one name apart."""
    stem = re.sub(r"[^\w-]+", "-", entry.name.rpartition(".")[0] or entry.name).strip("-")
    return f"{FOLDER}/{entry.id}-{stem[:80]}.ome.tif"
