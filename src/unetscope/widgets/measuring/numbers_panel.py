"""The numbers of the class, each with its interval or why it has none: folded until wanted."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QLabel, QWidget

from unetscope.measuring.quantities import Quantity
from unetscope.session.measuring.measure_guidance import quantity_line, value_in_words
from unetscope.widgets.kit.arranging import column
from unetscope.widgets.kit.fold import INDENTED, Fold
from unetscope.widgets.kit.looks import Tints, quiet, small_button
from unetscope.widgets.measuring.measure_panel import MeasurePanel
from unetscope.workbench.measuring.measure_bench import MeasureBench

_SIZES, _FRACTION, _GRAINS, _FIBRES = "Sizes", "Fraction", "Grain size", "Fibres"
_GRAIN_TIP = "ASTM E112: of grains that fill the image, in planes of a known pixel size."
_FIBRE_TIP = "Widths across the skeleton, and directions: in planes of square pixels."


def group_of(quantity: Quantity) -> str:
    """In which fold a number stands."""
    name = quantity.name
    if " fraction of " in name:
        return _FRACTION
    if name.startswith(("G by", "mean intercept")):
        return _GRAINS
    if "of fibre" in name or name.startswith(("fibre", "share of the skeleton")):
        return _FIBRES
    return _SIZES


class NumbersPanel(MeasurePanel):
    """A fold for each kind of number; grains and fibres are measured when they are asked for."""

    SHOWS = frozenset({"found", "wish", "stale", "names", "sure", "working"})

    def __init__(self, bench: MeasureBench) -> None:
        super().__init__(bench)
        self.lists = {name: QuantityList() for name in (_SIZES, _FRACTION, _GRAINS, _FIBRES)}
        self.grains = _asked("Measure grain size", _GRAIN_TIP, lambda on: _ask(grain_size=on))
        self.fibres = _asked("Measure fibres", _FIBRE_TIP, lambda on: _ask(fibre_width=on))

        def _ask(**wished: bool) -> None:
            bench.labels.wish(**wished)
            bench.finder.find()

        self.ask = small_button(
            "How sure?",
            "Tell objects apart in other ways, and see how far the size goes with that.",
        )
        self.ask.clicked.connect(lambda _checked: bench.finder.ask_how_sure())
        self.sure = quiet(QLabel())
        self.sure.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.folds = {
            _SIZES: Fold(_SIZES, _together(self.lists[_SIZES], self.ask, self.sure)),
            _FRACTION: Fold(_FRACTION, self.lists[_FRACTION]),
            _GRAINS: Fold(_GRAINS, _together(self.grains, self.lists[_GRAINS])),
            _FIBRES: Fold(_FIBRES, _together(self.fibres, self.lists[_FIBRES])),
        }
        for fold in self.folds.values():
            fold.toggled.connect(lambda on: self.called_for.emit() if on else None)
        column(self, *self.folds.values()).setSpacing(2)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        for one in self.lists.values():
            one.faint = tints.faint

    def refresh(self) -> None:
        """Show the numbers that there are."""
        found, wish = self._state.found, self._state.wish
        self.setVisible(found is not None)
        self.grains.setChecked(wish.grain_size)
        self.fibres.setChecked(wish.fibre_width)
        self.ask.setEnabled(bool(found and found.quantities) and self._state.working is None)
        self.sure.setText("\n".join(self._state.sure))
        self.sure.setVisible(bool(self._state.sure))
        told = found.quantities if found is not None else ()
        for name, one in self.lists.items():
            one.show_numbers([q for q in told if group_of(q) == name], bool(self._state.stale))
            self.folds[name].fit()


class QuantityList(QWidget):
    """A line for each number; its method is the tooltip."""

    def __init__(self) -> None:
        super().__init__()
        self.faint = "#808080"
        self.lines: list[QLabel] = []
        self._column = column(self, margins=INDENTED)
        self._column.setSpacing(2)

    def show_numbers(self, numbers: list[Quantity], stale: bool) -> None:
        """Show these, in grey where they are of what was before."""
        while len(self.lines) < len(numbers):
            label = quiet(QLabel())
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._column.addWidget(label)
            self.lines.append(label)
        for at, label in enumerate(self.lines):
            label.setVisible(at < len(numbers))
            if at < len(numbers):
                label.setText(number_words(numbers[at]))
                label.setToolTip(quantity_line(numbers[at]))
                label.setStyleSheet(f"color: {self.faint};" if stale else "")


def number_words(number: Quantity) -> str:
    """A number as it is shown: name, value with unit, interval or why none, and n."""
    return f"{number.name}: {value_in_words(number)}"


def _asked(words: str, tip: str, call: Callable[[bool], None]) -> QCheckBox:
    box = QCheckBox(words)
    box.setToolTip(tip)
    box.clicked.connect(lambda on: call(on))
    return box


def _together(*parts: QWidget) -> QWidget:
    inner = QWidget()
    column(inner, *parts, margins=INDENTED)
    return inner
