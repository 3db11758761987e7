"""From rows to docs/benchmarks.md, benchmarks.json beside it, and the figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks import inside_bars, inside_pages, quality_pages, speed_pages
from benchmarks.machine import machine
from benchmarks.plan import FULL, Plan
from benchmarks.rows import Row, Rows
from benchmarks.tables import Bar, table

SUBJECTS = ("instant", "training", "latency", "startup", "smoothness", "throughput", "inside")
_TRIED = Path(__file__).with_name("tried.md")


def write(rows: Rows, plan: Plan, out: Path) -> None:
    """Write the page and its companions; what was not measured is said to be missing."""
    found = {subject: rows.of(subject) for subject in SUBJECTS}
    about = machine()
    out.parent.mkdir(parents=True, exist_ok=True)
    figures = out.parent / "images"
    bars = [*quality_pages.bars(found, plan), *speed_pages.bars(found)]
    bars += inside_bars.bars(found["inside"])
    parts = [
        _head(about, plan, rows),
        _targets(bars),
        quality_pages.pages(found, plan, figures),
        speed_pages.pages(found, figures),
        inside_pages.pages(found["inside"]),
        _TRIED.read_text() if _TRIED.exists() else "",
        _limits(),
    ]
    out.write_text("\n\n".join(part.strip() for part in parts if part.strip()) + "\n")
    everything = {"machine": about, "plan": vars(plan), "rows": found}
    out.with_suffix(".json").write_text(json.dumps(_rounded(everything), indent=1) + "\n")


def _head(about: dict[str, str], plan: Plan, rows: Rows) -> str:
    warning = (
        ""
        if plan == FULL
        else "\n**Small sizes (`make bench-quick`): a check of the program, not evidence.**\n"
    )
    facts = "; ".join(f"{name}: {value}" for name, value in about.items())
    return f"""# What was measured
{warning}
`make bench` measures all of this and writes this page (about an hour on two cores); every single
row is in [benchmarks.json](benchmarks.json). Timings are medians, all systems that are compared ran
in turns in the same run, and on another machine only the ratios should be expected again.

{facts}.

{_disturbance(rows)}"""


def _disturbance(rows: Rows) -> str:
    busy, quiet, unknown = rows.disturbance()
    said = f"Units of work measured on a quiet machine: {quiet}; beside other busy programs: {busy}"
    return f"{said}; not recorded: {unknown}." if unknown else f"{said}."


def _targets(bars: Sequence[Bar]) -> str:
    rows = [[bar.what, bar.target, bar.measured, bar.verdict] for bar in bars]
    return "## Targets\n\n" + table(["what", "target", "measured", "met"], rows, left=4)


def _limits() -> str:
    return """## Limits

- Strokes are simulated (40 px long, 3 px wide, inside a class, away from its rim); people paint
  differently, and correct.
- Two image pairs a set: a single set's figure is an example, the mean over sets is the result.
  Intervals are over tasks, and take the sets as given.
- Sets that were used in pretraining are marked; on those our figures are optimistic, which is why
  the others are shown first.
- The random forest is scikit-image's own recipe (multiscale intensity, edges and texture, σ 1 to
  16; 50 trees, depth 10), not tuned further.
- The window was measured on a virtual screen with software OpenGL, which is slower than a real one
  and takes its time from the same cores."""


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value


__all__ = ["Row", "write"]
