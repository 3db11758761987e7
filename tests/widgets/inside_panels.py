"""Colours and a window for panels that stand alone."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QWidget

from unetscope.widgets.kit.looks import Tints

DARK = Tints(
    text="#f0f1f2",
    faint="#a0a1a2",
    background="#262930",
    card="#414851",
    accent="#4463c7",
    on_accent="#ffffff",
    good="#3FC08F",
    busy="#56B4E9",
    error="#FF8A5C",
)


def shown_at(widget: QWidget, qtbot: Any, width: int = 300) -> None:
    qtbot.addWidget(widget)
    widget.resize(width, 600)
    widget.show()
    qtbot.waitExposed(widget)
