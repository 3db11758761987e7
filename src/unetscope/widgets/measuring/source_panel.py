"""In which image and labels objects are found, and how those that touch are told apart."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QWidget,
)

from unetscope.session.measuring.measure_guidance import measure_controls
from unetscope.session.measuring.measure_state import LabelKind, LabelSource
from unetscope.widgets.kit.arranging import flow, row
from unetscope.widgets.kit.looks import NarrowCombo, Tints, line_px, quiet, small_button, swatch
from unetscope.widgets.measuring.length_field import LengthField, unit_of
from unetscope.widgets.measuring.measure_panel import MeasurePanel
from unetscope.widgets.painting.pixel_size_row import PixelSizeRow
from unetscope.workbench.measuring.measure_bench import MeasureBench

_APART = (
    ("components", "as is", "What touches is one object."),
    ("shape", "by shape", "Objects that touch are parted where they have a neck."),
    ("border", "by border class", "A class painted between objects parts them."),
    ("numbered", "as numbered", "The labels tell objects apart already."),
)


class SourcePanel(MeasurePanel):
    """Image, labels, class, apart, and the button that finds objects."""

    SHOWS = frozenset(
        {
            "images", "image", "sources", "source", "wish", "names", "working", "stale", "tool",
            "found", "offer",
        }
    )  # fmt: skip

    def __init__(self, bench: MeasureBench) -> None:
        super().__init__(bench)
        self.image = _picker("Image", "The image to measure. It follows the layer you select.")
        self.image.activated.connect(lambda at: bench.labels.choose_image(self.image.itemData(at)))
        self.pixel_size = PixelSizeRow()
        self.pixel_size.typed.connect(bench.labels.set_pixel_size)
        self.pixel_size.line_wanted.connect(bench.labels.start_line)
        self.pixel_size.line_told.connect(bench.labels.set_from_line)
        self.pixel_size.given_up.connect(bench.labels.drop_line)
        self.labels = _picker("Labels", "The labels in which objects are found.")
        self.labels.activated.connect(
            lambda at: bench.labels.choose_source(self.labels.itemData(at))
        )
        self.value = _picker("Class", "The class whose objects are measured.")
        self.value.activated.connect(lambda at: bench.labels.wish(value=self.value.itemData(at)))
        self.apart = _Apart(bench)
        self.typical = _Typical(bench)
        self.border = _picker("Border class", "The class painted between objects.")
        self.border.activated.connect(lambda at: bench.labels.wish(border=self.border.itemData(at)))
        self.find_button = QPushButton("Find objects")
        self.find_button.clicked.connect(lambda _checked: bench.finder.find())
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.stop = small_button("Stop", "End what is running; what was found stays.")
        self.stop.clicked.connect(lambda _checked: bench.finder.stop())
        self._working = QWidget()
        row(self.progress, self.stop, owner=self._working, stretched=(0,))
        self.offer, self.back = quiet(QLabel()), small_button("Bring back", "Show them again.")
        self.back.clicked.connect(lambda _checked: bench.finder.bring_back())
        self._offered = QWidget()
        row(self.offer, self.back, owner=self._offered, stretched=(0,))
        self._lay_out()
        self._sized = ""

    def _lay_out(self) -> None:
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(6)
        layout.setVerticalSpacing(4)
        layout.setColumnStretch(1, 1)
        self._words: dict[QWidget, QLabel] = {}
        named = (
            ("Image", self.image), ("", self.pixel_size), ("Labels", self.labels),
            ("Class", self.value), ("Apart", self.apart), ("Size", self.typical),
            ("Border", self.border),
        )  # fmt: skip
        for at, (word, part) in enumerate(named):
            self._words[part] = QLabel(word)
            layout.addWidget(self._words[part], at, 0, Qt.AlignmentFlag.AlignTop)
            layout.addWidget(part, at, 1)
        layout.addWidget(self.find_button, len(named), 0, 1, 2)
        layout.addWidget(self._working, len(named) + 1, 0, 1, 2)
        layout.addWidget(self._offered, len(named) + 2, 0, 1, 2)

    def set_tints(self, tints: Tints) -> None:
        """The one button that matters stands out."""
        self.find_button.setStyleSheet(
            f"QPushButton:enabled {{ background-color: {tints.accent}; color: {tints.on_accent}; "
            "font-weight: bold; padding: 5px 12px; } QPushButton { padding: 5px 12px; }"
        )

    def refresh(self) -> None:
        """Show what is meant."""
        state = self._state
        fill(self.image, [(i.name, i.key) for i in state.images] or [("no image is open", None)])
        self.image.setCurrentIndex(self.image.findData(state.image.key if state.image else None))
        self._show_size()
        fill(self.labels, [(s.title, s.key) for s in state.sources] or [("no labels yet", None)])
        source = state.source
        self.labels.setCurrentIndex(self.labels.findData(source.key if source else None))
        for part in (self.image, self.labels):
            part.setEnabled(part.itemData(0) is not None)
        self._show_classes(source)
        self.apart.refresh()
        self.typical.refresh()
        self._show(self.typical, state.wish.apart in ("shape", "border"))
        self._show(self.border, state.wish.apart == "border")
        can = measure_controls(state)
        self.find_button.setText("Update" if state.outdated else "Find objects")
        self.find_button.setEnabled(can.find)
        self.find_button.setToolTip(can.find_reason or "Find the objects and measure them.")
        self._offered.setVisible(bool(state.offer))
        self.offer.setText(state.offer)
        self._working.setVisible(state.working is not None)
        if state.working is not None:
            self.progress.setRange(0, state.working.total)
            self.progress.setValue(state.working.done)

    def _show_size(self) -> None:
        image = self._state.image
        self._show(self.pixel_size, image is not None)
        if image is not None and image.key != self._sized:
            self._sized = image.key
            self.pixel_size.fold()
        self.pixel_size.show_image(image, "")

    def _show_classes(self, source: LabelSource | None) -> None:
        classes = source.classes if source is not None else ()
        size = line_px(self) - 2
        for combo, wanted in ((self.value, self._state.wish.value),
                              (self.border, self._state.wish.border)):  # fmt: skip
            entries = [(self._state.name_of(c.value), c.value) for c in classes]
            if combo is self.border:
                entries = [one for one in entries if one[1] != self._state.wish.value]
            fill(combo, entries)
            colors = {c.value: c.color for c in classes}
            for at in range(combo.count()):
                combo.setItemIcon(at, swatch(colors[combo.itemData(at)], size))
            combo.setCurrentIndex(combo.findData(wanted))
        numbered = source is not None and source.kind is LabelKind.OBJECTS
        self._show(self.value, source is not None and not numbered)

    def _show(self, part: QWidget, on: bool) -> None:
        part.setVisible(on)
        self._words[part].setVisible(on)


class _Apart(QWidget):
    """How objects that touch are told apart: one of a few."""

    def __init__(self, bench: MeasureBench) -> None:
        super().__init__()
        self._state = bench.state
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QPushButton] = {}
        for apart, words, tip in _APART:
            button = small_button(words, tip)
            button.setCheckable(True)
            self._group.addButton(button)
            button.clicked.connect(lambda _checked, chosen=apart: bench.labels.wish(apart=chosen))
            self.buttons[apart] = button
        flow(*self.buttons.values(), owner=self)

    def refresh(self) -> None:
        """Show which is chosen, and which can be."""
        source, wish = self._state.source, self._state.wish
        kind = source.kind if source is not None else LabelKind.ANSWER
        several = source is not None and len(source.classes) > 1
        self.buttons["numbered"].setVisible(kind is LabelKind.OBJECTS)
        self.buttons["border"].setVisible(kind is not LabelKind.OBJECTS)
        self.buttons["border"].setEnabled(several)
        self.buttons[wish.apart].setChecked(True)


class _Typical(QWidget):
    """The typical size: typed, or the median of objects that are clicked."""

    def __init__(self, bench: MeasureBench) -> None:
        super().__init__()
        self._state = bench.state
        self.field = LengthField(
            "Typical size",
            "Diameter of a good object: necks are looked for on a 24th of it. Empty: one pixel.",
        )
        self.field.told.connect(lambda value: bench.labels.wish(typical=value))
        self.click = small_button("click three", "Click three good objects in the image.")
        self.click.setCheckable(True)
        self.click.clicked.connect(lambda on: bench.tools.use_tool("typical" if on else ""))
        row(self.field, self.click, owner=self, stretched=(0,))

    def refresh(self) -> None:
        """Show the size in the unit of the image."""
        self.field.show_length(self._state.wish.typical, unit_of(self._state))
        self.click.setEnabled(self._state.source is not None)
        self.click.setChecked(self._state.tool == "typical")


def _picker(name: str, tip: str) -> NarrowCombo:
    combo = NarrowCombo()
    combo.setAccessibleName(name)
    combo.setToolTip(tip)
    return combo


def fill(combo: Any, entries: list[tuple[str, Any]]) -> None:
    """Entries (words, data) anew, without telling anybody; unchanged ones leave a list open."""
    known = [(combo.itemText(at), combo.itemData(at)) for at in range(combo.count())]
    if known == entries:
        return
    combo.blockSignals(True)
    combo.clear()
    for words, data in entries:
        combo.addItem(words, data)
    combo.blockSignals(False)
