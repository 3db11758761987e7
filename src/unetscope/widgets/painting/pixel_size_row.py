"""The pixel size of the image: seen, typed, or taken from a line along the scale bar."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtGui import QDoubleValidator
from qtpy.QtWidgets import QLabel, QLineEdit, QVBoxLayout, QWidget
from superqt import QFlowLayout

from unetscope.session.axes import pixel_size_in_words
from unetscope.session.values import ImageSummary
from unetscope.widgets.kit.looks import NarrowCombo, line_px, small_button

UNITS = ("nm", "µm", "mm", "Å")


class PixelSizeRow(QWidget):
    """One button that says the size; pressed, it unfolds what changes it.

    ``typed(size, unit)``, ``line_wanted()``, ``line_told(length, unit)``, ``given_up()``.
    """

    typed = Signal(float, str)
    line_wanted = Signal()
    line_told = Signal(float, str)
    given_up = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drawing = False
        self.button = small_button("", "The size of a pixel: click to type it or to draw it.")
        self.button.setCheckable(True)
        self.button.setStyleSheet(  # what unfolds is no main action, so it is never blue
            "QPushButton, QPushButton:checked { text-align: left; padding: 3px 8px; "
            "background-color: rgba(128, 128, 128, 50); }"
        )
        self.button.toggled.connect(self._unfold)
        self.before, self.after = QLabel(), QLabel()
        self.number = QLineEdit()
        validator = QDoubleValidator(0.0, 1e12, 9)
        self.number.setValidator(validator)
        self.number.setAccessibleName("Pixel size")
        self.number.returnPressed.connect(self._set)
        self.unit = NarrowCombo()
        self.unit.addItems(UNITS)
        self.unit.setAccessibleName("Unit of length")
        self.set_button = small_button("Set", "Take this pixel size.")
        self.set_button.clicked.connect(lambda _checked: self._set())
        self.draw_button = small_button(
            "Scale bar …", "Draw a line over the scale bar, then say how long it is."
        )
        self.draw_button.clicked.connect(lambda _checked: self._draw())
        self.cancel_button = small_button("Cancel", "Leave the size as it is.")
        self.cancel_button.clicked.connect(lambda _checked: self.fold())
        self._fields = QWidget()
        flow = QFlowLayout(self._fields)
        flow.setContentsMargins(0, 0, 0, 0)
        flow.setHorizontalSpacing(3)
        flow.setVerticalSpacing(3)
        for part in (
            self.before, self.number, self.unit, self.after, self.set_button, self.draw_button,
            self.cancel_button,
        ):  # fmt: skip
            flow.addWidget(part)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.button)
        layout.addWidget(self._fields)
        self._show()

    def show_image(self, image: ImageSummary | None, origin: str) -> None:
        """Say the size of an image and where it comes from; another image folds the fields."""
        words = pixel_size_in_words(image) if image is not None else ""
        known = f"{words} ({origin})" if words and origin else words
        self.button.setText(known or "pixel size not known")
        if words and image is not None and image.pixel_size and not self.button.isChecked():
            self.number.setText(f"{image.pixel_size[-1]:.6g}")
            self.unit.setCurrentText(image.unit or UNITS[0])
        line = line_px(self)
        self.number.setFixedWidth(self.fontMetrics().horizontalAdvance("0000.0000") + line)
        self.unit.setFixedWidth(self.fontMetrics().horizontalAdvance("mm") + 5 * line)

    def fold(self) -> None:
        """Fold the fields away, with nothing changed."""
        self.button.setChecked(False)

    def _unfold(self, on: bool) -> None:
        if not on:
            drawing, self._drawing = self._drawing, False
            if drawing:
                self.given_up.emit()
        self._show()
        if on:
            self.number.setFocus()

    def _draw(self) -> None:
        self._drawing = True
        self._show()
        self.line_wanted.emit()

    def _set(self) -> None:
        try:
            number = float(self.number.text().replace(",", "."))
        except ValueError:
            self.number.setFocus()
            return
        signal = self.line_told if self._drawing else self.typed
        signal.emit(number, self.unit.currentText())

    def _show(self) -> None:
        self._fields.setVisible(self.button.isChecked())
        self.before.setText("This line is" if self._drawing else "1 pixel is")
        self.after.setText("long" if self._drawing else "")
        self.after.setVisible(self._drawing)
        self.draw_button.setVisible(not self._drawing)
