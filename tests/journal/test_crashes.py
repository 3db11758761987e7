"""A painting process that is killed loses nothing it had acknowledged, wherever it is killed.

``crashing.py`` kills it at random moments and at each of its writes; the same harness must find
faults in a painter that saves its array in place.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from journal.system_calls import hookable


def can_mount() -> bool:
    """Whether a file system can be mounted in a namespace of its own."""
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(
        [*UNSHARED, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
    )
    return tried.returncode == 0


UNSHARED = ("unshare", "--map-root-user", "--mount")
HERE = Path(__file__).resolve().parent
SOAK = "UNETSCOPE_SOAK" in os.environ
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks and kills: Unix alone")
needs_hooks = pytest.mark.skipif(
    not hookable(), reason="this Python's SQLite does not let its system calls be replaced"
)
needs_small_disk = pytest.mark.skipif(
    not can_mount(), reason="needs root or user namespaces to mount a small disk"
)
soak = pytest.mark.skipif(not SOAK, reason="set UNETSCOPE_SOAK=1 to run it")


def crashed(what: str, number: int, painter: str) -> dict[str, Any]:
    before = UNSHARED if what == "full" else ()
    done = subprocess.run(
        [*before, sys.executable, "crashing.py", what, str(number), painter],
        capture_output=True,
        text=True,
        cwd=HERE,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    print(said)
    return said


def test_twenty_kills_lose_no_stroke() -> None:
    said = crashed("kills", 20, "journal")
    assert said["bad"] == []
    assert said["acknowledged"] > 20


def test_kills_find_a_painter_that_saves_in_place() -> None:
    assert crashed("kills", 400, "naive")["bad"]  # it stops at the first


@needs_hooks
def test_dying_at_some_of_the_writes_loses_no_stroke() -> None:
    said = crashed("points", 11, "journal")
    assert said["bad"] == []
    assert said["writes"] > 50


@needs_hooks
def test_dying_at_a_write_finds_a_painter_that_saves_in_place() -> None:
    assert crashed("points", 37, "naive")["bad"]


@needs_hooks
def test_writes_that_are_refused_lose_no_stroke() -> None:
    said = crashed("refused", 13, "journal")
    assert said["bad"] == []
    assert said["tried"] > 3


@needs_hooks
def test_refused_writes_find_a_painter_that_saves_in_place() -> None:
    assert crashed("refused", 99, "naive")["bad"]


@needs_small_disk
def test_a_full_disk_loses_no_stroke() -> None:
    said = crashed("full", 120, "journal")
    assert said["bad"] == []
    assert said["full"]
    assert said["waited"] > 0


@needs_small_disk
def test_a_full_disk_finds_a_painter_that_saves_in_place() -> None:
    assert crashed("full", 120, "naive")["bad"]


@pytest.mark.slow
@soak
@needs_hooks
def test_soak_every_write_that_is_refused_loses_no_stroke() -> None:
    assert crashed("refused", 1, "journal")["bad"] == []


@pytest.mark.slow
@soak
def test_soak_two_hundred_kills_lose_no_stroke() -> None:
    said = crashed("kills", 200, "journal")
    assert said["bad"] == []


@pytest.mark.slow
@soak
@needs_hooks
def test_soak_dying_at_every_write_loses_no_stroke() -> None:
    said = crashed("points", 1, "journal")
    assert said["bad"] == []
