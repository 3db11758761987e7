"""Results that come with the lessons: of experiments that take longer than anybody waits.

A result is a ``.npz`` file without pickles beside the lesson's file: facts, table and curves as
JSON, pictures as arrays. ``python -m unetscope.lessons.precompute ID …`` makes them again.
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from unetscope.errors import LessonError
from unetscope.lessons.declaration import Lesson
from unetscope.lessons.gallery import shipped_lessons
from unetscope.looking.answers import Drawn, Picture, Plot, Shown, Table

LARGEST_BYTES = 200_000


def result_path(lesson: Lesson, step: int) -> Path:
    """Where the result of a step (from 0) lies, whether it is there or not."""
    return shipped_lessons() / "results" / f"{lesson.id}-{step + 1}.npz"


def shipped_run(lesson: Lesson, step: int) -> Shown:
    """The shipped result of a step (from 0)."""
    return unpacked(result_path(lesson, step).read_bytes())


def packed(shown: Shown) -> bytes:
    """``shown`` as the bytes of a file; the same answer gives the same bytes."""
    arrays: dict[str, np.ndarray] = {}
    pictures = []
    for number, picture in enumerate(shown.pictures):
        arrays[f"picture{number}"] = _smaller(picture)
        pictures.append(
            {
                "role": picture.role,
                "title": picture.title,
                "scale": list(picture.scale),
                "translate": list(picture.translate),
                "drawn": picture.drawn.value,
                "beside": picture.beside,
                "hidden": picture.hidden,
            }
        )
    plot = shown.plot
    if plot is not None:
        for number, (x, y) in enumerate(plot.series.values()):
            arrays[f"x{number}"], arrays[f"y{number}"] = np.asarray(x), np.asarray(y)
    told = {
        "title": shown.title,
        "text": shown.text,
        "kind": shown.kind,
        "facts": dict(shown.facts),
        "pictures": pictures,
        "table": None
        if shown.table is None
        else {"columns": shown.table.columns, "rows": shown.table.rows},
        "plot": None
        if plot is None
        else {
            "names": list(plot.series),
            "x_label": plot.x_label,
            "y_label": plot.y_label,
            "log": plot.log,
            "points": plot.points,
        },
    }
    text = json.dumps(told, ensure_ascii=False, allow_nan=False)
    arrays["told"] = np.frombuffer(text.encode(), dtype=np.uint8)
    file = BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def unpacked(content: bytes) -> Shown:
    """What :func:`packed` wrote.

    Raises
    ------
    LessonError
        If it is no such file.
    """
    try:
        with np.load(BytesIO(content), allow_pickle=False) as file:
            told = json.loads(file["told"].tobytes().decode())
            pictures = tuple(
                _picture(one, file[f"picture{number}"])
                for number, one in enumerate(told["pictures"])
            )
            plot = told["plot"]
            curves = {
                name: (file[f"x{number}"], file[f"y{number}"])
                for number, name in enumerate(plot["names"] if plot else ())
            }
        table = told["table"]
        return Shown(
            told["title"],
            told["text"],
            told["kind"],
            pictures,
            None if table is None else Table(*_rows(table)),
            None
            if plot is None
            else Plot(curves, plot["x_label"], plot["y_label"], plot["log"], plot["points"]),
            facts=told["facts"],
        )
    except (ValueError, KeyError, TypeError, OSError, BadZipFile) as error:
        raise LessonError(f"the shipped result cannot be read ({error}).") from None


def _smaller(picture: Picture) -> np.ndarray:
    if picture.drawn is Drawn.LABELS:
        return np.asarray(picture.values, dtype=np.uint8)
    low, high = float(picture.values.min()), float(picture.values.max())
    levels = np.round((picture.values - low) / max(high - low, 1e-12) * 255)
    return np.asarray(levels, dtype=np.uint8)


def _picture(told: dict[str, Any], values: np.ndarray) -> Picture:
    return Picture(
        told["role"],
        told["title"],
        values,
        tuple(told["scale"]),
        tuple(told["translate"]),
        Drawn(told["drawn"]),
        beside=told["beside"],
        hidden=told["hidden"],
    )


def _rows(table: dict[str, Any]) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
    return tuple(map(str, table["columns"])), tuple(tuple(row) for row in table["rows"])
