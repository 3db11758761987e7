"""A section of a panel that is folded to one line until it is wanted."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QWidget
from superqt import QCollapsible

from unetscope.widgets.kit.arranging import column

INDENTED = (4, 0, 0, 0)  # margins of what is in a fold, px
_ANY_HEIGHT = 16_777_215  # Qt's QWIDGETSIZE_MAX


class Fold(QCollapsible):
    """Folded at first; open, it is always as high as what is in it."""

    def __init__(self, title: str, inner: QWidget | None = None, tip: str = "") -> None:
        super().__init__("", expandedIcon=QIcon(), collapsedIcon=QIcon())
        self._title = title
        self.setDuration(0)
        head = self.toggleButton()
        if head is not None:  # grey, so that the one blue button is the next step
            head.setStyleSheet(
                "QPushButton, QPushButton:checked { background-color: rgba(128, 128, 128, 50); "
                "text-align: left; border: none; padding: 3px 6px; }"
            )
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(0, 0, 0, 0)  # several folds lie below each other
            layout.setSpacing(2)
        self.setToolTip(tip)
        if inner is not None:
            self.addWidget(inner)
        self.toggled.connect(self.fit)
        self.toggled.connect(lambda _on: self.setText(self._title))
        self.setText(title)

    def setText(self, text: str) -> None:
        """Say something else; the sign of open or folded has the colour of the words."""
        self._title = text
        super().setText(f"{'▾' if self.isExpanded() else '▸'} {text}")

    def text(self) -> str:
        """What it says, without the sign."""
        return self._title

    def alone_in(self, owner: QWidget) -> None:
        """Be all that is in ``owner``."""
        column(owner, self)

    def fit(self) -> None:
        """Take the height of what is in it now (it takes its height when it opens)."""
        if self.isExpanded():
            self.content().setMaximumHeight(_ANY_HEIGHT)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """When what is in it is resized, leave room for lines that were wrapped by that."""
        if event.type() == QEvent.Type.Resize:
            self.fit()
        return False
