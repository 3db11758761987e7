"""Keep what is shown: files that say what they are, a script that makes them again, a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unetscope.errors import ImageError
from unetscope.session.inside.answers import Drawn, Picture, Shown, Working
from unetscope.session.inside.glass import Glass
from unetscope.session.inside.window import cropped, in_input
from unetscope.session.values import ImageSummary

MODEL_FILE = "model.unetscope"


@dataclass(frozen=True, eq=False)
class Kept:
    """What was on screen when Export was pressed."""

    glass: Glass
    shown: Shown
    layer: str
    point: tuple[float, ...] | None
    image: ImageSummary | None


def write_view(kept: Kept, folder: Path) -> Iterator[Any]:
    """Write the shown answer; yields progress and, at the end, a sentence.

    An answer that was not one call (before and after a training) is written without a script.

    Raises
    ------
    ImageError
        If the answer has no picture.
    OutputError
        If the folder cannot be written.
    """
    from unetscope.inspection.writing.export import export_view

    shown = kept.shown
    if not shown.pictures:
        raise ImageError(
            f"“{shown.title}” has no picture to export; “Copy table” copies its numbers."
        )
    yield Working("Exporting")
    written = export_view(_view(kept, folder), folder)
    said = f"{len(written)} files in {folder}: {', '.join(path.name for path in written)}."
    yield said if shown.recipe is not None else f"{said} There is no script for this answer."


def write_report(
    glass: Glass,
    image: ImageSummary,
    labels: np.ndarray | None,
    point: tuple[float, ...] | None,
    effective: Any,
    path: Path,
) -> Iterator[Any]:
    """Write the HTML report; yields progress and, at the end, a sentence."""
    from unetscope.images.claims import REPORT
    from unetscope.images.writing import replacing
    from unetscope.inspection.writing.report import report

    yield Working("Writing the report")
    at = None
    if point is not None and glass.inside(point[-glass.axes :]):
        at = tuple(round(p - o) for p, o in zip(point[-glass.axes :], glass.origin, strict=True))
    size = image.pixel_size[-glass.axes :] if image.pixel_size else None
    page = report(
        glass.net,
        glass.image.numpy(),
        name=glass.subject.title,
        labels=None if labels is None else in_input(glass, labels),
        point=at,
        pixel_size=size,
        unit=image.unit,
        effective=() if effective is None else (effective,),
    )
    with replacing(path, REPORT) as temporary:
        temporary.write_text(page, encoding="utf-8")
    yield f"The report is in {path}."


def _view(kept: Kept, folder: Path) -> Any:
    from unetscope.inspection.asking.editing import Edit
    from unetscope.inspection.following.fields import receptive_field
    from unetscope.inspection.writing.export import ExportedView

    glass, shown = kept.glass, kept.shown
    picture = shown.pictures[0]
    values = picture.values if shown.numbers is None else shown.numbers
    layer = shown.layer or kept.layer
    point = field = None
    at = None if kept.point is None else kept.point[-glass.axes :]
    if at is not None and glass.inside(at) and picture.role in ("maps", "effective heat"):
        point = glass.cell(layer, at)
        field = receptive_field(glass.trace, glass.shape, layer, point)
    image = cropped(glass) if shown.of_window else glass.image
    size = kept.image.pixel_size if kept.image is not None else None
    edit = shown.result if isinstance(shown.result, Edit) else None
    return ExportedView(
        name=f"{layer} {shown.title}",
        what=shown.title.lower(),
        values=np.asarray(values),
        axes=_axes(glass, picture, np.asarray(values)),
        layer=layer,
        model=glass.net if edit is None else edit.model,
        recipe=shown.recipe,
        image=image.numpy(),
        model_name=glass.subject.title,
        source=_with_edit(_source(glass, folder), edit),
        scale=() if picture.beside else picture.scale,
        translate=() if picture.beside else picture.translate,
        pixel_size=tuple(size[-glass.axes :]) if size and not picture.beside else None,
        unit=kept.image.unit if kept.image is not None else None,
        point=point,
        field=field,
        kind=shown.kind,
        facts={
            "origin": list(glass.origin),
            "note": glass.note,
            **glass.subject.record,
            **picture.note,
        },
    )


def _axes(glass: Glass, picture: Picture, values: np.ndarray) -> str:
    """The axes of the exported numbers, which need not be those of the picture."""
    if picture.role == "kernels":
        return "oiyx" if values.ndim == 4 else "oizyx"
    space = "zyx"[-glass.axes :]
    if picture.drawn is Drawn.COLOUR and values.shape == picture.values.shape:
        return space + "c"
    return ("c" if values.ndim > len(space) else "") + space


def _with_edit(source: Any, edit: Any) -> Any:
    """The source with the kernel that was replaced in a copy of the network, where one was."""
    if edit is None:
        return source
    step = {
        "layer": edit.layer,
        "kernel": edit.after.tolist(),
        "out": edit.out,
        "inp": edit.inp,
        "keep_norm": False,
    }
    return replace(source, edits=(*source.edits, step))


def _source(glass: Glass, folder: Path) -> Any:
    """Where the script finds the network; a model of the painting panel is saved beside it."""
    from unetscope.inspection.writing.reproduction import ModelSource

    subject = glass.subject
    kind, _, name = str(subject.key[0]).partition(":")
    channels = int(glass.image.shape[0])
    if kind == "bundled":
        return ModelSource("bundled", name, channels)
    if kind == "textbook" and name != "unet":
        return ModelSource("teaching", name, channels)
    if subject.model is not None:
        from unetscope.learning.persistence import save_model

        save_model(subject.model().for_channels(channels), folder / MODEL_FILE)
        return ModelSource("file", MODEL_FILE, channels, voice=str(subject.record["voice"]))
    return ModelSource("module", type(glass.net).__qualname__, channels)
