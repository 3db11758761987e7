"""Rows and columns of widgets as the panels have them: close together, without a frame of air."""

from __future__ import annotations

from collections.abc import Collection

from qtpy.QtWidgets import QHBoxLayout, QLayout, QVBoxLayout, QWidget
from superqt import QFlowLayout


def flow(*parts: QWidget, spacing: int = 4, owner: QWidget | None = None) -> QFlowLayout:
    """Widgets beside each other where there is room, else below; ``spacing`` in px."""
    row = QFlowLayout(owner)
    row.setContentsMargins(0, 0, 0, 0)
    row.setHorizontalSpacing(spacing)
    row.setVerticalSpacing(max(3, spacing))
    for part in parts:
        row.addWidget(part)
    return row


def row(*parts: QWidget, owner: QWidget, stretched: Collection[int] = ()) -> QHBoxLayout:
    """Widgets on one line of ``owner``; those at the places ``stretched`` take the room."""
    line = QHBoxLayout(owner)
    line.setContentsMargins(0, 0, 0, 0)
    for at, part in enumerate(parts):
        line.addWidget(part, int(at in stretched))
    return line


def column(
    owner: QWidget, *parts: QWidget | QLayout, margins: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> QVBoxLayout:
    """Widgets and rows below each other, all that is in ``owner``; ``margins`` in px."""
    lines = QVBoxLayout(owner)
    lines.setContentsMargins(*margins)
    for part in parts:
        if isinstance(part, QLayout):
            lines.addLayout(part)
        else:
            lines.addWidget(part)
    return lines
