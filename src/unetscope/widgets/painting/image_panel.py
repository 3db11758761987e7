"""Which image is worked on, and what it is."""

from __future__ import annotations

from qtpy.QtWidgets import QGridLayout, QLabel

from unetscope.session.axes import choice_in_words, kind_in_words
from unetscope.session.values import ImageSummary
from unetscope.widgets.kit.looks import NarrowCombo, quiet
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.kit.shortcuts import Calls
from unetscope.widgets.painting.pixel_size_row import PixelSizeRow
from unetscope.workbench.workbench import Workbench

READING_TIP = (
    "How the planes of this image are meant: slices of a volume, or channels of one picture. The "
    "file does not say. Each reading has strokes of its own."
)


class ImagePanel(Panel):
    """The picker: one line with the name, one with size and kind, one with the pixel size."""

    SHOWS = frozenset({"images", "image"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._work = work
        self.picker = NarrowCombo()
        self.picker.setToolTip("The image to paint on. It follows the layer you select.")
        self.picker.activated.connect(self._picked)
        self.facts = quiet(QLabel())
        self.reading = NarrowCombo()
        self.reading.setToolTip(READING_TIP)
        self.reading.activated.connect(self._read)
        self.pixel_size = PixelSizeRow()
        self._sized = ""  # key of the image whose size is shown
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("Image"), 0, 0)
        layout.addWidget(self.picker, 0, 1, 1, 2)
        layout.addWidget(self.facts, 1, 1)
        layout.addWidget(self.reading, 1, 2)
        layout.addWidget(self.pixel_size, 2, 0, 1, 3)
        layout.setColumnStretch(1, 1)
        layout.setColumnStretch(2, 1)
        self._connect_pixel_size()

    def _connect_pixel_size(self) -> None:
        size, sizes = self.pixel_size, self._work.sizes
        size.typed.connect(sizes.set_typed)
        size.line_wanted.connect(sizes.start_line)
        size.line_told.connect(sizes.set_from_line)
        size.given_up.connect(sizes.drop_line)
        sizes.changed.connect(self.refresh)
        sizes.changed.connect(size.fold)

    def keys(self) -> Calls:
        """From image to image."""
        step = self._work.step_image
        return {"next_image": lambda: step(1), "previous_image": lambda: step(-1)}

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
        self.facts.setText(_facts(image) if image else "")
        self.facts.setVisible(image is not None)
        self.pixel_size.setVisible(image is not None)
        if image is not None and image.key != self._sized:
            self._sized = image.key
            self.pixel_size.fold()
        self.pixel_size.show_image(image, self._work.sizes.origin(image.key) if image else "")
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
            self._work.choose_image(key)

    def _read(self, index: int) -> None:
        if self._session.image is not None:
            self._work.read_as(self._session.image.key, self.reading.itemData(index))


def _facts(image: ImageSummary) -> str:
    """ "512 × 512 · grey", sizes as x × y (× z)."""
    size = " × ".join(str(n) for n in reversed(image.spatial_shape))
    kind = kind_in_words(image.axes, image.channels)
    return size if len(image.choices) > 1 else f"{size} · {kind}"
