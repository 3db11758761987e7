"""What the command hands over: an answer in words and rows, and the files it was written to."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unetscope.cli.inspecting.model import Network, Subject
from unetscope.errors import ModelError
from unetscope.images.claims import REPORT, Claim, Role
from unetscope.images.writing import replacing


@dataclass(frozen=True)
class Wanted:
    """The options of the command that single questions use; None where they were not given.

    ``kernel`` is a preset's name or rows of numbers, ``polygon`` corners (y, x) in pixels of the
    file's image.
    """

    layer: str | None = None
    channel: int | None = None
    part: str | None = None
    mode: str = "mean"
    kernel: str | tuple[tuple[float, ...], ...] | None = None
    target: str | None = None
    method: str = "seg_grad_cam"
    seed: int = 0
    shift: tuple[int, ...] | None = None
    against: Network | None = None
    polygon: tuple[tuple[float, ...], ...] | None = None

    def needed_layer(self, subject: Subject, question: str) -> str:
        """The layer, which this question cannot do without.

        Raises
        ------
        ModelError
            If none was given; the message lists those there are.
        """
        if self.layer is None:
            names = ", ".join(name for name, _ in subject.module.named_modules() if name)
            raise ModelError(f"{question} needs --layer; this network has {names}.")
        return self.layer


@dataclass(frozen=True)
class Answer:
    """``text`` says it in a sentence or two, ``rows`` in numbers; ``files`` hold all of it."""

    title: str
    files: tuple[Path, ...]
    text: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = field(default=())


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    """Write a CSV file with a line of column names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[_cell(value) for value in row] for row in rows])
    with replacing(path, REPORT) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
    return path


def write_json(path: Path, record: Mapping[str, Any]) -> Path:
    """Write plain values, indented."""
    text = json.dumps(record, indent=2, default=_plain) + "\n"
    with replacing(path, REPORT) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a picture or a page."""
    with replacing(path, REPORT) as temporary:
        temporary.write_bytes(content)
    return path


def write_labels_like(path: Path, values: np.ndarray, subject: Subject) -> Path:
    """Write a mask ([z,] y, x) as TIFF with the image's pixel size, without padding."""
    from unetscope.images.files import write_labels
    from unetscope.images.micrograph import as_micrograph

    if values.shape == subject.sides and subject.seen:
        values = values[tuple(slice(n) for n in subject.seen)]
    axes = "zyx"[-values.ndim :]
    like = as_micrograph(values, axes, subject.pixel_size, subject.unit)
    write_labels(values, path, like, Claim(Role.PREDICTION))
    return path


def own_folder(out: Path, *parts: object) -> Path:
    """The folder ``out/PARTS`` of one exported view, made if need be."""
    from unetscope.images.writing import usable_folder

    name = " ".join(str(part) for part in parts)
    plain = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
    return usable_folder(out / plain)


def facts_of(subject: Subject) -> dict[str, Any]:
    """What every exported view of this subject says: model, image, pixel size."""
    return {
        "model": subject.module,
        "image": subject.image,
        "model_name": subject.network.name,
        "source": subject.network.source,
        "pixel_size": subject.pixel_size,
        "unit": subject.unit,
    }


def cell_at(subject: Subject, layer: str) -> tuple[int, ...]:
    """The cell of ``layer`` nearest to the subject's point, or to the image's middle."""
    from unetscope.inspection.following.trace import follow
    from unetscope.inspection.writing.report import reach_cell

    pixel = subject.point or tuple(side // 2 for side in subject.sides)
    return reach_cell(follow(subject.module, subject.image.shape).spatial(layer)[1], pixel)


def _cell(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return f"{float(value):.6g}"
    if isinstance(value, tuple):
        return " x ".join(str(_cell(one)) for one in value)
    return "" if value is None else value


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return str(value)
