"""Which image is worked on, and what it is."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from unetscope.session.axes import choice_in_words, image_in_words
from unetscope.session.state import Session
from unetscope.session.values import ImageSummary
from unetscope.widgets.looks import NarrowCombo, quiet

READING_TIP = (
    "How the planes of this image are meant: slices of a volume, or channels of one picture. The "
    "file does not say. Each reading has strokes of its own."
)


class ImagePanel(QWidget):
    """The picker: one line with the name, one with size, pixel size and kind.

    ``chosen(key)`` when another image is picked; ``read_as(key, axes)`` when the user says how a
    stack of planes is meant.
    """

    chosen = Signal(str)
    read_as = Signal(str, str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.picker = NarrowCombo()
        self.picker.setToolTip("The image to paint on. It follows the layer you select.")
        self.picker.activated.connect(self._picked)
        self.facts = quiet(QLabel())
        self.reading = NarrowCombo()
        self.reading.setToolTip(READING_TIP)
        self.reading.activated.connect(self._read)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("Image"), 0, 0)
        layout.addWidget(self.picker, 0, 1, 1, 2)
        layout.addWidget(self.facts, 1, 1)
        layout.addWidget(self.reading, 1, 2)
        layout.setColumnStretch(1, 1)

    def refresh(self) -> None:
        """Show the session's images."""
        session = self._session
        self.picker.clear()
        for image in session.images:
            self.picker.addItem(image.name, image.key)
        if not session.images:
            self.picker.addItem("no image is open")
        self.picker.setEnabled(bool(session.images))
        self._show_facts(session.image)

    def _show_facts(self, image: ImageSummary | None) -> None:
        self.facts.setText(image_in_words(image) if image else "")
        self.facts.setVisible(image is not None)
        several = image is not None and len(image.choices) > 1
        self.reading.setVisible(several)
        if image is None:
            return
        self.picker.setCurrentIndex(self.picker.findData(image.key))
        self.picker.setToolTip(f"{image.name}\nThe image to paint on; it follows the layer list.")
        if several:
            self.reading.clear()
            for axes in image.choices:
                self.reading.addItem(choice_in_words(axes), axes)
            self.reading.setCurrentIndex(self.reading.findData(image.reading or image.axes))
            self.reading.setEnabled(not image.fixed)
            self.reading.setToolTip(image.fixed or READING_TIP)

    def _picked(self, index: int) -> None:
        key = self.picker.itemData(index)
        if key is not None:
            self.chosen.emit(key)

    def _read(self, index: int) -> None:
        if self._session.image is not None:
            self.read_as.emit(self._session.image.key, self.reading.itemData(index))
