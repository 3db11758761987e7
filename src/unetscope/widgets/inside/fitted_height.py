"""A picture of numbers that takes any width and asks for the height that it needs then."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QFrame


class FittedHeight(QFrame):
    """Heirs say how high they are; ``usual_px`` is the width they would like."""

    usual_px = 200

    def needed_px(self) -> int:
        """The height at the present width and font."""
        raise NotImplementedError

    def sizeHint(self) -> QSize:
        """Any width; the height follows from it."""
        return QSize(self.usual_px, self.height())

    def resizeEvent(self, event: Any) -> None:
        """Another width asks for another height."""
        super().resizeEvent(event)
        self.fit()

    def changeEvent(self, event: Any) -> None:
        """So does another font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.fit()

    def fit(self) -> None:
        """Take the height that is needed."""
        high = self.needed_px()
        if high != self.height():
            self.setFixedHeight(high)
