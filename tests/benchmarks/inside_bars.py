"""The targets on looking inside, judged by the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks.rows import Row
from benchmarks.tables import Bar

ALONE, INSIDE = "512²", "512² of 2048²"  # an image, and a view in the middle of a larger one
_EQUAL = 1e-9  # px: a placement nearer than this to the centroid of the gradient is without error
_FLOAT = 1e-5  # share of a map's largest value: float32 sums in another order


def bars(rows: Sequence[Row]) -> list[Bar]:
    """The targets on looking inside."""
    return [*_speed_bars(rows), *_exact_bars(rows)]


def _speed_bars(rows: Sequence[Row]) -> list[Bar]:
    most = max((row.get("threads", 0) for row in rows), default=0)
    engine = [row for row in rows if row.get("threads") == most]
    clicks = picked(rows, what="click", until="drawn")
    layers = picked(rows, what="layer", until="drawn")
    maps = {where: picked(engine, what="maps", where=where) for where in (ALONE, INSIDE)}
    return [
        _slowest("field box after a click, engine alone", picked(engine, what="box"), 0.05),
        _slowest("field box after a click, in the window, until it is drawn", clicks, 0.05),
        _slowest(
            "field boxes of all 512² pixels", picked(engine, what="trace and all boxes"), 0.05
        ),
        _slowest("maps of a 512² image, one layer, engine alone", maps[ALONE], 0.3),
        _slowest("maps of a 512² view in 2048², one layer, engine alone", maps[INSIDE], 0.3),
        _slowest("maps of a 512² image, one layer, in the window, drawn", layers, 0.3),
    ]


def _slowest(what: str, rows: Sequence[Row], limit: float) -> Bar:
    """Judged by the median of the slowest layer."""
    what, target = f"look inside: {what}", f"≤ {1000 * limit:.0f} ms"
    if not rows:
        return Bar(what, target, "", None)
    worst = max(rows, key=lambda row: float(np.median(row["seconds"])))
    about = ["median, p95"]
    if "threads" in worst:
        about.append(f"{worst['threads']} thread{'s' * (worst['threads'] > 1)}")
    if len(rows) > 1 and "layer" in worst:
        about.append(f"slowest layer: {worst['layer']}")
    about.append(f"fastest {ms(worst['seconds'], only_fastest=True)}")
    said = f"{ms(worst['seconds'])} ({', '.join(about)})"
    return Bar(what, target, said, float(np.median(worst["seconds"])) <= limit)


def _exact_bars(rows: Sequence[Row]) -> list[Bar]:
    return [
        _random_bar(picked(rows, what="random networks")),
        _placement_bar(picked(rows, what="placement")),
        _torchlens_bar(picked(rows, what="torchlens")),
        _totals_bar(picked(rows, what="torchinfo")),
        _arithmetic_bar(picked(rows, what="arithmetic")),
        _shift_bar(picked(rows, what="shift")),
    ]


def _random_bar(rows: Sequence[Row]) -> Bar:
    what, target = "look inside: boxes against gradients, random networks", "0 wrong of ≥ 500"
    if not rows:
        return Bar(what, target, "", None)
    networks, boxes, wrong = (
        sum(row[key] for row in rows) for key in ("networks", "boxes", "mismatches")
    )
    said = f"{wrong} of {boxes} boxes wrong, {networks} networks"
    return Bar(what, target, said, wrong == 0 and networks >= 500)


def _placement_bar(rows: Sequence[Row]) -> Bar:
    what, target = "look inside: maps lie where their gradient is centred", "0 px"
    if not rows:
        return Bar(what, target, "", None)
    worst = max(row["error_px"] for row in rows)
    said = f"largest error {worst:.0e} px" if worst else "no error"
    return Bar(what, target, f"{said}, {len(rows)} networks", worst <= _EQUAL)


def _torchlens_bar(rows: Sequence[Row]) -> Bar:
    what, target = "look inside: boxes equal to TorchLens's", "0 wrong, ≥ 5 public networks"
    compared = [row for row in rows if row["boxes"]]
    if not compared:
        return Bar(what, target, "", None)
    boxes, wrong = (sum(row[key] for row in compared) for key in ("boxes", "mismatches"))
    said = f"{wrong} of {boxes} boxes wrong, {len(compared)} networks"
    return Bar(what, target, said, wrong == 0 and len(compared) >= 5)


def _totals_bar(rows: Sequence[Row]) -> Bar:
    what, target = "look inside: totals equal to torchinfo's and PyTorch's", "≥ 5 networks"
    if not rows:
        return Bar(what, target, "", None)
    good = sum(row["agrees"] for row in rows)
    said = f"{good} of {len(rows)} networks"
    return Bar(what, target, said, good == len(rows) and good >= 5)


def _arithmetic_bar(rows: Sequence[Row]) -> Bar:
    what, target = "look inside: values by hand equal to PyTorch's", "to float tolerance"
    if not rows:
        return Bar(what, target, "", None)
    worst = max(row["error"] for row in rows)
    said = f"largest difference {worst:.0e} of the map's largest value, {len(rows)} kinds of layers"
    return Bar(what, target, said, worst <= _FLOAT and not any(r["not_pytorchs"] for r in rows))


def _shift_bar(rows: Sequence[Row]) -> Bar:
    what, target = "look inside: shift error at multiples of 2^pools", "exactly 0"
    whole = [row for row in rows if row["shift_px"] % row["multiple_px"] == 0]
    if not whole:
        return Bar(what, target, "", None)
    worst = max(row["max_error"] for row in whole)
    said = f"{worst:g} at {listed(sorted({row['shift_px'] for row in whole}))} px"
    return Bar(what, target, said, worst == 0)


# ---- reading rows


def picked(rows: Sequence[Row], **wanted: Any) -> list[Row]:
    """Rows with these values."""
    return [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]


def seconds_of(rows: Sequence[Row], **wanted: Any) -> list[float]:
    """Seconds of the first row with these values; none without one."""
    found = picked(rows, **wanted)
    return list(found[0]["seconds"]) if found else []


def threads_of(rows: Sequence[Row]) -> list[int]:
    """The numbers of threads that occur."""
    return sorted({row["threads"] for row in rows})


def once(values: Iterable[Any]) -> list[Any]:
    """Every value once, in order."""
    return list(dict.fromkeys(values))


def listed(values: Iterable[Any]) -> str:
    """As words: ``a, b, c``."""
    return ", ".join(map(str, values))


def ms(seconds: Sequence[float], *, only_fastest: bool = False) -> str:
    """Median (p95), or the fastest, in milliseconds; two digits below 10."""
    if not len(seconds):
        return "–"
    values = 1000 * np.median(seconds), 1000 * np.percentile(seconds, 95)
    if only_fastest:
        return _number(1000 * min(seconds))
    return "{} ({})".format(*map(_number, values))


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 9.5 else f"{value:.2g}"
