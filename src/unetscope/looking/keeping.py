"""Keep what is shown: files that say what they are, and a script that makes them again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unetscope import inspection
from unetscope.errors import ImageError, OutputError
from unetscope.images.claims import REPORT, Claim, Role
from unetscope.images.files import write_labels
from unetscope.images.micrograph import as_micrograph
from unetscope.images.writing import replacing
from unetscope.inspection.writing.calls import ModelSource
from unetscope.looking.answers import Numbers, Shown, Table, Working
from unetscope.looking.glass import Glass, without_rim
from unetscope.looking.lazily import Lazily
from unetscope.looking.window import cropped

if TYPE_CHECKING:
    from unetscope.inspection import ExportedView
    from unetscope.learning import persistence
else:
    persistence = Lazily("unetscope.learning.persistence")

MODEL_FILE = "model.unetscope"


def exported(
    glass: Glass,
    shown: Shown,
    numbers: Numbers,
    source: ModelSource,
    point: Sequence[float] | None = None,
) -> ExportedView:
    """Numbers of an answer as what :func:`~unetscope.inspection.export_view` writes.

    ``point``: the image pixel that is held, ([z,] y, x), or None.
    """
    cell, field = numbers.point, numbers.field
    if numbers.probed and point is not None and glass.inside(tuple(point)):
        cell = glass.cell(numbers.layer, point)
        field = inspection.receptive_field(glass.trace, glass.shape, numbers.layer, cell)
    facts = {"origin": list(glass.origin), "note": glass.note, **glass.subject.record}
    return inspection.ExportedView(
        name=numbers.name,
        what=numbers.what,
        values=np.asarray(numbers.values),
        axes=numbers.axes,
        layer=numbers.layer,
        model=glass.net if numbers.model is None else numbers.model,
        recipe=numbers.recipe,
        image=(cropped(glass) if numbers.of_window else glass.image).numpy(),
        model_name=glass.subject.title,
        source=replace(source, edits=(*source.edits, *numbers.edits)),
        channels=numbers.channels,
        scale=numbers.scale,
        translate=numbers.translate,
        pixel_size=glass.pixel_size,
        unit=glass.unit,
        point=cell,
        field=field,
        signed=numbers.signed,
        decades=numbers.decades,
        kind=numbers.kind or shown.kind,
        facts={**facts, **numbers.facts},
    )


def source_of(glass: Glass, folder: Path) -> ModelSource:
    """Where a script in ``folder`` finds the network; a model that is in no file is saved there."""
    subject, channels = glass.subject, int(glass.image.shape[0])
    if subject.source is not None:
        return subject.source
    if subject.model is None:
        return ModelSource("module", type(glass.net).__qualname__, channels)
    persistence.save_model(subject.model().for_channels(channels), folder / MODEL_FILE)
    return ModelSource("file", MODEL_FILE, channels, voice=str(subject.record["voice"]))


def write_view(
    glass: Glass, shown: Shown, point: Sequence[float] | None, folder: Path
) -> Iterator[Working | str]:
    """Write the shown answer; yields progress and, at the end, a sentence.

    An answer that was not one call (before and after a training) is written without a script.

    Raises
    ------
    ImageError
        If the answer has no picture.
    OutputError
        If the folder cannot be written.
    """
    if not shown.numbers:
        raise ImageError(
            f"“{shown.title}” has no picture to export; “Copy table” copies its numbers."
        )
    yield Working("Exporting")
    numbers = shown.numbers[0]
    view = exported(glass, shown, numbers, source_of(glass, folder), point)
    written = inspection.export_view(view, folder)
    said = f"{len(written)} files in {folder}: {', '.join(path.name for path in written)}."
    yield said if numbers.recipe is not None else f"{said} There is no script for this answer."


def write_answer(
    glass: Glass, shown: Shown, point: Sequence[float] | None, out: Path
) -> list[Path]:
    """Write all of an answer below ``out``: every export into a folder of its own, and its files.

    Raises
    ------
    OutputError
        If a folder or file cannot be written.
    """
    written = []
    for numbers in shown.numbers:
        folder = _folder(out, numbers.folder)
        view = exported(glass, shown, numbers, source_of(glass, folder), point)
        written += inspection.export_view(view, folder)
    for name, content in shown.files.items():
        path = _folder(out, shown.folder) / name
        if isinstance(content, np.ndarray):
            _write_mask(glass, path, content)
        else:
            write_bytes(path, _bytes(content))
        written.append(path)
    return written


def write_bytes(path: Path, content: bytes) -> None:
    """Write a picture, a page or a table."""
    with replacing(path, REPORT) as temporary:
        temporary.write_bytes(content)


def _folder(out: Path, words: str) -> Path:
    """The folder of one export, made if need be."""
    folder = out / "".join(c if c.isalnum() or c in "._-" else "_" for c in words)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write into {folder}: {error.strerror or error}; choose another folder."
        ) from None
    return folder


def _write_mask(glass: Glass, path: Path, mask: np.ndarray) -> None:
    """A mask ([z,] y, x) of the network's input as TIFF with the image's pixel size, no padding."""
    if mask.shape == glass.shape:
        seen = without_rim(glass.subject.target.image, glass.shape, glass.origin)
        mask = mask[tuple(slice(n) for n in seen)]
    like = as_micrograph(mask, "zyx"[-mask.ndim :], glass.pixel_size, glass.unit)
    write_labels(mask, path, like, Claim(Role.PREDICTION))


def _bytes(content: Any) -> bytes:
    """A file's content as it is, a table as CSV, plain values as indented JSON."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode("utf-8")
    if isinstance(content, Table):
        return _as_csv(content).encode("utf-8")
    assert isinstance(content, Mapping)
    return (json.dumps(content, indent=2, default=_plain) + "\n").encode("utf-8")


def _as_csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([[_cell(value) for value in row] for row in table.rows])
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return f"{float(value):.6g}"
    if isinstance(value, tuple):
        return " x ".join(str(_cell(one)) for one in value)
    return "" if value is None else value


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
