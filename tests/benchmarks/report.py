"""From rows to docs/benchmarks.md, benchmarks.json beside it, and the figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks import inside_bars, inside_pages, quality_bars, quality_pages, speed_pages
from benchmarks.evidence import Evidence
from benchmarks.machine import machine
from benchmarks.plan import FULL, QUALITY, UNHURRIED, Plan
from benchmarks.quality_figures import RELIABILITY_STROKES
from benchmarks.rows import Row, Rows
from benchmarks.tables import Bar, table

SUBJECTS = (*QUALITY, "latency", "startup", "smoothness", "throughput", "inside")
# Written by hand: what programs of their own measured, and experiments.
_DENSE, _STROKES, _OBJECTS, _ANY_SIZE, _LESSONS, _INSTANCES, _TRIED = (
    Path(__file__).with_name(f"{name}.md")
    for name in ("dense", "strokes", "objects", "any_size", "lessons", "instances", "tried")
)


def write(kept: Sequence[Rows], plan: Plan, out: Path) -> None:
    """Write the page and its companions; what was not measured is said to be missing.

    ``kept``: files of rows; a subject is in one of them.
    """
    found = {subject: [row for rows in kept for row in rows.of(subject)] for subject in SUBJECTS}
    dice = Evidence(found)
    about = machine()
    out.parent.mkdir(parents=True, exist_ok=True)
    figures = out.parent / "images"
    bars = [*quality_bars.bars(dice, plan), *speed_pages.bars(found)]
    bars += inside_bars.bars(found["inside"])
    parts = [
        _head(about, plan, kept),
        _targets(bars),
        quality_pages.pages(dice, plan, figures),
        _by_hand(_DENSE),
        speed_pages.pages(found, figures),
        _by_hand(_STROKES),
        _by_hand(_OBJECTS),
        _by_hand(_ANY_SIZE),
        inside_pages.pages(found["inside"]),
        _by_hand(_LESSONS),
        _by_hand(_INSTANCES),
        _limits(),
    ]
    out.write_text("\n\n".join(part.strip() for part in parts if part.strip()) + "\n")
    out.with_name("tried.md").write_text(_by_hand(_TRIED))
    out.with_suffix(".json").write_text(_json(about, plan, found))


def _by_hand(page: Path) -> str:
    return page.read_text() if page.exists() else ""


def _head(about: dict[str, str], plan: Plan, kept: Sequence[Rows]) -> str:
    warning = (
        ""
        if plan == FULL
        else "\n**Small sizes (`make bench-quick`): a check of the program, not evidence.**\n"
    )
    facts = "; ".join(f"{name}: {value}" for name, value in about.items())
    return f"""# What was measured
{warning}
`make bench` measures all of this and writes this page (some hours on two cores); every single
row is in [benchmarks.json](benchmarks.json). Timings are medians, all systems that are compared ran
in turns in the same run, and on another machine only the ratios should be expected again.
Experiments that chose the defaults, and what did not help: [a page of their own](tried.md).

{facts}.

{_disturbance(kept)}"""


def _disturbance(kept: Sequence[Rows]) -> str:
    counts = [rows.disturbance(but=UNHURRIED) for rows in kept]
    busy, quiet, unknown = (sum(numbers) for numbers in zip(*counts, strict=True))
    said = (
        f"Units of timed work measured on a quiet machine: {quiet}; "
        f"beside other busy programs: {busy}"
    )
    return f"{said}; not recorded: {unknown}." if unknown else f"{said}."


def _targets(bars: Sequence[Bar]) -> str:
    rows = [[bar.what, bar.target, bar.measured, bar.verdict] for bar in bars]
    return "## Targets\n\n" + table(["what", "target", "measured", "met"], rows, left=4)


def _limits() -> str:
    return """## Limits

- Strokes are simulated (40 px long, 3 px wide, inside a class, away from its rim; corrections on
  the largest errors); people paint and correct differently.
- Two image pairs a set: a single set's figure is an example, the mean over sets is the result.
  Intervals are over tasks, and take the sets as given; few sets were never trained on.
- Sets that were used in pretraining are marked; on those our figures are optimistic, which is why
  the others are shown first.
- The forests and boosting have the settings that the programs they stand for come with, not tuned
  further; the U-Net from scratch is tuned no further than ours.
- The window was measured on a virtual screen with software OpenGL, which is slower than a real one
  and takes its time from the same cores."""


def _json(about: dict[str, str], plan: Plan, found: dict[str, list[Row]]) -> str:
    """Everything, one row a line."""
    head = json.dumps({"machine": about, "plan": vars(plan)})
    subjects = []
    for subject, rows in found.items():
        lines = ",\n".join(json.dumps(_rounded(_published(row))) for row in rows)
        subjects.append(f"{json.dumps(subject)}: [\n{lines}\n]" if rows else f'"{subject}": []')
    return head[:-1] + ',\n"rows": {\n' + ",\n".join(subjects) + "\n}}\n"


def _published(row: Row) -> Row:
    """A row without the calibration bins that no picture shows; they are most of the numbers."""
    if row.get("strokes_per_class") == RELIABILITY_STROKES:
        return row
    return {key: value for key, value in row.items() if not key.startswith("bins_")}


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value


__all__ = ["Row", "write"]
