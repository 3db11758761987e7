"""The demonstration with a screen: napari, the panel, a few strokes, and training by itself."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

from unetscope.cli.demo.pictures import DemoPicture
from unetscope.errors import UnetscopeError
from unetscope.images.micrograph import Micrograph
from unetscope.session.values import BUDGETS, Budget
from unetscope.system_libraries import missing_line

if TYPE_CHECKING:
    import napari

PLUGIN = "napari-unetscope"
PANEL = "Paint, train, predict"


def open_window(picture: DemoPicture, *, train_seconds: float) -> None:
    """Open napari on ``picture``, train on its strokes, and return when the window is closed.

    Raises
    ------
    UnetscopeError
        If system libraries or a Qt binding are missing.
    """
    # The demonstration's strokes are not the user's: nothing of them is to be offered later.
    os.environ.setdefault("UNETSCOPE_STROKES", tempfile.mkdtemp(prefix="unetscope-demo-"))
    viewer = new_viewer("unetscope demo", "run the demo with --headless")
    import napari

    set_up(viewer, picture, train_seconds=train_seconds)
    napari.run()


def new_viewer(title: str, otherwise: str = "") -> napari.Viewer:
    """A viewer in a window; ``otherwise`` is what can be done without one.

    Raises
    ------
    UnetscopeError
        If system libraries or a Qt binding are missing.
    """
    line = missing_line(window=True)
    if line is not None:
        raise UnetscopeError(f"{line} (or {otherwise})" if otherwise else line)
    import napari

    try:
        return napari.Viewer(title=title)
    except ImportError as error:  # qtpy found no binding, or the binding does not load
        other = f", or {otherwise}" if otherwise else ""
        raise UnetscopeError(
            f"napari cannot open a window ({error}); install a Qt binding with "
            f'pip install "napari-unetscope[all]"{other}.'
        ) from error


def set_up(viewer: napari.Viewer, picture: DemoPicture, *, train_seconds: float) -> Any:
    """Add image, panel and strokes to ``viewer`` as a person would; return the panel.

    Where there are strokes, training starts by itself when the first answer is on screen.
    """
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, PANEL)
    options = layer_options(picture.image)
    key = panel.bench.layers.add_image((picture.image.pixels, options, "image"))
    panel.bench.layers.read_as(key, picture.image.axes)
    panel.bench.choose_image(key)
    panel.session.budget = _nearest_budget(train_seconds)
    if picture.classes:
        _paint(panel, key, picture)
        _train_when_answered(panel)
    return panel


def _paint(panel: Any, key: str, picture: DemoPicture) -> None:
    """Paint the picture's labels class by class, as strokes that can be undone."""
    panel.session.classes = picture.classes
    for one in picture.classes:
        panel.bench.paint_with(one.value)
        own = np.where(picture.labels == one.value, picture.labels, 0)
        panel.bench.layers.write_labels(key, own, picture.classes)


def _train_when_answered(panel: Any) -> None:
    """Press Train once, when the instant answer to the first strokes is on screen."""
    answering_changed = panel.session.events.answering

    # A function and not a method: the signal holds it strongly until it lets go after the press.
    def press(answering: bool) -> None:
        model = panel.session.model
        if answering or model is None or not model.model.can_answer:
            return
        answering_changed.disconnect(press)
        panel.bench.train()

    answering_changed.connect(press)


def _nearest_budget(seconds: float) -> Budget:
    """The choice of the panel nearest to ``seconds``."""
    limited = [budget for budget in BUDGETS if budget.seconds is not None]
    return min(limited, key=lambda budget: abs((budget.seconds or 0.0) - seconds))


def layer_options(image: Micrograph) -> dict[str, Any]:
    """What napari is to know about the image: name, colour, size of a pixel, unit."""
    options: dict[str, Any] = {"name": image.name or "micrograph"}
    if image.is_rgb:
        options["rgb"] = True
    if image.pixel_size is not None:
        sizes = dict(zip(image.spatial_axes, image.pixel_size, strict=True))
        shown = [axis for axis in image.axes if not (axis == "c" and image.is_rgb)]
        options["scale"] = [sizes.get(axis, 1.0) for axis in shown]
        options["units"] = [image.unit or "pixel" if axis in sizes else "pixel" for axis in shown]
    return options
