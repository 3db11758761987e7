"""A line where the pixels of an image have another size than those that the model learned from."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import quiet, small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.workbench.workbench import Workbench


class SizeMatchLine(Panel):
    """Hidden where sizes are alike or not known; what was chosen can be chosen otherwise."""

    SHOWS = frozenset({"size_line"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self.words = quiet(QLabel())
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setAccessibleName("Pixel sizes of model and image")
        self.resample = small_button(
            "Resample",
            "Let the model see the image at the pixel size that it knows; labels come back at the "
            "image's own pixels.",
        )
        self.as_is = small_button("Go on", "Let the model see the image as it is.")
        self.resample.clicked.connect(lambda _checked: work.sizes.choose("resample"))
        self.as_is.clicked.connect(lambda _checked: work.sizes.choose("as-is"))
        column(self, self.words, flow(self.resample, self.as_is))
        self.hide()

    def refresh(self) -> None:
        """Say how sizes differ."""
        line = self._session.size_line
        self.setVisible(line is not None)
        if line is None:
            return
        self.words.setText(line.words)
        self.resample.setVisible(line.resample)
        self.as_is.setVisible(line.as_is)
        self.as_is.setText("Go on" if line.resample else "As it is")
