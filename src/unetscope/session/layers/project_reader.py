"""A project folder dropped into napari: its first image that is found, with its labels.

Nothing of torch is imported, so that napari starts as fast with the plugin as without.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unetscope.errors import ProjectError
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.session.layers.layer_facts import ROLE, class_colormap
from unetscope.session.project.folder import Project, is_project
from unetscope.session.project.images import Presence
from unetscope.session.project.reading import read_image
from unetscope.session.project.records import ImageEntry

LayerData = tuple[Any, dict[str, Any], str]
Read = Callable[[str | Sequence[str]], list[LayerData]]
#: Keys of a layer's note (``metadata["unetscope"]``): the project's folder and the image's id.
PROJECT, IMAGE_ID = "project", "image_id"


def get_reader(path: str | Sequence[str]) -> Read | None:
    """A reader for a project folder (or its project.json); None for everything else."""
    first = path if isinstance(path, str) else (path[0] if len(path) == 1 else None)
    return read_project if first is not None and is_project(first) else None


def read_project(path: str | Sequence[str]) -> list[LayerData]:
    """Layers of the first image of a project that is there, and of its labels.

    Raises
    ------
    ProjectError
        If the project cannot be opened, or none of its images is found.
    """
    project = Project.open(path if isinstance(path, str) else path[0], read_only=True)
    there = (Presence.FOUND, Presence.UNCHECKED)
    found = (e.id for e in project.record.images if project.status(e.id).presence in there)
    same = (i for i in found if project.verify(i).presence is Presence.FOUND)
    entry = next((project.image(i) for i in same), None)
    if entry is None:
        count = len(project.record.images)
        raise ProjectError(
            f"none of the {count} images of the project {project.record.name!r} is found as it was "
            "painted on; open it in the panel Paint, train, predict to add images or to say where "
            "they are"
        )
    layers = [image_layer(project.folder, entry, read_image(project, entry.id))]
    labels = project.read_labels(entry.id)
    if labels is not None:
        # to be painted on: never a file's own pixels
        layers.append(labels_layer(layers[0], np.array(labels), project.record.classes))
    return layers


def image_layer(folder: Path, entry: ImageEntry, image: Micrograph) -> LayerData:
    """The layer of an image of the project in ``folder``; its note says which one it is."""
    shown = image.axes[:-1] if image.is_rgb else image.axes
    options: dict[str, Any] = {"name": entry.name, "axis_labels": tuple(shown)}
    if image.is_rgb:
        options["rgb"] = True
    if image.pixel_size is not None:
        sizes = dict(zip(image.spatial_axes, image.pixel_size, strict=True))
        options["scale"] = [sizes.get(axis, 1.0) for axis in shown]
        options["units"] = [image.unit or "pixel" if axis in sizes else "pixel" for axis in shown]
    note: dict[str, Any] = {PROJECT: str(folder), IMAGE_ID: entry.id}
    if image.notes:
        note["notes"] = list(image.notes)
    return image.pixels, {**options, "metadata": {"unetscope": note}}, "image"


def labels_layer(image: LayerData, labels: np.ndarray, classes: Sequence[LabelClass]) -> LayerData:
    """The layer of labels (y, x) or (z, y, x) over the spatial axes of an image's layer."""
    _, told, _ = image
    spatial = [i for i, axis in enumerate(told["axis_labels"]) if axis != "c"]
    options: dict[str, Any] = {
        "name": f"strokes: {told['name']}",
        "metadata": {ROLE: {"role": "strokes", **told["metadata"][ROLE]}},
        "axis_labels": tuple(told["axis_labels"][i] for i in spatial),
        "opacity": 1.0,
    }
    for key in ("scale", "units"):
        if key in told:
            options[key] = [told[key][i] for i in spatial]
    if classes:
        options["colormap"] = class_colormap(classes)
    return labels, options, "labels"


def project_note(metadata: Any) -> tuple[Path, str] | None:
    """Project folder and image id that a layer's metadata name; None where they name none."""
    note = metadata.get("unetscope")
    if not isinstance(note, dict) or PROJECT not in note or IMAGE_ID not in note:
        return None
    return Path(os.fspath(note[PROJECT])), str(note[IMAGE_ID])
