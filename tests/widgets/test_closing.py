"""Windows are closed at random moments in processes of their own: see closing.py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("closing.py")
SEED = 13
LONG = 200
IN_ONE_PROCESS = 4
LONGEST_S = 600


def on_a_screen() -> tuple[list[str], dict[str, str]]:
    """How a process gets a real window: on the screen there is, a virtual one, or none at all."""
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    if environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        return [], environment
    if shutil.which("xvfb-run") and shutil.which("xauth"):
        environment.pop("QT_QPA_PLATFORM", None)
        return ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24"], environment
    return [], dict(environment, QT_QPA_PLATFORM="offscreen")


def told(what: list[str], folder: Path) -> list[dict[str, Any]]:
    """What the script printed, a line each; a fault, a freeze or an error is shown as it ended."""
    screen, environment = on_a_screen()
    ended = subprocess.run(
        [*screen, sys.executable, str(SCRIPT), *what, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
    )
    assert ended.returncode == 0, f"{ended.returncode}: {ended.stdout}\n{ended.stderr[-4000:]}"
    assert "Traceback" not in ended.stderr, ended.stderr
    assert "has been deleted" not in ended.stderr, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]


def closes(count: int, folder: Path) -> list[dict[str, Any]]:
    """Close ``count`` windows in processes of a few each, two at a time."""

    def some(first: int) -> list[dict[str, Any]]:
        number = min(IN_ONE_PROCESS, count - first)
        return told(["close", str(SEED), str(first), str(number)], folder)

    with ThreadPoolExecutor(2) as pool:
        return [line for lines in pool.map(some, range(0, count, IN_ONE_PROCESS)) for line in lines]


@pytest.mark.slow
@pytest.mark.skipif("UNETSCOPE_SOAK" not in os.environ, reason="set UNETSCOPE_SOAK=1 to run it")
@pytest.mark.timeout(7200)
def test_a_window_closes_at_any_moment_and_keeps_every_stroke(tmp_path: Path) -> None:
    """200 times: every moment meets every way four times. Not in every run: it takes a while."""
    count = LONG
    told_of = closes(count, tmp_path)
    assert [line["number"] for line in told_of] == list(range(count))
    assert all(line["errors"] == [] for line in told_of)
    kept = told(["check"], tmp_path)[0]
    assert kept["images"] >= count / 2
    assert kept["lost"] == []
