"""The demonstration without a screen: learn from the strokes, write pictures and a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as imageio
import numpy as np

from unetscope.cli.demo.drawing import coloured, displayed, outlined, overlaid
from unetscope.cli.demo.pictures import DemoPicture
from unetscope.images.claims import REPORT, Claim, Role
from unetscope.images.files import write_labels
from unetscope.images.writing import replacing
from unetscope.learning.events import Validation
from unetscope.learning.metrics import dice_per_class, iou_per_class

_COLUMNS = (
    "class",
    "name",
    "painted_px",
    "predicted_px",
    "predicted_percent",
    "held_back_dice",
    "instant_dice",
    "dice",
    "iou",
)


@dataclass(frozen=True, eq=False)
class DemoResult:
    """Predicted labels (like the image) of the instant head and of the trained model."""

    instant: np.ndarray
    trained: np.ndarray
    validation: Validation | None


def metrics_rows(picture: DemoPicture, result: DemoResult) -> list[dict[str, str]]:
    """One row a class, and a last one with the means where there is truth.

    ``dice``, ``iou`` and ``instant_dice`` compare with the truth away from the painted pixels;
    ``held_back_dice`` is what training measured itself. Empty = not known.
    """
    truth = None if picture.truth is None else np.where(picture.labels > 0, 0, picture.truth)
    dice = {} if truth is None else dice_per_class(truth, result.trained)
    iou = {} if truth is None else iou_per_class(truth, result.trained)
    instant = {} if truth is None else dice_per_class(truth, result.instant)
    held_back = result.validation.told if result.validation else {}
    rows = []
    for one in picture.classes:
        predicted = int(np.count_nonzero(result.trained == one.value))
        numbers = (
            str(one.value),
            one.name,
            str(int(np.count_nonzero(picture.labels == one.value))),
            str(predicted),
            f"{100 * predicted / result.trained.size:.2f}",
            *(_figure(scores, one.value) for scores in (held_back, instant, dice, iou)),
        )
        rows.append(dict(zip(_COLUMNS, numbers, strict=True)))
    means = [_mean(scores) for scores in (held_back, instant, dice, iou)]
    if any(means):
        numbers = ("", "mean", "", "", "", *means)
        rows.append(dict(zip(_COLUMNS, numbers, strict=True)))
    return rows


def write_demo(picture: DemoPicture, result: DemoResult, folder: Path) -> list[Path]:
    """Write image, strokes, prediction, overlay (PNG), labels (TIFF) and metrics (CSV).

    Of a stack the plane with most painted pixels is drawn; the TIFF holds all of it.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    z = _drawn_plane(picture)
    painted, predicted = _plane(picture.labels, z), _plane(result.trained, z)
    image = displayed(picture.image, z)
    drawings = {
        "image.png": image,
        "strokes.png": outlined(overlaid(image, painted, picture.classes, 1.0), painted),
        "prediction.png": coloured(predicted, picture.classes),
        "overlay.png": outlined(
            overlaid(
                overlaid(image, predicted, picture.classes, 0.45), painted, picture.classes, 1.0
            ),
            painted,
        ),
    }
    if picture.truth is not None:
        drawings["truth.png"] = coloured(_plane(picture.truth, z), picture.classes)
    for name, drawing in drawings.items():
        with replacing(folder / name, REPORT) as temporary:
            temporary.write_bytes(_png(drawing))
    write_labels(result.trained, folder / "prediction.tif", picture.image, Claim(Role.PREDICTION))
    with replacing(folder / "metrics.csv", REPORT) as temporary:
        temporary.write_bytes(_csv(metrics_rows(picture, result)))
    return [folder / name for name in (*drawings, "prediction.tif", "metrics.csv")]


def _drawn_plane(picture: DemoPicture) -> int:
    if picture.labels.ndim == 2:
        return 0
    return int(np.argmax([np.count_nonzero(plane) for plane in picture.labels]))


def _plane(labels: np.ndarray, z: int) -> np.ndarray:
    return labels if labels.ndim == 2 else labels[z]


def _figure(scores: dict[int, float], value: int) -> str:
    return f"{scores[value]:.4f}" if value in scores else ""


def _mean(scores: dict[int, float]) -> str:
    return f"{np.mean(list(scores.values())):.4f}" if scores else ""


def _png(drawing: np.ndarray) -> bytes:
    return bytes(imageio.imwrite("<bytes>", drawing, extension=".png"))


def _csv(rows: Sequence[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
