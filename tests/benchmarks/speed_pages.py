"""The part of the report about seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import figures, inference_pages
from benchmarks.rows import Row
from benchmarks.tables import Bar, table

Found = Mapping[str, Sequence[Row]]


def bars(found: Found) -> list[Bar]:
    """The targets on seconds."""
    return [
        *_latency_bars(found["latency"]),
        _startup_bar(found["startup"]),
        *_smoothness_bars(found["smoothness"]),
        *inference_pages.bars(found["throughput"]),
    ]


def pages(found: Found, folder: Path) -> str:
    """All tables and the figure of stalls."""
    parts = [
        _latency(found["latency"]),
        _startup(found["startup"]),
        _smoothness(found["smoothness"], folder),
        inference_pages.page(found["throughput"]),
    ]
    return "\n\n".join(part for part in parts if part)


# ---- from a stroke to the view


def _latency_bars(rows: Sequence[Row]) -> list[Bar]:
    what = "stroke → repainted 512 × 512 view in the window, instant head (grey)"
    seconds = _picked(rows, image="grey", what="heard", threads=None)
    made = [_limit_bar(what, seconds, 0.1)]
    most = max((row.get("threads", 0) for row in rows), default=0)
    seconds = _picked(rows, image="grey", what="features", threads=most)
    made.append(_limit_bar("features of a 512 × 512 view, the first time (grey)", seconds, 0.4))
    return [*made, *_large_view_bars(rows)]


def _large_view_bars(rows: Sequence[Row]) -> list[Bar]:
    """A stroke on a view of 1 Mpx: by the slow ones (p95), with what the engine takes of it."""
    made = []
    for state, what, engine, limit in (
        ("warm", "heard", ("head",), 0.05),
        ("cold", "cold, heard", ("features", "head"), 0.3),
    ):
        seconds = _picked(rows, image="grey 1024 px", what=what, threads=None)
        title = f"stroke → repainted 1024 × 1024 view in the window, {state} (grey)"
        target = f"≤ {1000 * limit:.0f} ms (p95)"
        if not seconds:
            made.append(Bar(title, target, "", None))
            continue
        parts = [_picked(rows, image="grey 1024 px", what=name, threads=1) for name in engine]
        alone = sum(1000 * float(np.median(part)) for part in parts if part)
        said = f"{_ms(seconds)} (median, p95), engine alone {alone:.0f}"
        made.append(Bar(title, target, said, float(np.quantile(seconds, 0.95)) <= limit))
    return made


def _limit_bar(what: str, seconds: Sequence[float], limit: float) -> Bar:
    target = f"≤ {1000 * limit:.0f} ms"
    if not seconds:
        return Bar(what, target, "", None)
    middle = float(np.median(seconds))
    return Bar(what, target, f"{_ms(seconds)} (median, p95)", middle <= limit)


def _latency(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    engine = sorted({(row["image"], row["threads"]) for row in rows if "threads" in row})
    names = ("features", "features, forest", "head", "head and forest", "random forest")
    lines = []
    for image, threads in engine:
        cells = [_picked(rows, image=image, what=name, threads=threads) for name in names]
        ratio = np.median(cells[4]) / np.median(cells[2])
        lines.append(
            [f"{image}, {threads} thread{'s' * (threads > 1)}", *map(_ms, cells), f"{ratio:.1f} ×"]
        )
    text = f"""## From a stroke to the view

A view of 512 × 512 px, grey (`skimage.data.camera`) and colour (`immunohistochemistry`), strokes of
40 × 3 px added one by one. Milliseconds, median (p95).

In the engine, from labels in memory to labels in memory, features warm; features of both kinds are
computed once a view. The last column is how much faster the head is than the forest.

{
        table(
            [
                "image",
                "features, once",
                "features of skimage, once",
                "ridge head",
                "head + forest",
                "random forest",
                "head : forest",
            ],
            lines,
        )
    }"""
    window = [row for row in rows if "threads" not in row]
    if not window:
        return text + "\n\nThe window was not measured: no screen."
    lines = []
    for image in sorted({row["image"] for row in window}, reverse=True):
        cells = [
            _picked(window, image=image, what=name, threads=None)
            for name in ("painting", "near", "heard", "with the forest", "random forest")
        ]
        ratio = np.median(cells[4]) / np.median(cells[2])
        lines.append([image, *map(_ms, cells), f"{ratio:.1f} ×"])
    return (
        text
        + f"""

