"""The network as the U it is, the chosen layer in a line, the way in depth, and the table."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QToolButton, QVBoxLayout, QWidget

from unetscope.widgets.inside.depth_slider import DepthSlider
from unetscope.widgets.inside.layer_card import LayerCard
from unetscope.widgets.inside.layer_table import LayerTable
from unetscope.widgets.inside.u_drawing import UDrawing
from unetscope.widgets.kit.looks import Tints


class NetworkPanel(QWidget):
    """Chooses a layer by drawing, slider or table."""

    SHOWS = frozenset({"glass", "layer"})

    def __init__(self, inspector: Any, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._inspector, self._inside = inspector, inspector.inside
        self._glass: Any = None
        self.drawing = UDrawing(tints)
        self.card = LayerCard(tints)
        self.ladder = DepthSlider(tints)
        self.unfold = QToolButton()
        self.unfold.setText("▸ All layers")
        self.unfold.setCheckable(True)
        self.unfold.setAutoRaise(True)
        self.unfold.toggled.connect(self._unfolded)
        self.table = LayerTable()
        self.table.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for part in (self.drawing, self.card, self.ladder, self.unfold, self.table):
            layout.addWidget(part)
        self.drawing.chosen.connect(self._stage_chosen)
        self.ladder.moved.connect(inspector.choose_layer)
        self.table.chosen.connect(inspector.choose_layer)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        for part in (self.drawing, self.card, self.ladder):
            part.set_tints(tints)

    def refresh(self, changed: str) -> None:
        """Show the state; a new glass of the same network leaves drawing and table alone."""
        glass, layer = self._inside.glass, self._inside.layer
        self.setVisible(glass is not None)
        if glass is None:
            return
        if glass is not self._glass:
            same = self._glass is not None and self._glass.diagram == glass.diagram
            self._glass = glass
            if not same:
                self.drawing.show_diagram(glass.diagram)
                self.table.show_table(glass.table, glass.diagram)
                self.ladder.show_layers(_ladder(glass))
        self.drawing.select(layer)
        self.table.select(layer)
        self.ladder.select(layer)
        image = self._inside.image
        known = image is not None and image.pixel_size is not None
        self.card.show_layer(
            _facts(glass, layer),
            pixel_size=image.pixel_size[-glass.axes :] if known else None,
            unit=image.unit if known else None,
            mismatches=[m for m in glass.table.mismatches if m.where in _joins(glass)],
            skips=glass.skips,
        )

    def _stage_chosen(self, name: str) -> None:
        if self._glass is None:
            return
        stage = next((s for s in self._glass.diagram.stages if s.name == name), None)
        if stage is not None and stage.layers:
            self._inspector.choose_layer(stage.layers[-1])

    def _unfolded(self, on: bool) -> None:
        self.unfold.setText("▾ All layers" if on else "▸ All layers")
        self.table.setVisible(on)


def _ladder(glass: Any) -> list[tuple[str, int]]:
    """(layer, field side) in the order of the data; shortcuts, which see less, are left out."""
    steps: list[tuple[str, int]] = []
    for row in glass.table.rows:
        if row.stride is not None and row.receptive_field:
            side = max(row.receptive_field)
            if not steps or side >= steps[-1][1]:
                steps.append((row.name, side))
    return steps


def _facts(glass: Any, layer: str) -> Any:
    """The layer's row, or for a stage the row of what it ends with."""
    rows = {row.name: row for row in glass.table.rows}
    if layer in rows:
        return rows[layer]
    within = [row for name, row in rows.items() if name.startswith(f"{layer}.")]
    return within[-1] if within else None


def _joins(glass: Any) -> set[str]:
    return {skip.name.partition(":")[0] for skip in glass.skips}
