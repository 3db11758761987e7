"""Looking inside: how fast, how exact, and what was found. The units of the subject ``inside``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from benchmarks.latency import thread_counts
from benchmarks.machine import OtherPrograms
from benchmarks.plan import Plan
from benchmarks.rows import Row, essence

_ENGINE = ("inspection/*.py",)
_PANEL = ("session/inside/*.py", "widgets/inside/*.py", "widgets/inside/look_inside.py")
CHECKS = ("random networks", "placement", "torchlens", "torchinfo", "arithmetic")
FINDINGS = ("effective fields", "ablation", "shifts")
TIMED = "seconds, {} thread(s)"
WINDOW = "window"


def inside_units() -> list[str]:
    """All units, timings first."""
    return [*(TIMED.format(n) for n in thread_counts()), WINDOW, *CHECKS, *FINDINGS]


def engine(unit: str) -> str:
    """Tells apart engines (and panels, for the window) whose answers or seconds may differ."""
    patterns = (*_ENGINE, *_PANEL) if unit == WINDOW else _ENGINE
    return essence(patterns).hexdigest()[:12]


def is_stale(unit: str, rows: list[Row]) -> bool:
    """Whether the rows of a unit were measured with another engine than this one."""
    return any(row.get("engine") != engine(unit) for row in rows)


def inside_rows(unit: str, plan: Plan, data: Path) -> list[Row]:
    """Measure one unit; every row says which unit and engine it is from.

    The last row tells under which conditions: niceness, and cores that other programs took.

    Raises
    ------
    NoScreenError
        For the window, where there is none.
    FileNotFoundError
        For what needs real micrographs, where they are absent.
    """
    others = OtherPrograms()
    found = _jobs(plan, data)[unit]()
    conditions = {
        "what": "conditions",
        "nice": os.nice(0),
        "cores": os.cpu_count(),
        "others_cores": others.cores(),
    }
    about = {"unit": unit, "engine": engine(unit)}
    return [about | row for row in (*found, conditions)]


def _jobs(plan: Plan, data: Path) -> dict[str, Callable[[], list[Row]]]:
    from benchmarks import inside_checks as checks
    from benchmarks import inside_findings as findings
    from benchmarks import inside_speed as speed
    from benchmarks import inside_window as window

    def timed(threads: int) -> Callable[[], list[Row]]:
        return lambda: speed.speed_rows(threads, plan.repeats, plan.strokes)

    def on_pictures(job: Callable[[dict[str, object]], list[Row]]) -> Callable[[], list[Row]]:
        return lambda: job(findings.pictures(data))

    return {
        **{TIMED.format(n): timed(n) for n in thread_counts()},
        WINDOW: lambda: window.window_rows(plan.strokes // 2, plan.repeats),
        "random networks": lambda: checks.random_rows(plan.networks),
        "placement": checks.placement_rows,
        "torchlens": checks.torchlens_rows,
        "torchinfo": checks.torchinfo_rows,
        "arithmetic": checks.arithmetic_rows,
        "effective fields": on_pictures(lambda p: findings.effective_rows(p, plan.inputs)),
        "ablation": on_pictures(findings.ablation_rows),
        "shifts": on_pictures(findings.shift_rows),
    }
