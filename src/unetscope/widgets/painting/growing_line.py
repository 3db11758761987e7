"""What is told of a large answer: how long, how large, where to; or that one is unfinished."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import quiet, small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.workbench.growing_answers import told_unfinished
from unetscope.workbench.workbench import Workbench


class GrowingLine(Panel):
    """Hidden while no large image is answered, and none was left unfinished."""

    SHOWS = frozenset({"prediction", "unfinished", "image", "model"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self.words = quiet(QLabel())
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setAccessibleName("The answer of a large image")
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button = small_button(
            "Go on", "Answer the blocks that are missing, by the model that began it."
        )
        self.button.clicked.connect(lambda _checked: work.predictor.go_on())
        column(self, self.words, flow(self.button))
        self.hide()

    def refresh(self) -> None:
        """Say what is known."""
        session = self._session
        work, image = session.prediction, session.image
        begun = None if image is None or work.busy else session.unfinished.get(image.key)
        told = told_unfinished(begun) if begun is not None else work.told
        self.setVisible(bool(told))
        self.words.setText(_breakable(told))
        self.button.setVisible(begun is not None)
        self.button.setEnabled(session.model is not None)


def _breakable(text: str) -> str:
    """Paths get places where a line can end."""
    return text.replace("/", "/\u200b").replace("\\", "\\\u200b").replace("_", "_\u200b")
