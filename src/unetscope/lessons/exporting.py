"""Keep a step of a lesson: pictures, numbers, the lesson's file, a script that does it again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from unetscope.errors import LessonError
from unetscope.images.claims import REPORT
from unetscope.images.writing import replacing, usable_folder
from unetscope.lessons.bench import Laid
from unetscope.lessons.step_figure import figure_bytes, step_figure
from unetscope.lessons.visit import Visit
from unetscope.looking.answers import Shown

IMAGE, LABELS, ASKED, FACTS = "image.tif", "labels.tif", "asked.json", "facts.json"
NEAR = 1e-6  # of facts that are not exact, relative, at one number of threads

_SCRIPT = '''"""Does step {step} of the lesson "{id}" again and checks that the same comes out.

    python reproduce.py

Needs unetscope {version} or newer; asked.json has the controls, facts.json what came out.
"""

from pathlib import Path

from unetscope.lessons.exporting import check_again, read_visit

folder = Path(__file__).resolve().parent
visit = read_visit(folder)
shown = visit.shown()
print(visit.notice() or shown.title)
print(check_again(folder, shown), "facts are as they were")
'''


def export_step(visit: Visit, shown: Shown, source: Path, folder: Path) -> list[Path]:
    """Write the present step into a new folder inside ``folder``; the files that were written.

    Parameters
    ----------
    visit, shown
        The step, and its answer.
    source
        The lesson's file.

    Raises
    ------
    LessonError
        If the lesson's file is gone, or the step was done with a network of the painting panel,
        which no script can find again.
    OutputError
        If it cannot be written there.
    """
    try:
        lesson = source.read_bytes()
    except OSError as error:
        raise LessonError(f"{source} cannot be read ({error.strerror}).") from None
    if visit.net is not None:
        raise LessonError(
            "a step with your own network is exported from Look inside, which keeps the network."
        )
    out = _new_folder(folder, f"{visit.lesson.id}-step{visit.at + 1}")
    laid = visit.bench().laid
    files: dict[str, bytes] = {"lesson.toml": lesson}
    title = f"{visit.lesson.title} · {shown.title}" if shown.title else visit.lesson.title
    figure = step_figure(title, visit.notice() or shown.text, laid, shown)
    files["picture.png"], files["picture.svg"] = (
        figure_bytes(figure, "png"),
        figure_bytes(figure, "svg"),
    )
    for picture in shown.pictures:
        name = "".join(c if c.isalnum() else "_" for c in picture.role)
        files[f"{name}.tif"] = _tiff(np.asarray(picture.values))
    if shown.table is not None:
        files["table.csv"] = _csv(shown.table.columns, shown.table.rows)
    if shown.plot is not None:
        rows = [
            (name, x, y)
            for name, series in shown.plot.series.items()
            for x, y in zip(*series, strict=True)
        ]
        files["plot.csv"] = _csv(("curve", shown.plot.x_label, shown.plot.y_label), rows)
    files |= _asked(visit, shown, laid)
    for name, content in files.items():
        with replacing(out / name, REPORT) as temporary:
            temporary.write_bytes(content)
    return [out / name for name in files]


def read_visit(folder: Path) -> Visit:
    """The visit of an export, ready to be done again.

    Raises
    ------
    LessonError
        If a file is missing or says what the lesson does not know.
    """
    from unetscope.lessons.lesson_files import read_lesson

    asked = _read_json(folder / ASKED)
    lesson = read_lesson(folder / "lesson.toml")
    own = None
    if asked.get("own"):
        told = asked["own"]
        labels = folder / LABELS
        own = Laid(
            tifffile.imread(folder / IMAGE).astype(np.float32),
            str(told["name"]),
            (float(told["pixel_size"][0]), float(told["pixel_size"][1])),
            str(told["unit"]),
            (int(told["origin"][0]), int(told["origin"][1])),
            tifffile.imread(labels) if labels.is_file() else None,
            str(told["truth"]),
            tuple(told["class_names"]),
            own=True,
        )
    visit = Visit(lesson, at=int(asked["step"]) - 1, own=own, seed=int(asked["seed"]))
    for name, value in asked["controls"].items():
        visit.change(name, value)
    return visit


def check_again(folder: Path, shown: Shown) -> int:
    """How many facts there are, all as the export has them.

    Raises
    ------
    AssertionError
        If one is not.
    """
    told = _read_json(folder / FACTS)
    facts = json.loads(json.dumps(dict(shown.facts), default=_bare))
    near = 0.0 if told["kind"] == "exact" else NEAR
    assert facts.keys() == told["facts"].keys(), f"other facts: {sorted(facts)}"
    for name, value in told["facts"].items():
        assert _agree(facts[name], value, near), f"{name} is {facts[name]!r}, not {value!r}"
    return len(facts)


def _asked(visit: Visit, shown: Shown, laid: Laid) -> dict[str, bytes]:
    from unetscope import __version__

    asked: dict[str, Any] = {
        "lesson": visit.lesson.id,
        "step": visit.at + 1,
        "controls": visit.values,
        "seed": visit.seed,
        "unetscope": __version__,
    }
    files: dict[str, bytes] = {}
    if laid.own:
        asked["own"] = {
            "name": laid.name,
            "pixel_size": laid.pixel_size,
            "unit": laid.unit,
            "origin": laid.origin,
            "truth": laid.truth,
            "class_names": laid.class_names,
        }
        files[IMAGE] = _tiff(laid.pixels)
        if laid.labels is not None:
            files[LABELS] = _tiff(laid.labels)
    told = {"kind": shown.kind, "facts": dict(shown.facts)}
    script = _SCRIPT.format(step=visit.at + 1, id=visit.lesson.id, version=__version__)
    return {
        **files,
        ASKED: _json(asked),
        FACTS: _json(told),
        "reproduce.py": script.encode("utf-8"),
    }


def _new_folder(folder: Path, name: str) -> Path:
    """A folder that was not there: what was exported before stays."""
    for number in range(1, 10_000):
        out = folder / (name if number == 1 else f"{name}-{number}")
        if not out.exists():
            return usable_folder(out)
    raise LessonError(f"{folder} has ten thousand exports of {name}; choose another folder.")


def _agree(found: Any, told: Any, near: float) -> bool:
    if isinstance(told, list):
        return (
            isinstance(found, list)
            and len(found) == len(told)
            and all(_agree(a, b, near) for a, b in zip(found, told, strict=True))
        )
    if isinstance(told, float) and isinstance(found, int | float):
        return found == told or abs(found - told) <= near * max(abs(found), abs(told))
    return bool(found == told)


def _tiff(values: np.ndarray) -> bytes:
    kept = io.BytesIO()
    whole = values if values.dtype.kind in "uif" else values.astype(np.uint8)
    if whole.dtype == np.int64:
        whole = whole.astype(np.int32)
    tifffile.imwrite(kept, whole, photometric="minisblack")
    return kept.getvalue()


def _csv(columns: Any, rows: Any) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    return text.getvalue().encode("utf-8")


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, default=_bare) + "\n").encode("utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LessonError(f"{path.name} cannot be read: {error}.") from None
    if not isinstance(found, dict):
        raise LessonError(f"{path.name} is not what an export writes.")
    return found


def _bare(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
