"""Help with painting: four helpers in one fold, of which one is open at a time."""

from __future__ import annotations

from typing import ClassVar

from qtpy.QtWidgets import QButtonGroup, QPushButton, QWidget

from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.fold import INDENTED, Fold
from unetscope.widgets.kit.looks import small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.painting.accept_panel import AcceptPanel
from unetscope.widgets.painting.doubts_panel import DoubtsPanel
from unetscope.widgets.painting.places_panel import PlacesPanel
from unetscope.widgets.painting.through_panel import ThroughPanel
from unetscope.workbench.workbench import Workbench


class HelpersPanel(Panel):
    """The fold *Help with painting*: a row of words, and the helper whose word is pressed.

    A helper is told by ``called_on`` when it opens and closes; a folded fold has none open.
    """

    SHOWS = frozenset({"image"})
    HELPERS: ClassVar[dict[str, tuple[type[Panel], str]]] = {
        "Where next": (
            PlacesPanel,
            "Places where the model is unsure and nothing is painted near by.",
        ),
        "Doubtful": (DoubtsPanel, "Strokes that may be in the wrong class."),
        "Accept": (AcceptPanel, "Say where the prediction is right."),
        "Through z": (ThroughPanel, "Labels along a stack."),
    }

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._through = work.through
        self.buttons: dict[type[Panel], QPushButton] = {}
        made, group = [], QButtonGroup(self)
        for word, (kind, tip) in self.HELPERS.items():
            button = small_button(word, tip)
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, chosen=kind: self._choose(chosen))
            group.addButton(button)
            self.buttons[kind] = button
            made.append(kind(work))
        self.parts = tuple(made)
        self._chosen: type[Panel] = PlacesPanel
        self._open: Panel | None = None
        inner = QWidget()
        column(inner, flow(*self.buttons.values()), *self.parts, margins=INDENTED).setSpacing(4)
        self.fold = Fold(
            "Help with painting",
            inner,
            "Where a stroke helps most, strokes that may be wrong, what the prediction has right, "
            "and labels along a stack.",
        )
        self.fold.toggled.connect(lambda _on: self._show())
        self.fold.alone_in(self)
        self._show()

    def refresh(self) -> None:
        """Offer what can help with this image."""
        possible = self._through.possible
        self.buttons[ThroughPanel].setVisible(possible)
        if not possible and self._chosen is ThroughPanel:
            self._chosen = PlacesPanel
        self._show()

    def bring_out(self, part: Panel) -> None:
        """Open ``part``, and what it lies in."""
        if part in self.parts:
            self._chosen = type(part)
            self.fold.expand(animate=False)
            self._show()

    def _choose(self, kind: type[Panel]) -> None:
        self._chosen = kind
        self._show()

    def _show(self) -> None:
        """Show the chosen helper where the fold is open, and tell those that open or close."""
        chosen = next(part for part in self.parts if isinstance(part, self._chosen))
        opened = chosen if self.fold.isExpanded() else None
        self.buttons[self._chosen].setChecked(True)
        for part in self.parts:
            part.setVisible(part is opened)
        before, self._open = self._open, opened
        if before is opened:
            return
        if before is not None:
            before.called_on(on=False)
        if opened is not None:
            opened.called_on(on=True)
        self.fold.fit()
