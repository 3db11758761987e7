"""A part of the dock "Measure"."""

from __future__ import annotations

from typing import ClassVar

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame

from unetscope.widgets.kit.looks import Tints
from unetscope.widgets.kit.shortcuts import Calls
from unetscope.workbench.measuring.measure_bench import MeasureBench


class MeasurePanel(QFrame):
    """Shows the state of a :class:`MeasureBench` and calls it, which does things.

    ``SHOWS`` are the fields of the state whose change redraws it. ``called_for`` says that it has
    news and should be in view.
    """

    SHOWS: ClassVar[frozenset[str]] = frozenset()

    called_for = Signal()

    def __init__(self, bench: MeasureBench) -> None:
        super().__init__()
        self.setStyleSheet("MeasurePanel { padding: 0px; }")  # napari's style insets frames
        self._bench, self._state = bench, bench.state

    def refresh(self) -> None:
        """Show the state as it is."""

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""

    def keys(self) -> Calls:
        """Key in napari's spelling -> what it does."""
        return {}
