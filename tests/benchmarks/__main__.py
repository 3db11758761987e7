"""Measure, and write what was measured: ``python tests/benchmarks --out docs/benchmarks.md``.

Rows are kept in ``.cache/bench/``; a run that was interrupted goes on where it was, as long as
neither weights nor engine have changed. Subjects: inside, instant, training, latency, startup,
smoothness, throughput.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
warnings.filterwarnings("ignore")  # of libraries, about each other

from benchmarks import inside, latency, report, startup, throughput  # noqa: E402
from benchmarks.machine import OtherPrograms  # noqa: E402
from benchmarks.plan import FULL, QUICK, Plan  # noqa: E402
from benchmarks.rows import ROOT, Row, Rows, fingerprint  # noqa: E402
from benchmarks.screen import NoScreenError  # noqa: E402

SUBJECTS = ("latency", "startup", "smoothness", "throughput", "inside", "instant", "training")
CACHE = ROOT / ".cache" / "bench"


def main() -> int:
    """Run the chosen subjects and write the report."""
    told = _parser().parse_args()
    plan = QUICK if told.quick else FULL
    path = told.rows or CACHE / (f"quick-{fingerprint()}" if told.quick else fingerprint())
    rows = Rows(path.with_suffix(".jsonl"))
    print(f"rows: {rows.path}", flush=True)
    subjects = [] if told.report else told.only or SUBJECTS
    for subject in subjects:
        again = subject in told.again or told.again == ["all"]
        others = OtherPrograms()
        for unit, measured in units(subject, plan, told.data, rows, again=again):
            cores = others.cores()
            rows.add(subject, unit, measured, cores)
            note = "" if cores is None else f" (other programs: {cores:.2f} cores)"
            print(f"{subject}: {unit}{note}", flush=True)
            others = OtherPrograms()
    out = told.out or CACHE / "quick" / "benchmarks.md"
    report.write(rows, plan, out)
    print(f"written: {out}")
    return 0


def units(
    subject: str, plan: Plan, data: Path, rows: Rows, *, again: bool
) -> Iterator[tuple[str, list[Row]]]:
    """The units of a subject that are not measured yet, measured."""
    if subject in ("instant", "training"):
        if not data.is_dir():
            print(f"{subject}: skipped, the real micrographs are not in {data}", flush=True)
            return
        yield from _quality_units(subject, plan, data, rows, again=again)
        return
    if subject == "inside":
        yield from _inside_units(plan, data, rows, again=again)
        return
    for unit in _speed_units(subject):
        if again or not rows.has(subject, unit):
            try:
                yield unit, _speed(subject, unit, plan)
            except NoScreenError as error:
                print(f"{subject}: {unit}: skipped, {error}", flush=True)


def _inside_units(
    plan: Plan, data: Path, rows: Rows, *, again: bool
) -> Iterator[tuple[str, list[Row]]]:
    for unit in inside.inside_units():
        known = rows.unit("inside", unit)
        if known and not again and not inside.is_stale(unit, known):
            continue
        try:
            yield unit, inside.inside_rows(unit, plan, data)
        except (NoScreenError, FileNotFoundError) as error:
            print(f"inside: {unit}: skipped, {error}", flush=True)


def _speed_units(subject: str) -> list[str]:
    if subject == "latency":
        engine = [f"{k}, {n} threads" for k in latency.IMAGES for n in latency.thread_counts()]
        return [*engine, "window"]
    if subject == "smoothness":
        from benchmarks import smoothness

        return list(smoothness.CONDITIONS)
    return ["all"]


def _speed(subject: str, unit: str, plan: Plan) -> list[Row]:
    if subject == "latency" and unit == "window":
        return latency.window_rows(plan.strokes)
    if subject == "latency":
        kind, threads = unit.removesuffix(" threads").split(", ")
        return latency.engine_rows(kind, plan.strokes, plan.repeats, int(threads))
    if subject == "startup":
        return startup.startup_rows(plan.starts)
    if subject == "smoothness":
        from benchmarks import smoothness

        return [smoothness.smoothness_row(unit, plan.smooth_strokes)]
    return throughput.throughput_rows(plan.repeats)


def _quality_units(
    subject: str, plan: Plan, data: Path, rows: Rows, *, again: bool
) -> Iterator[tuple[str, list[Row]]]:
    from benchmarks import quality
    from unetscope.learning.persistence import start_model
    from unetscope.pretraining.judge import make_tasks

    tasks = make_tasks(data, pairs=plan.pairs, crop_px=plan.crop_px, only_unseen=plan.only_unseen)
    start = start_model("general-fast")
    if subject == "training":
        options = replace(quality.full_budget(plan.checkpoints_s), seed=0)
        for task in tasks[: plan.training_tasks]:
            if again or not rows.has(subject, task.name):
                found = quality.task_training_scores(start, task, 0, options, plan.checkpoints_s)
                yield task.name, [asdict(score) for score in found]
        return
    for task in tasks:
        if again or not rows.has(subject, task.name):
            found = quality.task_instant_scores(start, task, range(plan.seeds))
            yield task.name, [asdict(score) for score in found]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--out", type=Path, help="the page to write; figures go to images/ there")
    parser.add_argument("--quick", action="store_true", help="small sizes: a check, no evidence")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, help="these subjects")
    parser.add_argument("--again", nargs="+", default=[], help="measure these subjects anew")
    parser.add_argument("--report", action="store_true", help="measure nothing, write the page")
    parser.add_argument("--rows", type=Path, help="another file of rows")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    return parser


if __name__ == "__main__":
    sys.exit(main())
