"""A removed layer's programs are deleted in the OpenGL context that they were made in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtOpenGLWidgets import QOpenGLWidget

from unetscope.widgets.inside.look_inside import LookInside
from widgets.conftest import Opened

Open = Callable[..., Opened]


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens, in its order; every canvas says it has a context, though none is on screen."""
    told: list[str] = []
    monkeypatch.setattr(QOpenGLWidget, "isValid", lambda canvas: True)
    monkeypatch.setattr(QOpenGLWidget, "makeCurrent", lambda canvas: told.append("current"))
    return told


def remove_last(viewer: Any, happened: list[str]) -> None:
    happened.clear()
    viewer.layers.events.removed.connect(lambda event: happened.append("removed"))
    viewer.layers.remove(viewer.layers[-1])


@pytest.mark.parametrize("floating", [False, True])
def test_the_canvas_is_current_before_a_layer_goes(
    open_window: Open, happened: list[str], floating: bool
) -> None:
    opened = open_window()
    opened.viewer.add_image(np.zeros((8, 8)))
    opened.window.dock().setFloating(floating)
    remove_last(opened.viewer, happened)
    assert happened == ["current", "removed"]


def test_look_inside_cares_for_it_as_well(
    make_napari_viewer_proxy: Callable[[], Any], happened: list[str]
) -> None:
    viewer = make_napari_viewer_proxy()
    viewer.add_image(np.zeros((8, 8)))
    panel = LookInside(viewer)
    viewer.window.add_dock_widget(panel, name="Look inside")
    remove_last(viewer, happened)
    panel.shut_down()
    assert happened == ["current", "removed"]


def test_a_closed_panel_leaves_the_canvas_alone(open_window: Open, happened: list[str]) -> None:
    opened = open_window()
    opened.viewer.add_image(np.zeros((8, 8)))
    opened.window.shut_down()
    remove_last(opened.viewer, happened)
    assert happened == ["removed"]
