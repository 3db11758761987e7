"""A length that is typed in the unit of the image; empty says nothing."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtGui import QDoubleValidator
from qtpy.QtWidgets import QLabel, QLineEdit, QWidget

from unetscope.session.measuring.measure_state import MeasureState
from unetscope.widgets.kit.arranging import row


class LengthField(QWidget):
    """``told(length)``: a person typed another one; None for nothing."""

    told = Signal(object)

    def __init__(self, name: str, tip: str, empty: str = "any") -> None:
        super().__init__()
        self._known: float | None = None
        self.number = QLineEdit()
        self.number.setValidator(QDoubleValidator(0.0, 1e12, 9))
        self.number.setAccessibleName(name)
        self.number.setPlaceholderText(empty)
        self.number.setToolTip(tip)
        self.number.editingFinished.connect(self._typed)
        self.unit = QLabel()
        row(self.number, self.unit, owner=self, stretched=(0,))

    def show_length(self, length: float | None, unit: str) -> None:
        """Show a length; what is being typed stays."""
        self._known = length
        self.unit.setText(unit)
        if not self.number.hasFocus():
            self.number.setText(_words(length))

    def _typed(self) -> None:
        text = self.number.text().replace(",", ".")
        if text == _words(self._known):
            return  # as it was shown, with fewer digits
        try:
            value = float(text) if text else 0.0
        except ValueError:
            self.number.setText(_words(self._known))
            return
        self.told.emit(value or None)


def unit_of(state: MeasureState) -> str:
    """The unit of lengths of the image."""
    image = state.image
    return image.unit or "px" if image is not None and image.pixel_size is not None else "px"


def _words(length: float | None) -> str:
    return "" if length is None else f"{length:.4g}"
