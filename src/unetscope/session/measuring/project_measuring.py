"""All predicted images of a project are measured in one way, into one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from unetscope.errors import MeasurementError, UnetscopeError
from unetscope.images.classes import LabelClass
from unetscope.images.files import read_labels
from unetscope.looking.answers import Working
from unetscope.session.journal.identity import content_hash
from unetscope.session.measuring.measure_state import FoundObjects, LabelKind, LabelSource, Wish
from unetscope.session.measuring.object_jobs import FindRequest, find_without_intervals
from unetscope.session.measuring.object_place import FOLDER
from unetscope.session.measuring.object_store import read_wishes, standing_wishes
from unetscope.session.measuring.result_jobs import (
    MeasuredImage,
    MeasuresWritten,
    WantedFiles,
    WriteMeasures,
    write_measures,
)
from unetscope.session.project.folder import Project
from unetscope.session.project.reading import read_image
from unetscope.session.project.records import ImageEntry

Told = Working | MeasuresWritten | str


def measure_project(
    folder: Path, wish: Wish, of_class: LabelClass, files: WantedFiles
) -> Iterator[Told]:
    """Measure every image of the project in ``folder`` that has a prediction; then write.

    The group of an image is the folder that it lies in, where there are several. What could not be
    measured is said first; corrections of objects that are the same as then stand.

    Raises
    ------
    MeasurementError
        If no image could be measured.
    ProjectError
        If there is no project.
    OutputError
        If a file cannot be written.
    """
    files.formats.check_libraries()
    project = Project.open(folder, read_only=True)
    entries = project.record.images
    groups, names = groups_of(project), names_of(project)
    done: list[MeasuredImage] = []
    lost: list[str] = []
    for number, entry in enumerate(entries):
        yield Working(f"Measuring {entry.name}", number, len(entries))
        try:
            asked = replace(wish, drawn=False), of_class, names[entry.id]
            found = _measured(project, entry, *asked)
            wishes = read_wishes(found.looked.place)
            edits = standing_wishes(found.looked.place, found.objects.ids.shape, wishes)
            path = project.image_path(entry.id)
            done.append(MeasuredImage(found, path, groups.get(entry.id, ""), edits))
        except (UnetscopeError, OSError) as error:
            lost.append(f"{entry.name} was not measured: {str(error).rstrip('.')}.")
    if lost:
        yield " ".join(lost)
    if not done:
        raise MeasurementError(f"no image of {project.record.name} could be measured. {lost[0]}")
    yield from write_measures(WriteMeasures(done, of_class, files))


def groups_of(project: Project) -> dict[str, str]:
    """Image id -> the folder that the image lies in, where images lie in several."""
    folders = {
        entry.id: path.parent.name
        for entry in project.record.images
        if (path := project.image_path(entry.id)) is not None
    }
    return folders if len(set(folders.values())) > 1 else {}


def names_of(project: Project) -> dict[str, str]:
    """Image id -> its name in a table: with its folder where two are called alike."""
    entries = project.record.images
    called = [entry.name for entry in entries]
    found = {}
    for entry in entries:
        path = project.image_path(entry.id)
        alike = called.count(entry.name) > 1 and path is not None
        found[entry.id] = f"{path.parent.name}/{entry.name}" if alike and path else entry.name
    return found


def _measured(
    project: Project, entry: ImageEntry, wish: Wish, of_class: LabelClass, name: str
) -> FoundObjects:
    if entry.prediction is None:
        raise MeasurementError("it has no prediction; predict all images of the project first")
    file = project.folder / entry.prediction.file
    if not file.is_file():
        raise MeasurementError("its prediction is gone; predict all images of the project again")
    image = replace(read_image(project, entry.id), name=name)
    model = f"model {entry.prediction.model[:12]}"
    classes = project.record.classes
    source = LabelSource(entry.id, f"answer of {model}", LabelKind.ANSWER, classes, model)
    request = FindRequest(
        entry.id, image, source, read_labels(file), wish, of_class.name, project.folder / FOLDER,
        content_hash(image.pixels),
    )  # fmt: skip
    return find_without_intervals(request)
