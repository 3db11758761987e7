"""The page of measurements is written from rows alone, and says what is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from benchmarks import inside, report
from benchmarks.annotator import corrections, first_strokes
from benchmarks.baselines import BaselineTask
from benchmarks.comparing import difference, strokes_needed
from benchmarks.plan import FULL, QUICK
from benchmarks.quality import corrective_rows, full_budget
from benchmarks.quality_units import Choice, QualityUnits
from benchmarks.rows import Conditions, Rows, fingerprint
from benchmarks.scoring import Examiner, answer_from, calibration_error, reliability
from unetscope.images.micrograph import as_micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.learning.metrics import expected_calibration_error
from unetscope.learning.persistence import start_model
from unetscope.pretraining.judge import Task

BUSY, QUIET = Conditions(others_cores=1.0, took_s=2.0), Conditions(others_cores=0.0, took_s=1.0)
BINS = [[0.0, 0.0, 0.0]] * 13 + [[0.4, 0.9, 0.8], [0.6, 0.97, 0.95]]


def score(
    task: str, system: str, dice: float, *, seconds: float = 0.1, strokes: int = 5, turn: int = 0
) -> dict[str, Any]:
    return {
        "task": task,
        "unseen": task.startswith("new"),
        "strokes_per_class": strokes,
        "seed": 0,
        "system": system,
        "seconds": seconds,
        "same": dice,
        "other": dice - 0.1,
        "ece_same": 0.05,
        "ece_other": 0.15,
        "network_weight": 0.0,
        "steps": 0,
        "turn": turn,
        "bins_same": BINS,
        "bins_other": BINS,
    }


def filled(path: Path) -> Rows:
    """Rows in which ours is .06 better than the forest, at every number of strokes."""
    rows = Rows(path)
    forest = {2: 0.6, 5: 0.7, 20: 0.8}
    last = max(QUICK.checkpoints_s)
    for task in ("new 1", "new 2", "known 1"):
        for strokes, dice in forest.items():
            unit = f"{task}, {strokes} strokes"
            classical = ("random forest", "ilastik-like forest", "gradient boosting")
            found = [score(task, name, dice, strokes=strokes) for name in classical]
            rows.add("baselines", unit, found, QUIET)
            ours = [
                score(task, name, dice + gain, strokes=strokes)
                for name, gain in (("ridge head", 0.03), ("instant", 0.06))
            ]
            rows.add("instant", unit, ours, QUIET)
        began = score(task, "instant", 0.76, seconds=0.0)
        tuned = [score(task, "fine-tuned", 0.75, seconds=at) for at in QUICK.checkpoints_s]
        rows.add("training", task, [began, *tuned], BUSY)
        rows.add("scratch", task, [score(task, "U-Net from scratch", 0.3, seconds=last)], BUSY)
        turns = [
            score(task, name, 0.7 + gain + 0.05 * turn, strokes=2, turn=turn)
            for turn in range(QUICK.rounds + 1)
            for name, gain in (("fine-tuned", 0.2), ("instant", 0.1), ("random forest", 0.0))
        ]
        rows.add("corrective", task, turns, BUSY)
    return rows


def targets(page: str) -> dict[str, list[str]]:
    """The cells of the table of targets, by what they are about."""
    lines = page.split("## Targets")[1].split("\n## ")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return {what: rest for what, *rest in cells}


def test_the_page_judges_targets_and_names_what_was_not_measured(tmp_path: Path) -> None:
    out = tmp_path / "benchmarks.md"
    report.write([filled(tmp_path / "rows.jsonl")], QUICK, out)
    page = out.read_text()
    assert "not evidence" in page  # small sizes
    found = targets(page)
    unseen = "sets never trained on"
    gain, rate = (
        found[f"5 strokes, at once, {what}, {unseen}"] for what in ("above the forest", "win rate")
    )
    assert "same image +0.060 [+0.060, +0.060]" in gain[1] and gain[2] == "yes"
    assert "100 % (100 % : 0 %)" in rate[1] and rate[2] == "yes"
    below = found[f"no checkpoint below the instant answer (single answers), {unseen}"]
    assert below[1:] == ["8 of 8 below, lowest -0.010", "**no**"]
    rounds = next(cells for what, cells in found.items() if what.startswith("2 rounds of 5"))
    assert "+0.200" in rounds[1] and rounds[2] == "yes"
    tuned = found[f"20 strokes, 4 s, above the forest, {unseen}"]
    assert tuned[2] == "not measured"  # strokes of 5 were trained only
    strokes = found[f"strokes at once for the forest's Dice with 20, {unseen}"]
    assert "same image 8.7" in strokes[1] and strokes[2] == "**no**"
    assert "## Looking inside" not in page
    assert (
        "beside other busy programs: 9" in page
    )  # what only others' load cannot change is not told
    for name in ("strokes", "seconds", "rounds", "reliability"):
        assert f"(images/bench-{name}-unseen.svg)" in page
        assert (tmp_path / "images" / f"bench-{name}-unseen.svg").stat().st_size > 1000
    kept = json.loads(out.with_suffix(".json").read_text())["rows"]
    assert len(kept["instant"]) == 18 and kept["latency"] == []


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
        rows.add("inside", unit, [about | row for row in (*found, told)], BUSY)
    return rows


def verdicts(page: str) -> dict[str, str]:
    """The last cell of the targets on looking inside, by what they are about."""
    lines = [line for line in page.splitlines() if line.startswith("| look inside: ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {line[0].removeprefix("look inside: "): line[-1] for line in cells}


def test_looking_inside_is_judged_by_its_slowest_layer_and_every_box(tmp_path: Path) -> None:
    out = tmp_path / "benchmarks.md"
    report.write([looked_inside(tmp_path / "good.jsonl")], QUICK, out)
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
    report.write([looked_inside(tmp_path / "bad.jsonl", wrong=1, click_s=0.06)], QUICK, out)
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
    assert again.has("instant", "new 2, 5 strokes") and not again.has("instant", "torn")
    assert len(again.of("instant")) == 18 and again.took_s("training") == 2.0
    again.add("instant", "after", [score("after", "instant", 0.5)], QUIET)
    assert Rows(path).has("instant", "after")  # what is torn does not tear what follows


def test_the_interval_of_a_constant_gain_is_that_gain() -> None:
    ours = {("a 1", 0): 0.5, ("a 1", 1): 0.6, ("b 1", 0): 0.603}
    theirs = {("a 1", 0): 0.4, ("a 1", 1): 0.5, ("b 1", 0): 0.6, ("c 1", 0): 0.9}
    gap = difference(ours, theirs, resamples=50)
    assert gap is not None and gap.tasks == 2 and gap.compared == 3
    assert (gap.won, gap.better, gap.worse) == (3, 2, 0)  # one is a tie
    assert gap.mean == pytest.approx((0.1 + 0.003) / 2)
    assert gap.low == pytest.approx(0.003) and gap.high == pytest.approx(0.1)


def test_strokes_needed_lie_on_the_logarithm_between_what_was_tried() -> None:
    curve = {1: 0.4, 4: 0.6, 16: 0.8}
    ours = {n: {("a 1", 0): dice, ("b 1", 0): dice} for n, dice in curve.items()}
    found = strokes_needed(ours, {("a 1", 0): 0.7, ("b 1", 0): 0.7, ("c 1", 0): 0.1}, 20)
    assert found is not None and found.strokes == pytest.approx(8) and found.dice == 0.7
    easy = strokes_needed(ours, {("a 1", 0): 0.3}, 20)
    assert easy is not None and str(easy).startswith("≤ 1 ")
    never = strokes_needed(ours, {("a 1", 0): 0.9}, 20)
    assert never is not None and str(never).startswith("never")


def striped() -> Task:
    """Two classes in stripes, seen with noise; the other image is a turned one."""
    truth = np.full((96, 96), 1, np.uint8)
    truth[:, 24:48] = truth[:, 72:] = 2
    rng = np.random.default_rng(0)
    seen = [(t + rng.normal(0, 0.3, t.shape)).astype(np.float32) for t in (truth, truth.T)]
    a, b = (as_micrograph(image) for image in seen)
    return Task("stripes 1", False, 2, a, truth, b, np.ascontiguousarray(truth.T))


def test_strokes_are_nested_and_corrections_lie_on_errors() -> None:
    task = striped()
    two, five = (first_strokes(task, 3, count) for count in (2, 5))
    assert (
        two.any() and (five[two > 0] == two[two > 0]).all() and (five > 0).sum() > (two > 0).sum()
    )
    answer = np.ones_like(task.truth_a)  # misses all of the second class
    more = corrections(task, answer, two, count=2, seed=3, turn=0)
    new = (more > 0) & (two == 0)
    assert new.any() and (more[new] == 2).all() and (task.truth_a[new] == 2).all()


def test_the_forest_is_scikit_images_own() -> None:
    from skimage.future import TrainableSegmenter

    task = striped()
    strokes = first_strokes(task, 0, 2)
    ours, _, _ = BaselineTask(task).answers("random forest", strokes, 0)
    segmenter = TrainableSegmenter()
    segmenter.clf.set_params(random_state=0, n_jobs=1)
    grey = fit_normalisation(task.image_a).apply(task.image_a.plane())[0]
    segmenter.fit(grey, strokes)
    assert (segmenter.predict(grey) == ours.labels).mean() > 0.999


def test_calibration_is_what_the_engine_says_it_is() -> None:
    task = striped()
    chance = np.random.default_rng(1).dirichlet((2, 3), task.truth_a.shape).transpose(2, 0, 1)
    bins = reliability(task.truth_a, answer_from(chance, (1, 2)))
    assert bins[:, 0].sum() == pytest.approx(1)
    expected = expected_calibration_error(task.truth_a, chance, (1, 2), bins=15)
    assert calibration_error(bins) == pytest.approx(expected)


def test_corrections_follow_what_we_show_and_the_forest_gets_the_same() -> None:
    task = striped()
    examiner = Examiner(task, first_strokes(task, 0, 1), 1, 0)
    options = replace(full_budget(60.0, 0), max_epochs=1, steps_per_epoch=1, patch_px=64)
    rows = list(corrective_rows(start_model(None), examiner, options, rounds=1, count=2))
    shown = [(row["turn"], row["system"], row["seconds"]) for row in rows]
    assert [about for about in shown if about[1] == "fine-tuned"] == [
        (0, "fine-tuned", 0.0),
        (1, "fine-tuned", 60.0),
    ]
    forest = [row for row in rows if row["system"] == "random forest"]
    assert [row["turn"] for row in forest] == [0, 1] and forest[0]["same"] != forest[1]["same"]


def test_all_units_have_names_of_their_own_and_shards_share_them() -> None:
    tasks = [replace(striped(), name=f"{letter} 1") for letter in "abcd"]
    every = QualityUnits(FULL, tasks, Choice())
    names = [unit.name for unit in every.of("baselines")]
    assert (
        len(names) == len(set(names)) == 4 * 6 * (2 * 3 + 3 * 1)
    )  # tasks, strokes, seeds, systems
    halves = [QualityUnits(FULL, tasks, Choice(n, 2, seeds=(0,))) for n in (0, 1)]
    shared = [unit.name for half in halves for unit in half.of("baselines")]
    assert sorted(shared) == sorted(name for name in names if "seed 0" in name)


def test_the_fingerprint_does_not_depend_on_the_process() -> None:
    assert fingerprint() == fingerprint() and len(fingerprint()) == 12
