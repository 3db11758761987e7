"""Check boxes: drawn, filled, removed, and what they say of the answer."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from unetscope.session.check_words import check_details, check_words, needs_learning_anew
from unetscope.session.guidance import controls
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import quiet, small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.workbench.workbench import Workbench


class BoxPanel(Panel):
    """A button that draws a box, what there is to do with it, and the figures."""

    SHOWS = frozenset({"check", "image", "model", "training", "classes", "painted"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._desk = desk = work.boxes
        self.draw = small_button(
            "Check box", "Drag a box on the image that is painted densely and never learned from."
        )
        self.draw.setCheckable(True)
        self.draw.clicked.connect(lambda on: desk.draw(on=on))
        self.fill = small_button(
            "Fill the rest", "Paint what is unpainted in the boxes here in the class of the brush."
        )
        self.fill.clicked.connect(lambda _checked: desk.fill_rest())
        self.remove = small_button(
            "Remove", "Take the boxes of this image away; what is painted in them is learned from."
        )
        self.remove.clicked.connect(lambda _checked: desk.remove_here())
        self.anew = small_button(
            "Learn anew", "Train a network that has not learned from the boxes."
        )
        self.anew.clicked.connect(lambda _checked: work.train(anew=True))
        self.words = quiet(QLabel())
        self.words.setAccessibleName("Check boxes")
        self.words.setTextFormat(Qt.TextFormat.PlainText)  # names of classes are in it
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column(self, flow(self.draw, self.fill, self.remove, self.anew), self.words)
        desk.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show the boxes of the image on screen and what all of them say."""
        session, desk = self._session, self._desk
        self.draw.setEnabled(session.image is not None)
        self.draw.setChecked(desk.drawing)
        for button in (self.fill, self.remove):
            button.setVisible(bool(desk.here))
        self.anew.setVisible(needs_learning_anew(session))
        self.anew.setEnabled(controls(session).train)
        self.words.setText(check_words(session))
        self.words.setToolTip(check_details(session))
        self.words.setVisible(bool(session.check.boxes or desk.here or desk.drawing))
