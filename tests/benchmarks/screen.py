"""Measurements with the real window: each in a process of its own, on a screen or a virtual one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
_PULSE_MS = 5
PLUGIN, PANEL = "napari-unetscope", "Paint, train, predict"


class NoScreenError(RuntimeError):
    """There is no screen here, and no xvfb-run."""


def screen_prefix() -> list[str]:
    """What goes before a command so that it has a screen."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return []
    if shutil.which("xvfb-run") is None:
        raise NoScreenError("needs a screen or xvfb-run (sudo apt install xvfb xauth)")
    return ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24"]


def told_by(module: str, *arguments: str, timeout_s: float = 900.0) -> Any:
    """Run ``python -m module`` on a screen and return the JSON in its last line of output.

    napari's settings are fresh there: nobody's saved window or preferences take part.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "PYTHONPATH": str(TESTS),
            "NAPARI_CONFIG": str(Path(folder) / "napari.yaml"),
        }
        environment.pop("QT_QPA_PLATFORM", None)
        command = [*screen_prefix(), sys.executable, "-W", "ignore", "-m", module, *arguments]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=timeout_s
        )
    if done.returncode != 0 or not done.stdout.strip():
        raise RuntimeError(f"{module} failed ({done.returncode}):\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def tell(what: Any) -> None:
    """Answer :func:`told_by`; the process ends here, without waiting for Qt's own ending."""
    print(json.dumps(what), flush=True)
    os._exit(0)


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Let the event loop run, asleep between events as in a real session, until ``condition``.

    Turning it by hand would keep Python's lock from the worker threads that are measured.
    """
    from qtpy.QtCore import QEventLoop, QTimer
    from qtpy.QtWidgets import QApplication

    pulse = QTimer()
    pulse.start(_PULSE_MS)  # so that the loop wakes up to look at the condition
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"nothing came within {seconds:.0f} s")
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)


def rest(seconds: float) -> None:
    """Turn the event loop for a while."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, seconds + 60)


def open_panel(image: Any, name: str) -> tuple[Any, Any, str]:
    """A shown viewer with ``image`` and the panel, its model opened: (viewer, panel, image key)."""
    import napari

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1400, 900)
    layer = viewer.add_image(image, name=name)
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, PANEL)
    wait_until(lambda: panel.session.model is not None)
    wait_until(lambda: not panel.bench.answers.lane.busy)
    rest(0.5)
    return viewer, panel, str(layer.unique_id)
