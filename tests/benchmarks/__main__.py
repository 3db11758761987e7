"""Measure, and write what was measured: ``python tests/benchmarks --out docs/benchmarks.md``.

Rows are kept in ``.cache/bench/``; a run that was interrupted goes on where it was, as long as
neither weights nor engine have changed. What others answer (baselines, own errors, scratch) is kept
beside it, and outlives changes of ours.

Subjects, and what they need:

- baselines: forests and boosting, all strokes and seeds. own errors: the forest with corrections of
  its own errors. instant: our head, alone and with the forest. Dice of these three does not depend
  on the load: each process takes one thread, and without ``--shard`` there is one a core.
- scratch: a U-Net from random weights. training: fine-tuning at its checkpoints. corrective: rounds
  of corrections. Seconds decide here, so the machine must be quiet.
- latency, startup, smoothness, throughput, inside: seconds and exactness, on a quiet machine too.

A part of them, on a machine that has other work (each line can be stopped and repeated)::

    python tests/benchmarks --only baselines instant --shard 0/2      # and 1/2 beside it
    python tests/benchmarks --only training --strokes 5               # then --strokes 20
    python tests/benchmarks --only corrective
    python tests/benchmarks --only training --strokes 5 --seeds 1 2   # seeds beside the plan's
    python tests/benchmarks --only instant --unseen                   # sets never trained on
    python tests/benchmarks --estimate                                # says what is left
    python tests/benchmarks --report --out docs/benchmarks.md         # the page alone
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
warnings.filterwarnings("ignore")  # of libraries, about each other

from benchmarks import inside, latency, report, startup, throughput  # noqa: E402
from benchmarks.machine import OtherPrograms  # noqa: E402
from benchmarks.plan import FULL, OTHERS, QUALITY, QUICK, SECONDS_A_UNIT, UNHURRIED, Plan  # noqa: E402
from benchmarks.rows import (  # noqa: E402
    ROOT,
    Conditions,
    Row,
    Rows,
    fingerprint,
    others_fingerprint,
)
from benchmarks.screen import NoScreenError  # noqa: E402

SUBJECTS = ("latency", "startup", "smoothness", "throughput", "inside", *QUALITY)
CACHE = ROOT / ".cache" / "bench"

Work = tuple[str, Callable[[], list[Row]]]  # the name of a unit, and what measures it


def main() -> int:
    """Run the chosen subjects and write the report."""
    told = _parser().parse_args()
    plan = QUICK if told.quick else FULL
    kept = _kept(told)
    print(f"rows: {kept['ours'].path}, {kept['others'].path}", flush=True)
    subjects = [] if told.report else told.only or SUBJECTS
    for subject in subjects:
        if subject in UNHURRIED and not (told.shard or told.quick or told.estimate):
            _measure_on_all_cores(subject, kept)
        else:
            _measure(subject, plan, told, kept[_keeper(subject)])
    if told.estimate or told.shard:
        return 0
    out = told.out or CACHE / "page" / "benchmarks.md"
    report.write(list(kept.values()), plan, out)
    print(f"written: {out}")
    return 0


def _kept(told: argparse.Namespace) -> dict[str, Rows]:
    quick = "quick-" if told.quick else ""
    ours = told.rows or CACHE / f"{quick}{fingerprint()}.jsonl"
    others = told.others or CACHE / f"{quick}others-{others_fingerprint()}.jsonl"
    return {"ours": Rows(ours), "others": Rows(others)}


def _keeper(subject: str) -> str:
    return "others" if subject in OTHERS else "ours"


def _measure(subject: str, plan: Plan, told: argparse.Namespace, rows: Rows) -> None:
    """Measure what is not known yet of a subject; only say how much that is, if told so."""
    again = subject in told.again or told.again == ["all"]
    left = [
        (unit, measure)
        for unit, measure in _units(subject, plan, told)
        if again or not _is_known(subject, unit, rows)
    ]
    each_s = rows.took_s(subject) or SECONDS_A_UNIT.get(subject, 60.0)
    print(f"{subject}: {len(left)} units to measure, {len(left) * each_s / 60:.0f} min", flush=True)
    for unit, measure in [] if told.estimate else left:
        others, began = OtherPrograms(), time.perf_counter()
        try:
            found = measure()
        except (NoScreenError, FileNotFoundError) as error:
            print(f"{subject}: {unit}: skipped, {error}", flush=True)
            continue
        conditions = Conditions(others.cores(), time.perf_counter() - began)
        rows.add(subject, unit, found, conditions)
        busy = conditions.others_cores
        note = "" if busy is None else f", other programs: {busy:.2f} cores"
        print(f"{subject}: {unit} ({conditions.took_s:.1f} s{note})", flush=True)


def _measure_on_all_cores(subject: str, kept: dict[str, Rows]) -> None:
    """The same command again, once a core, for this subject alone and into the same files."""
    cores = os.cpu_count() or 1
    command = [sys.executable, *sys.argv, "--only", subject]
    command += ["--rows", str(kept["ours"].path), "--others", str(kept["others"].path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([*command, "--shard", f"{n}/{cores}"], env=environment)
        for n in range(cores)
    ]
    if any(process.wait() for process in running):
        raise SystemExit(f"{subject}: a part of it failed; repeat the command to go on")
    for rows in kept.values():
        rows.read()


def _is_known(subject: str, unit: str, rows: Rows) -> bool:
    found = rows.unit(subject, unit)
    return rows.has(subject, unit) and not (subject == "inside" and inside.is_stale(unit, found))


def _units(subject: str, plan: Plan, told: argparse.Namespace) -> Iterator[Work]:
    if subject in QUALITY:
        yield from _quality_units(subject, plan, told)
    elif subject == "inside":
        for unit in inside.inside_units():
            yield unit, _work(inside.inside_rows, unit, plan, told.data)
    else:
        for unit in _speed_units(subject):
            yield unit, _work(_speed, subject, unit, plan)


def _work(measure: Callable[..., list[Row]], *arguments: object) -> Callable[[], list[Row]]:
    return lambda: measure(*arguments)


def _quality_units(subject: str, plan: Plan, told: argparse.Namespace) -> Iterator[Work]:
    if not told.data.is_dir():
        print(f"{subject}: skipped, the real micrographs are not in {told.data}", flush=True)
        return
    import torch

    from benchmarks.quality_units import Choice, QualityUnits, tasks_of

    shard, shards = told.shard or (0, 1)
    if subject in UNHURRIED:
        torch.set_num_threads(1)
    choice = Choice(shard, shards, tuple(told.strokes), tuple(told.seeds))
    plan = replace(plan, only_unseen=plan.only_unseen or told.unseen)
    for unit in QualityUnits(plan, tasks_of(plan, told.data), choice).of(subject):
        yield unit.name, unit.measure


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


def _shard(text: str) -> tuple[int, int]:
    shard, shards = (int(part) for part in text.split("/"))
    if not 0 <= shard < shards:
        raise ValueError(text)
    return shard, shards


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, help="the page to write; figures go to images/ there")
    parser.add_argument("--quick", action="store_true", help="small sizes: a check, no evidence")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, help="these subjects")
    parser.add_argument("--again", nargs="+", default=[], help="measure these subjects anew")
    parser.add_argument("--report", action="store_true", help="measure nothing, write the page")
    parser.add_argument("--estimate", action="store_true", help="only say what is left to measure")
    parser.add_argument("--shard", type=_shard, help="i/n: every n-th task, and no page")
    parser.add_argument("--strokes", nargs="+", type=int, default=[], help="of a class: only these")
    parser.add_argument("--seeds", nargs="+", type=int, default=[], help="only these")
    parser.add_argument("--unseen", action="store_true", help="only sets never trained on")
    parser.add_argument("--rows", type=Path, help="another file of rows")
    parser.add_argument("--others", type=Path, help="another file of rows of the baselines")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    return parser


if __name__ == "__main__":
    sys.exit(main())
