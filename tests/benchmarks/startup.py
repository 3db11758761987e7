"""What opening the panel adds to napari's start: fresh processes, in turns.

As a program (``python -m benchmarks.startup STARTS``) it drives the starts on one screen; with
``once VARIANT TIME`` it is one of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time

from benchmarks.rows import Row
from benchmarks.screen import PANEL, PLUGIN, tell, told_by

VARIANTS = ("napari", "napari with the panel")


def startup_rows(starts: int) -> list[Row]:
    """Seconds from the start of a process to its window, drawn and idle."""
    return told_by("benchmarks.startup", str(starts))


def drive(starts: int) -> list[Row]:
    """Start both variants ``starts`` times in turns, after one of each that does not count.

    Modules are compiled in those first two and kept, as pip does when it installs a package.
    """
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return _driven(starts, environment)


def _driven(starts: int, environment: dict[str, str]) -> list[Row]:
    rows: list[Row] = []
    for turn in range(starts + 1):
        for variant in VARIANTS if turn % 2 else VARIANTS[::-1]:
            command = [sys.executable, "-W", "ignore", "-m", "benchmarks.startup"]
            began = time.monotonic()
            done = subprocess.run(
                [*command, "once", variant, repr(began)],
                env=environment,
                check=True,
                capture_output=True,
                text=True,
                timeout=120,
            )
            if turn:
                rows.append(json.loads(done.stdout.strip().splitlines()[-1]) | {"turn": turn})
    return rows


def once(variant: str, began: float) -> Row:
    """One start; the clock is the system's, so ``began`` of another process can be compared."""
    import napari
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer(show=True)
    if variant != VARIANTS[0]:
        viewer.window.add_plugin_dock_widget(PLUGIN, PANEL)
    for _ in range(5):
        QApplication.processEvents()
    return {
        "variant": variant,
        "seconds": time.monotonic() - began,
        "torch": "torch" in sys.modules,
    }


if __name__ == "__main__":
    if sys.argv[1] == "once":
        tell(once(sys.argv[2], float(sys.argv[3])))
    tell(drive(int(sys.argv[1])))
