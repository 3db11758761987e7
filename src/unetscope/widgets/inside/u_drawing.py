"""The network as a drawing: a box a stage, on its level, with arrows where maps are passed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from unetscope.widgets.inside.u_arrows import Arrow, arrow_head
from unetscope.widgets.inside.u_layout import Box, ULayout, laid_out, neighbour
from unetscope.widgets.kit.looks import Tints, line_px

if TYPE_CHECKING:
    from unetscope.inspection.following.diagram import Diagram, Stage

_HINT = "In a box: channels. Below it: receptive field in px."
_SHARED = "Dashed: the same weights once more."
_KEYS = {
    Qt.Key.Key_Left: "left",
    Qt.Key.Key_Right: "right",
    Qt.Key.Key_Up: "up",
    Qt.Key.Key_Down: "down",
}
_SIDES = {
    "left": Qt.AlignmentFlag.AlignLeft,
    "right": Qt.AlignmentFlag.AlignRight,
    "middle": Qt.AlignmentFlag.AlignHCenter,
}
_SMALL = 0.85  # of the names' font: what is good to know


class UDrawing(QWidget):
    """Draws a :class:`~unetscope.inspection.following.diagram.Diagram`; ``chosen(stage name)``.

    A click or an arrow key chooses a stage; the height follows the levels.
    """

    chosen = Signal(str)

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tints = tints
        self._diagram: Diagram | None = None
        self._layout = ULayout((), (), 0.0, 1.0)
        self._selected = -1
        self._hovered = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("The network as a drawing")
        self._arrange()

    # ---- what it shows

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.update()

    def show_diagram(self, diagram: Diagram) -> None:
        """Draw another network; nothing is selected then."""
        self._diagram = diagram
        self._selected = self._hovered = -1
        self._arrange()
        self.update()

    @property
    def _stages(self) -> tuple[Stage, ...]:
        return () if self._diagram is None else self._diagram.stages

    def select(self, name: str) -> None:
        """Mark the stage called ``name`` or that holds the layer ``name``; no signal."""
        stage = None if self._diagram is None else self._diagram.stage_of(name)
        self._mark(-1 if stage is None else stage.column)

    @property
    def selected(self) -> str:
        """Name of the marked stage, or ""."""
        return self._stages[self._selected].name if self._selected >= 0 else ""

    def centre_of(self, name: str) -> tuple[int, int]:
        """The middle (x, y) of a stage's box in pixels of this widget.

        Raises
        ------
        KeyError
            If there is no such stage.
        """
        found = {box.stage.name: box.rect.center() for box in self._layout.boxes}[name]
        return round(found.x()), round(found.y())

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(line_px(self) * 20, self.height())

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(line_px(self) * 8, self.height())

    def _mark(self, index: int) -> None:
        if index != self._selected:
            self._selected = index
            stages = self._stages
            self.setAccessibleDescription(facts(stages[index]) if index >= 0 else "")
            self.update()

    # ---- size

    def resizeEvent(self, event: Any) -> None:
        """Arrange the boxes in the new width."""
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: Any) -> None:
        """Arrange the boxes for another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._arrange()

    def _arrange(self) -> None:
        metrics = QFontMetricsF(self.font())
        line = metrics.height()
        self._layout = laid_out(
            self._diagram, max(self.width(), 60), line, metrics.horizontalAdvance
        )
        height = round(self._layout.height + self._caption_lines() * line) + 2
        if height != self.height() or self.minimumHeight() != height:
            self.setFixedHeight(height)

    def _caption_lines(self) -> int:
        """As many as the longest caption takes, so that hovering does not move what is below."""
        if not self._stages:
            return 1
        texts = [self._hint(), *(facts(stage) for stage in self._stages)]
        metrics = QFontMetricsF(self._font(_SMALL))
        room = QRectF(0, 0, max(self.width(), 60), 10_000)
        flags = int(Qt.TextFlag.TextWordWrap)
        highest = max(metrics.boundingRect(room, flags, text).height() for text in texts)
        return min(4, -int(-highest // metrics.height()))

    # ---- mouse and keys

    def mouseMoveEvent(self, event: Any) -> None:
        """Show the facts of the box under the mouse."""
        box = self._layout.at(event.position().x(), event.position().y())
        self._hover(-1 if box is None else box.stage.column)

    def leaveEvent(self, event: Any) -> None:
        """Show the selected stage again."""
        self._hover(-1)

    def _hover(self, index: int) -> None:
        if index != self._hovered:
            self._hovered = index
            over = Qt.CursorShape.PointingHandCursor if index >= 0 else Qt.CursorShape.ArrowCursor
            self.setCursor(over)
            self.update()

    def mousePressEvent(self, event: Any) -> None:
        """Choose the box under the mouse."""
        box = self._layout.at(event.position().x(), event.position().y())
        if event.button() == Qt.MouseButton.LeftButton and box is not None:
            self._choose(box.stage.column)

    def keyPressEvent(self, event: Any) -> None:
        """Arrow keys walk through the network, Home and End to its ends, Enter chooses again."""
        count = len(self._layout.boxes)
        key = event.key()
        if count and key in _KEYS:
            before = self._selected
            to = 0 if before < 0 else neighbour(self._layout, before, _KEYS[key])
            if to != before:
                self._choose(to)
        elif count and key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._choose(0 if key == Qt.Key.Key_Home else count - 1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Space) and self._selected >= 0:
            self._choose(self._selected)
        else:
            super().keyPressEvent(event)

    def _choose(self, index: int) -> None:
        self._mark(index)
        self.chosen.emit(self._stages[index].name)

    def event(self, event: Any) -> bool:
        """Tell more about a box when the mouse rests on it."""
        if event.type() == QEvent.Type.ToolTip:
            box = self._layout.at(event.pos().x(), event.pos().y())
            text = "" if not box or not self._diagram else tip(box.stage, self._diagram)
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return bool(super().event(event))

    # ---- painting

    def paintEvent(self, event: Any) -> None:
        """Draw arrows, boxes, and the facts of one stage."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for arrow in self._layout.arrows:
            self._paint_arrow(painter, arrow)
        for box in self._layout.boxes:
            self._paint_box(painter, box)
        self._paint_caption(painter)
        painter.end()

    def _font(self, share: float) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(max(7, round(self.fontInfo().pixelSize() * share)))
        return font

    def _paint_arrow(self, painter: QPainter, arrow: Arrow) -> None:
        tints = self._tints
        color = QColor(tints.faint if not arrow.link.skip else tints.busy)
        if arrow.link.note:
            color = QColor(tints.error)
        style = Qt.PenStyle.DashLine if arrow.link.note else Qt.PenStyle.SolidLine
        painter.setPen(QPen(color, 1.4, style))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        path = QPainterPath(arrow.points[0])
        if arrow.curved:
            path.cubicTo(*arrow.points[1:])
        else:
            for point in arrow.points[1:]:
                path.lineTo(point)
        painter.drawPath(path)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawPolygon(QPolygonF(arrow_head(arrow.points, min(7.0, line_px(self) * 0.4))))

    def _paint_box(self, painter: QPainter, box: Box) -> None:
        tints, index = self._tints, box.stage.column
        chosen, hovered = index == self._selected, index == self._hovered
        painter.setBrush(QColor(tints.accent if chosen else tints.card))
        style = Qt.PenStyle.DashLine if box.stage.shares else Qt.PenStyle.SolidLine
        edge = QColor(tints.text if hovered else tints.faint)
        painter.setPen(QPen(edge, 1.6 if hovered else 1, style))
        painter.drawRoundedRect(box.rect.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        if self.hasFocus() and index == max(self._selected, 0):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tints.text), 1.4, Qt.PenStyle.DotLine))
            painter.drawRoundedRect(box.rect.adjusted(2.5, 2.5, -2.5, -2.5), 3, 3)
        ink = QColor(tints.on_accent if chosen else tints.text)
        share = self._layout.font
        middle = box.rect.center().y()
        height = line_px(self) * share
        upper = QRectF(box.rect.left(), middle - height, box.rect.width(), height)
        self._write(painter, box.label, upper, share, ink)
        if box.stage.channels:
            channels = str(box.stage.channels)
            self._write(painter, channels, upper.translated(0, height), share, ink)
        if box.stage.field is not None:
            faint = QColor(tints.text if chosen else tints.faint)
            field = f"{box.stage.field} px"
            metrics = QFontMetricsF(self._font(share * _SMALL))
            if metrics.horizontalAdvance(field) > box.below.width():
                field = str(box.stage.field)
            side = _SIDES[box.below_side]
            self._write(painter, field, box.below, share * _SMALL, faint, side)

    def _write(
        self,
        painter: QPainter,
        text: str,
        place: QRectF,
        share: float,
        color: QColor,
        side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignHCenter,
    ) -> None:
        """A text that ends in "…" where it does not fit, and is left out where nothing would."""
        font = self._font(share)
        metrics = QFontMetricsF(font)
        if metrics.horizontalAdvance(text) > place.width():
            text = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, place.width())
            if len(text) < 3:
                return
        painter.setFont(font)
        painter.setPen(color)
        painter.drawText(place, int(side | Qt.AlignmentFlag.AlignVCenter), text)

    def _hint(self) -> str:
        if not self._stages:
            return "No network yet."
        return f"{_HINT} {_SHARED}" if any(stage.shares for stage in self._stages) else _HINT

    def _paint_caption(self, painter: QPainter) -> None:
        index = self._hovered if self._hovered >= 0 else self._selected
        stages = self._stages
        text = facts(stages[index]) if index >= 0 else self._hint()
        place = QRectF(0, self._layout.height, self.width(), self.height() - self._layout.height)
        painter.setFont(self._font(_SMALL))
        painter.setPen(QColor(self._tints.text if index >= 0 else self._tints.faint))
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        painter.drawText(place, int(flags) | int(Qt.TextFlag.TextWordWrap), text)


def facts(stage: Stage) -> str:
    """One line about a stage."""
    output = " × ".join(str(n) for n in (stage.channels, *stage.shape))
    unit = "" if stage.shape else " channels"
    field = "" if stage.field is None else f" · field {stage.field:,} px"
    shared = f" · weights of {stage.shares}" if stage.shares else ""
    return f"{stage.name} · {output}{unit}{field}{shared}"


def tip(stage: Stage, diagram: Diagram) -> str:
    """Several lines about a stage: what it holds and what comes to it past other stages."""
    shown = ", ".join(stage.layers[:6]) + (" …" if len(stage.layers) > 6 else "")
    learns = f"{stage.parameters:,} parameters"
    if stage.shares:
        learns = f"The weights of {stage.shares} once more"
    lines = [facts(stage), learns, f"Layers: {shown}"]
    for link in diagram.links:
        if link.skip and link.target == stage.name:
            note = f", {link.note}" if link.note else ""
            lines.append(f"Skip connection from {link.source}{note}")
    return "\n".join(lines)
