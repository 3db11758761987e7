"""The page of measurements is written from rows alone, and says what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")

from benchmarks import inside, report
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
    assert page.count("not measured |") == 7 + 12  # no timings are there, nothing of looking inside
    assert "## Looking inside" not in page
    assert "beside other busy programs: 3" in page
    assert (tmp_path / "images" / "bench-sets.svg").stat().st_size > 1000
    assert json.loads(out.with_suffix(".json").read_text())["rows"]["instant"]


def looked_inside(path: Path, *, wrong: int = 0, click_s: float = 0.03) -> Rows:
    """Rows of every kind that the subject has, for one layer and one picture each."""
    where = {"layer": "enc1", "where": "512²"}
    timed = [
        {"what": what, "threads": n, "seconds": [seconds] * 3} | where
        for n in (1, 2)
        for what, seconds in (("box", 2e-5), ("trace and all boxes", 0.02), ("maps", 0.1))
    ]
    timed.append({"what": "maps", "threads": 2, "seconds": [0.31] * 3, **where, "layer": "dec1"})
    large = {"layer": "enc1", "where": "512² of 2048²"}
    timed.append({"what": "maps", "threads": 2, "seconds": [0.2] * 3, **large})
    units: dict[str, list[dict[str, Any]]] = {
        "seconds, 2 thread(s)": timed,
        "window": [
            {"what": "click", "until": "data", "seconds": [click_s / 2] * 5},
            {"what": "click", "until": "drawn", "seconds": [click_s] * 5},
            {"what": "layer", "layer": "enc1", "until": "data", "seconds": [0.1] * 5},
            {"what": "layer", "layer": "enc1", "until": "drawn", "seconds": [0.2] * 5},
        ],
        "random networks": [
            {"what": "random networks", "networks": 500, "flat": 400, "boxes": 2500,
             "mismatches": wrong}
        ],
        "placement": [{"what": "placement", "network": "valid", "error_px": 1e-15}],
        "torchlens": [
            {"what": "torchlens", "network": name, "boxes": 40, "mismatches": 0} for name in "abcd"
        ],
        "torchinfo": [{"what": "torchinfo", "network": n, "agrees": True} for n in "abcde"],
        "arithmetic": [
            {"what": "arithmetic", "group": "convolutions", "kind": "plain", "values": 60,
             "not_pytorchs": 0, "error": 3e-7}
        ],
        "effective fields": [
            {"what": "effective field", "picture": "EM", "layer": "dec1", "inputs": 32,
             "theoretical_px": [92, 92], "side_px": 20.0, "ratio": 0.22, "radius_50_px": 3.0,
             "radius_95_px": 14.0}
        ],
        "ablation": [
            {"what": "ablation", "picture": "EM", "skip": "dec1", "source": "enc1", "mode": "mean",
             "changed_share": 0.125, "probability_change": 0.05}
        ],
        "shifts": [
            {"what": "shift", "picture": "EM", "shift_px": shift, "multiple_px": 8,
             "max_error": 0.0 if shift == 8 else 0.5, "relative_error": 0.01}
            for shift in (1, 8)
        ],
    }  # fmt: skip
    rows = Rows(path)
    for unit, found in units.items():
        about = {"unit": unit, "engine": inside.engine(unit)}
        told = {"what": "conditions", "nice": -5, "cores": 2, "others_cores": 0.5}
        rows.add("inside", unit, [about | row for row in (*found, told)], 0.5)
    return rows


def verdicts(page: str) -> dict[str, str]:
    """The last cell of the targets on looking inside, by what they are about."""
    lines = [line for line in page.splitlines() if line.startswith("| look inside: ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {line[0].removeprefix("look inside: "): line[-1] for line in cells}


def test_looking_inside_is_judged_by_its_slowest_layer_and_every_box(tmp_path: Path) -> None:
    out = tmp_path / "benchmarks.md"
    report.write(looked_inside(tmp_path / "good.jsonl"), QUICK, out)
    page = out.read_text()
    found = verdicts(page)
    assert len(found) == 12 and set(found.values()) == {"yes", "**no**"}
    missed = [what for what, verdict in found.items() if verdict != "yes"]
    assert missed == [
        "maps of a 512² image, one layer, engine alone",  # 310 ms in dec1, though enc1 is fast
        "boxes equal to TorchLens's",  # four networks, five are wanted
    ]
    assert "slowest layer: dec1" in page and "## Looking inside" in page
    assert "| EM | enc1 → dec1 | 12.5 % | 0.050 |" in page
    assert "| EM, largest | 0.5 | 0 |" in page
    assert "2 shared cores (niceness -5). Other programs took\n0.5 to 0.5 cores" in page
    report.write(looked_inside(tmp_path / "bad.jsonl", wrong=1, click_s=0.06), QUICK, out)
    found = verdicts(out.read_text())
    assert found["boxes against gradients, random networks"] == "**no**"
    assert found["field box after a click, in the window, until it is drawn"] == "**no**"


def test_what_another_engine_measured_is_measured_anew(tmp_path: Path) -> None:
    rows = looked_inside(tmp_path / "rows.jsonl")
    found = rows.unit("inside", "shifts")
    assert not inside.is_stale("shifts", found)
    assert inside.is_stale("shifts", [found[0] | {"engine": "another"}])
    assert rows.unit("inside", "never measured") == []


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
