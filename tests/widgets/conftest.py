"""The window with an engine that answers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from widgets.fake_engine import FakeJobs

SIDE = 200


@dataclass
class Opened:
    """A viewer with an image of a dark and a bright half, and the window beside it."""

    viewer: Any
    window: Any
    jobs: FakeJobs

    @property
    def session(self) -> Any:
        return self.window.session

    @property
    def strokes(self) -> Any:
        return self.window.bench.layers.strokes_layer(self.session.image.key)

    def paint(self, value: int, rows: slice, columns: slice) -> None:
        """A stroke as the brush makes it: chosen class, one undoable edit."""
        self.window.bench.paint_with(value)
        grid = np.mgrid[rows, columns]
        self.strokes.data_setitem((grid[0].ravel(), grid[1].ravel()), value)

    def paint_both(self) -> None:
        self.paint(1, slice(20, 40), slice(10, 60))
        self.paint(2, slice(20, 40), slice(140, 190))

    def layer(self, start: str) -> Any:
        return next((item for item in self.viewer.layers if item.name.startswith(start)), None)


def halves(side: int = SIDE) -> np.ndarray:
    image = np.zeros((side, side), np.float32)
    image[:, side // 2 :] = 1
    return image


@pytest.fixture
def open_window(make_napari_viewer_proxy: Any, qtbot: Any) -> Iterator[Callable[..., Opened]]:
    """Make a viewer with the window in it; all are shut down at the end."""
    from unetscope.widgets.painting.paint_train_predict import PaintTrainPredict

    made: list[Any] = []

    def make(image: Any = None, jobs: FakeJobs | None = None, **how: Any) -> Opened:
        viewer = make_napari_viewer_proxy()
        if image is not False:
            viewer.add_image(halves() if image is None else image, **how)
        jobs = jobs or FakeJobs()
        window = PaintTrainPredict(viewer, jobs)
        jobs.shown = lambda: window.session.training.epoch
        made.append(window)
        viewer.window.add_dock_widget(window, name="Paint, train, predict")
        if image is not False:
            qtbot.waitUntil(lambda: window.session.model is not None, timeout=5000)
        return Opened(viewer, window, jobs)

    yield make
    for window in made:
        window.shut_down()


@pytest.fixture
def show_window(
    make_napari_viewer_proxy: Any, qtbot: Any, monkeypatch: Any
) -> Iterator[Callable[..., Opened]]:
    """The window on its own, visible and active, so that keys and focus are real ones."""
    from napari._qt.qt_resources import get_stylesheet
    from napari.settings import get_settings

    from unetscope.widgets.painting.paint_train_predict import PaintTrainPredict

    made: list[Any] = []

    def make(
        image: Any = None, theme: str = "dark", width: int = 340, points: int = 12, **how: Any
    ) -> Opened:
        monkeypatch.setattr(get_settings().appearance, "font_size", points)
        viewer = make_napari_viewer_proxy()
        viewer.theme = theme
        viewer.add_image(halves() if image is None else image, **how)
        jobs = FakeJobs()
        window = PaintTrainPredict(viewer, jobs)
        made.append(window)
        qtbot.addWidget(window)
        size = {"font_size": f"{points}pt"}
        window.setStyleSheet(get_stylesheet(theme, extra_variables=size))
        window.resize(width, 900)
        window.show()
        qtbot.waitExposed(window)
        window.activateWindow()
        qtbot.waitUntil(lambda: window.isActiveWindow() and window.session.model is not None)
        return Opened(viewer, window, jobs)

    yield make
    for window in made:
        window.shut_down()
