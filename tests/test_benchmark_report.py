"""The page of measurements is written from rows alone, and says what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")

from benchmarks import report
from benchmarks.comparing import difference
from benchmarks.plan import QUICK
from benchmarks.rows import Rows, fingerprint


def score(task: str, system: str, dice: float, seconds: float = 0.1) -> dict[str, Any]:
    return {
        "task": task,
        "unseen": task.startswith("new"),
        "strokes_per_class": 5,
        "seed": 0,
        "system": system,
        "seconds": seconds,
        "same": dice,
        "other": dice - 0.1,
        "network_weight": 0.0,
        "steps": 0,
    }


def filled(path: Path) -> Rows:
    rows = Rows(path)
    for task in ("new 1", "new 2", "known 1"):
        instant = [
            score(task, name, dice)
            for name, dice in (("random forest", 0.7), ("ridge head", 0.71), ("instant", 0.74))
        ]
        rows.add("instant", task, instant, 0.0)
        tuned = [score(task, "fine-tuned", 0.75, at) for at in QUICK.checkpoints_s]
        rows.add("training", task, [score(task, "instant", 0.74, 0.0), *tuned], 1.0)
    return rows


def test_the_page_judges_targets_and_names_what_was_not_measured(tmp_path: Path) -> None:
    out = tmp_path / "benchmarks.md"
    report.write(filled(tmp_path / "rows.jsonl"), QUICK, out)
    page = out.read_text()
    assert "not evidence" in page  # small sizes
    gain = next(line for line in page.splitlines() if line.startswith("| instant answer above"))
    assert "+0.040" in gain and gain.endswith("| yes |")
    assert page.count("not measured |") == 7  # no timings are there
    assert "beside other busy programs: 3" in page
    assert (tmp_path / "images" / "bench-sets.svg").stat().st_size > 1000
    assert json.loads(out.with_suffix(".json").read_text())["rows"]["instant"]


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    filled(path)
    with path.open("a") as file:
        file.write('{"subject": "instant", "unit": "torn')
    again = Rows(path)
    assert again.has("instant", "new 2") and not again.has("instant", "torn")
    assert len(again.of("instant")) == 9


def test_the_interval_of_a_constant_gain_is_that_gain() -> None:
    ours, theirs = {"a 1": 0.5, "b 1": 0.6}, {"a 1": 0.4, "b 1": 0.5, "c 1": 0.9}
    gap = difference(ours, theirs, resamples=50)
    assert gap is not None and gap.tasks == 2 and gap.better == 2
    assert gap.low == pytest.approx(0.1) and gap.high == pytest.approx(0.1)


def test_the_fingerprint_does_not_depend_on_the_process() -> None:
    assert fingerprint() == fingerprint() and len(fingerprint()) == 12
