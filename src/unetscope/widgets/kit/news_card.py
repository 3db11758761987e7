"""A card for what came of reading or writing a file: the news, and notes behind *Details*."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QLabel, QPushButton

from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import Tints, card_style, quiet, small_button

_MOST_LETTERS = 200  # of notes that are shown at once


class NewsCard(QFrame):
    """Hidden until there is news; ``others`` are more buttons, hidden with the news they serve."""

    def __init__(self, name: str, *others: QPushButton) -> None:
        super().__init__()
        self._failed, self._all = False, ""
        self._tints: Tints | None = None
        self.note = quiet(QLabel())
        self.note.setAccessibleName(name)
        self.note.setTextFormat(Qt.TextFormat.PlainText)  # names of files and classes are in it
        self.details_button = small_button("Details", "All that was left out or changed.")
        self.details_button.clicked.connect(lambda _checked: self._show_details())
        self.close_button = small_button("Close", "Close this note.")
        self.close_button.clicked.connect(lambda _checked: self.dismiss())
        self._others = others
        buttons = flow(self.details_button, *others, self.close_button)
        column(self, self.note, buttons, margins=(8, 6, 6, 6))
        self.dismiss()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        edge = tints.error if self._failed else tints.busy
        self.setStyleSheet(card_style("NewsCard", tints, edge) + " QLabel { border: none; }")

    def tell(self, text: str, notes: Sequence[str] = (), *, failed: bool = False) -> None:
        """Say what came of it; of many notes the first, the others where *Details* is pressed."""
        self.dismiss()
        self._failed, self._all = failed, "\n".join((text, *notes))
        if self._tints is not None:
            self.set_tints(self._tints)
        brief = _brief(notes)
        self.note.setText(" ".join((text, *brief)))
        self.details_button.setText(f"Details ({len(notes) - len(brief)} more)")
        self.details_button.setVisible(len(brief) < len(notes))
        self.show()

    def dismiss(self) -> None:
        """Close the card."""
        self.note.clear()
        for button in (self.details_button, *self._others):
            button.hide()
        self.hide()

    def _show_details(self) -> None:
        self.note.setText(self._all)
        self.details_button.hide()


def _brief(notes: Sequence[str]) -> list[str]:
    """As many notes as are read at a glance; the first one in any case."""
    brief: list[str] = []
    for note in notes:
        if brief and sum(map(len, brief)) + len(note) > _MOST_LETTERS:
            break
        brief.append(note)
    return brief
