"""Close windows at random moments, in a process of its own, and say how it ended.

A script: started by the tests, for what is tried may freeze a process or end it with a fault.

    python closing.py close SEED FIRST COUNT FOLDER    closes number FIRST …, in one process
    python closing.py check FOLDER                     says what is missing of what was painted

Each close has a moment (what the window is at), a way (how it is closed) and one or two windows,
all drawn from SEED and its number. ``close`` prints a line for each and ends with a code other than
0 after a freeze; ``check`` prints one JSON object. What was painted is noted in FOLDER before.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

FREEZE_S = 120.0  # of standing still, on a busy machine
READY_S = 90.0
PANEL, INSIDE = "Paint, train, predict", "Look inside"
MOMENTS = ("opening", "live", "training", "predicting", "inside", "restoring", "project")
WAYS = ("window", "viewer", "x", "hide", "quit", "image", "model")


@dataclass(frozen=True)
class Plan:
    """One close: what the window is at, how it is closed, and how long after the moment began."""

    number: int
    moment: str
    way: str
    windows: int
    first: int  # which of two windows goes first
    wait_s: float
    seed: int

    @staticmethod
    def drawn(seed: int, number: int) -> Plan:
        """Every moment meets every way within 49 numbers."""
        rng = np.random.default_rng((seed, number))
        moment = MOMENTS[number % 7]
        way = WAYS[(number // 7 + number) % 7]
        longest = {"opening": 2.0, "live": 0.6, "training": 3.0, "inside": 2.0}.get(moment, 0.8)
        return Plan(
            number,
            moment,
            way,
            1 + int(rng.random() < 0.35),
            int(rng.integers(2)),
            float(rng.random() ** 2 * longest),
            int(rng.integers(2**31)),
        )


@dataclass
class Window:
    """A viewer with the panel; ``panel`` is None once it is closed."""

    viewer: Any
    dock: Any
    panel: Any
    pixels: list[np.ndarray] = field(default_factory=list)

    @staticmethod
    def opened(seed: int, images: int = 1) -> Window:
        import napari

        viewer = napari.Viewer()
        pixels = [picture((seed, n)) for n in range(images)]
        for one in pixels:
            viewer.add_image(one)
        dock, panel = viewer.window.add_plugin_dock_widget("napari-unetscope", PANEL)
        return Window(viewer, dock, panel, pixels)

    def paint(self, *, row: int = 20) -> None:
        """A stroke of each class on the image that is worked on."""
        for value, columns in ((1, slice(10, 60)), (2, slice(140, 190))):
            self.panel.bench.paint_with(value)
            layers, image = self.panel.bench.layers, self.panel.session.image
            grid = np.mgrid[row : row + 8, columns]
            layers.strokes_layer(image.key).data_setitem((grid[0].ravel(), grid[1].ravel()), value)

    def painted(self) -> list[tuple[np.ndarray, np.ndarray, str]]:
        """(pixels, labels, project or "") of every image with strokes, as they are now."""
        layers = self.panel.bench.layers
        return [
            (np.array(layers.layer(image.key).data), np.array(strokes.data), home(layers, image))
            for image in self.panel.session.images
            if (strokes := layers.strokes_layer(image.key)) is not None
        ]

    def gone(self) -> None:
        """Close what is left of it."""
        if hasattr(self.viewer.window, "_qt_window"):
            self.viewer.close()


def picture(seed: Any, side: int = 200) -> np.ndarray:
    """A dark and a bright half with noise of its own, so that every image is another one."""
    noise = np.random.default_rng(seed).random((side, side), dtype=np.float32)
    noise[:, side // 2 :] += 2
    return noise


# ---- a window is brought to a moment


def until(reached: Callable[[], Any], seconds: float = READY_S) -> None:
    """Let the event loop run until something is so."""
    limit = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > limit:
            raise TimeoutError("the window did not come to the moment at which it was to be closed")
        rest(0.01)


def rest(seconds: float) -> None:
    """Let the event loop run for a while."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(int(seconds * 1000), loop.quit)
    loop.exec()


