"""The panel "Look inside" in the real window: from a click to a drawn box, from a layer to maps.

As a program (``python -m benchmarks.inside_window CLICKS ROUNDS``) it measures them.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from benchmarks.latency import scene
from benchmarks.machine import Quiet
from benchmarks.rows import Row
from benchmarks.screen import PLUGIN, rest, tell, told_by, wait_until

PANEL = "Look inside"
STAGES = ("enc1", "enc2", "enc3", "bottleneck", "dec3", "dec2", "dec1")
WAIT_S = 60.0  # for quiet moments, in all


def window_rows(clicks: int, rounds: int) -> list[Row]:
    """Seconds until a layer has its data, and until the canvas has drawn it."""
    return told_by("benchmarks.inside_window", str(clicks), str(rounds))


class _Eye:
    """When layers got their data, when maps were there, and when the canvas was drawn."""

    def __init__(self, viewer: Any, panel: Any) -> None:
        self.data: list[float] = []
        self.maps: list[float] = []
        self.drawn: list[float] = []
        self._watched: set[int] = set()
        self._panel = panel
        canvas = viewer.window._qt_viewer.canvas
        self.native = canvas.native
        canvas._scene_canvas.events.draw.connect(self._drawn, position="last")
        panel.inspector.captured.connect(self._captured)

    def watch(self, layer: Any) -> None:
        """Note when this layer gets new data."""
        if layer is not None and id(layer) not in self._watched:
            self._watched.add(id(layer))
            layer.events.set_data.connect(self._got_data)

    def clear(self) -> None:
        """Forget what was seen."""
        self.data, self.maps, self.drawn = [], [], []

    def after(self, times: list[float]) -> float:
        """The first drawing of the canvas that ended after the first of ``times``."""
        wait_until(lambda: bool(times) and any(at > times[0] for at in self.drawn))
        return next(at for at in self.drawn if at > times[0])

    def _got_data(self, event: Any) -> None:
        self.data.append(time.perf_counter())

    def _captured(self) -> None:
        self.maps.append(time.perf_counter())

    def _drawn(self, event: Any) -> None:
        self.drawn.append(time.perf_counter())


def measure(clicks: int, rounds: int) -> list[Row]:
    """All rows of one window with a 512² image and the bundled network."""
    import napari

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1400, 900)
    viewer.add_image(scene("grey"), name="grey")
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, PANEL)
    inspector = panel.inspector
    wait_until(lambda: panel.inside.glass is not None)
    _settle(inspector)
    eye = _Eye(viewer, panel)
    quiet = Quiet(WAIT_S)
    rows = [*_clicked(panel, eye, clicks, quiet), *_chosen(panel, eye, rounds, quiet)]
    panel.shut_down()
    viewer.close()
    return rows


def _settle(inspector: Any) -> None:
    """Wait until no job runs and none is about to."""
    from qtpy.QtCore import QTimer

    from unetscope.workbench.job_runner import Lane

    def still() -> bool:
        waiting = any(t.isSingleShot() and t.isActive() for t in inspector.findChildren(QTimer))
        return not waiting and not any(lane.busy for lane in inspector.findChildren(Lane))

    wait_until(still)
    rest(0.3)
    wait_until(still)


def _clicked(panel: Any, eye: _Eye, clicks: int, quiet: Quiet) -> list[Row]:
    """Mouse clicks on the canvas, before and after the effective contour of the layer is known."""
    inspector = panel.inspector
    panel.network_panel.drawing.chosen.emit("dec1")
    _settle(inspector)
    panel.subject_panel.probe.setChecked(True)
    _settle(inspector)  # the field of the middle has been measured with it
    inspector.probe.effective = None
    rows = []
    for what in ("click", "click, with the contour"):
        found = _click_many(inspector, eye, clicks, quiet)
        rows += [{"what": what, "until": until, "seconds": s} for until, s in found.items()]
        _settle(inspector)
        wait_until(lambda: inspector.probe.effective is not None)
    panel.subject_panel.probe.setChecked(False)
    return rows


def _click_many(inspector: Any, eye: _Eye, clicks: int, quiet: Quiet) -> dict[str, list[float]]:
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtTest import QTest

    from unetscope.session.layers.inside_layers import FIELD

    rng = np.random.default_rng(0)
    size = eye.native.size()
    seconds: dict[str, list[float]] = {"data": [], "drawn": []}
    contour = inspector.probe.effective
    while len(seconds["data"]) < clicks:
        at = (
            int(size.width() * rng.uniform(0.35, 0.65)),
            int(size.height() * rng.uniform(0.2, 0.8)),
        )
        eye.watch(inspector.pictures.find(FIELD))
        before = inspector.inside.point
        _settle(inspector)
        quiet.wait(rest)
        inspector.probe.effective = contour
        eye.clear()
        began = time.perf_counter()
        QTest.mouseClick(
            eye.native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(*at)
        )
        if inspector.inside.point == before:
            raise RuntimeError(f"the click at {at} did not arrive in the image")
        drawn = eye.after(eye.data)
        seconds["data"].append(eye.data[0] - began)
        seconds["drawn"].append(drawn - began)
    return seconds


def _chosen(panel: Any, eye: _Eye, rounds: int, quiet: Quiet) -> list[Row]:
    """A stage of the drawing is chosen while maps are shown: its maps take their place."""
    inspector = panel.inspector
    inspector.show_maps()
    _settle(inspector)
    seconds: dict[tuple[str, str], list[float]] = {}
    for turn in range(rounds + 1):
        for stage in STAGES:
            quiet.wait(rest)
            eye.clear()
            began = time.perf_counter()
            panel.network_panel.drawing.chosen.emit(stage)
            wait_until(lambda: bool(eye.maps))
            drawn = eye.after(eye.maps)
            shown = inspector.pictures.find("maps")
            if shown is None or not shown.name.endswith(inspector.inside.layer):
                raise RuntimeError(f"the maps of {stage} are not shown")
            if turn:
                seconds.setdefault((stage, "data"), []).append(eye.maps[0] - began)
                seconds.setdefault((stage, "drawn"), []).append(drawn - began)
            _settle(inspector)
    return [
        {"what": "layer", "layer": stage, "until": until, "seconds": values}
        for (stage, until), values in seconds.items()
    ]


if __name__ == "__main__":
    tell(measure(int(sys.argv[1]), int(sys.argv[2])))
