"""The architecture as a table: stages that open into their layers, with a search box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QFont
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from unetscope.widgets.inside.layer_card import shape_text, stride_text
from unetscope.widgets.kit.looks import line_px, quiet

if TYPE_CHECKING:
    from unetscope.inspection.following.diagram import Diagram, Stage
    from unetscope.inspection.following.table import Architecture, LayerRow

LAYER, OUTPUT, PARAMETERS, MACS, FIELD, STRIDE, KIND = range(7)
_HEADS = ("Layer", "Output", "Parameters", "MACs", "Field", "Stride", "Kind")
_TIPS = (
    "Name in the model; a stage opens into its layers.",
    "Channels × the sides of the map.",
    "Learnable numbers; a shared layer counts once.",
    "Multiplications with an addition, for one image; FLOPs are about twice as many.",
    "Side of the receptive field in image pixels.",
    "Image pixels from one cell of the map to the next.",
    "Class of the layer.",
)
_IMPORTANT_FIRST = (LAYER, OUTPUT, FIELD, PARAMETERS, MACS, STRIDE, KIND)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_NAME = Qt.ItemDataRole.UserRole
_SHOWN_LINES = 12
_TIGHT = "\u00a0"  # a space at which no line ends


class LayerTable(QWidget):
    """Shows an architecture; ``chosen(name)`` with a layer's name, or a stage's.

    As many columns as fit are shown, the important ones first.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._items: dict[str, QTreeWidgetItem] = {}
        self._kinds: dict[str, str] = {}
        self._is_telling = True
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search, e.g. conv")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search layers")
        self.search.textChanged.connect(self._filter)
        self.tree = QTreeWidget()
        self.tree.setColumnCount(len(_HEADS))
        self.tree.setHeaderLabels(list(_HEADS))
        self.tree.setUniformRowHeights(True)
        self.tree.setAlternatingRowColors(False)
        self.tree.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.tree.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.tree.setAccessibleName("Layers of the network")
        self.tree.currentItemChanged.connect(self._current_changed)
        head = self.tree.headerItem()
        viewport = self.tree.viewport()
        assert head is not None and viewport is not None
        for column, text in enumerate(_TIPS):
            head.setToolTip(column, text)
        viewport.installEventFilter(self)  # a scroll bar that comes takes room, too
        self.totals = quiet(QLabel())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.search)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.totals)
        self._size()

    # ---- what it shows

    def show_table(self, table: Architecture, diagram: Diagram) -> None:
        """Show another network: the rows of ``table`` under the stages of ``diagram``."""
        self._is_telling = False
        self.tree.clear()
        self._items.clear()
        rows = {row.name: row for row in table.rows}
        self._kinds = {row.name: row.kind for row in table.rows}
        for stage in diagram.stages:
            inside = [rows[name] for name in stage.layers]
            head = _stage_item(stage, inside)
            self.tree.addTopLevelItem(head)
            self._items.setdefault(stage.name, head)
            if len(inside) == 1:
                head.setData(LAYER, _NAME, inside[0].name)
                self._items[inside[0].name] = head
                continue
            for row in inside:
                item = _layer_item(row, stage)
                head.addChild(item)
                self._items[row.name] = item  # a layer named like its stage is meant first
        self._is_telling = True
        self.totals.setText(_totals(table))
        self._filter(self.search.text())
        self._fit()

    def select(self, name: str) -> None:
        """Go to a layer, or to a stage where no layer has the name; no signal."""
        item = self._items.get(name)
        if item is None:  # a call without its number: the last one
            calls = [k for k in self._items if k.rpartition(":")[0] == name]
            item = self._items[calls[-1]] if calls else None
        if item is None or item is self.tree.currentItem():
            return
        self._is_telling = False
        parent = item.parent()
        if parent is not None:
            parent.setExpanded(True)
        self.tree.setCurrentItem(item)
        self.tree.scrollToItem(item)
        self._is_telling = True

    @property
    def selected(self) -> str:
        """Name of the layer or stage that is marked, or ""."""
        item = self.tree.currentItem()
        return "" if item is None else str(item.data(LAYER, _NAME))

    def names_shown(self) -> list[str]:
        """Names of the layers that the search leaves, in the order of the data."""
        return [name for name in self._kinds if not self._items[name].isHidden()]

    def columns_shown(self) -> list[str]:
        """Headings of the columns there is room for."""
        return [_HEADS[i] for i in range(len(_HEADS)) if not self.tree.isColumnHidden(i)]

    def _current_changed(self, item: QTreeWidgetItem | None, before: Any) -> None:
        if item is not None and self._is_telling:
            self.chosen.emit(str(item.data(LAYER, _NAME)))

    def _filter(self, text: str) -> None:
        wanted = text.strip().lower()
        for index in range(self.tree.topLevelItemCount()):
            head = self.tree.topLevelItem(index)
            assert head is not None
            whole = not wanted or wanted in head.text(LAYER).lower()
            found = 0
            for at in range(head.childCount()):
                child = head.child(at)
                assert child is not None
                fits = whole or _fits(child, wanted)
                child.setHidden(not fits)
                found += fits
            head.setHidden(not (whole or found or (not head.childCount() and _fits(head, wanted))))
            if wanted:
                head.setExpanded(bool(found) and not whole)

    # ---- size

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Show as many columns as fit whenever the room for them changes."""
        if event.type() == QEvent.Type.Resize:
            self._fit()
        return False

    def changeEvent(self, event: Any) -> None:
        """Follow the font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._size()
            self._fit()

    def _size(self) -> None:
        line = line_px(self)
        self.tree.setIndentation(round(line * 0.8))
        self.tree.setMinimumHeight(line * 5)
        self.tree.setMaximumHeight(round(line * _SHOWN_LINES * 1.4))

    def _fit(self) -> None:
        header = self.tree.header()
        viewport = self.tree.viewport()
        if header is None or viewport is None:
            return
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(line_px(self))
        metrics = self.tree.fontMetrics()
        wide = {}
        for column, head in enumerate(_HEADS):
            title = metrics.horizontalAdvance(head) + line_px(self)
            wide[column] = max(self.tree.sizeHintForColumn(column) + 6, title)
        longest = max((metrics.horizontalAdvance(name) for name in self._kinds), default=0)
        wide[LAYER] = min(max(wide[LAYER], longest // 2), line_px(self) * 9)
        room = viewport.width()
        for column in _IMPORTANT_FIRST:
            fits = column == LAYER or wide[column] <= room
            self.tree.setColumnHidden(column, not fits)
            room = room - wide[column] if fits else 0  # less important ones stay away, too
            mode = QHeaderView.ResizeMode
            header.setSectionResizeMode(column, mode.Stretch if column == LAYER else mode.Fixed)
            if column != LAYER:
                header.resizeSection(column, wide[column])


def _fits(item: QTreeWidgetItem, wanted: str) -> bool:
    name = str(item.data(LAYER, _NAME)).lower()
    return wanted in name or wanted in item.text(KIND).lower()


def _stage_item(stage: Stage, inside: list[LayerRow]) -> QTreeWidgetItem:
    output = shape_text((stage.channels, *stage.shape)) if stage.channels else ""
    placed = [row.stride for row in inside if row.stride is not None]
    texts = [
        stage.name,
        output,
        f"{stage.parameters:,}" if stage.parameters else "",
        compact(sum(row.multiply_adds for row in inside)),
        "" if stage.field is None else f"{stage.field:,}",
        stride_text(placed[-1]) if placed else "",
        inside[0].kind if len(inside) == 1 else f"{len(inside)} layers",
    ]
    item = _item(texts, stage.name)
    font = QFont(item.font(LAYER))
    font.setBold(True)
    item.setFont(LAYER, font)
    shared = f", the weights of {stage.shares}" if stage.shares else ""
    item.setToolTip(LAYER, f"{stage.name}: {len(inside)} layers{shared}")
    return item


def _layer_item(row: LayerRow, stage: Stage) -> QTreeWidgetItem:
    field = max(row.receptive_field) if row.receptive_field else None
    texts = [
        row.name.removeprefix(f"{stage.name}.") or row.kind,
        shape_text(row.output_shape or ()),
        f"{row.parameters:,}" if row.parameters else "",
        compact(row.multiply_adds),
        "" if field is None else f"{field:,}",
        stride_text(row.stride),
        row.kind,
    ]
    item = _item(texts, row.name)
    note = f"\n{row.remark}" if row.remark else ""
    item.setToolTip(LAYER, f"{row.name} · {row.kind}{note}")
    item.setToolTip(MACS, f"{row.multiply_adds:,} multiply-adds")
    if row.field_kind is not None:
        item.setToolTip(FIELD, f"{row.field_kind!s}")
    return item


def _item(texts: list[str], name: str) -> QTreeWidgetItem:
    item = QTreeWidgetItem(texts)
    item.setData(LAYER, _NAME, name)
    for column in (OUTPUT, PARAMETERS, MACS, FIELD, STRIDE):
        item.setTextAlignment(column, int(_RIGHT))
    return item


def _totals(table: Architecture) -> str:
    megabytes = table.memory_bytes / 2**20
    size = f"{megabytes:,.0f}" if megabytes >= 10 else f"{megabytes:.1f}"
    return (
        f"{len(table.rows)} layers · {table.parameters:,} parameters · "
        f"{compact(table.multiply_adds) or '0'} multiply-adds · {size} MiB of maps "
        f"for an image of {shape_text(table.image_shape).replace(' ', _TIGHT)}"
    )


def compact(count: int) -> str:
    """A large count in four signs: ``1.21 G``; "" for none."""
    if count <= 0:
        return ""
    for factor, sign in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= factor:
            size = count / factor
            return f"{size:.0f} {sign}" if size >= 99.5 else f"{size:.3g} {sign}"
    return str(count)