def brought(plan: Plan, folder: Path) -> Window:
    """The window at its moment."""
    images = 2 if plan.way == "image" else 1
    if plan.moment == "restoring":
        return restoring(Window.opened(plan.seed, images), plan, images)
    window = Window.opened(plan.seed, images)
    if plan.moment == "project":
        window.panel.bench.project.open(made_project(plan, folder))
    if plan.moment in ("opening", "project"):
        return window
    panel, session = window.panel, window.panel.session
    until(lambda: session.model is not None)
    window.paint()
    if plan.moment == "training":
        panel.bench.train()
    if plan.moment == "predicting":
        from unetscope.session.values import Scope

        until(lambda: session.model.model.can_answer)
        panel.bench.predict(Scope.IMAGE)
    if plan.moment == "inside":
        _, inside = window.viewer.window.add_plugin_dock_widget("napari-unetscope", INSIDE)
        rest(plan.wait_s / 2)
        inside.inspector.show_maps()
        inside.inspector.set_probing(True)
    return window


def restoring(before: Window, plan: Plan, images: int) -> Window:
    """Paint, close, open again, and bring the strokes back."""
    before.paint()
    before.viewer.close()
    window = Window.opened(plan.seed, images)
    until(lambda: window.panel.bench.strokes.status.offer is not None)
    rest(plan.wait_s)
    window.panel.bench.strokes.restore()
    return window


def made_project(plan: Plan, folder: Path) -> Path:
    """A project of three images, two of them with labels."""
    import tifffile

    from unetscope.session.project.folder import Project

    made = Project.create(folder / f"project {plan.number}")
    for number in range(3):
        file = folder / f"{plan.number}_{number}.tif"
        tifffile.imwrite(file, picture((plan.seed, 10 + number)))
        entry = made.add_image(file)
        labels = np.zeros((200, 200), np.uint8)
        labels[50:60, 10:60], labels[50:60, 140:190] = 1, 2
        if number:
            made.save_labels(entry.id, labels)
    made.save()
    return made.folder


# ---- and closed


def closed(window: Window, way: str) -> None:
    """Close a window one way; what is left of it is closed after it."""
    from qtpy.QtWidgets import QApplication

    from unetscope.network.facts import BUNDLED

    panel = window.panel
    if way == "image":
        panel.bench.choose_image(panel.session.images[-1].key)
    if way == "model":
        panel.bench.shelf.open_bundled(BUNDLED[-1].name)
    if way == "x":
        window.dock.destroyOnClose()
        rest(0.2)
    if way == "hide":
        window.dock.close()
        rest(0.2)
    if way == "quit":
        QApplication.quit()
    elif way == "viewer":
        window.viewer.close()
    else:
        window.viewer.window._qt_window.close()


def one_close(plan: Plan, folder: Path) -> None:
    """Bring one or two windows to the moment and close them, inside of napari's event loop."""
    import napari
    from qtpy.QtCore import QTimer

    keep = [Window.opened(plan.seed + 1)] if plan.windows == 2 else []

    over = Round()

    def act() -> None:
        try:
            close_both()
        finally:
            QTimer.singleShot(0, over.quit)

    def close_both() -> None:
        window = brought(plan, folder)
        rest(plan.wait_s)
        both = [window, *keep] if plan.first else [*keep, window]
        for number, one in enumerate(both):
            if one.panel.session.image is not None:
                one.paint(row=60)
            note(plan, number, one, folder)
            way = plan.way if one is window else "window"
            closed(one, way)
            rest(0.1)
            if way == "quit":
                break  # which has ended the other window's panel as well
        for one in both:
            one.gone()

    QTimer.singleShot(0, act)
    napari.run(force=True)
    over.ended = True


class Round:
    """One run of the event loop, which may be ended by what is tried before it is told to."""

    ended = False

    def quit(self) -> None:
        from qtpy.QtWidgets import QApplication

        if not self.ended:
            QApplication.quit()


def note(plan: Plan, number: int, window: Window, folder: Path) -> None:
    """Write down what is painted."""
    for at, (pixels, labels, project) in enumerate(window.painted()):
        name = folder / f"painted_{plan.number:03}_{number}_{at}.npz"
        np.savez(name, pixels=pixels, labels=labels, project=project)


def home(layers: Any, image: Any) -> str:
    """The folder of the project that an image is of; "" for one without."""
    note = layers.note(image.key)
    return "" if note is None else str(note[0])