Through the real napari window: from before the last dab of a stroke ({len(cells[0])} strokes of
40 dabs) to what is around it and to the whole view in the prediction layer, threads and event loop
included; with the head alone, then with the forest. Painting is napari's own time for the dabs
before. The forest of scikit-image (fit and predict, features warm, no window) ran in the same
process. The engine has one core less here.

{
            table(
                [
                    "image",
                    "painting",
                    "round the stroke",
                    "whole view",
                    "with our forest",
                    "random forest",
                    "whole view : forest",
                ],
                lines,
            )
        }"""
    )


def _picked(rows: Sequence[Row], **wanted: Any) -> list[float]:
    for row in rows:
        if all(row.get(key) == value for key, value in wanted.items()):
            return list(row["seconds"])
    return []


def _ms(seconds: Sequence[float]) -> str:
    if not len(seconds):
        return "–"
    return f"{1000 * np.median(seconds):.0f} ({1000 * np.percentile(seconds, 95):.0f})"


# ---- start


def _startup_gain(rows: Sequence[Row]) -> list[float]:
    by_turn: dict[int, dict[str, float]] = {}
    for row in rows:
        by_turn.setdefault(row["turn"], {})[row["variant"]] = row["seconds"]
    return [t["napari with the panel"] - t["napari"] for t in by_turn.values() if len(t) == 2]


def _startup_bar(rows: Sequence[Row]) -> Bar:
    what, target = "what opening the panel adds to napari's start; torch not imported", "≤ 0.3 s"
    gains = _startup_gain(rows)
    if not gains:
        return Bar(what, target, "", None)
    torch = any(row["torch"] for row in rows)
    gain = float(np.median(gains))
    said = f"{gain:+.2f} s (median of {len(gains)}); torch {'IS' if torch else 'not'} imported"
    return Bar(what, target, said, gain <= 0.3 and not torch)


def _startup(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    lines = []
    for variant in ("napari", "napari with the panel"):
        seconds = [row["seconds"] for row in rows if row["variant"] == variant]
        lines.append(
            [variant, f"{np.median(seconds):.2f}", f"{min(seconds):.2f}", f"{max(seconds):.2f}"]
        )
    return f"""## Start

Fresh processes in turns, from the start of the process to a window that is drawn and idle, seconds.
The median of the paired differences is {np.median(_startup_gain(rows)):+.2f} s.

{table(["", "median", "fastest", "slowest"], lines)}"""


# ---- smoothness


def _smoothness_bars(rows: Sequence[Row]) -> list[Bar]:
    names = (
        "painting while training: stalls of the event loop",
        "strokes painted during training",
        "ending during training",
    )
    targets = ("p99 ≤ 50 ms, max ≤ 250 ms", "all there", "< 3 s")
    row = next((row for row in rows if "training" in row["condition"]), None)
    if row is None:
        return [Bar(name, target, "", None) for name, target in zip(names, targets, strict=True)]
    said = f"p99 {row['p99_ms']:.0f} ms, max {row['max_ms']:.0f} ms over {row['strokes']} strokes"
    equal = "equal to the painted ones" if row["labels_equal"] else "labels differ"
    return [
        Bar(names[0], targets[0], said, row["p99_ms"] <= 50 and row["max_ms"] <= 250),
        Bar(names[1], targets[1], equal, bool(row["labels_equal"])),
        Bar(names[2], targets[2], f"{row['closed_s']:.2f} s", row["closed_s"] < 3),
    ]


def _smoothness(rows: Sequence[Row], folder: Path) -> str:
    if not rows:
        return ""
    figures.stalls(rows, folder / "bench-stalls.svg")
    lines = [
        [
            row["condition"],
            str(row["strokes"]),
            str(row["beats"]),
            *(f"{row[key]:.0f}" for key in ("p50_ms", "p99_ms", "max_ms")),
            str(row.get("epochs", "")),
        ]
        for row in rows
    ]
    return f"""## Smoothness

How late a 5 ms timer of the event loop is (ms) while scripted strokes are painted on a
512 × 512 image, three dabs each and a dab every 8 ms at most, as a mouse moves. Painting itself and
napari's drawing on a virtual screen (software OpenGL, on the same two cores) are part of it: the
first row has neither plugin nor engine.

{table(["", "strokes", "heartbeats", "p50", "p99", "max", "epochs trained"], lines)}

![Share of heartbeats later than a time](images/bench-stalls.svg)"""