# ---- what is on disk afterwards


def kept_labels(pixels: np.ndarray, project: str) -> np.ndarray:
    """What a new window would bring back of what was painted on an image."""
    from napari.components import ViewerModel

    from unetscope.session.layers.open_layers import OpenLayers
    from unetscope.session.layers.stroke_keeping import StrokeKeeper
    from unetscope.session.state import STARTING_CLASSES

    if project:
        return saved_labels(pixels, Path(project))
    viewer = ViewerModel()
    viewer.add_image(pixels)
    layers = OpenLayers(viewer)
    keeper, key = StrokeKeeper(layers), layers.summaries()[0].key
    keeper.open(key)
    layers.paint_with(key, 1, STARTING_CLASSES)
    keeper.restore(key)
    labels = np.array(layers.strokes_layer(key).data)
    keeper.close()
    return labels


def saved_labels(pixels: np.ndarray, project: Path) -> np.ndarray:
    """The labels that a project has of an image."""
    from unetscope.images.files import read_micrograph
    from unetscope.session.project.folder import Project

    opened = Project.open(project)
    for entry in opened.record.images:
        path = opened.image_path(entry.id)
        if path is not None and np.array_equal(np.asarray(read_micrograph(path).pixels), pixels):
            found = opened.read_labels(entry.id)
            return np.zeros(pixels.shape, np.uint8) if found is None else np.asarray(found)
    raise LookupError(f"no image of {project.name} has these pixels")


def checked(folder: Path) -> dict[str, Any]:
    """How many images were painted on, and of which of them something is missing."""
    lost, files = [], sorted(folder.glob("painted_*.npz"))
    for file in files:
        with np.load(file) as noted:
            pixels, labels, project = noted["pixels"], noted["labels"], str(noted["project"])
        found = kept_labels(pixels, project)
        if not np.array_equal(found, labels):
            lost.append(f"{file.stem}: {np.count_nonzero(found != labels)} px differ")
    return {"images": len(files), "lost": lost}


# ---- the process


def stand_in_for_gl() -> None:
    """Let layers be added without OpenGL: napari asks the driver for two facts only."""
    import napari._vispy.utils.visual  # noqa: F401  (imports every layer's visual)

    fakes = {
        "get_gl_extensions": lambda: "texture_float",
        "get_max_texture_sizes": lambda: (16384, 2048),
    }
    for module in [m for name, m in list(sys.modules.items()) if name.startswith("napari.")]:
        for name, fake in fakes.items():
            if name in vars(module):
                setattr(module, name, fake)


def run(seed: int, first: int, count: int, folder: Path) -> int:
    """Close ``count`` times; the number of errors that reached Qt or Python."""
    errors: list[str] = []

    def raised(kind: Any, error: Any, trace: Any) -> None:
        errors.append(f"{kind.__name__}: {error}")
        sys.__excepthook__(kind, error, trace)

    sys.excepthook = raised
    from napari.settings import get_settings
    from napari.utils.notifications import notification_manager
    from qtpy.QtGui import QGuiApplication

    def told(notification: Any) -> None:
        if notification.severity.value in ("error", "warning"):
            errors.append(f"{notification.severity.value}: {notification.message}")

    notification_manager.notification_ready.connect(told)
    get_settings().application.confirm_close_window = False
    from napari._qt.qt_event_loop import get_qapp

    get_qapp()
    if QGuiApplication.platformName() == "offscreen":
        stand_in_for_gl()
    for number in range(first, first + count):
        plan = Plan.drawn(seed, number)
        faulthandler.dump_traceback_later(FREEZE_S, exit=True)
        one_close(plan, folder)
        print(json.dumps({**vars(plan), "errors": errors}), flush=True)
        if errors:
            return 1
    faulthandler.dump_traceback_later(FREEZE_S, exit=True)  # leaving Python must end as well
    return 0


if __name__ == "__main__":
    os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "napari.yaml")
    os.environ["UNETSCOPE_STROKES"] = str(Path(sys.argv[-1]) / "strokes")
    if sys.argv[1] == "check":
        print(json.dumps(checked(Path(sys.argv[2]))))
    else:
        sys.exit(run(*map(int, sys.argv[2:5]), Path(sys.argv[5])))
